# SPDX-License-Identifier: Apache-2.0
"""Deadlines of stored runs: whoever has the run acts on them, and otherwise whoever looks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from holdfast import (
    Engine,
    Executor,
    MemoryStore,
    SQLiteStore,
    TriggerFlow,
    WorkflowBuilder,
    WorkflowContext,
    handler,
    response_handler,
)
from holdfast.errors import AlreadyAnswered, AnswerRefused, RunOwned, WaitExpired
from holdfast.persistence.store import Store
from holdfast.runtime.clock import IDS
from holdfast.runtime.looking import LATE_S, LOOK_EVERY_S
from holdfast.testing.clock import FakeClock

Flow = TriggerFlow[Any, Any, Any]


@pytest.fixture(params=["memory", "sqlite"])
async def store(request: Any, tmp_path: Path) -> AsyncIterator[Store]:
    """A store of each kind."""
    if request.param == "memory":
        yield MemoryStore()
        return
    kept = SQLiteStore(tmp_path / "runs.db", durability="relaxed")
    yield kept
    await kept.close()


def asking(effects: list[Any] | None = None, **terms: Any) -> Flow:
    """A flow that asks until a deadline and keeps what comes."""

    async def ask(data: Any) -> Any:
        return await data.async_pause_for(interrupt_id="ok", payload=data.input, **terms)

    async def keep(data: Any) -> None:
        if effects is not None:
            effects.append(data.input)
        await data.async_set_state("end", data.input)

    flow: Flow = TriggerFlow(name="asking")
    flow.to(ask).to(keep)
    return flow


class Asks(Executor):
    """Asks with a deadline, and yields the answer."""

    def __init__(self, terms: dict[str, Any]) -> None:
        super().__init__("asks")
        self.terms = terms

    @handler
    async def start(self, message: str, ctx: WorkflowContext[None, str]) -> None:
        """Ask."""
        await ctx.request_info(message, str, request_id="ok", **self.terms)

    @response_handler
    async def answered(self, asked: str, answer: str, ctx: WorkflowContext[None, str]) -> None:
        """Yield."""
        await ctx.yield_output(f"{asked}: {answer}")


def graph(**terms: Any) -> Any:
    """A workflow of the one executor."""
    builder = WorkflowBuilder(name="graph", start_executor="asks")
    return builder.register("asks", lambda: Asks(terms)).build()


def engine(store: Store, clock: FakeClock, *definitions: Any) -> Engine:
    """An engine on the clock."""
    return Engine(store, definitions, times=(clock, IDS))


async def rest(one: Engine, run_id: str = "r") -> None:
    """Until no task of the run is left."""
    live = (await one.driven(run_id)).live
    await live.until_quiet()
    while live.tasks:
        await live.settled()


async def test_the_header_tells_when_a_run_wants_to_be_woken(store: Store) -> None:
    """The earliest of its deadlines; none once it was settled."""
    clock = FakeClock(1000.0)
    async with engine(store, clock, asking(deadline=60, default="late")) as one:
        await one.start(asking(), 1, run_id="r")
        await rest(one)
        row = await store.row("r")
        assert (row.status, row.due, row.owner, row.wake_at) == ("waiting", False, None, 1060.0)
        (wait,) = await one.waits()
        assert (wait.deadline, wait.default) == (1060.0, b'"late"')
        await one.answer("r", "ok", "in time")
        await rest(one)
        assert (await store.row("r")).wake_at is None


async def test_the_engine_that_has_the_run_acts_at_the_time(store: Store) -> None:
    """By a timer, without anybody looking."""
    clock = FakeClock(1000.0)
    async with engine(store, clock, asking(deadline=60, default="late")) as one:
        run = await one.start(asking(), 1, run_id="r")
        await rest(one)
        clock.pass_s(60)
        assert await run.result() == {"end": "late"}
        (wait,) = await one.waits(run_id="r", status=None)
        assert (wait.status, wait.value) == ("expired", b'"late"')


@pytest.mark.parametrize("days", [0, 400])
async def test_a_deadline_that_passed_while_nobody_ran_is_acted_on_by_the_next_engine(
    store: Store, days: int
) -> None:
    """However long ago."""
    clock = FakeClock(1000.0)
    async with engine(store, clock, asking(deadline=60, default="late")) as one:
        await one.start(asking(), 1, run_id="r")
        await rest(one)
    clock.set_wall(1060.0 + LATE_S + days * 86_400)
    async with engine(store, clock, asking()) as two:
        assert await (await two.open("r")).result() == {"end": "late"}


async def test_an_engine_wakes_up_for_a_run_that_nobody_carries(store: Store) -> None:
    """Its time comes after the engine was entered; where others share the store, it looks."""
    clock = FakeClock(1000.0)
    async with engine(store, clock, asking(deadline=60, default="late")) as one:
        await one.start(asking(), 1, run_id="r")
        await rest(one)
    async with engine(store, clock, asking()) as two:
        assert await two.look() == 0
        clock.pass_s(60 + LATE_S)
        if store.shared:
            assert await two.look() == 1
        for _ in range(1000):
            if (await store.row("r")).status == "completed":
                break
            await asyncio.sleep(0)
        assert (await store.row("r")).status == "completed"


async def test_an_engine_leaves_alone_what_it_has_no_definition_for(store: Store) -> None:
    """The wait stays open for whoever has it."""
    clock = FakeClock(1000.0)
    async with engine(store, clock, asking(deadline=60, default="late")) as one:
        await one.start(asking(), 1, run_id="r")
        await rest(one)
    other: Flow = TriggerFlow(name="other")
    other.to(lambda data: data.input)
    async with engine(store, clock, other) as two:
        clock.pass_s(600)
        assert await two.look() == 0
        assert [wait.status for wait in await two.waits()] == ["open"]


async def test_of_many_engines_one_lets_the_deadline_pass(tmp_path: Path) -> None:
    """Eight look at once; the default has one effect."""
    effects: list[Any] = []
    clock = FakeClock(1000.0)
    stores = [SQLiteStore(tmp_path / "runs.db", durability="relaxed") for _ in range(8)]
    async with engine(stores[0], clock, asking(deadline=60, default="late")) as one:
        await one.start(asking(), 1, run_id="r")
        await rest(one)
    engines = [engine(store, clock, asking(effects)) for store in stores]
    clock.set_wall(2000.0)
    await asyncio.gather(*(each.__aenter__() for each in engines))
    for _ in range(1000):
        if (await stores[0].row("r")).status == "completed":
            break
        await asyncio.gather(*(each.look() for each in engines))
    for each in engines:
        await each.close()

    assert (await stores[0].row("r")).status == "completed"
    assert effects == ["late"]
    for store in stores:
        await store.close()


async def test_an_answer_and_a_deadline_from_two_engines_have_one_winner(tmp_path: Path) -> None:
    """One effect, whoever won; the answerer is told which."""
    for answer_first in (True, False):
        effects: list[Any] = []
        clock = FakeClock(1000.0)
        path = tmp_path / f"{answer_first}.db"
        stores = [SQLiteStore(path, durability="relaxed") for _ in range(2)]
        flow = asking(effects, deadline=60, default="late")
        async with engine(stores[0], clock, flow) as one, engine(stores[1], clock) as two:
            run = await one.start(flow, 1, run_id="r")
            await rest(one)
            clock._wall = 1059.0
            answer = asyncio.ensure_future(two.answer("r", "ok", "answer"))
            if answer_first:
                await answer
            clock.pass_s(60)
            outcome = (await asyncio.gather(answer, return_exceptions=True))[0]
            for _ in range(1000):
                if (await stores[0].row("r")).status == "completed":
                    break
                await one.look()
            if isinstance(outcome, BaseException):
                assert isinstance(outcome, WaitExpired)
                assert await run.result() == {"end": "late"}
                assert effects == ["late"]
            else:
                assert await run.result() == {"end": "answer"}
                assert effects == ["answer"]
        for store in stores:
            await store.close()


async def test_a_late_answer_is_refused_by_a_process_without_the_definition(store: Store) -> None:
    """The time decides; the default takes effect in whoever has the definition."""
    clock = FakeClock(1000.0)
    async with engine(store, clock, asking(deadline=60, default="late")) as one:
        await one.start(asking(), 1, run_id="r")
        await rest(one)
    clock.set_wall(1060.0)
    async with engine(store, clock) as outsider:
        with pytest.raises(WaitExpired):
            await outsider.answer("r", "ok", "too late")
        (wait,) = await outsider.waits(run_id="r", status=None)
        assert (wait.status, wait.value) == ("expired", b'"late"')
    async with engine(store, clock, asking()) as two:
        assert await (await two.open("r")).result() == {"end": "late"}


async def test_an_answer_that_does_not_fit_is_refused_without_the_definition(store: Store) -> None:
    """The wait stays open, and takes the next one."""
    clock = FakeClock(1000.0)
    schema = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}
    async with engine(store, clock, asking(response_schema=schema)) as one:
        await one.start(asking(), 1, run_id="r")
        await rest(one)
    async with engine(store, clock) as outsider:
        for wrong in ({}, {"ok": "yes"}, None):
            with pytest.raises(AnswerRefused) as refused:
                await outsider.answer("r", "ok", wrong, request_id="hook")
            assert refused.value.problems
        assert (await outsider.answer("r", "ok", {"ok": True}, request_id="hook")).value
        with pytest.raises(AlreadyAnswered):
            await outsider.answer("r", "ok", {"ok": "yes"}, request_id="other")
    async with engine(store, clock, asking()) as two:
        assert await (await two.open("r")).result() == {"end": {"ok": True}}


async def test_a_workflow_of_an_engine_goes_on_with_the_default(store: Store) -> None:
    """As with an answer, by itself, also after a restart."""
    clock = FakeClock(1000.0)
    made = graph(deadline=60, default="nobody")
    async with engine(store, clock, made) as one:
        run = await one.start(made, "here?", run_id="r")
        await rest(one)
        clock.pass_s(60)
        assert await run.result() == ["here?: nobody"]
        await one.start(made, "there?", run_id="later")
        await rest(one, "later")
    clock.pass_s(600)
    async with engine(store, clock, graph()) as two:
        assert await (await two.open("later")).result() == ["there?: nobody"]


async def test_a_workflow_whose_only_request_expires_has_completed(store: Store) -> None:
    """Nothing is left to wait for."""
    clock = FakeClock(1000.0)
    made = graph(deadline=60)
    async with engine(store, clock, made) as one:
        run = await one.start(made, "here?", run_id="r")
        await rest(one)
        assert (await store.row("r")).status == "waiting"
        clock.pass_s(60)
        assert await run.result() == []
        row = await store.row("r")
        assert (row.status, row.wake_at, row.open_waits) == ("completed", None, 0)


async def test_a_run_that_stands_failed_still_lets_its_deadlines_pass(store: Store) -> None:
    """What is parked waits for a decision; the question does not."""
    clock = FakeClock(1000.0)

    async def fail(_data: Any) -> None:
        raise LookupError("gone")

    flow = asking(deadline=60, default="late")
    flow.when("Go").to(fail)
    async with engine(store, clock, flow) as one:
        await one.start(flow, 1, run_id="r")
        await rest(one)
        await one.emit("r", "Go")
        await rest(one)
    again = asking()
    again.when("Go").to(fail)
    clock.pass_s(600)
    async with engine(store, clock, again) as two:
        await rest(two)
        assert (await two.driven("r")).live.run.frames[0].state["end"].value == "late"
        assert (await store.row("r")).status == "parked"


async def test_an_adopted_save_lets_its_deadlines_pass(store: Store) -> None:
    """They are questions of the new run."""
    clock = FakeClock(1000.0)
    execution = asking(deadline=60, default="late").create_execution(auto_close=False)
    execution.live.clock = clock
    await execution.async_start(1)
    saved = execution.save()
    await execution.async_release()
    clock.set_wall(5000.0)
    async with engine(store, clock, asking()) as one:
        run = await one.adopt(saved, run_id="copy")
        assert await run.result() == {"end": "late"}


async def test_a_run_that_cannot_be_had_is_not_looked_at_without_rest() -> None:
    """Somebody else may just be taking it; the engine looks again after its interval."""

    class Held(MemoryStore):
        looks = 0
        is_held = False

        async def claimable(self, **how: Any) -> Any:
            self.looks += 1
            return await super().claimable(**how)

        async def claim(self, run_id: str, owner: str, **how: Any) -> Any:
            if self.is_held:
                raise RunOwned("held", run_id=run_id, owner="other")
            return await super().claim(run_id, owner, **how)

    store, clock = Held(), FakeClock(1000.0)
    async with engine(store, clock, asking(deadline=60, default="late")) as one:
        await one.start(asking(), 1, run_id="r")
        await rest(one)
    store.is_held = True
    clock.set_wall(2000.0)
    async with engine(store, clock, asking()) as two:
        before = store.looks
        for _ in range(20):
            clock.pass_s(LOOK_EVERY_S / 100)
            for _ in range(5):
                await asyncio.sleep(0)
        assert store.looks == before
        store.is_held = False
        clock.pass_s(LOOK_EVERY_S)
        for _ in range(20):
            await asyncio.sleep(0)
        assert (await store.row("r")).status == "completed"
        assert await two.look() == 0


async def test_a_signal_after_the_deadline_does_not_answer_what_has_expired(store: Store) -> None:
    """Also where nobody has looked at the time yet: it only reaches its listeners."""
    clock = FakeClock(1000.0)
    flow = asking(deadline=60, default="late", resume_event="Go")

    async def hear(data: Any) -> None:
        await data.async_append_state("heard", data.input)

    flow.when("Go").to(hear)
    async with engine(store, clock, flow) as one:
        run = await one.start(flow, 1, run_id="r")
        await rest(one)
        clock.set_wall(1060.0)
        await one.emit("r", "Go", "signal")
        await rest(one)
        clock.pass_s(60)
        snapshot = await run.result()
    assert snapshot == {"heard": ["signal", "late"]}
    (wait,) = (await store.waits(run_id="r")).items
    assert (wait.status, wait.value) == ("expired", b'"late"')
