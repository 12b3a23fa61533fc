# SPDX-License-Identifier: Apache-2.0
"""A store that an earlier release wrote is brought up to today's format, once and whole."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from holdfast.errors import StoreReadOnly, StoreUnavailable
from holdfast.persistence.stores import sqlite_database
from holdfast.persistence.stores.sqlite import SQLiteStore
from holdfast.persistence.stores.sqlite_database import FORMAT
from holdfast.testing.faults import FaultPlan
from holdfast.testing.suite_hooks import answer, begin, commit
from tests.persistence.stores.test_sqlite import failing

OLD = Path(__file__).with_name("format_1.sql")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A store of format 1: a run with an answered and an open wait, and a deleted run."""
    found = tmp_path / "runs.db"
    con = sqlite3.connect(found)
    con.executescript(OLD.read_text("utf-8"))
    con.close()
    return found


def shape(path: Path) -> tuple[int, dict[str, list[tuple[object, ...]]]]:
    """The format of a file, and the columns of its tables."""
    con = sqlite3.connect(path)
    names = [name for (name,) in con.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    columns = {name: con.execute(f"PRAGMA table_info({name})").fetchall() for name in names}
    version = con.execute("PRAGMA user_version").fetchone()[0]
    con.close()
    return version, columns


async def test_an_old_store_has_the_shape_of_a_new_one_once_it_was_opened(
    path: Path, tmp_path: Path
) -> None:
    """Column for column, in the same order."""
    for place in (path, tmp_path / "new.db"):
        store = SQLiteStore(place)
        await store.open()
        await store.close()
    assert shape(path) == shape(tmp_path / "new.db")
    assert shape(path)[0] == FORMAT


async def test_what_an_old_store_holds_is_read_and_goes_on(path: Path) -> None:
    """Rows of before say nothing of what was not kept then; new ones do."""
    store = SQLiteStore(path)
    assert (await store.row("run-1")).seq == 4
    assert len((await store.commits("run-1")).items) == 4
    waits = (await store.waits(run_id="run-1")).items
    assert [(row.status, row.opened_seq, row.settled_seq) for row in waits] == [
        ("answered", None, None),
        ("open", None, None),
    ]
    posts = (await store.posts("run-1")).items
    assert [(row.post.kind, row.seq, row.consumed) for row in posts] == [
        ("answer", None, 3),
        ("signal", None, None),
    ]
    assert await store.result("gone") is None
    claim = await store.claim("run-1", "bob")
    assert (await store.settle("run-1", "w2", answer())).settled_seq == 4
    assert await store.append(claim, commit("c5"), after=4) == 5
    await begin(store, "new")
    await store.close()


async def test_an_old_store_that_may_not_be_written_says_so(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not read as something it is not, and not changed."""
    before = shape(path)
    monkeypatch.setattr(sqlite_database.os, "access", lambda *_: False)
    store = SQLiteStore(path)
    with pytest.raises(StoreReadOnly, match="format 1"):
        await store.row("run-1")
    await store.close()
    assert shape(path) == before


async def test_an_upgrade_that_fails_anywhere_is_done_whole_or_not_at_all(
    path: Path, tmp_path: Path
) -> None:
    """The next one to open the store does it from the beginning."""
    old = shape(path)
    fresh = SQLiteStore(tmp_path / "new.db")
    await fresh.open()
    await fresh.close()
    whole = shape(tmp_path / "new.db")
    for k in range(1, 40):
        plan = FaultPlan(at=k)
        store = SQLiteStore(path, factory=failing(plan))
        try:
            await store.open()
        except StoreUnavailable:
            assert shape(path) in (old, whole)
        else:
            break
        finally:
            await store.close()
    assert k > 5
    assert shape(path) == whole
