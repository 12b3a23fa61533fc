# SPDX-License-Identifier: Apache-2.0
"""Cases about waits and the inbox: each question settled once, each request taken once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from holdfast.errors import (
    AlreadyAnswered,
    AnswerConflict,
    InvalidId,
    RunClosed,
    RunNotFound,
    WaitClosed,
    WaitExists,
    WaitExpired,
    WaitNotFound,
)
from holdfast.persistence.store import Store
from holdfast.testing.suite_hooks import (
    SuiteHooks,
    answer,
    begin,
    commit,
    picture,
    signal,
    wait,
)


class WaitCases(SuiteHooks):
    """The first settlement wins, whatever it is."""

    async def test_an_answer_settles_the_wait_and_is_posted(self, tmp_path: Path) -> None:
        """One transaction: the row, the post and the counts."""
        async with self.opened(tmp_path) as store:
            await begin(store, waits=(wait(schema=b"{}", deadline=9.0, default=b"0"),))
            row = await store.settle("run-1", "w1", answer(b"1", "r1", actor="eve"))
            assert (row.status, row.value, row.actor, row.settled_at) == (
                "answered",
                b"1",
                "eve",
                3,
            )
            assert (row.schema, row.deadline, row.default) == (b"{}", 9.0, b"0")
            assert (await store.waits()).items == (row,)
            (item,) = await store.inbox("run-1")
            assert (item.post.kind, item.post.actor, item.post.request_id) == (
                "answer",
                "eve",
                "r1",
            )
            body = json.loads(item.post.body)
            assert (body["wait"], body["generation"], body["status"]) == ("w1", 1, "answered")
            shown = await store.row("run-1")
            assert (shown.open_waits, shown.inbox, shown.seq) == (0, 1, 1)

    @pytest.mark.parametrize(
        ("how", "refusal"),
        [
            ("answered", AlreadyAnswered),
            ("expired", WaitExpired),
            ("cancelled", WaitClosed),
            ("withdrawn", WaitClosed),
        ],
    )
    async def test_a_second_settlement_changes_nothing(
        self, tmp_path: Path, how: str, refusal: type[Exception]
    ) -> None:
        """However the wait was settled, and whatever comes second."""
        async with self.opened(tmp_path) as store:
            await begin(store, waits=(wait(),))
            settled = await store.settle("run-1", "w1", answer(status=how, actor="eve"))
            assert settled.status == how
            before = await picture(store)
            for late in ("answered", "expired", "cancelled", "withdrawn"):
                with pytest.raises(refusal) as told:
                    await store.settle("run-1", "w1", answer(b"false", "late", status=late))
                if refusal is AlreadyAnswered:
                    assert (told.value.actor, told.value.settled_at) == ("eve", 3.0)  # type: ignore[attr-defined]
            assert await picture(store) == before

    async def test_what_was_never_asked_cannot_be_answered(self, tmp_path: Path) -> None:
        """An unknown wait and an unknown run are two errors."""
        async with self.opened(tmp_path) as store:
            await begin(store)
            with pytest.raises(WaitNotFound):
                await store.settle("run-1", "w1", answer())
            with pytest.raises(RunNotFound):
                await store.settle("run-2", "w1", answer())

    async def test_the_same_request_gets_the_same_row(self, tmp_path: Path) -> None:
        """Again and again; with another value, or for another wait, it is a conflict."""
        async with self.opened(tmp_path) as store:
            await begin(store, waits=(wait("w1"), wait("w2")))
            row = await store.settle("run-1", "w1", answer(b"1", "r1"))
            before = await picture(store)
            assert await store.settle("run-1", "w1", answer(b"1", "r1", at=99.0)) == row
            with pytest.raises(AnswerConflict):
                await store.settle("run-1", "w1", answer(b"2", "r1"))
            with pytest.raises(AnswerConflict):
                await store.settle("run-1", "w2", answer(b"1", "r1"))
            with pytest.raises(AnswerConflict):
                await store.post("run-1", signal(b"1", "r1"))
            assert await picture(store) == before

    async def test_a_wait_asked_again_is_a_new_generation(self, tmp_path: Path) -> None:
        """A request of an older generation still gets the row that it settled."""
        async with self.opened(tmp_path) as store:
            claim = await begin(store, waits=(wait(),))
            old = await store.settle("run-1", "w1", answer(b"1", "r1"))
            for stale in (0, 1):
                with pytest.raises(WaitExists):
                    await store.append(
                        claim, commit("cx", waits=(wait(generation=stale),)), after=1
                    )
            await store.append(claim, commit("c2", waits=(wait(generation=2),)), after=1)
            assert await store.settle("run-1", "w1", answer(b"1", "r1")) == old
            assert (await store.row("run-1")).open_waits == 1
            new = await store.settle("run-1", "w1", answer(b"2", "r2"))
            assert (old.generation, new.generation) == (1, 2)
            assert [row.value for row in (await store.waits()).items] == [b"1", b"2"]

    async def test_an_open_wait_is_not_opened_again(self, tmp_path: Path) -> None:
        """Neither by a later commit nor twice in one."""
        async with self.opened(tmp_path) as store:
            claim = await begin(store, waits=(wait(),))
            for waits in ((wait(generation=2),), (wait("w2"), wait("w2", generation=2))):
                with pytest.raises(WaitExists):
                    await store.append(claim, commit("c2", waits=waits), after=1)
            assert len((await store.waits()).items) == 1

    @pytest.mark.parametrize("status", ["completed", "failed", "cancelled"])
    async def test_the_end_of_a_run_closes_its_waits(self, tmp_path: Path, status: str) -> None:
        """Closed is not answered: the settled ones stay as they are."""
        async with self.opened(tmp_path) as store:
            claim = await begin(store, waits=(wait("w1"), wait("w2")))
            await store.settle("run-1", "w1", answer(b"1", "r1"))
            end = commit("c2", status=status, due=False, at=7.0, waits=(wait("w3"),))
            await store.append(claim, end, after=1)
            rows = (await store.waits()).items
            assert [row.status for row in rows] == ["answered", "closed", "closed"]
            assert rows[1].settled_at == 7.0
            with pytest.raises(WaitClosed):
                await store.settle("run-1", "w2", answer())
            assert (await store.settle("run-1", "w1", answer(b"1", "r1"))).value == b"1"
            assert (await store.row("run-1")).open_waits == 0

    async def test_waits_of_a_deleted_run_are_closed(self, tmp_path: Path) -> None:
        """The run was here; it asks nothing any more."""
        async with self.opened(tmp_path) as store:
            claim = await begin(store, waits=(wait(),))
            await store.release(claim)
            await store.delete_run("run-1")
            with pytest.raises(WaitClosed):
                await store.settle("run-1", "w1", answer())

    async def test_a_request_is_known_after_a_restart(self, tmp_path: Path) -> None:
        """Exactly once does not end with the process."""
        if not self.reopen:
            pytest.skip("this store keeps nothing after close()")
        async with self.opened(tmp_path) as store:
            await begin(store, waits=(wait(),))
            row = await store.settle("run-1", "w1", answer(b"1", "r1"))
        async with self.opened(tmp_path) as store:
            assert await store.settle("run-1", "w1", answer(b"1", "r1")) == row
            with pytest.raises(AnswerConflict):
                await store.settle("run-1", "w1", answer(b"2", "r1"))
            with pytest.raises(AlreadyAnswered):
                await store.settle("run-1", "w1", answer(b"1", "r2"))


class InboxCases(SuiteHooks):
    """Posts are numbered, taken in by commits, and kept once for each request id."""

    async def test_posts_are_read_until_a_commit_consumes_them(self, tmp_path: Path) -> None:
        """Oldest first; consuming is part of the append."""
        async with self.opened(tmp_path) as store:
            claim = await begin(store)
            items = [await store.post("run-1", signal(b"%d" % n)) for n in range(4)]
            assert await store.inbox("run-1") == tuple(items)
            numbers = [item.number for item in items]
            assert numbers == sorted(set(numbers))
            taken = commit("c2", consumed=(numbers[2], numbers[0], 10**9))
            await store.append(claim, taken, after=1)
            assert await store.inbox("run-1") == (items[1], items[3])
            assert set((await store.read("run-1")).consumed) == {numbers[0], numbers[2]}
            assert (await store.read("run-1", at=1)).consumed == ()
            assert (await store.row("run-1")).inbox == 2

    async def test_a_commit_consumes_only_posts_of_its_run(self, tmp_path: Path) -> None:
        """A number of another run's post takes nothing away there."""
        async with self.opened(tmp_path) as store:
            claim = await begin(store)
            await begin(store, "run-2")
            item = await store.post("run-2", signal())
            await store.append(claim, commit("c2", consumed=(item.number,)), after=1)
            assert await store.inbox("run-2") == (item,)
            assert [(await store.row(run)).inbox for run in ("run-1", "run-2")] == [0, 1]

    async def test_the_same_request_makes_one_post(self, tmp_path: Path) -> None:
        """Also once it is consumed and the run has ended; ids of two runs do not meet."""
        async with self.opened(tmp_path) as store:
            claim = await begin(store)
            await begin(store, "run-2")
            item = await store.post("run-1", signal(b"1", "r1"))
            assert await store.post("run-1", signal(b"1", "r1", at=50.0)) == item
            assert (await store.post("run-2", signal(b"1", "r1"))).number != item.number
            for other in (signal(b"2", "r1"), signal(b"1", "r1", kind="cancel")):
                with pytest.raises(AnswerConflict):
                    await store.post("run-1", other)
            assert await store.inbox("run-1") == (item,)
            end = commit("c2", status="completed", due=False, consumed=(item.number,))
            await store.append(claim, end, after=1)
            assert await store.post("run-1", signal(b"1", "r1")) == item
            assert await store.inbox("run-1") == ()

    async def test_a_request_without_a_digest_is_known_by_its_bytes(self, tmp_path: Path) -> None:
        """Two bodies are two posts."""
        async with self.opened(tmp_path) as store:
            await begin(store)
            item = await store.post("run-1", signal(b"1", "r1", digest=None))
            assert await store.post("run-1", signal(b"1", "r1", digest=None)) == item
            with pytest.raises(AnswerConflict):
                await store.post("run-1", signal(b"2", "r1", digest=None))

    async def test_an_ended_run_takes_no_posts(self, tmp_path: Path) -> None:
        """What it had not read stays where it is."""
        async with self.opened(tmp_path) as store:
            claim = await begin(store)
            item = await store.post("run-1", signal())
            await store.append(claim, commit("c2", status="failed", due=False), after=1)
            with pytest.raises(RunClosed):
                await store.post("run-1", signal(b"2"))
            assert await store.inbox("run-1") == (item,)
            assert await store.claimable(now=9e9) == ()

    async def test_ids_without_a_shape_are_refused(self, tmp_path: Path) -> None:
        """A request, a wait and an actor are printable text of at most 255 characters."""
        async with self.opened(tmp_path) as store:
            await begin(store, waits=(wait(),))
            for bad in ("", "a\nb", "x" * 256, "\x00"):
                await _refused(store, bad)
            longest = "\u2603" * 255
            assert (await store.post("run-1", signal(request_id=longest))).number
            assert (await store.settle("run-1", "w1", answer(actor="a b/../c"))).actor == "a b/../c"


async def _refused(store: Store, bad: str) -> None:
    with pytest.raises(InvalidId):
        await store.post("run-1", signal(request_id=bad))
    with pytest.raises(InvalidId):
        await store.settle("run-1", bad, answer())
    with pytest.raises(InvalidId):
        await store.settle("run-1", "w1", answer(request_id=bad))
    with pytest.raises(InvalidId):
        await store.settle("run-1", "w1", answer(actor=bad))
