# SPDX-License-Identifier: Apache-2.0
"""Who lives: one locked file for each owner, beside the database.

The operating system lets a lock go when its process ends, however it ends, so a lock that can be
taken belongs to nobody. Where there is no `flock`, every owner counts as locked, and only the
heartbeat tells. A process that was forked from an owner holds the lock too, until it ends; then,
too, the heartbeat tells.
"""

from __future__ import annotations

import hashlib
import os
import time
from contextlib import suppress
from pathlib import Path

from holdfast.errors import StoreLocked, StoreUnavailable
from holdfast.persistence.rows import OwnerRow
from holdfast.persistence.stores.sqlite_database import Database

try:
    import fcntl
except ImportError:  # Windows
    HAS_LOCKS = False
else:
    HAS_LOCKS = True

#: How long an enrolment outlasts somebody who is just looking whether the lock is held.
_PATIENCE_S = 0.5
_RETRY_S = 0.005
_FLAGS = os.O_RDWR | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)


class OwnerLocks:
    """The folder of lock files. Used from the writer's and the reader's thread."""

    def __init__(self, database: str) -> None:
        self._folder = Path(f"{database}.owners")
        self._held: dict[str, int] = {}

    def hold(self, owner: str) -> None:
        """Take the owner's lock. Raises: StoreLocked, StoreUnavailable."""
        if not HAS_LOCKS or owner in self._held:
            return
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            handle = self._take(self._path(owner))
        except OSError as error:
            raise StoreUnavailable(
                f"cannot lock a file in '{self._folder}': {error.strerror}", path=str(self._folder)
            ) from error
        if handle is None:
            raise StoreLocked(
                "another live process is enrolled under this owner id",
                hint="Give every process an owner id of its own.",
                owner=owner,
            )
        self._held[owner] = handle

    def _take(self, path: Path) -> int | None:
        """The locked file, or None if somebody keeps it locked."""
        deadline = time.monotonic() + _PATIENCE_S
        while True:
            handle = os.open(path, _FLAGS | os.O_CREAT, 0o600)
            if _lock(handle, fcntl.LOCK_EX):
                if _still_there(handle, path):
                    return handle
            elif time.monotonic() >= deadline:
                os.close(handle)
                return None
            else:
                time.sleep(_RETRY_S)
            os.close(handle)

    def drop(self, owner: str) -> None:
        """Let the lock go and remove its file."""
        handle = self._held.pop(owner, None)
        if handle is not None:
            with suppress(OSError):
                self._path(owner).unlink()
            os.close(handle)

    def drop_all(self) -> None:
        """Let every lock go."""
        for owner in tuple(self._held):
            self.drop(owner)

    def locked(self, owner: str) -> bool:
        """Whether a living process holds the owner's lock."""
        if not HAS_LOCKS or owner in self._held:
            return True
        try:
            handle = os.open(self._path(owner), _FLAGS)
        except OSError:
            return False
        try:
            return not _lock(handle, fcntl.LOCK_SH)
        finally:
            os.close(handle)

    def sweep(self) -> None:
        """Remove the files of owners that live no more."""
        if not HAS_LOCKS:
            return
        for path in tuple(self._folder.iterdir()):
            with suppress(OSError):
                handle = os.open(path, _FLAGS)
                try:
                    # Unlinked while locked: an owner that waits for it sees that it is gone.
                    if _lock(handle, fcntl.LOCK_EX) and _still_there(handle, path):
                        path.unlink()
                finally:
                    os.close(handle)

    def _path(self, owner: str) -> Path:
        # A digest: an owner id may be any text, longer than a file name, or the name of a device.
        name = hashlib.sha256(owner.encode(errors="surrogatepass")).hexdigest()
        return self._folder / f"{name}.lock"


def _lock(handle: int, how: int) -> bool:
    try:
        fcntl.flock(handle, how | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _still_there(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.stat(follow_symlinks=False))
    except FileNotFoundError:
        return False


def enrol(db: Database, locks: OwnerLocks, owner: str) -> None:
    """Hold the lock first, so that nobody sees the owner without it."""
    locks.hold(owner)
    locks.sweep()
    for other, _ in db.run("all_owners").fetchall():
        if not locks.locked(other):
            db.run("forget_idle_owner", (other,))
    db.run("enrol_owner", (owner,))


def renew(db: Database, locks: OwnerLocks, owner: str) -> None:
    """Raise the beat, or enrol again."""
    if db.run("renew_owner", (owner,)).rowcount == 0:
        enrol(db, locks, owner)


def retire(db: Database, owner: str) -> None:
    """Forget the owner and what it owns; its lock goes once this is committed."""
    db.run("release_owner", (owner,))
    db.run("forget_owner", (owner,))


def owners(db: Database, locks: OwnerLocks) -> tuple[OwnerRow, ...]:
    """Everyone enrolled."""
    return tuple(
        OwnerRow(owner=owner, beat=beat, locked=locks.locked(owner))
        for owner, beat in db.run("all_owners").fetchall()
    )
