# SPDX-License-Identifier: Apache-2.0
"""The power fails between and during commits to an SQLite store: what returned is there.

With WAL and `synchronous=FULL` a commit returns when its frames are synced. What may be lost or
torn is only what was written after that, so each image here is the log up to a commit that
returned, and any part of what came after it: cut, zeroed, or turned into noise.
"""

from __future__ import annotations

import random
import sqlite3
from pathlib import Path

import pytest

from holdfast.errors import RunNotFound
from holdfast.persistence.store import Settlement
from holdfast.persistence.stores.sqlite import SQLiteStore
from holdfast.testing.suite_hooks import begin, commit, wait
from tests.amounts import SOAK

#: Of each frame of the log: a header and a page.
FRAME = 24 + 4096


async def written(path: Path) -> list[tuple[bytes, bytes]]:
    """Database and log after each commit that returned; the commits differ in size."""
    images = []
    store = SQLiteStore(path)

    def keep() -> None:
        images.append((path.read_bytes(), path.with_name(f"{path.name}-wal").read_bytes()))

    claim = await begin(store)
    keep()
    for seq in range(1, 9):
        size = (200, 9000, 1, 30_000)[seq % 4]
        asked = (wait(f"ask-{seq}"),) if seq % 2 else ()
        new = commit(f"c{seq + 1}", delta=bytes([64 + seq]) * size, waits=asked)
        await store.append(claim, new, after=seq)
        keep()
    await store.settle(
        "run-1", "ask-1", Settlement(status="answered", at=0.0, value=b"1", digest="1")
    )
    keep()
    await store.close()
    return images


def cuts(low: int, high: int, rng: random.Random) -> list[int]:
    """Frame boundaries, bytes beside them, and one at random: all of them in a soak."""
    frames = range(low, high + 1, FRAME)
    beside = [at + step for at in frames for step in (1, 23, 24, 4000)]
    found = sorted({*frames, *(at for at in beside if at <= high), rng.randint(low, high)})
    return [*(found if SOAK else rng.sample(found, min(3, len(found)))), low, high]


def torn(log: bytes, at: int, rng: random.Random) -> list[bytes]:
    """The log as it may be found when what came after *at* was not synced."""
    rest = len(log) - at
    noise = bytearray(log[at:])
    for _ in range(1 + rest // 2000):
        if rest:
            noise[rng.randrange(rest)] ^= 0xFF
    return [log[:at], log[:at] + bytes(rest), log[:at] + bytes(noise)]


async def look(path: Path, most: int) -> tuple[int, bool]:
    """Open an image: how many commits it holds, and whether the question is answered."""
    store = SQLiteStore(path)
    try:
        row = await store.row("run-1")
    except RunNotFound:
        await store.close()
        return 0, False
    read = await store.read("run-1")
    assert read.seq == row.seq <= most
    texts = [bytes([64 + seq]) * (200, 9000, 1, 30_000)[seq % 4] for seq in range(1, row.seq)]
    assert list(read.deltas) == texts, "a beginning of what was written, byte for byte"
    opened = (await store.waits(run_id="run-1")).items
    assert [w.wait_id for w in opened] == [f"ask-{seq}" for seq in range(1, row.seq) if seq % 2]
    claim = await store.claim("run-1", "another", over=row.owner)
    new = commit("after", delta=b"after")
    assert await store.append(claim, new, after=row.seq) == row.seq + 1
    await store.close()
    return row.seq, any(w.status == "answered" for w in opened)


@pytest.mark.parametrize("upto", range(1, 10))
async def test_a_power_cut_between_commits_loses_none_that_returned(
    tmp_path: Path, upto: int
) -> None:
    """Whatever became of the bytes after it, it is whole; the next one is so, or is not there."""
    rng = random.Random(upto)
    images = await written(tmp_path / "runs.db")
    (base, log), (_, longer) = images[upto - 1], images[upto]
    assert longer.startswith(log), "no checkpoint in between"
    for number, at in enumerate(cuts(len(log), len(longer), rng)):
        kinds = torn(longer, at, rng)
        for kind, image in enumerate(kinds if SOAK else (rng.choice(kinds),)):
            path = tmp_path / f"{number}-{kind}.db"
            path.write_bytes(base)
            path.with_name(f"{path.name}-wal").write_bytes(image)
            found, is_answered = await look(path, len(images) - 1)
            sound(path)
            assert found in (min(upto, 9), min(upto + 1, 9))
            if upto < 9:
                assert not is_answered
            if image == longer:
                assert (found, is_answered) == ((upto + 1, False) if upto < 9 else (9, True))


def sound(path: Path) -> None:
    """SQLite's own look at the file finds nothing."""
    with sqlite3.connect(path) as database:
        assert database.execute("PRAGMA quick_check").fetchall() == [("ok",)]
    database.close()


async def test_a_power_cut_while_the_log_moves_into_the_database_loses_nothing(
    tmp_path: Path,
) -> None:
    """Any mixture of old and new pages beside the whole log is the whole store."""
    rng = random.Random(7)
    images = await written(tmp_path / "runs.db")
    before, log = images[-1]
    with sqlite3.connect(tmp_path / "runs.db") as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    after = (tmp_path / "runs.db").read_bytes()
    for number in range(200 if SOAK else 5):
        pages = [
            (after if rng.random() < 0.5 else before.ljust(len(after), b"\0"))[at : at + 4096]
            for at in range(0, len(after), 4096)
        ]
        path = tmp_path / f"{number}.db"
        path.write_bytes(b"".join(pages))
        path.with_name(f"{path.name}-wal").write_bytes(log)
        assert await look(path, len(images) - 1) == (9, True)
        sound(path)
