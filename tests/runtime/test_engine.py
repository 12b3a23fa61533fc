# SPDX-License-Identifier: Apache-2.0
"""The one door: start, open, answer, signal, decide, recover, adopt."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from holdfast import (
    Engine,
    MemoryStore,
    SQLiteStore,
    TriggerFlow,
    WorkflowBuilder,
    WorkflowContext,
    executor,
)
from holdfast.errors import (
    AlreadyAnswered,
    AnswerConflict,
    DefinitionNotFound,
    RunCancelled,
    RunClosed,
    RunExists,
    RunNotFound,
    StoreUrlUnknown,
    WaitNotFound,
)
from holdfast.persistence.store import Store


async def ask(data: Any) -> Any:
    """Ask once, under a fixed id."""
    return await data.async_pause_for(payload={"sum": data.input}, interrupt_id="ok")


async def keep(data: Any) -> None:
    """Keep what came."""
    await data.async_set_state("end", data.input)


def asking() -> TriggerFlow[Any, Any, Any]:
    """A flow that asks and keeps the answer."""
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="asking")
    flow.to(ask).to(keep)
    return flow


async def until(holds: Callable[[], bool]) -> None:
    """Give way to the loop until something holds; a thousand turns are more than it needs."""
    for _ in range(1000):
        if holds():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never came to hold")


async def rest(engine: Engine, run_id: str) -> None:
    """Return when nothing of the run is under way."""
    await (await engine.driven(run_id)).live.until_quiet()


async def test_the_same_id_and_input_give_the_same_run() -> None:
    """A start that is repeated, as after a lost answer, starts nothing a second time."""
    begun = []

    async def step(data: Any) -> None:
        begun.append(data.input)

    flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="once")
    flow.to(step)
    async with Engine(MemoryStore(), [flow]) as engine:
        first = await engine.start(flow, {"a": 1, "b": 2}, run_id="r")
        again = await engine.start(flow, {"b": 2, "a": 1}, run_id="r")
        assert await first.result() == await again.result() == {}
    assert begun == [{"a": 1, "b": 2}]


async def test_an_id_in_use_with_another_input_or_definition_is_refused() -> None:
    """RunExists, and the run that is there stays as it was."""
    other: TriggerFlow[Any, Any, Any] = TriggerFlow(name="other")
    other.to(keep)
    flow = asking()
    async with Engine(MemoryStore(), [flow, other]) as engine:
        await engine.start(flow, 1, run_id="r")
        await rest(engine, "r")
        before = await engine.show("r")
        for definition, value in ((flow, 2), (other, 1)):
            with pytest.raises(RunExists):
                await engine.start(definition, value, run_id="r")
        assert await engine.show("r") == before


async def test_a_start_is_back_after_its_first_commit_and_before_its_handlers() -> None:
    """The run is in the store when `start` returns, whatever its handlers take."""
    gate = asyncio.Event()

    async def slow(_data: Any) -> None:
        await gate.wait()

    flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="slow")
    flow.to(slow)
    async with Engine(MemoryStore(), [flow]) as engine:
        run = await engine.start(flow, 0, run_id="r")
        row = await run.row()
        assert (row.status, row.due, row.seq) == ("running", True, 1)
        gate.set()
        assert await run.result() == {}
        assert (await run.row()).status == "completed"


async def test_an_answer_needs_neither_definition_nor_ownership(tmp_path: Path) -> None:
    """An engine without definitions answers; the one that holds the flow goes on from there."""
    url = f"sqlite:///{tmp_path}/runs.db"
    async with Engine(url, [asking()]) as engine:
        await engine.start(asking(), 1, run_id="r")
        await rest(engine, "r")
    async with Engine(url) as outsider:
        (wait,) = await outsider.waits()
        assert (wait.run_id, wait.wait_id, wait.payload) == ("r", "ok", b'{"sum":1}')
        row = await outsider.answer("r", "ok", "yes", request_id="hook", actor="ann")
        assert (row.status, row.actor) == ("answered", "ann")
        assert (await outsider.open("r")).run_id == "r"
        assert (await outsider.store.row("r")).inbox == 1
    async with Engine(url, [asking()]) as engine:
        assert await (await engine.open("r")).result() == {"end": "yes"}


async def test_one_answer_wins_and_a_repeat_is_the_same_answer() -> None:
    """Same request: same row. Same id, other value: conflict. Another id: told who was first."""
    async with Engine(MemoryStore(), [asking()]) as engine:
        run = await engine.start(asking(), 1, run_id="r")
        await rest(engine, "r")
        first = await engine.answer("r", "ok", {"y": 1}, request_id="hook", actor="ann")
        assert await engine.answer("r", "ok", {"y": 1}, request_id="hook") == first
        with pytest.raises(AnswerConflict):
            await engine.answer("r", "ok", {"y": 2}, request_id="hook")
        with pytest.raises(AlreadyAnswered) as refused:
            await engine.answer("r", "ok", {"y": 1}, request_id="other")
        assert refused.value.facts["actor"] == "ann"
        assert await run.result() == {"end": {"y": 1}}


async def test_two_engines_on_one_store_give_one_effect(tmp_path: Path) -> None:
    """Answers raced from two engines: one winner, and the continuation runs once."""
    effects: list[Any] = []

    async def act(data: Any) -> None:
        effects.append(data.input)

    def flow() -> TriggerFlow[Any, Any, Any]:
        made: TriggerFlow[Any, Any, Any] = TriggerFlow(name="race")
        made.to(ask).to(act)
        return made

    stores = [SQLiteStore(tmp_path / "runs.db"), SQLiteStore(tmp_path / "runs.db")]
    async with Engine(stores[0], [flow()]) as one, Engine(stores[1], [flow()]) as two:
        await one.start(flow(), 1, run_id="r")
        await rest(one, "r")
        outcomes = await asyncio.gather(
            one.answer("r", "ok", "one", request_id="1"),
            two.answer("r", "ok", "two", request_id="2"),
            return_exceptions=True,
        )
        winners = [o for o in outcomes if not isinstance(o, BaseException)]
        losers = [o for o in outcomes if isinstance(o, BaseException)]
        assert len(winners) == 1
        assert isinstance(losers[0], AlreadyAnswered)
        while (await one.store.row("r")).status != "completed":
            await one.look()
            await two.look()
            await asyncio.sleep(0)
    assert effects == ["one" if winners[0].request_id == "1" else "two"]
    for store in stores:
        await store.close()


async def test_a_run_left_due_is_taken_up_by_the_next_engine(tmp_path: Path) -> None:
    """Closing an engine stops its handlers; their deliveries stay due and run again, once."""
    begun: list[int] = []
    gate = asyncio.Event()

    async def step(data: Any) -> None:
        begun.append(data.attempt)
        await gate.wait()
        await data.async_set_state("end", "there")

    flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="left")
    flow.to(step)
    url = f"sqlite:///{tmp_path}/runs.db"
    async with Engine(url, [flow]) as engine:
        await engine.start(flow, 0, run_id="r")
        await until(lambda: bool(begun))
    gate.set()
    async with Engine(url, [flow]) as engine:
        assert await (await engine.open("r")).result() == {"end": "there"}
    assert begun == [0, 1]


async def test_a_parked_run_is_retried_skipped_or_cancelled_by_decision() -> None:
    """A failed delivery is not due and not recovered; each decision does what it says."""
    fails = {"now": True}

    async def fragile(data: Any) -> str:
        await data.async_append_state("tries", data.attempt)
        if fails["now"]:
            raise ConnectionError("down")
        return "reached"

    def made() -> TriggerFlow[Any, Any, Any]:
        flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="fragile")
        flow.to(fragile).to(keep)
        return flow

    async with Engine(MemoryStore(), [made()]) as engine:
        for run_id in ("retry", "skip", "cancel"):
            await engine.start(made(), 0, run_id=run_id)
            await rest(engine, run_id)
            row = await engine.store.row(run_id)
            assert (row.status, row.due, row.error) == ("parked", False, "ConnectionError: down")
        assert await engine.look() == 0
        fails["now"] = False
        await engine.retry("retry")
        assert await (await engine.open("retry")).result() == {"tries": [1], "end": "reached"}
        (parked,) = (await engine.driven("skip")).live.run.deliveries
        await engine.skip("skip", parked, "instead")
        assert await (await engine.open("skip")).result() == {"tries": [0], "end": "instead"}
        await engine.cancel("cancel")
        await rest(engine, "cancel")
        assert (await engine.store.row("cancel")).status == "cancelled"
        with pytest.raises(RunCancelled):
            await (await engine.open("cancel")).result()
        with pytest.raises(RunClosed):
            await engine.emit("cancel", "Late")


async def test_a_signal_from_outside_reaches_the_run_once() -> None:
    """The same request id is the same signal."""

    async def note(data: Any) -> None:
        await data.async_append_state("got", data.input)

    flow = asking()
    flow.when("Shipped").to(note)
    async with Engine(MemoryStore(), [flow]) as engine:
        run = await engine.start(flow, 0, run_id="r")
        await rest(engine, "r")
        for _ in range(2):
            await engine.emit("r", "Shipped", {"box": 7}, request_id="hook-43")
        await engine.answer("r", "ok", "done")
        assert await run.result() == {"got": [{"box": 7}], "end": "done"}


async def test_a_save_document_is_adopted_as_a_run_of_its_own() -> None:
    """It goes on in the store as a copy with a new id; its question is answered there."""
    flow = asking()
    execution = flow.create_execution(auto_close=False)
    await execution.async_start(5)
    saved = execution.save()
    async with Engine(MemoryStore(), [flow]) as engine:
        run = await engine.adopt(saved)
        assert run.run_id != execution.id
        assert [wait.wait_id for wait in await run.waits()] == ["ok"]
        await run.answer("ok", "adopted")
        assert await run.result() == {"end": "adopted"}


async def test_an_adopted_run_still_knows_what_its_handlers_had_sent() -> None:
    """Its first commit holds their ledgers: whoever takes it over sends nothing twice."""
    begun: list[str] = []
    door = asyncio.Event()

    async def order(data: Any) -> None:
        begun.append("order")
        await data.async_append_state("orders", data.input)
        await data.async_emit("Charge", data.input)
        await door.wait()

    async def charge(data: Any) -> None:
        begun.append("charge")

    flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="shop")
    flow.to(order)
    flow.when("Charge").to(charge)
    async with Engine(MemoryStore(), [flow]) as engine:
        run = await engine.start(flow, 7)
        await until(lambda: begun == ["order", "charge"])
        saved = (await engine.driven(run.run_id)).save()
    store = MemoryStore()
    for number in (1, 2):
        async with Engine(store, [flow]) as engine:
            if number == 1:
                await engine.adopt(saved, run_id="copy")
            await until(lambda wanted=number: begun.count("order") == 1 + wanted)
    door.set()
    async with Engine(store, [flow]) as engine:
        assert await (await engine.open("copy")).result() == {"orders": [7]}
    assert begun.count("charge") == 1


async def test_what_is_unknown_is_told_with_a_hint() -> None:
    """Run, wait, definition and store URL: a typed error each, with what to do."""
    flow = asking()
    async with Engine(MemoryStore(), [flow]) as engine:
        with pytest.raises(RunNotFound):
            await engine.open("nobody")
        with pytest.raises(RunNotFound):
            await engine.answer("nobody", "ok", 1)
        await engine.start(flow, 1, run_id="r")
        with pytest.raises(WaitNotFound) as found:
            await engine.answer("r", "other", 1)
        assert found.value.hint
        other: TriggerFlow[Any, Any, Any] = TriggerFlow(name="stranger")
        other.to(keep)
        with pytest.raises(DefinitionNotFound) as unknown:
            await engine.start(other, 1)
        assert unknown.value.facts["known"] == ("asking",)
    with pytest.raises(StoreUrlUnknown):
        Engine("nosuch://place", [flow])


async def test_an_engine_leaves_runs_of_another_structure_alone(tmp_path: Path) -> None:
    """A changed flow takes over nothing by itself; asked for by name it says what is gone."""
    url = f"sqlite:///{tmp_path}/runs.db"
    async with Engine(url, [asking()]) as engine:
        await engine.start(asking(), 1, run_id="r")
        await rest(engine, "r")
        await engine.store.settle("r", "ok", _answer(b'"x"'))
    changed: TriggerFlow[Any, Any, Any] = TriggerFlow(name="asking")
    changed.to(keep)
    async with Engine(url, [changed]) as engine:
        assert await engine.look() == 0
        with pytest.raises(ValueError, match="ask"):
            await engine.resume("r")
        assert (await engine.store.row("r")).inbox == 1


def _answer(value: bytes) -> Any:
    from holdfast.persistence.store import Settlement

    return Settlement(status="answered", at=0.0, value=value, digest="d")


async def test_a_workflow_run_is_started_answered_and_recovered_by_engines(tmp_path: Path) -> None:
    """Both fronts go through the same door."""

    @executor
    async def double(message: int, ctx: WorkflowContext[None, int]) -> None:
        await ctx.yield_output(message * 2)

    workflow = WorkflowBuilder(name="double", start_executor=double).build()
    url = f"sqlite:///{tmp_path}/runs.db"
    async with Engine(url, [workflow]) as engine:
        run = await engine.start(workflow, 21, run_id="w")
        assert await run.result() == [42]
    async with Engine(url, [workflow]) as engine:
        assert await (await engine.open("w")).result() == [42]


async def test_many_runs_at_once_share_the_store(tmp_path: Path) -> None:
    """Each run ends with its own result; no run waits for another one's place."""
    flow = asking()
    store: Store = SQLiteStore(tmp_path / "runs.db", durability="relaxed")
    async with Engine(store, [flow]) as engine:
        runs = [await engine.start(flow, n, run_id=f"r{n}") for n in range(50)]
        for run in runs:
            await rest(engine, run.run_id)
        assert len(await engine.waits()) == 50
        await asyncio.gather(*(run.answer("ok", run.run_id) for run in runs))
        ends = await asyncio.gather(*(run.result() for run in runs))
    assert ends == [{"end": f"r{n}"} for n in range(50)]
    await store.close()


async def test_who_posts_to_a_run_that_another_engine_took_hears_that_it_was_posted() -> None:
    """The engine that has it at hand lost it meanwhile: the post is in the store all the same."""
    store = MemoryStore()

    async def fail(data: Any) -> str:
        if data.attempt == 0:
            raise ConnectionError("the first time")
        return "retried"

    async def keep(data: Any) -> None:
        await data.async_set_state("end", data.input)

    def flow() -> TriggerFlow[Any, Any, Any]:
        made: TriggerFlow[Any, Any, Any] = TriggerFlow(name="failing")
        made.to(fail).to(keep)
        return made

    async with Engine(store, [flow()]) as one, Engine(store, [flow()]) as two:
        run = await one.start(flow(), 1, run_id="r")
        assert (await run.until_idle()).status == "parked"
        await store.claim("r", "somebody")
        await store.enrol("somebody")
        item = await one.retry("r", request_id="again")
        assert item.post.kind == "retry"
        await store.retire("somebody")
        assert await (await two.driven("r")).outcome() == {"end": "retried"}
