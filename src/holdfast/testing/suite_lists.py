# SPDX-License-Identifier: Apache-2.0
"""Cases about lists: order, filters, pages; what is claimable; the six verbs of a storage."""

from __future__ import annotations

from pathlib import Path

import pytest

from holdfast.errors import InvalidId, WorkflowCheckpointException
from holdfast.persistence.checkpoint import CheckpointStorage, WorkflowCheckpoint
from holdfast.testing.suite_hooks import (
    SuiteHooks,
    answer,
    begin,
    commit,
    first,
    head,
    mark,
    signal,
    wait,
)


class ListCases(SuiteHooks):
    """A list is in the store's own order, and its pages neither repeat nor skip."""

    async def test_pages_neither_repeat_nor_skip_while_rows_are_added(self, tmp_path: Path) -> None:
        """The cursor is a place in the order, not a count of rows."""
        async with self.opened(tmp_path) as store:
            for number in range(5):
                await begin(store, f"z{9 - number}", waits=(wait(run_id=f"z{9 - number}"),))
            runs, waits = await store.runs(limit=2), await store.waits(limit=2)
            seen = [row.run_id for row in runs.items]
            asked = [row.run_id for row in waits.items]
            while runs.next is not None:
                if len(seen) < 6:
                    await begin(store, f"a{len(seen)}", waits=(wait(run_id=f"a{len(seen)}"),))
                runs = await store.runs(limit=2, cursor=runs.next)
                seen += [row.run_id for row in runs.items]
            while waits.next is not None:
                waits = await store.waits(limit=2, cursor=waits.next)
                asked += [row.run_id for row in waits.items]
            assert seen == asked == ["z9", "z8", "z7", "z6", "z5", "a2", "a4"]
            newest = await store.runs(limit=3, newest_first=True)
            assert [row.run_id for row in newest.items] == ["a4", "a2", "z5"]
            older = await store.runs(limit=9, newest_first=True, cursor=newest.next)
            assert [row.run_id for row in older.items] == ["z6", "z7", "z8", "z9"]

    async def test_runs_are_found_by_status_and_definition(self, tmp_path: Path) -> None:
        """Each filter alone, both, and none."""
        async with self.opened(tmp_path) as store:
            for number in range(6):
                status = "waiting" if number % 2 else "running"
                one = head(f"r{number}", definition="odd" if number > 2 else "even")
                await store.open_run(one, first(f"c{number}", status=status), "ann")
            found = await store.runs(status="waiting", definition="odd")
            assert [row.run_id for row in found.items] == ["r3", "r5"]
            assert len((await store.runs(status="waiting")).items) == 3
            assert len((await store.runs(definition="odd")).items) == 3
            assert len((await store.runs(status="completed")).items) == 0
            page = await store.runs(status="running", limit=1)
            rest = await store.runs(status="running", limit=9, cursor=page.next)
            assert [row.run_id for row in (*page.items, *rest.items)] == ["r0", "r2", "r4"]
            assert rest.next is None

    async def test_a_cursor_from_elsewhere_is_refused(self, tmp_path: Path) -> None:
        """And so is a page of nothing."""
        async with self.opened(tmp_path) as store:
            for bad in ("x", "-1", "1 OR 1", "", "9" * 40, "\u0661"):
                with pytest.raises(InvalidId):
                    await store.runs(cursor=bad)
            with pytest.raises(ValueError, match="limit"):
                await store.runs(limit=0)

    async def test_claimable_are_runs_that_somebody_has_to_look_at(self, tmp_path: Path) -> None:
        """Due work, an unread post, a timer that has come; nothing that waits or has ended."""
        async with self.opened(tmp_path) as store:
            await begin(store, "due")
            await begin(store, "idle", due=False, status="idle")
            await begin(store, "later", due=False, status="waiting", wake_at=100.0)
            await begin(store, "told", due=False, status="waiting")
            await begin(store, "asked", due=False, waits=(wait(run_id="asked"),))
            await begin(store, "over", due=True, status="completed", wake_at=1.0)
            item = await store.post("told", signal())
            assert [row.run_id for row in await store.claimable(now=99.0)] == ["due", "told"]
            await store.settle("asked", "w1", answer())
            found = [row.run_id for row in await store.claimable(now=100.0)]
            assert found == ["due", "later", "told", "asked"]
            claim = await store.claim("told", "ann")
            await store.append(claim, commit("c2", due=False, consumed=(item.number,)), after=1)
            assert len(await store.claimable(now=100.0, limit=2)) == 2
            assert "told" not in [row.run_id for row in await store.claimable(now=100.0)]

    async def test_runs_of_owners_seen_alive_are_left_out(self, tmp_path: Path) -> None:
        """So that they do not fill the list before the run of a dead one."""
        async with self.opened(tmp_path) as store:
            for number, owner in enumerate(("bob", "b'ob", "ann", "bob")):
                await begin(store, f"r{number}", owner=owner)
            await store.open_run(head("r4"), first("c"), None)
            found = await store.claimable(now=0.0, beside=("bob", "b'ob"), limit=2)
            assert [row.run_id for row in found] == ["r2", "r4"]

    async def test_waits_are_found_by_status_and_run(self, tmp_path: Path) -> None:
        """Open ones over all runs are what a person has to answer."""
        async with self.opened(tmp_path) as store:
            await begin(store, "r1", waits=(wait("a", "r1"), wait("b", "r1")))
            await begin(store, "r2", waits=(wait("a", "r2"),))
            await store.settle("r1", "a", answer())
            opened = (await store.waits(status="open")).items
            assert [(row.run_id, row.wait_id) for row in opened] == [("r1", "b"), ("r2", "a")]
            assert len((await store.waits(run_id="r1")).items) == 2
            assert [
                row.wait_id for row in (await store.waits(run_id="r1", status="open")).items
            ] == ["b"]
            assert len((await store.waits(status="answered")).items) == 1
            page = await store.waits(status="open", limit=1)
            rest = await store.waits(status="open", cursor=page.next)
            assert [row.run_id for row in rest.items] == ["r2"]

    async def test_checkpoints_are_listed_as_committed(self, tmp_path: Path) -> None:
        """Over all runs, or of one; unmarking takes one out and leaves the record."""
        async with self.opened(tmp_path) as store:
            one = await begin(store, "r1", checkpoint=mark("entry"))
            two = await begin(store, "r2")
            await store.append(two, commit("c2", checkpoint=mark(iteration=1, parent=1)), after=1)
            await store.append(one, commit("c3", checkpoint=mark("response", iteration=1)), after=1)
            rows = (await store.checkpoints()).items
            assert [row.checkpoint_id for row in rows] == ["r1@1", "r2@2", "r1@2"]
            assert rows[1].mark == mark(iteration=1, parent=1)
            assert [row.number for row in rows] == sorted(row.number for row in rows)
            newest = await store.checkpoints(run_id="r1", newest_first=True, limit=1)
            assert [row.seq for row in newest.items] == [2]
            assert len((await store.checkpoints(definition="order")).items) == 3
            assert await store.unmark("r1", 2)
            assert not await store.unmark("r1", 2)
            assert not await store.unmark("r9", 1)
            assert (await store.read("r1")).checkpoint is None
            assert (await store.read("r1")).seq == 2
            rest = await store.checkpoints(limit=1)
            assert [row.checkpoint_id for row in rest.items] == ["r1@1"]
            more = await store.checkpoints(cursor=rest.next)
            assert [row.checkpoint_id for row in more.items] == ["r2@2"]


class SixVerbCases(SuiteHooks):
    """Every store is a checkpoint storage too."""

    async def test_a_checkpoint_is_the_record_of_its_commit(self, tmp_path: Path) -> None:
        """Parts are joined from anchor and deltas as of that commit."""
        async with self.opened(tmp_path) as store:
            claim = await begin(store, checkpoint=mark("entry"), anchor=(b'{"a":1,"l":[1]}',))
            delta = b'[{"a":2},{"l":[2,3]},[]]'
            step = commit("c2", delta=delta, checkpoint=mark(iteration=1, parent=1))
            await store.append(claim, step, after=1)
            await store.append(claim, commit("c3", delta=b'[{"a":3},{},[]]'), after=2)
            assert isinstance(store, CheckpointStorage)
            loaded = await store.load("run-1@2")
            assert loaded.parts == {"a": b"2", "l": b"[1,2,3]"}
            assert (loaded.iteration_count, loaded.metadata) == (1, {"kind": "superstep"})
            assert loaded.previous_checkpoint_id == "run-1@1"
            assert (loaded.workflow_name, loaded.graph_signature_hash) == ("order", "f1")
            assert await store.get_latest(run_id="run-1") == loaded
            assert WorkflowCheckpoint.from_dict(loaded.to_dict()) == loaded

    async def test_what_is_no_checkpoint_cannot_be_loaded(self, tmp_path: Path) -> None:
        """A commit without a mark, an unknown run, an id of another shape."""
        async with self.opened(tmp_path) as store:
            claim = await begin(store, checkpoint=mark())
            await store.append(claim, commit("c2"), after=1)
            for bad in ("run-1@2", "run-1@9", "run-2@1", "run-1", "../x@1", "run-1@-1", "@", ""):
                with pytest.raises(WorkflowCheckpointException):
                    await store.load(bad)
                assert not await store.delete(bad) or bad == "run-1"
                if bad == "run-1@2":
                    await store.release(claim)

    async def test_saved_checkpoints_come_back_in_order(self, tmp_path: Path) -> None:
        """A run is opened for them; deleting one leaves the others."""
        async with self.opened(tmp_path) as store:
            saved = [await store.save(_checkpoint(number)) for number in range(3)]
            assert saved == ["w-1@1", "w-1@2", "w-1@3"]
            assert await store.list_checkpoint_ids("flow") == saved
            assert await store.list_checkpoint_ids("other") == []
            assert await store.list_checkpoint_ids(run_id="w-1", limit=2) == saved[:2]
            back = await store.load("w-1@2")
            assert back.parts == _checkpoint(1).parts
            assert back.metadata == _checkpoint(1).metadata
            assert back.timestamp == _checkpoint(1).timestamp
            assert await store.delete("w-1@2")
            assert not await store.delete("w-1@2")
            assert [one.checkpoint_id for one in await store.list_checkpoints()] == [
                "w-1@1",
                "w-1@3",
            ]
            latest = await store.get_latest("flow")
            assert latest is not None
            assert latest.checkpoint_id == "w-1@3"
            assert await store.get_latest("other") is None

    async def test_the_same_checkpoint_saved_twice_is_one(self, tmp_path: Path) -> None:
        """After an unclear error one may save again."""
        async with self.opened(tmp_path) as store:
            assert await store.save(_checkpoint(0)) == await store.save(_checkpoint(0)) == "w-1@1"
            assert await store.save(_checkpoint(1)) == await store.save(_checkpoint(1)) == "w-1@2"

    async def test_a_checkpoint_of_an_owned_run_is_refused(self, tmp_path: Path) -> None:
        """Its owner writes it."""
        async with self.opened(tmp_path) as store:
            await begin(store, "w-1")
            with pytest.raises(WorkflowCheckpointException):
                await store.save(_checkpoint(0, workflow_name="order"))
            with pytest.raises(WorkflowCheckpointException):
                await store.save(_checkpoint(0))
            assert (await store.row("w-1")).seq == 1


def _checkpoint(number: int, **changes: str) -> WorkflowCheckpoint:
    return WorkflowCheckpoint(
        workflow_name=changes.get("workflow_name", "flow"),
        graph_signature_hash="g1",
        checkpoint_id=f"made-{number}",
        run_id="w-1",
        timestamp=f"20{40 - number}-01-01T00:00:00+00:00",
        previous_checkpoint_id=f"made-{number - 1}",
        iteration_count=number,
        metadata={"kind": "superstep", "note": number},
        parts={"state": b'{"n":%d}' % number},
    )
