# SPDX-License-Identifier: Apache-2.0
"""Opening one connection to a store's database file, and what SQLite's errors mean here."""

from __future__ import annotations

import os
import sqlite3
import stat
import time
from pathlib import Path
from typing import Any

from holdfast.errors import (
    StoreDamaged,
    StoreError,
    StoreFull,
    StoreLocked,
    StoreNewer,
    StoreReadOnly,
    StoreUnavailable,
)
from holdfast.persistence.stores import rules
from holdfast.persistence.stores.sqlite_queries import queries, schema, upgrades

#: "hold", so that `file` and we know whose database this is.
APPLICATION_ID = 0x686F6C64
FORMAT = 3

#: Run keys remembered by a connection; past it the memory is emptied, which costs one look-up each.
KEYS_KEPT = 10_000

_RETRY_S = 0.002


class Database:
    """A connection with the statements by name and the keys of the runs it met.

    It belongs to one thread.
    """

    __slots__ = ("_keys", "_marks", "_sql", "con", "path", "usable")

    def __init__(self, con: sqlite3.Connection, path: str) -> None:
        self.con = con
        self.path = path
        self.usable = True
        self._sql = queries()
        self._keys: dict[str, int] = {}
        self._marks: dict[str, tuple[int, int]] = {}

    def check_place(self) -> None:
        """Whether the database and its log still stand where they were opened.

        SQLite goes on in files that were removed or replaced, and what it writes there is lost.
        Raises: StoreUnavailable.
        """
        for path in (self.path, f"{self.path}-wal"):
            known = self._marks.get(path)
            try:
                found = os.stat(path)  # noqa: PTH116 - on the way of every commit
            except FileNotFoundError:
                if known is None and path is not self.path:
                    continue  # nothing was written yet
                raise _moved(path, "was removed") from None
            if known is None:
                self._marks[path] = (found.st_dev, found.st_ino)
            elif known != (found.st_dev, found.st_ino):
                raise _moved(path, "was replaced")

    def run(self, name: str, values: tuple[Any, ...] = ()) -> sqlite3.Cursor:
        """Execute the statement of this name."""
        return self.con.execute(self._sql[name], values)

    def one(self, name: str, values: tuple[Any, ...]) -> Any:
        """The first row, or None."""
        return self.con.execute(self._sql[name], values).fetchone()

    def key(self, run_id: str) -> int:
        """The integer key of a run. Raises: RunNotFound."""
        key = self._keys.get(run_id)
        if key is None:
            found = self.one("run_key", (run_id,))
            if found is None:
                raise rules.run_unknown(run_id)
            if len(self._keys) >= KEYS_KEPT:
                self._keys.clear()
            key = self._keys[run_id] = int(found[0])
        return key

    def forget_keys(self) -> None:
        """Drop the memory of keys: a rollback may have taken a run back."""
        self._keys.clear()


def _moved(path: str, what: str) -> StoreUnavailable:
    return StoreUnavailable(
        f"{path!r} {what} while it was open",
        hint="Put the file back, or end every process that uses it before you replace it.",
        path=path,
    )


def connect(
    path: str,
    *,
    synchronous: str,
    busy_timeout_s: float,
    factory: type[sqlite3.Connection],
    query_only: bool,
) -> Database:
    """Open the file, made first if it is missing, and check that it is a store of ours.

    Raises: StoreUnavailable, StoreReadOnly, StoreLocked, StoreDamaged, StoreNewer.
    """
    mode = "rw" if _prepare_file(path, query_only) else "ro"
    deadline = time.monotonic() + busy_timeout_s
    while True:
        con: sqlite3.Connection | None = None
        try:
            con = sqlite3.connect(
                f"{Path(path).as_uri()}?{_URI[mode]}",
                uri=True,
                timeout=busy_timeout_s,
                isolation_level=None,
                cached_statements=256,
                factory=factory,
            )
            _set_up(con, path, writable=mode == "rw", synchronous=synchronous)
            if query_only:
                con.execute("PRAGMA query_only = ON")
            db = Database(con, path)
            db.check_place()
        except sqlite3.Error as error:
            _let_go(con)
            primary = _primary(error)
            if primary in _NO_SHARED_MEMORY and mode == "ro" and not _has_log(path):
                mode = "immutable"
            elif primary == sqlite3.SQLITE_BUSY and time.monotonic() < deadline:
                # Two processes that make one file at once may meet BUSY without any waiting.
                time.sleep(_RETRY_S)
            else:
                raise translate(error, path) from error
        except BaseException:
            _let_go(con)
            raise
        else:
            return db


#: immutable: in a folder where nothing may be written SQLite cannot keep its shared memory; with
#: no log beside it, the file is all there is.
_NO_SHARED_MEMORY = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY)
_URI = {"rw": "mode=rw", "ro": "mode=ro", "immutable": "mode=ro&immutable=1"}


#: The smallest page that SQLite knows.
_LEAST_BYTES = 512


def _has_log(path: str) -> bool:
    """Whether a log, of either kind, may hold more than the file."""
    return any(Path(f"{path}-{kind}").exists() for kind in ("wal", "journal"))


def _let_go(con: sqlite3.Connection | None) -> None:
    if con is not None:
        con.close()


def _prepare_file(path: str, query_only: bool) -> bool:
    """Make the file if it is missing; says whether it may be written."""
    folder = Path(path).parent
    try:
        found = Path(path).stat()
    except FileNotFoundError as error:
        if not folder.is_dir():
            raise StoreUnavailable(
                f"cannot open {path!r}: the folder '{folder}' does not exist",
                hint="Make the folder first.",
                path=path,
            ) from error
        return _make_file(path)
    except (OSError, ValueError) as error:
        raise StoreUnavailable(f"cannot open {path!r}: {error}", path=path) from error
    if not stat.S_ISREG(found.st_mode):
        raise StoreUnavailable(f"cannot open {path!r}: it is no regular file", path=path)
    if 0 < found.st_size < _LEAST_BYTES and not _has_log(path):
        # SQLite would take it for an empty file, and make a new database of it.
        raise StoreDamaged(f"{path!r} is too short for a database", path=path)
    writable = os.access(path, os.W_OK)
    if not writable and not query_only:
        raise StoreReadOnly(f"{path!r} may not be written by this user", path=path)
    return writable


def _make_file(path: str) -> bool:
    try:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
    except PermissionError as error:
        raise StoreReadOnly(f"cannot make {path!r}: {error.strerror}", path=path) from error
    except OSError as error:
        raise StoreUnavailable(f"cannot make {path!r}: {error.strerror}", path=path) from error
    return True


def _set_up(con: sqlite3.Connection, path: str, *, writable: bool, synchronous: str) -> None:
    con.execute("PRAGMA trusted_schema = OFF")
    con.execute("PRAGMA cell_size_check = ON")
    fresh = _is_fresh(con, path)
    if not writable:
        if fresh:
            raise StoreReadOnly(f"{path!r} is empty and may not be written", path=path)
        if _format_of(con) < FORMAT:
            raise StoreReadOnly(
                f"{path!r} has format {_format_of(con)}, and may not be written to upgrade it",
                hint="Open it once where it may be written; nothing is lost by that.",
                path=path,
            )
        return
    mode = con.execute("PRAGMA journal_mode = WAL").fetchone()[0]
    if mode != "wal":
        raise StoreUnavailable(
            f"{path!r}: SQLite offers no write-ahead log here (journal mode {mode})",
            hint="Put the database on a local disk.",
            path=path,
        )
    con.execute("PRAGMA synchronous = NORMAL" if synchronous == "NORMAL" else _FULL)
    con.execute("PRAGMA temp_store = MEMORY")
    if fresh or _format_of(con) < FORMAT:
        _bring_up(con, path)


_FULL = "PRAGMA synchronous = FULL"


def _is_fresh(con: sqlite3.Connection, path: str) -> bool:
    """Whether the file is empty; raises if it is not ours to use."""
    if con.in_transaction:
        return _judged(con, path)
    # On one snapshot: another process may make the tables between two looks.
    con.execute("BEGIN")
    try:
        return _judged(con, path)
    finally:
        con.execute("ROLLBACK")


def _judged(con: sqlite3.Connection, path: str) -> bool:
    application = con.execute("PRAGMA application_id").fetchone()[0]
    version = _format_of(con)
    if application == APPLICATION_ID:
        if version > FORMAT:
            raise StoreNewer(
                f"{path!r} has format {version}; this release reads up to {FORMAT}",
                found=version,
                supported=FORMAT,
                path=path,
            )
        return False
    tables = con.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    if application or version or tables:
        raise StoreUnavailable(
            f"{path!r} is an SQLite database of another program",
            hint="Give a path of its own to the store; nothing was changed.",
            path=path,
        )
    return True


def _format_of(con: sqlite3.Connection) -> int:
    return int(con.execute("PRAGMA user_version").fetchone()[0])


def _bring_up(con: sqlite3.Connection, path: str) -> None:
    """Make the tables, or bring those of an earlier format up to today's, all or none."""
    con.execute("BEGIN IMMEDIATE")
    try:
        # Another process may have done it while we waited for the lock.
        statements = schema() if _is_fresh(con, path) else upgrades(_format_of(con))
        for statement in statements:
            con.execute(statement)
        con.execute("PRAGMA application_id = 1752132708")
        con.execute("PRAGMA user_version = 3")
        con.execute("COMMIT")
    except BaseException:
        if con.in_transaction:
            con.execute("ROLLBACK")
        raise


def begin_write(db: Database, busy_timeout_s: float) -> None:
    """Take the write lock, waiting for other processes no longer than the busy timeout.

    SQLite waits by itself; the loop is for the rare BUSY that comes back at once.
    """
    deadline = time.monotonic() + busy_timeout_s
    while True:
        try:
            db.con.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if _primary(error) != sqlite3.SQLITE_BUSY or time.monotonic() >= deadline:
                raise
            time.sleep(_RETRY_S)
        else:
            return


def _primary(error: sqlite3.Error) -> int | None:
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


_KINDS: dict[int, tuple[type[StoreError], str]] = {
    sqlite3.SQLITE_BUSY: (StoreLocked, "another process holds its lock"),
    sqlite3.SQLITE_LOCKED: (StoreLocked, "another connection holds its lock"),
    sqlite3.SQLITE_READONLY: (StoreReadOnly, "it may not be written"),
    sqlite3.SQLITE_FULL: (StoreFull, "no space is left"),
    sqlite3.SQLITE_CANTOPEN: (StoreUnavailable, "it cannot be opened"),
    sqlite3.SQLITE_IOERR: (StoreUnavailable, "the disk gave an error"),
    sqlite3.SQLITE_PERM: (StoreUnavailable, "access was denied"),
    sqlite3.SQLITE_AUTH: (StoreUnavailable, "access was denied"),
    sqlite3.SQLITE_NOMEM: (StoreUnavailable, "no memory is left"),
    sqlite3.SQLITE_CORRUPT: (StoreDamaged, "the database is damaged"),
    sqlite3.SQLITE_NOTADB: (StoreDamaged, "it is no SQLite database"),
    sqlite3.SQLITE_FORMAT: (StoreDamaged, "the database is damaged"),
}


def translate(error: sqlite3.Error, path: str) -> StoreError:
    """Our error for one of SQLite's; the caller chains the cause."""
    primary = _primary(error)
    if primary is None and isinstance(error, sqlite3.OperationalError):
        # The one error Python's module raises by itself while reading: text that is not UTF-8.
        return StoreDamaged(f"{path!r}: the database is damaged ({error})", path=path)
    kind, what = _KINDS.get(primary or 0, (StoreError, "SQLite refused the call"))
    return kind(f"{path!r}: {what} ({error})", path=path)
