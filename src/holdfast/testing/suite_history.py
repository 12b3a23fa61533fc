# SPDX-License-Identifier: Apache-2.0
"""Cases about the history of a run: commits, posts, keeping less, what a deletion leaves."""

from __future__ import annotations

from pathlib import Path

import pytest

from holdfast.errors import (
    CheckpointNotFound,
    RunExists,
    RunNotFound,
    RunOwned,
    StaleWrite,
    WaitExists,
)
from holdfast.testing.suite_hooks import (
    SuiteHooks,
    answer,
    begin,
    commit,
    first,
    head,
    mark,
    picture,
    signal,
    wait,
)


class HistoryCases(SuiteHooks):
    """What was stays to be read, until somebody asks for less."""

    async def test_commits_are_listed_in_their_order(self, tmp_path: Path) -> None:
        """Each with its mark, whether it holds the whole record, and its size; in pages."""
        async with self.opened(tmp_path) as store:
            claim = await begin(store, at=9.0)
            await store.append(claim, commit("c2", checkpoint=mark(iteration=1), at=1.0), after=1)
            await store.append(claim, commit("c3", anchor=(b"{", b"}")), after=2)
            await begin(store, "other")
            page = await store.commits("run-1", limit=2)
            rest = await store.commits("run-1", limit=2, cursor=page.next)
            rows = (*page.items, *rest.items)
            assert [(row.seq, row.commit_id, row.anchored) for row in rows] == [
                (1, "run-1:1", True),
                (2, "c2", False),
                (3, "c3", True),
            ]
            assert (rows[1].mark, rows[1].at, rows[2].mark) == (mark(iteration=1), 1.0, None)
            assert (rows[1].size_bytes, rows[2].size_bytes) == (len(commit("c2").delta), 2)
            assert rest.next is None
            latest = await store.commits("run-1", limit=1, newest_first=True)
            assert latest.items == rows[2:]
            before = await store.commits("run-1", newest_first=True, cursor=latest.next)
            assert before.items == rows[1::-1]
            with pytest.raises(RunNotFound):
                await store.commits("nobody")

    async def test_posts_stay_when_they_were_consumed(self, tmp_path: Path) -> None:
        """Who posted what, at which head, and which commit took it in."""
        async with self.opened(tmp_path) as store:
            claim = await begin(store, waits=(wait(),))
            sent = await store.post("run-1", signal(request_id="s", actor="bob"))
            await store.settle("run-1", "w1", answer(request_id="a", actor="ann"))
            read = [item.number for item in await store.inbox("run-1")]
            await store.append(claim, commit("c2", consumed=(sent.number,)), after=1)
            rows = (await store.posts("run-1")).items
            assert [row.number for row in rows] == read
            assert [(row.post.kind, row.post.actor, row.seq, row.consumed) for row in rows] == [
                ("signal", "bob", 1, 2),
                ("answer", "ann", 1, None),
            ]
            page = await store.posts("run-1", limit=1)
            assert page.items == rows[:1]
            assert (await store.posts("run-1", cursor=page.next)).items == rows[1:]
            with pytest.raises(RunNotFound):
                await store.posts("nobody")

    async def test_a_wait_names_the_commits_of_its_life(self, tmp_path: Path) -> None:
        """Which opened it, and the head when it was settled, or the commit that closed it."""
        async with self.opened(tmp_path) as store:
            claim = await begin(store, waits=(wait("w1"),))
            await store.append(claim, commit("c2", waits=(wait("w2"),)), after=1)
            row = await store.settle("run-1", "w1", answer())
            assert (row.opened_seq, row.settled_seq) == (1, 2)
            await store.append(claim, commit("c3", status="completed", due=False), after=2)
            rows = (await store.waits(run_id="run-1")).items
            assert rows[0] == row
            assert [(one.opened_seq, one.settled_seq) for one in rows] == [(1, 2), (2, 3)]

    async def test_a_commit_takes_waits_back_and_opens_others_at_once(self, tmp_path: Path) -> None:
        """An id whose question is withdrawn is free in the same commit; a settled one is left."""
        async with self.opened(tmp_path) as store:
            claim = await begin(store, waits=(wait("w1"), wait("w2"), wait("w3")))
            await store.settle("run-1", "w3", answer())
            again = commit(
                "c2", withdraws=("w1", "w2", "w3", "w4"), waits=(wait("w1", generation=2),), at=7.0
            )
            for _ in range(2):
                assert await store.append(claim, again, after=1) == 2
            rows = (await store.waits(run_id="run-1")).items
            assert [(row.wait_id, row.generation, row.status, row.settled_seq) for row in rows] == [
                ("w1", 1, "withdrawn", 2),
                ("w2", 1, "withdrawn", 2),
                ("w3", 1, "answered", 1),
                ("w1", 2, "open", None),
            ]
            assert rows[0].settled_at == 7.0
            assert (await store.row("run-1")).open_waits == 1
            assert [row.generation for row in (await store.waits(status="open")).items] == [2]

    async def test_a_refused_commit_withdraws_nothing(self, tmp_path: Path) -> None:
        """A wait that may not be opened leaves the others as they were."""
        async with self.opened(tmp_path) as store:
            claim = await begin(store, waits=(wait("w1"), wait("w2")))
            before = await picture(store)
            refused = commit("c2", withdraws=("w1",), waits=(wait("w2", generation=2),))
            with pytest.raises(WaitExists):
                await store.append(claim, refused, after=1)
            assert await picture(store) == before
            with pytest.raises(ValueError, match="first commit"):
                await store.open_run(head("run-2"), first("x", withdraws=("w1",)), None)

    async def test_an_ended_run_goes_on_by_a_later_commit(self, tmp_path: Path) -> None:
        """It is open again: it takes posts, and is found by whoever looks for work."""
        async with self.opened(tmp_path) as store:
            claim = await begin(store)
            await store.append(claim, commit("c2", status="completed", due=False), after=1)
            again = await store.claim("run-1", "bob")
            back = commit("c3", anchor=(b"{}",), waits=(wait(),))
            assert await store.append(again, back, after=2) == 3
            assert (await store.row("run-1")).status == "running"
            assert [row.run_id for row in await store.claimable(now=0.0)] == ["run-1"]
            await store.post("run-1", signal())

    async def test_pruning_may_count_every_commit(self, tmp_path: Path) -> None:
        """For runs without checkpoints: the last commits can be read, earlier ones are gone."""
        async with self.opened(tmp_path) as store:
            claim = await begin(store)
            for seq in range(2, 13):
                anchor = (b'{"at":%d}' % seq,) if seq % 4 == 0 else None
                await store.append(claim, commit(f"c{seq}", anchor=anchor), after=seq - 1)
            seen = {at: await store.read("run-1", at=at) for at in (9, 10, 11, 12)}
            assert await store.prune("run-1", keep_last=4, every=True) == 7
            assert await store.prune("run-1", keep_last=4, every=True) == 0
            for at, before in seen.items():
                after = await store.read("run-1", at=at)
                assert (after.anchor, after.deltas) == (before.anchor, before.deltas)
            with pytest.raises(CheckpointNotFound):
                await store.read("run-1", at=7)
            assert [row.seq for row in (await store.commits("run-1")).items] == [8, 9, 10, 11, 12]

    async def test_pruning_by_age_keeps_what_is_young(self, tmp_path: Path) -> None:
        """A time is for people: the head stays whatever its time, and order plays no part."""
        async with self.opened(tmp_path) as store:
            claim = await begin(store, checkpoint=mark(), at=10.0)
            for seq, at in ((2, 50.0), (3, 20.0), (4, 60.0), (5, 5.0)):
                body = (b'{"at":%d}' % seq,)
                await store.append(
                    claim,
                    commit(f"c{seq}", anchor=body, checkpoint=mark(), at=at),
                    after=seq - 1,
                )
            assert await store.prune("run-1", keep_last=0, before=50.0) == 2
            assert [row.seq for row in (await store.checkpoints()).items] == [2, 4]
            assert [row.seq for row in (await store.commits("run-1")).items] == [2, 4, 5]
            assert await store.prune("run-1", keep_last=1, before=1e9) == 1
            assert [row.seq for row in (await store.commits("run-1")).items] == [4, 5]
            with pytest.raises(ValueError, match="keep_last"):
                await store.prune("run-1", keep_last=-1)

    async def test_a_tombstone_keeps_the_result(self, tmp_path: Path) -> None:
        """What was handed in at the deletion; a second deletion changes nothing."""
        async with self.opened(tmp_path) as store:
            claim = await begin(store, waits=(wait(),))
            await store.post("run-1", signal())
            await store.append(claim, commit("c2", status="completed", due=False), after=1)
            assert await store.result("run-1") is None
            with pytest.raises(StaleWrite):
                await store.delete_run("run-1", result=b"1", at=1)
            await store.delete_run("run-1", result=b'{"sum":5}', at=2)
            await store.delete_run("run-1", result=b"2", at=7)
            assert await store.result("run-1") == b'{"sum":5}'
            row = await store.row("run-1")
            assert (row.pruned, row.status, row.open_waits, row.inbox) == (True, "completed", 0, 0)
            for gone in (store.commits, store.posts, store.read):
                with pytest.raises(RunNotFound):
                    await gone("run-1")
            with pytest.raises(RunExists):
                await store.open_run(head(), first("x"), None)
            with pytest.raises(RunNotFound):
                await store.result("nobody")
            await begin(store, "owned")
            with pytest.raises(RunOwned):
                await store.delete_run("owned", result=b"1")
