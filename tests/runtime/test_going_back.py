# SPDX-License-Identifier: Apache-2.0
"""Forks and rewinds: an earlier moment goes on, beside its run or in it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from holdfast import (
    DELETE,
    Engine,
    Executor,
    MemoryStore,
    TriggerFlow,
    WorkflowBuilder,
    WorkflowContext,
    handler,
)
from holdfast.errors import (
    AlreadyAnswered,
    CheckpointNotFound,
    HoldfastError,
    InvalidId,
    OwnershipLost,
    RunBusy,
    RunExists,
    RunNotFound,
    RunOwned,
    RunRewound,
    StoreUnavailable,
    ValueRefused,
)
from holdfast.persistence.stores.sqlite import SQLiteStore
from holdfast.testing.faults import FaultPlan, FaultyStore
from holdfast.testing.suite_hooks import commit, picture
from tests.runtime.histories import answered, asking, both_stores, reviewing, seq_of, store_of


@both_stores
async def test_a_fork_goes_on_from_where_its_parent_was(kind: str, tmp_path: Path) -> None:
    """What was asked then is asked in the new run; the parent does not change at all."""
    async with answered(store_of(kind, tmp_path)) as (engine, _):
        before = await picture(engine.store, "r"), await engine.store.row("r")
        at = await seq_of(engine, "ask ended")
        fork = await engine.fork("r", at, new_run_id="second")
        assert [wait.wait_id for wait in await fork.waits()] == ["ok"]
        await fork.answer("ok", "no")
        assert (await fork.result())["seen"] == ["count", "no"]
        assert (await fork.row()).head.parent == f"r@{at}"
        assert (await engine.history("second")).items[0].label == f"fork of r@{at}"
        assert (await picture(engine.store, "r"), await engine.store.row("r")) == before


@both_stores
async def test_a_fork_copies_one_commit_and_not_the_past(kind: str, tmp_path: Path) -> None:
    """It begins at commit 1, which holds the whole record."""
    async with answered(store_of(kind, tmp_path)) as (engine, _):
        fork = await engine.fork("r", await seq_of(engine, "ask ended"))
        (only,) = (await engine.store.commits(fork.run_id)).items
        assert (only.seq, only.anchored) == (1, True)
        assert (await engine.store.posts(fork.run_id)).items == ()
        assert fork.run_id != "r"


@both_stores
async def test_changes_are_made_as_a_handler_would(kind: str, tmp_path: Path) -> None:
    """A dotted key leads into a dict, a new key is added, `DELETE` takes one out."""
    async with answered(store_of(kind, tmp_path)) as (engine, _):
        at = await seq_of(engine, "ask ended")
        fork = await engine.fork(
            "r", at, changes={"order.sum": 9, "order.new.deep": 1, "seen": DELETE, "none": DELETE}
        )
        assert (await engine.state(fork.run_id)).state == {
            "order": {"sum": 9, "by": "count", "new": {"deep": 1}}
        }
        await fork.answer("ok", "no")
        assert (await fork.result())["booked"] == 9
        again = await engine.fork("r", at, changes={"order.by": DELETE})
        assert (await engine.state(again.run_id)).state["order"] == {"sum": 4}


@both_stores
async def test_changes_that_cannot_be_kept_make_no_run(kind: str, tmp_path: Path) -> None:
    """They are refused as `set` refuses them, and the id stays free."""
    async with answered(store_of(kind, tmp_path)) as (engine, _):
        with pytest.raises(ValueRefused, match=r"state\.bad"):
            await engine.fork("r", 4, changes={"bad": object()}, new_run_id="n")
        with pytest.raises(TypeError, match="state key"):
            await engine.fork("r", 4, changes={"": 1}, new_run_id="n")
        with pytest.raises(TypeError, match="not a dict"):
            await engine.fork("r", 4, changes={"seen.first": 1}, new_run_id="n")
        with pytest.raises(InvalidId):
            await engine.fork("r", 4, new_run_id="no/id")
        with pytest.raises(RunNotFound):
            await engine.open("n")


@both_stores
async def test_work_that_was_due_runs_in_the_fork(kind: str, tmp_path: Path) -> None:
    """From the start, the fork does everything again with its own input."""
    async with answered(store_of(kind, tmp_path)) as (engine, _):
        fork = await engine.fork("r", 1, new_run_id="again")
        await fork.until_idle()
        assert (await engine.state("again")).state["seen"] == ["count"]
        await fork.answer("ok", "maybe")
        assert (await fork.result())["seen"] == ["count", "maybe"]


@both_stores
async def test_the_same_fork_again_is_the_same_run(kind: str, tmp_path: Path) -> None:
    """As a start is; any other use of the id is refused, a start of the parent's input too."""
    async with answered(store_of(kind, tmp_path)) as (engine, _):
        await engine.fork("r", 4, changes={"a": 1}, new_run_id="n")
        again = await engine.fork("r", 4, changes={"a": 1}, new_run_id="n")
        assert (await again.row()).head.parent == "r@4"
        for at, changes in ((4, {"a": 2}), (3, {"a": 1}), (4, {"a": DELETE}), (4, {})):
            with pytest.raises(RunExists):
                await engine.fork("r", at, changes=changes, new_run_id="n")
        with pytest.raises(RunExists):
            await engine.fork("r", 4, new_run_id="r")
        with pytest.raises(RunExists):
            await engine.start(asking(), 4, run_id="n")


async def test_a_fork_of_what_is_not_there_is_told(tmp_path: Path) -> None:
    """No run, no commit, pruned, deleted."""
    async with answered(MemoryStore()) as (engine, _):
        for call in (engine.fork, engine.rewind):
            with pytest.raises(RunNotFound):
                await call("nobody", 1)
            for at in (0, 99):
                with pytest.raises(CheckpointNotFound):
                    await call("r", at)
        await engine.rewind("r", 4)
        await engine.prune("r", keep_last=1)
        for call in (engine.fork, engine.rewind):
            with pytest.raises(CheckpointNotFound):
                await call("r", 2)
        await engine.delete("r")
        for call in (engine.fork, engine.rewind):
            with pytest.raises(RunNotFound):
                await call("r", 4)


async def test_without_the_definition_a_fork_lies_in_the_store(tmp_path: Path) -> None:
    """Whoever holds the definition takes it, when it looks."""
    url = f"sqlite:///{tmp_path}/runs.db"
    async with Engine(url, [asking()]) as engine:
        await (await engine.start(asking(), 4, run_id="r")).until_idle()
    async with Engine(url) as engine:
        fork = await engine.fork("r", 1, changes={"from": "outside"}, new_run_id="n")
        row = await fork.row()
        assert (row.status, row.due, row.owner) == ("running", True, None)
    async with Engine(url, [asking()]) as engine:
        run = await engine.open("n")
        await run.until_idle()
        await run.answer("ok", "yes")
        assert (await run.result())["from"] == "outside"


@both_stores
async def test_a_workflow_is_forked_at_its_checkpoints(kind: str, tmp_path: Path) -> None:
    """What lies inside a superstep is none; the head is taken as a recovery would."""
    async with Engine(store_of(kind, tmp_path), [reviewing()]) as engine:
        run = await engine.start(reviewing(), 4, run_id="r")
        await run.until_idle()
        await run.answer("ok", "fine")
        assert await run.result() == ["14 fine"]
        inside = [m.seq for m in (await engine.history("r")).items if not m.is_checkpoint]
        for at in inside:
            with pytest.raises(CheckpointNotFound, match="inside a superstep"):
                await engine.fork("r", at)
        first = await engine.fork("r", await seq_of(engine, "superstep 1"), new_run_id="n")
        await first.until_idle()
        await first.answer("ok", "better")
        assert await first.result() == ["14 better"]
        changed = await engine.fork(
            "r", await seq_of(engine, "superstep 2"), changes={"number": 1, "a.b": 2}
        )
        state = (await engine.state(changed.run_id)).state
        assert (state["number"], state["a.b"]) == (1, 2)
        with pytest.raises(ValueError, match="reserved"):
            await engine.fork("r", changes={"_own/review/x": 1})
        assert (await engine.store.checkpoints(run_id="n")).items[0].mark.kind == "fork"


async def test_a_workflow_is_forked_in_the_middle_of_a_superstep_as_it_stands(
    tmp_path: Path,
) -> None:
    """At the head what had finished in the superstep stays finished in the fork."""
    gate, entered = asyncio.Event(), asyncio.Event()
    ran: list[str] = []

    class Work(Executor):
        @handler
        async def work(self, number: int, ctx: WorkflowContext[int, str]) -> None:
            ran.append(self.id)
            if self.id == "slow":
                entered.set()
                await gate.wait()
            await ctx.yield_output(self.id)

    class Split(Executor):
        @handler
        async def split(self, number: int, ctx: WorkflowContext[int]) -> None:
            await ctx.send_message(number)

    builder = WorkflowBuilder(name="split", start_executor="split")
    builder.register("split", lambda: Split(id="split"))
    for name in ("quick", "slow"):
        builder.register(name, lambda name=name: Work(id=name))
        builder.add_edge("split", name)
    workflow = builder.build()
    async with Engine(MemoryStore(), [workflow]) as engine:
        run = await engine.start(workflow, 1, run_id="r")
        await entered.wait()
        for _ in range(1000):
            *_, last = (await engine.history("r")).items
            if last.label == "quick ended":
                break
            await asyncio.sleep(0)
        assert (last.label, last.is_checkpoint) == ("quick ended", False)
        fork = await engine.fork("r")
        gate.set()
        assert sorted(await fork.result()) == sorted(await run.result()) == ["quick", "slow"]
        assert sorted(ran) == ["quick", "slow", "slow"]


@both_stores
async def test_a_rewound_run_goes_on_from_there(kind: str, tmp_path: Path) -> None:
    """An ended run is open again; nothing of what it did meanwhile is deleted."""
    async with answered(store_of(kind, tmp_path)) as (engine, _):
        past = [(await engine.state("r", seq)).state for seq in range(1, 8)]
        run = await engine.rewind("r", 4)
        row = await run.row()
        assert (row.status, row.seq, row.open_waits) == ("waiting", 8, 1)
        assert (await engine.state("r")).state == past[3]
        await run.answer("ok", "no", actor="bob", request_id="mail-2")
        assert (await run.result())["seen"] == ["count", "no"]
        assert [(await engine.state("r", seq)).state for seq in range(1, 8)] == past
        assert not (await engine.diff("r", 4, 8)).changed


@both_stores
async def test_a_question_that_was_answered_is_asked_anew(kind: str, tmp_path: Path) -> None:
    """Under a generation that was never used; what was asked later is withdrawn."""
    async with answered(store_of(kind, tmp_path)) as (engine, _):
        run = await engine.rewind("r", 4)
        rows = await run.waits(status=None)
        assert [(row.status, row.value) for row in rows] == [("answered", b'"yes"'), ("open", None)]
        assert rows[1].generation > rows[0].generation
        (gone,) = await run.waits()
        run = await engine.rewind("r", 2)
        await run.until_idle()
        rows = await run.waits(status=None)
        assert [row.status for row in rows] == ["answered", "withdrawn", "open"]
        assert rows[1].generation == gone.generation < rows[2].generation
        with pytest.raises(HoldfastError):
            await run.answer("ok", "other", request_id="mail-1")
        await run.answer("ok", "again")
        with pytest.raises(AlreadyAnswered):
            await run.answer("ok", "twice")
        assert (await run.result())["seen"] == ["count", "again"]


@both_stores
async def test_a_question_that_is_still_open_stays_the_same(kind: str, tmp_path: Path) -> None:
    """Whoever was asked may answer it as if nothing had happened."""
    async with Engine(store_of(kind, tmp_path), [asking()]) as engine:
        run = await engine.start(asking(), 4, run_id="r")
        await run.until_idle()
        before = await run.waits(status=None)
        run = await engine.rewind("r", 4)
        assert await run.waits(status=None) == before
        await run.answer("ok", "yes")
        assert (await run.result())["seen"] == ["count", "yes"]


async def test_a_rewind_stops_handlers_and_tells_who_waits() -> None:
    """The old attempt ends; the run does not end twice."""
    gate, entered = asyncio.Event(), asyncio.Event()
    begun: list[str] = []

    async def slow(data: Any) -> None:
        begun.append("slow")
        entered.set()
        try:
            await gate.wait()
        finally:
            begun.append("left")
        await data.async_set_state("slow", True)

    async def quick(data: Any) -> int:
        begun.append("quick")
        return 1

    flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="slow")
    flow.to(quick).to(slow)
    async with Engine(MemoryStore(), [flow]) as engine:
        run = await engine.start(flow, 0, run_id="r")
        waiting = asyncio.create_task(run.result())
        await entered.wait()
        back = await engine.rewind("r", 1)
        with pytest.raises(RunRewound) as told:
            await waiting
        assert told.value.seq == 1
        assert begun[:3] == ["quick", "slow", "left"]
        gate.set()
        assert await back.result() == {"slow": True}
        assert begun == ["quick", "slow", "left", "quick", "slow", "left"]


async def test_a_handler_cannot_rewind_its_own_run() -> None:
    """It would wait for its own end; the run goes on."""
    told: list[BaseException] = []

    async def turn(_data: Any) -> None:
        for call in (engine.rewind("r", 1), engine.delete("r")):
            try:
                await call
            except RunBusy as error:
                told.append(error)

    flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="turn")
    flow.to(turn)
    async with Engine(MemoryStore(), [flow]) as engine:
        await (await engine.start(flow, 0, run_id="r")).result()
        assert len(told) == 2


async def test_a_run_that_another_process_carries_is_left_alone(tmp_path: Path) -> None:
    """RunOwned, and its handlers go on."""
    gate = asyncio.Event()

    async def slow(_data: Any) -> None:
        await gate.wait()

    flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="slow")
    flow.to(slow)
    url = f"sqlite:///{tmp_path}/runs.db"
    async with Engine(url, [flow]) as owner, Engine(url) as other:
        run = await owner.start(flow, 0, run_id="r")
        with pytest.raises(RunOwned):
            await other.rewind("r", 1)
        with pytest.raises(RunOwned):
            await other.delete("r")
        assert (await other.fork("r", 1)).run_id
        gate.set()
        assert await run.result() == {}


async def test_a_refused_rewind_leaves_who_waits_here_alone(tmp_path: Path) -> None:
    """Another process has taken the run since it rested here; its end is still heard of."""
    gate, entered = asyncio.Event(), asyncio.Event()

    async def slow(data: Any) -> None:
        entered.set()
        await gate.wait()
        await data.async_set_state("end", data.input)

    flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="slow")
    flow.to(ask_first).to(slow)
    url = f"sqlite:///{tmp_path}/runs.db"
    async with Engine(url, [flow], recover=False) as here, Engine(url, [flow]) as there:
        run = await here.start(flow, 0, run_id="r")
        await run.until_idle()
        waiting = asyncio.create_task(run.result())
        await there.answer("r", "ok", "yes")
        await entered.wait()
        with pytest.raises(RunOwned):
            await here.rewind("r", 1)
        gate.set()
        assert await waiting == {"end": "yes"}


async def test_an_owner_from_before_a_rewind_writes_nothing_more(tmp_path: Path) -> None:
    """The epoch fences it: what it was about to end is not the run any more."""
    store = SQLiteStore(tmp_path / "runs.db")
    async with Engine(store, [asking()]) as engine:
        run = await engine.start(asking(), 4, run_id="r")
        await run.until_idle()
        claim = await store.claim("r", "stale")
        await store.release(claim)
        await engine.rewind("r", 2)
        with pytest.raises(OwnershipLost):
            await store.append(claim, commit("late"), after=4)
    await store.close()


@both_stores
async def test_posts_that_nobody_heard_stay_over_a_rewind(kind: str, tmp_path: Path) -> None:
    """A signal that came before the rewind is heard after it."""

    async def hear(data: Any) -> None:
        await data.async_append_state("heard", data.input)

    flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="hears")
    flow.to(ask_first)
    flow.when("Shipped").to(hear)
    store = store_of(kind, tmp_path)
    async with Engine(store, [flow]) as engine:
        await (await engine.start(flow, 0, run_id="r")).until_idle()
    async with Engine(store) as outside:
        await outside.emit("r", "Shipped", "late")
        await outside.rewind("r", 2)
        assert len(await store.inbox("r")) == 1
    async with Engine(store, [flow]) as engine:
        run = await engine.open("r")
        await run.until_idle()
        assert (await engine.state("r")).state["heard"] == ["late"]
    await store.close()


async def ask_first(data: Any) -> Any:
    """Ask, so that the run waits."""
    return await data.async_pause_for(interrupt_id="ok")


@both_stores
async def test_a_workflow_goes_back_to_a_checkpoint(kind: str, tmp_path: Path) -> None:
    """Its question is open again, and its outputs are those of the new way."""
    async with Engine(store_of(kind, tmp_path), [reviewing()]) as engine:
        run = await engine.start(reviewing(), 4, run_id="r")
        await run.until_idle()
        await run.answer("ok", "fine")
        assert await run.result() == ["14 fine"]
        at = await seq_of(engine, "superstep 1")
        back = await engine.rewind("r", at)
        await back.until_idle()
        await back.answer("ok", "better")
        assert await back.result() == ["14 better"]
        labels = [moment.label for moment in (await engine.history("r")).items]
        assert labels.count("superstep 2") == 2
        assert f"rewound to {at}" in labels
        inside = [m.seq for m in (await engine.history("r")).items if not m.is_checkpoint]
        with pytest.raises(CheckpointNotFound):
            await engine.rewind("r", inside[0])


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("act", ["fork", "rewind"])
async def test_a_store_that_fails_at_any_call_leaves_one_of_two_runs(act: str, when: Any) -> None:
    """Either it was as before, or it has been done; never something between."""
    for k in range(1, 30):
        inner = MemoryStore()
        plan = FaultPlan(when=when)
        async with Engine(inner, [asking()]) as first:
            run = await first.start(asking(), 4, run_id="r")
            await run.until_idle()
            await run.answer("ok", "yes")
            await run.result()
        before = await inner.row("r")
        engine = Engine(FaultyStore(inner, plan), [asking()], recover=False)
        async with engine:
            plan.at = plan.calls + k
            try:
                if act == "fork":
                    await engine.fork("r", 4, new_run_id="n")
                else:
                    await engine.rewind("r", 4)
            except StoreUnavailable:
                pass
            failed = plan.failed
            plan.disarm()
            if act == "fork":
                await engine.fork("r", 4, new_run_id="n")
                assert (await inner.row("r")).seq == before.seq
                end = await engine.open("n")
            elif (await inner.row("r")).seq == before.seq:
                end = await engine.rewind("r", 4)
            else:
                end = await engine.open("r")
            assert [row.status for row in await end.waits()] == ["open"]
            await end.answer("ok", "no")
            assert (await end.result())["seen"] == ["count", "no"]
        if not failed:
            break
    assert k > 4
