# SPDX-License-Identifier: Apache-2.0
"""The SQLite store keeps the contract, in groups, between threads, and under planned faults."""

import asyncio
import re
import sqlite3
import stat
import threading
from pathlib import Path

import pytest

from holdfast.errors import (
    RunNotFound,
    StaleWrite,
    StoreDamaged,
    StoreError,
    StoreFull,
    StoreNewer,
    StoreUnavailable,
    WorkflowCheckpointException,
)
from holdfast.persistence.store import Store
from holdfast.persistence.stores import sqlite_queries
from holdfast.persistence.stores.sqlite import SQLiteStore
from holdfast.testing.faults import FaultPlan
from holdfast.testing.store_suite import StoreSuite
from holdfast.testing.suite_hooks import begin, commit, mark, signal


def io_error(text: str = "disk I/O error (planned)", code: int = sqlite3.SQLITE_IOERR):
    """An error as SQLite would raise it."""
    error = sqlite3.OperationalError(text)
    error.sqlite_errorcode = code
    return error


def failing(plan: FaultPlan) -> type[sqlite3.Connection]:
    """Connections whose statements fail as planned."""

    class Failing(sqlite3.Connection):
        def execute(self, sql, *values):
            if not plan.due():
                return super().execute(sql, *values)
            if plan.when == "after":
                super().execute(sql, *values)
            raise io_error()

    return Failing


def watched(seen: list[str], refuse=None) -> type[sqlite3.Connection]:
    """Connections that note each statement, and may refuse it."""

    class Watched(sqlite3.Connection):
        def execute(self, sql, *values):
            seen.append(sql)
            error = refuse(sql) if refuse else None
            if error is not None:
                raise error
            return super().execute(sql, *values)

    return Watched


def mode_of(path: Path) -> int:
    """The rights on a file."""
    return stat.S_IMODE(path.stat().st_mode)


async def pragma(store: SQLiteStore, name: str, lane: str = "_writer"):
    """The value of a pragma on one of the store's two connections."""
    return await getattr(store, lane).call(
        lambda db: db.con.execute(f"PRAGMA {name}").fetchone()[0]
    )


class TestSQLiteStore(StoreSuite):
    """The contract; a low-level call is one SQL statement."""

    shared = True
    reopen = True

    def make_store(self, folder: Path) -> Store:
        return SQLiteStore(folder / "runs.db")

    def make_failing_store(self, folder: Path, plan: FaultPlan) -> Store:
        return SQLiteStore(folder / "runs.db", durability="relaxed", factory=failing(plan))


class TestRelaxedSQLiteStore(StoreSuite):
    """The contract, without waiting for the disk."""

    shared = True
    reopen = True

    def make_store(self, folder: Path) -> Store:
        return SQLiteStore(folder / "runs.db", durability="relaxed")


@pytest.fixture
async def store(tmp_path):
    """An open store."""
    store = SQLiteStore(tmp_path / "runs.db")
    yield store
    await store.close()


@pytest.mark.parametrize(("durability", "level"), [("fsync", 2), ("relaxed", 1)])
async def test_connections_are_set_up_for_what_is_promised(tmp_path, durability, level):
    """WAL; FULL unless relaxed; no trust in a foreign schema; a reader that cannot write."""
    store = SQLiteStore(tmp_path / "runs.db", durability=durability)
    await begin(store)
    assert await pragma(store, "journal_mode") == "wal"
    assert await pragma(store, "synchronous") == level
    assert await pragma(store, "busy_timeout") == 5000
    for lane in ("_writer", "_reader"):
        assert await pragma(store, "trusted_schema", lane) == 0
        assert await pragma(store, "cell_size_check", lane) == 1
    assert await pragma(store, "query_only", "_reader") == 1
    assert mode_of(Path(store.path)) == 0o600
    await store.close()


async def test_waiting_commits_share_one_transaction(tmp_path):
    """Fifty runs at once need a few fsyncs, not fifty; each member has a savepoint."""
    seen: list[str] = []
    store = SQLiteStore(tmp_path / "runs.db", factory=watched(seen))
    claims = [await begin(store, f"r{number}") for number in range(50)]
    seen.clear()
    await asyncio.gather(*(store.append(claim, commit("c2"), after=1) for claim in claims))
    assert seen.count("COMMIT") <= 5
    assert seen.count("SAVEPOINT member") >= 40
    await store.close()


async def test_a_lone_commit_is_one_insert_and_one_update(tmp_path):
    """No savepoint, no reading first."""
    seen: list[str] = []
    store = SQLiteStore(tmp_path / "runs.db", factory=watched(seen))
    claim = await begin(store)
    await store.append(claim, commit("c2"), after=1)
    seen.clear()
    await store.append(claim, commit("c3"), after=2)
    assert [sql.split(" ")[0] for sql in seen] == ["BEGIN", "UPDATE", "INSERT", "COMMIT"]
    await store.close()


async def test_a_group_ends_at_its_bound(tmp_path):
    """Three commits of 5 MB are never in one transaction."""
    seen: list[str] = []
    store = SQLiteStore(tmp_path / "runs.db", factory=watched(seen), durability="relaxed")
    claims = [await begin(store, f"r{number}") for number in range(3)]
    seen.clear()
    big = commit("c2", delta=b"x" * 5_000_000)
    await asyncio.gather(*(store.append(claim, big, after=1) for claim in claims))
    assert seen.count("COMMIT") == 3
    await store.close()


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_a_failed_commit_fails_every_member_of_the_group(tmp_path, moment):
    """Nobody of the group is told that it worked; afterwards everybody can write again."""
    armed = False
    con_class = None

    def refuse(sql):
        if sql == "COMMIT" and armed:
            return io_error("disk full", sqlite3.SQLITE_FULL)
        return None

    con_class = watched([], refuse)
    store = SQLiteStore(tmp_path / "runs.db", factory=con_class)
    claims = [await begin(store, f"r{number}") for number in range(10)]
    armed = True
    calls = [store.append(claim, commit("c2"), after=1) for claim in claims]
    told = await asyncio.gather(*calls, return_exceptions=True)
    assert {type(error) for error in told} == {StoreFull}
    assert len({id(error) for error in told}) == 10
    assert all(isinstance(error.__cause__, sqlite3.Error) for error in told)
    assert [(await store.row(f"r{number}")).seq for number in range(10)] == [1] * 10
    armed = False
    told = await asyncio.gather(*(store.append(c, commit("c2"), after=1) for c in claims))
    assert told == [2] * 10
    await store.close()


async def test_a_member_that_fails_in_sqlite_leaves_the_others_alone(tmp_path):
    """It goes back to its own savepoint, whatever it had written."""

    def refuse(sql):
        return io_error() if "INSERT INTO anchors" in sql and armed else None

    armed = False
    store = SQLiteStore(tmp_path / "runs.db", factory=watched([], refuse))
    claims = [await begin(store, f"r{number}") for number in range(10)]
    armed = True
    commits = [commit("c2", anchor=(b"{}",) if number == 4 else None) for number in range(10)]
    told = await asyncio.gather(
        *(store.append(claim, one, after=1) for claim, one in zip(claims, commits, strict=True)),
        return_exceptions=True,
    )
    assert [type(one) for one in told].count(int) == 9
    assert isinstance(told[4], StoreUnavailable)
    assert (await store.row("r4")).seq == 1
    assert (await store.read("r4")).commit_id == "r4:1"
    await store.close()


async def test_a_run_that_was_rolled_back_leaves_its_key_to_nobody(tmp_path):
    """Its number goes to the next run, and calls that name the lost run must not reach that one."""
    armed = False

    def refuse(sql):
        return io_error() if sql == "COMMIT" and armed else None

    store = SQLiteStore(tmp_path / "runs.db", factory=watched([], refuse))
    await store.enrol("ann")
    go = threading.Event()
    held = asyncio.ensure_future(store._writer.call(lambda db: go.wait(5)))
    group = [asyncio.ensure_future(begin(store, "lost"))]
    group.append(asyncio.ensure_future(store.post("lost", signal())))
    await asyncio.sleep(0)
    armed = True
    go.set()
    told = await asyncio.gather(held, *group, return_exceptions=True)
    assert {type(one) for one in told} == {StoreUnavailable}
    armed = False
    await begin(store, "next")
    with pytest.raises(RunNotFound):
        await store.post("lost", signal())
    assert await store.inbox("next") == ()
    await store.close()


async def test_a_full_disk_is_told_and_leaves_the_old_state_whole(store):
    """The run goes on once there is space."""
    claim = await begin(store)
    pages = await pragma(store, "page_count")
    seq = 1
    await pragma(store, f"max_page_count = {pages + 6}")
    full = None
    while full is None:
        try:
            seq = await store.append(claim, commit(f"c{seq + 1}", delta=b"x" * 3000), after=seq)
        except StoreFull as error:
            full = error
    assert seq > 1
    stored = await store.read("run-1")
    assert (stored.seq, len(stored.deltas)) == (seq, seq - 1)
    await pragma(store, f"max_page_count = {pages + 999}")
    assert await store.append(claim, commit("next"), after=seq) == seq + 1
    assert await pragma(store, "quick_check") == "ok"


async def test_a_busy_database_is_tried_again(tmp_path):
    """BUSY may come at once, without SQLite waiting; nobody is told while there is time."""
    left = 3

    def refuse(sql):
        nonlocal left
        if sql == "BEGIN IMMEDIATE" and left:
            left -= 1
            return io_error("database is locked", sqlite3.SQLITE_BUSY)
        return None

    store = SQLiteStore(tmp_path / "runs.db", factory=watched([], refuse))
    await begin(store)
    assert left == 0
    await store.close()


async def test_a_read_that_takes_long_delays_no_commit(store):
    """Reader and writer have a thread and a connection each."""
    claim = await begin(store)
    go = threading.Event()
    reading = asyncio.ensure_future(store._reader.call(lambda db: go.wait(5)))
    assert await store.append(claim, commit("c2"), after=1) == 2
    assert not reading.done()
    go.set()
    await reading
    assert (await store.read("run-1")).seq == 2


async def test_close_ends_both_threads_and_does_what_was_queued(tmp_path):
    """No thread, no log file and no lock is left; what was asked before is done."""
    before = set(threading.enumerate())
    store = SQLiteStore(tmp_path / "runs.db")
    claim = await begin(store)
    await store.enrol("ann")
    await store.row(claim.run_id)
    own = {one for one in set(threading.enumerate()) - before if "holdfast" in one.name}
    assert {one.name for one in own} == {"holdfast-writer", "holdfast-reader"}
    pending = asyncio.ensure_future(store.append(claim, commit("c2"), after=1))
    await asyncio.sleep(0)
    await asyncio.gather(store.close(), store.close())
    assert await pending == 2
    assert not own & set(threading.enumerate())
    assert sorted(one.name for one in tmp_path.iterdir()) == ["runs.db", "runs.db.owners"]
    assert list((tmp_path / "runs.db.owners").iterdir()) == []


async def test_a_store_that_was_never_used_makes_nothing(tmp_path):
    """Neither file nor thread."""
    store = SQLiteStore(tmp_path / "runs.db")
    await store.close()
    assert list(tmp_path.iterdir()) == []


async def test_a_store_taken_over_a_fork_says_so(store, monkeypatch):
    """The threads stayed with the parent: waiting for them would never end."""
    await begin(store)
    monkeypatch.setattr(store._writer, "_pid", -1)
    with pytest.raises(StoreUnavailable, match="forked"):
        await store.claim("run-1", "bob", over="ann")


def _foreign(path: Path) -> None:
    con = sqlite3.connect(path)
    con.execute("CREATE TABLE recipes (name TEXT)")
    con.close()


def _newer(path: Path) -> None:
    asyncio.run(_used(path))
    con = sqlite3.connect(path)
    con.execute("PRAGMA user_version = 7")
    con.close()


async def _used(path: Path) -> None:
    store = SQLiteStore(path)
    for number in range(30):
        await begin(store, f"run-{number}", anchor=(b"x" * 5000,))
    await store.close()


def _truncated(path: Path) -> None:
    asyncio.run(_used(path))
    with path.open("r+b") as file:
        file.truncate(8192)


def _garbage(path: Path) -> None:
    path.write_bytes(b"this is a shopping list\n" * 500)


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (_foreign, StoreUnavailable),
        (_newer, StoreNewer),
        (_truncated, StoreDamaged),
        (_garbage, StoreDamaged),
        (Path.mkdir, StoreUnavailable),
    ],
)
def test_a_file_that_is_no_store_of_ours_is_refused_untouched(tmp_path, spoil, expected):
    """Each has its own error, by reading as by writing, and not a byte changes."""
    path = tmp_path / "runs.db"
    spoil(path)
    before = path.read_bytes() if path.is_file() else None

    async def attempt():
        store = SQLiteStore(path)
        with pytest.raises(expected) as told:
            await store.open()
        assert str(path) in str(told.value)
        with pytest.raises(expected):
            await begin(store)
        await store.close()

    asyncio.run(attempt())
    assert before == (path.read_bytes() if path.is_file() else None)


async def test_a_missing_folder_is_named_and_not_made(tmp_path):
    """A wrong path is an error, never a new database somewhere else."""
    store = SQLiteStore(tmp_path / "no" / "runs.db")
    with pytest.raises(StoreUnavailable, match=r"folder .*/no' does not exist"):
        await store.open()
    (tmp_path / "no").mkdir()
    await store.open()
    await store.close()


async def test_a_record_that_was_changed_in_the_file_is_damaged(tmp_path):
    """A damaged newest checkpoint is an error, never a step back."""
    path = tmp_path / "runs.db"
    store = SQLiteStore(path)
    claim = await begin(store, checkpoint=mark(), anchor=(b'{"a":1}',))
    delta = b'[{"a":2},{},[]]'
    await store.append(claim, commit("c2", checkpoint=mark(), delta=delta), after=1)
    con = sqlite3.connect(path)
    changed = delta.replace(b"2", b"3")
    con.execute("UPDATE commits SET delta = ? WHERE seq = 2", (changed,))
    con.commit()
    con.close()
    with pytest.raises(StoreDamaged, match="commit 2"):
        await store.read("run-1")
    with pytest.raises(WorkflowCheckpointException):
        await store.get_latest("order")
    assert (await store.load("run-1@1")).parts == {"a": b"1"}
    await store.close()


async def test_a_value_that_sqlite_cannot_hold_is_a_store_error(store):
    """And the next call works."""
    claim = await begin(store)
    with pytest.raises(StoreError):
        await store.append(claim, commit("c2", status="\ud800"), after=1)
    with pytest.raises(StoreError):
        await store.read("run-1", at=2**70)
    with pytest.raises(StaleWrite):
        await store.append(claim, commit("c2"), after=5)
    assert await store.append(claim, commit("c2"), after=1) == 2


async def test_a_small_commit_grows_the_database_by_less_than_300_bytes(tmp_path):
    """Delta of 100 bytes, id of 32; rows and index together, after the log is folded in."""
    store = SQLiteStore(tmp_path / "runs.db", durability="relaxed")
    claim = await begin(store)
    await store.append(claim, commit("c" * 32, delta=b"x" * 100), after=1)
    before = await pragma(store, "page_count")
    calls = 1000
    for after in range(2, calls + 2):
        await store.append(claim, commit(f"{after:032}", delta=b"x" * 100), after=after)
    grown = (await pragma(store, "page_count") - before) * await pragma(store, "page_size")
    assert grown / calls < 300
    await store.close()


@pytest.mark.parametrize(
    "blocks",
    [
        ("runs", "runs_claimable", "runs_oldest_first"),
        ("runs", "runs_of_status", "runs_after", "runs_oldest_first"),
        ("runs", "runs_of_definition", "runs_newest_first"),
        ("waits", "waits_open", "waits_after", "waits_oldest_first"),
        ("waits", "waits_open", "waits_of_run", "waits_oldest_first"),
        ("waits", "waits_of_run", "waits_oldest_first"),
        ("checkpoints", "checkpoints_after", "checkpoints_oldest_first"),
        ("checkpoints", "checkpoints_of_run", "checkpoints_newest_first"),
    ],
)
async def test_no_list_scans_a_table_or_sorts_it(store, blocks):
    """Every list walks an index in the order that it shows."""
    await begin(store)
    sql = sqlite_queries.listing(*blocks)
    plan = await store._reader.call(
        lambda db: [
            row[3] for row in db.con.execute(f"EXPLAIN QUERY PLAN {sql}", (None,) * sql.count("?"))
        ]
    )
    bare = [
        line
        for line in plan
        if "TEMP B-TREE FOR ORDER" in line
        or (line.startswith("SCAN") and "INDEX" not in line and "SUBQUERY" not in line)
    ]
    assert bare == [], plan


async def test_every_statement_can_be_prepared(store):
    """No block of the .sql files is broken, and none binds by number."""
    await begin(store)
    for name, sql in sqlite_queries.queries().items():
        assert name.isidentifier()
        assert re.search(r"\?\d", sql) is None
        if not sql.startswith(("AND", "ORDER")):
            await store._reader.call(
                lambda db, sql=sql: db.con.execute(f"EXPLAIN {sql}", (None,) * sql.count("?"))
            )


def test_every_block_is_used():
    """A statement that nobody names is dropped."""
    source = "".join(
        path.read_text("utf-8") for path in Path(sqlite_queries.__file__).parent.glob("sqlite*.py")
    )
    ends = ("_after", "_before", "_oldest_first", "_newest_first")
    unused = [
        name
        for name in sqlite_queries.queries()
        if f'"{name}"' not in source and not name.endswith(ends)
    ]
    assert unused == []
