# SPDX-License-Identifier: Apache-2.0
"""Sub-flows where they meet what else a run has: limits, skipped failures, engines, pictures."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from holdfast import Engine, MemoryStore, TriggerFlow
from holdfast.errors import PauseNotAllowed
from tests.triggerflow.handlers import Door, ask
from tests.triggerflow.sub_flows import Flow, around, child, keep, note


class Gauge:
    """A handler that tells how many of it worked at once."""

    def __init__(self) -> None:
        self.now = 0
        self.most = 0

    async def __call__(self, data: Any) -> Any:
        """Work for two turns of the loop."""
        self.now += 1
        self.most = max(self.most, self.now)
        for _ in range(2):
            await asyncio.sleep(0)
        self.now -= 1
        return data.value


async def test_a_limit_of_its_own_holds_for_each_visit():
    """Two visits with a limit of two each: four at once; outside nothing is limited."""
    gauge = Gauge()
    inner: Flow = TriggerFlow(name="child")
    inner.for_each().to(gauge).end_for_each()
    flow: Flow = TriggerFlow(name="parent")
    flow.for_each().to_sub_flow(inner, concurrency=2)
    await flow.async_start([list(range(5))])
    assert gauge.most == 2
    gauge.most = 0
    await flow.async_start([list(range(5)), list(range(5))])
    assert gauge.most == 4


async def test_the_limit_around_holds_for_a_sub_flow_without_one():
    """Its handlers count as handlers of the run."""
    gauge = Gauge()
    inner: Flow = TriggerFlow(name="child")
    inner.for_each().to(gauge).end_for_each()
    execution = around(inner).create_execution(concurrency=3)
    await execution.async_start(list(range(6)))
    assert gauge.most == 3


@pytest.mark.parametrize("own", [1, None])
async def test_a_handler_inside_that_waits_for_others_needs_no_permit(own: int | None):
    """With one permit a handler may still await what it emits."""

    async def sends(data: Any) -> Any:
        return await data.async_emit("More", data.value)

    inner = child(sends)
    inner.when("More").to(note)
    execution = around(inner, concurrency=own).create_execution(concurrency=1)
    snapshot = await asyncio.wait_for(execution.async_start(1), 5)
    assert snapshot == {"out": {"seen": 1}}


@pytest.mark.parametrize("is_kept", [False, True])
async def test_a_run_that_goes_on_without_what_fails_goes_on_without_a_sub_flow(is_kept: bool):
    """A handler inside ends its branch; a sub-flow that cannot begin or end is left out."""

    async def fails(data: Any) -> None:
        raise LookupError("no")

    found = []
    for flow in (
        around(child(fails)),
        around(child(), write_back={"value": "result.x"}),
        around(child(), capture={"input": "value.x"}),
    ):
        store = MemoryStore() if is_kept else None
        execution = flow.create_execution(skip_exceptions=True, auto_close=False, store=store)
        await execution.async_start(1)
        frames = [frame["status"] for frame in execution.get_sub_flow_frames().values()]
        assert execution._flow.run.groups == execution._flow.run.scopes == {}
        found.append((frames, await execution.async_close()))
    assert found == [(["completed"], {"out": {}}), (["cancelled"], {}), ([], {})]


async def test_a_run_that_nobody_holds_cannot_pause_in_a_sub_flow():
    """Nobody could answer."""
    with pytest.raises(PauseNotAllowed):
        await around(child(ask)).async_start(1)


async def test_an_event_outside_does_not_answer_a_pause_inside():
    """A pause that waits for an event waits for it in its own flow."""

    async def waits(data: Any) -> Any:
        return await data.async_pause_for(resume_event="Go", interrupt_id="q")

    inner = child(waits)
    inner.when("Go").to(note)
    execution = around(inner).create_execution(auto_close=False)
    await execution.async_start(1)
    await execution.async_emit("Go", 5)
    assert execution.get_status() == "waiting"
    await execution.async_continue_with("frame-1:q", 7)
    assert await execution.async_close() == {"out": {"seen": 7}}


async def test_a_chunk_inside_resumes_itself():
    """With its own input, inside its own frame."""

    async def asks(data: Any) -> Any:
        if data.is_resume:
            return [data.value, data.resume.value]
        return await data.async_pause_for(resume_to="self", interrupt_id="q")

    execution = around(child(asks, note)).create_execution(auto_close=False)
    await execution.async_start(1)
    await execution.async_continue_with("frame-1:q", 7)
    assert await execution.async_close() == {"out": {"seen": [1, 7]}}


async def test_sub_flows_stand_in_choices_and_collections():
    """Like any other step."""
    flow: Flow = TriggerFlow(name="parent")
    choice = flow.if_condition(lambda data: data.value > 1).to(child())
    choice.else_condition().to(note, name="small").end_condition().collect("both", "a").to(keep)
    flow.to(note, name="other").collect("both", "b")
    assert (await flow.async_start(3))["out"] == {"a": {"seen": 3}, "b": 3}
    assert (await flow.async_start(0))["out"] == {"a": 0, "b": 0}


async def test_sync_handlers_work_inside():
    """The blocking twins write and emit in their own frame."""

    def plain(data: Any) -> None:
        data.set_state("plain", data.value)
        data.emit("Next", 2)

    inner = child(plain)
    inner.when("Next").to(note)
    assert await around(inner).async_start(1) == {"out": {"plain": 1, "seen": 2}}


async def test_interventions_are_taken_up_at_points_inside():
    """A point in a sub-flow is a point of the run."""

    async def sees(data: Any) -> None:
        await data.async_set_state("found", [each["payload"] for each in data.interventions])

    inner: Flow = TriggerFlow(name="child")
    inner.intervention_point(name="point").to(sees)
    execution = around(inner).create_execution(auto_close=False)
    await execution.async_intervene({"x": 1})
    await execution.async_start(1)
    assert (await execution.async_close())["out"] == {"found": [{"x": 1}]}


async def test_an_engine_lists_and_answers_what_sub_flows_ask():
    """Over all runs, by the ids of the runs around them; one that is cancelled is not listed."""
    flow = around(child(ask, note))
    async with Engine(MemoryStore(), [flow]) as engine:
        for run_id in ("one", "two"):
            run = await engine.start(flow, 1, run_id=run_id)
            await (await engine.driven(run.run_id)).live.until_quiet()
        waits = await engine.waits(status="open")
        assert [(w.run_id, w.wait_id) for w in waits] == [
            ("one", "frame-1:q-1"),
            ("two", "frame-1:q-1"),
        ]
        await engine.answer("one", "frame-1:q-1", 5)
        assert await (await engine.open("one")).result() == {"out": {"seen": 5}}
        execution: Any = await engine.driven("two")
        assert await execution.async_cancel_sub_flow("frame-1")
        assert await engine.waits(status="open") == ()
        with pytest.raises(ValueError, match="cancelled"):
            await engine.answer("two", "frame-1:q-1", 5)


async def test_a_record_that_is_taken_over_brings_its_own_sub_flows():
    """What an execution had in memory of its own frames is not taken for those of the record."""
    captured = {"input": "value", "flow_data": {"mark": "value"}}

    async def tell(data: Any) -> Any:
        await data.async_set_state("mark", data.get_flow_data("mark", no_warning=True))
        return data.value

    def execution() -> Any:
        inner: Flow = TriggerFlow(name="child")
        inner.to(note).to(tell, name="before").to(ask).to(tell, name="after")
        return around(inner, capture=captured).create_execution(auto_close=False)

    first, second = execution(), execution()
    await first.async_start("a")
    await second.async_start("b")
    second.load(json.loads(json.dumps(first.save())))
    (wait_id,) = second.get_pending_interrupts()
    await second.async_continue_with(wait_id, 1)
    assert (await second.async_close())["out"] == {"mark": "a", "seen": "a"}


async def test_a_cancelled_handler_that_goes_on_changes_nothing():
    """It finds that its frame has ended: writes, resources and pauses are refused."""
    door = Door()
    errors: list[str] = []

    async def stubborn(data: Any) -> None:
        try:
            await door(data)
        except asyncio.CancelledError:
            for call in (
                lambda: data.async_set_state("x", 1),
                data.async_pause_for,
                lambda: data.async_emit("x"),
            ):
                try:
                    await call()
                except RuntimeError as error:
                    errors.append(type(error).__name__)
            raise

    flow = around(child(stubborn))
    flow.when("x").to(keep, name="outside")
    execution = flow.create_execution(auto_close=False)
    start = asyncio.ensure_future(execution.async_start(1))
    await door.reached.wait()
    await execution.async_cancel_sub_flow("frame-1")
    await start
    assert errors == ["SubFlowNotActive"] * 3
    assert await execution.async_close() == {}


def test_a_picture_has_a_box_for_a_sub_flow():
    """With the way in and the way out, at every depth."""
    middle: Flow = TriggerFlow(name="middle")
    middle.to_sub_flow(child()).to(keep)
    for mode in ("simplified", "detailed"):
        text = around(middle).to_mermaid(mode=mode)
        assert 'subgraph subflow_middle ["middle"]' in text
        assert 'subgraph subflow_child ["child"]' in text
        assert text == around(middle).to_mermaid(mode=mode)
