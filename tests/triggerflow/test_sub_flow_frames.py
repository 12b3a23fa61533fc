# SPDX-License-Identifier: Apache-2.0
"""Frames: the sub-flows of a run, looked at, answered, ended and sent signals from outside."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from holdfast import MemoryStore, TriggerFlow
from holdfast.errors import SubFlowNotActive, SubFlowNotFound, WaitError
from tests.triggerflow.handlers import Door, ask
from tests.triggerflow.sub_flows import Flow, around, child, keep, note


async def first_ask(data: Any) -> Any:
    """Pause under the id "q"."""
    await data.async_set_state("asked", data.value)
    return await data.async_pause_for(type="approval", payload={"n": 1}, interrupt_id="q")


async def answered(data: Any) -> Any:
    """Keep the answer."""
    await data.async_set_state("answer", data.value)
    return data.value


def nested(inner: Flow, *names: str) -> Flow:
    """The flow inside others of these names, from the inside out."""
    for name in names:
        outer: Flow = TriggerFlow(name=name)
        outer.to_sub_flow(inner).to(keep)
        inner = outer
    return inner


@pytest.fixture(params=["memory", "store"])
def options(request: pytest.FixtureRequest) -> dict[str, Any]:
    """An execution in memory, and one that a store keeps."""
    made: dict[str, Any] = {"auto_close": False}
    if request.param == "store":
        made |= {"store": MemoryStore(), "run_id": "r"}
    return made


async def test_a_frame_tells_what_runs_and_what_it_was_given(options: dict[str, Any]):
    """All its fields, while it runs, while it waits, and when it is done."""
    door = Door()
    inner = child(door, first_ask, answered)
    execution = around(inner, capture={"input": "value", "resources": {"db": "resources.live"}})
    execution = execution.create_execution(runtime_resources={"live": 1}, **options)
    start = asyncio.ensure_future(execution.async_start({"n": 1}))
    await door.reached.wait()
    (frame,) = execution.get_sub_flow_frames().values()
    assert frame.pop("created_at") == frame.pop("started_at") > 0
    assert frame == {
        "frame_id": "frame-1",
        "status": "running",
        "parent_execution_id": execution.id,
        "parent_operator_id": "sub_flow:child",
        "child_execution_id": f"{execution.id}:frame-1",
        "child_flow_name": "child",
        "parent_value": {"n": 1},
        "projected_interrupts": {},
        "resource_bindings": {"db": "live"},
        "resource_keys": ["db"],
    }
    frame["parent_value"]["n"] = 2
    door.opened.set()
    await start
    (frame,) = execution.get_sub_flow_frames().values()
    assert frame["status"] == "waiting"
    assert frame["parent_value"] == {"n": 1}
    assert frame["projected_interrupts"] == {"frame-1:q": "q"}
    await execution.async_continue_with("frame-1:q", "yes")
    (frame,) = execution.get_sub_flow_frames().values()
    assert frame["status"] == "completed"
    assert frame["completed_at"] >= frame["created_at"]
    assert frame["result"] == {"asked": {"n": 1}, "answer": "yes"}


async def test_a_pause_is_projected_and_answered_from_outside(options: dict[str, Any]):
    """Three deep: one interrupt, whose id names the way; the answer goes all the way back."""
    flow = nested(child(first_ask, answered, name="c"), "b", "a", "top")
    execution = flow.create_execution(**options)
    await execution.async_start(1)
    assert execution.get_status() == "waiting"
    (found,) = execution.get_pending_interrupts().values()
    assert found["id"] == "frame-1:frame-2:frame-3:q"
    assert found["local_interrupt_id"] == "q"
    assert found["sub_flow_frame_id"] == "frame-3"
    assert found["source_execution_id"] == f"{execution.id}:frame-3"
    assert found["source_flow_name"] == "c"
    assert found["type"] == "approval"
    frames = execution.get_sub_flow_frames()
    assert [frame["status"] for frame in frames.values()] == ["waiting"] * 3
    assert [frame["projected_interrupts"] for frame in frames.values()] == [
        {"frame-1:frame-2:frame-3:q": "frame-2:frame-3:q"},
        {"frame-1:frame-2:frame-3:q": "frame-3:q"},
        {"frame-1:frame-2:frame-3:q": "q"},
    ]
    done = await execution.async_continue_with(found["id"], "yes", resume_request_id="x")
    assert done["status"] == "resumed"
    again = await execution.async_continue_with(found["id"], "yes", resume_request_id="x")
    assert again["id"] == found["id"]
    with pytest.raises(WaitError):
        await execution.async_continue_with(found["id"], "no")
    out = {"out": {"out": {"out": {"asked": 1, "answer": "yes"}}}}
    assert await execution.async_close() == out


async def test_a_projected_pause_is_told_in_the_stream():
    """An item with the action "project", and then "resume"; validators know its fields."""
    execution = around(child(first_ask, answered)).create_execution(auto_close=False)
    await execution.async_start(1)
    await execution.async_continue_with("frame-1:q", "yes")
    await execution.async_close()
    items = [i async for i in execution.get_async_runtime_stream() if i["type"] == "interrupt"]
    assert [(i["action"], i["interrupt"]["id"]) for i in items] == [
        ("project", "frame-1:q"),
        ("resume", "frame-1:q"),
    ]
    assert items[0]["value"] == {"n": 1}
    assert items[0]["interrupt"]["local_interrupt_id"] == "q"


async def test_a_handler_inside_names_interrupts_as_its_flow_does():
    """It sees those of its own flow, by the ids it gave them."""
    found: list[Any] = []

    async def looks(data: Any) -> None:
        found.append(list(data.get_pending_interrupts()))
        found.append(data.get_interrupt("q")["id"])
        await data.async_continue_with("q", "from inside")

    inner = child(first_ask, answered)
    inner.when("Look").to(looks)
    door = Door()
    inner.to(note).to(door)
    outer: Flow = TriggerFlow(name="parent")
    other: Flow = TriggerFlow(name="other")
    other.to(ask)
    outer.to_sub_flow(other)
    outer.to_sub_flow(inner, write_back={"state.x": "snapshot"})
    execution = outer.create_execution(auto_close=False)
    start = asyncio.ensure_future(execution.async_start(1))
    await door.reached.wait()
    assert len(execution.get_pending_interrupts()) == 2
    await execution.async_emit_to_sub_flow("frame-2", "Look", 1)
    door.opened.set()
    await start
    assert found == [["q"], "frame-2:q"]
    assert execution.get_state("x.answer") == "from inside"


async def test_two_lanes_of_one_loop_wait_apart(options: dict[str, Any]):
    """Each visit has a frame and an interrupt of its own; the results come in order."""
    flow: Flow = TriggerFlow(name="parent")
    flow.for_each(concurrency=2).to_sub_flow(child(first_ask, answered)).end_for_each().to(keep)
    execution = flow.create_execution(**options)
    await execution.async_start(["a", "b", "c"])
    assert sorted(execution.get_pending_interrupts()) == [f"frame-{n}:q" for n in (1, 2, 3)]
    for frame_id, frame in reversed(execution.get_sub_flow_frames().items()):
        await execution.async_continue_with(f"{frame_id}:q", frame["parent_value"] * 2)
    out = [{"asked": letter, "answer": letter * 2} for letter in "abc"]
    assert (await execution.async_close())["out"] == out


async def test_a_save_of_a_waiting_sub_flow_goes_on_elsewhere():
    """With its state, its captured resources and its flow data, in a flow that was built anew."""

    def built() -> Flow:
        async def after(data: Any) -> None:
            await data.async_set_state("db", data.require_resource("db"))
            await data.async_set_state("own", data.require_resource("own"))
            await data.async_set_state("rate", data.get_flow_data("rate", no_warning=True))

        inner = child(first_ask, answered, after)
        inner.set_runtime_resource("own", "own resource")
        capture = {
            "input": "value",
            "resources": {"db": "resources.live"},
            "flow_data": {"rate": "value"},
        }
        return nested(inner_of(inner, capture), "top")

    def inner_of(inner: Flow, capture: Any) -> Flow:
        middle: Flow = TriggerFlow(name="middle")
        middle.to_sub_flow(inner, capture=capture).to(keep)
        middle.set_runtime_resource("live", "a connection")
        return middle

    execution = built().create_execution(auto_close=False)
    await execution.async_start(3)
    saved = json.loads(json.dumps(execution.save()))
    other = built().create_execution(auto_close=False)
    other.load(saved)
    frames = other.get_sub_flow_frames()
    assert [frame["status"] for frame in frames.values()] == ["waiting", "waiting"]
    await other.async_continue_with("frame-1:frame-2:q", "yes")
    expected = {
        "asked": 3,
        "answer": "yes",
        "db": "a connection",
        "own": "own resource",
        "rate": 3,
    }
    assert (await other.async_close())["out"] == {"out": expected}


async def test_a_save_of_a_running_sub_flow_goes_on_elsewhere():
    """What was under way inside runs again, from its top; what was done is not done again."""
    door = Door()
    calls: list[str] = []

    def built(slow: Any) -> Flow:
        async def before(data: Any) -> Any:
            calls.append("before")
            await data.async_set_state("before", data.value)
            return data.value

        inner: Flow = TriggerFlow(name="child")
        inner.to(before).to(slow, name="slow").to(note)
        return nested(inner, "middle", "top")

    execution = built(door).create_execution(auto_close=False)
    start = asyncio.ensure_future(execution.async_start(5))
    await door.reached.wait()
    saved = json.loads(json.dumps(execution.save()))
    start.cancel()
    other = built(note).create_execution(auto_close=False)
    other.load(saved)
    await other.async_resume()
    assert (await other.async_close())["out"] == {"out": {"before": 5, "seen": 5}}
    assert calls == ["before"]


async def test_a_kept_run_goes_on_by_its_id():
    """A store holds frames as parts; another process opens the run and answers inside it."""
    store = MemoryStore()
    flow = nested(child(first_ask, answered), "middle", "top")
    first = flow.create_execution(store=store, run_id="r", auto_close=False)
    await first.async_start(1)
    await first.async_release()
    second = flow.create_execution(store=store, run_id="r", auto_close=False)
    await second.async_continue_with("frame-1:frame-2:q", "yes")
    assert (await second.async_close())["out"] == {"out": {"asked": 1, "answer": "yes"}}


async def test_a_flow_from_a_blueprint_runs_its_sub_flows():
    """Handlers are found by name; a save of one goes on in the other."""
    flow = nested(child(first_ask, answered), "middle", "top")
    execution = flow.create_execution(auto_close=False)
    await execution.async_start(1)
    loaded: Flow = TriggerFlow(name="loaded")
    for function in (first_ask, answered, keep):
        loaded.register_chunk_handler(function)
    loaded.load_blueprint(json.loads(json.dumps(flow.save_blueprint())))
    assert loaded.fingerprint == flow.fingerprint
    other = loaded.create_execution(auto_close=False)
    other.load(execution.save())
    await other.async_continue_with("frame-1:frame-2:q", "yes")
    assert (await other.async_close())["out"] == {"out": {"asked": 1, "answer": "yes"}}


def test_the_handlers_that_a_blueprint_lacks_are_named_at_once():
    """Those of sub-flows too, in one error; and a lambda inside cannot go out."""
    blueprint = nested(child(first_ask, answered), "middle", "top").save_blueprint()
    with pytest.raises(ValueError, match="'answered', 'first_ask', 'keep'"):
        TriggerFlow(name="x").load_blueprint(blueprint)
    nameless: Flow = TriggerFlow(name="child")
    nameless.to(lambda data: data.value)
    with pytest.raises(ValueError, match="non-serializable handler"):
        around(nameless).save_blueprint()


async def test_cancelling_ends_a_sub_flow_and_lets_the_rest_go_on(options: dict[str, Any]):
    """Nothing is written back, nothing follows; the waiting start returns, the run stays open."""
    door = Door()
    execution = around(child(door), write_back={"state.x": "snapshot"}).create_execution(**options)
    start = asyncio.ensure_future(execution.async_start(1))
    await door.reached.wait()
    assert await execution.async_cancel_sub_flow("frame-1", reason="no use") is True
    assert await execution.async_cancel_sub_flow("frame-1") is False
    await start
    assert door.cancelled == 1
    (frame,) = execution.get_sub_flow_frames().values()
    assert frame["status"] == "cancelled"
    assert frame["cancel_reason"] == "no use"
    assert frame["cancelled_at"] >= frame["created_at"]
    assert execution.is_open()
    assert await execution.async_close() == {}


async def test_cancelling_a_waiting_sub_flow_cancels_its_interrupts(options: dict[str, Any]):
    """At every depth; the answer comes too late, lanes beside it go on."""
    inner = nested(child(first_ask, answered), "middle")
    flow: Flow = TriggerFlow(name="parent")
    flow.for_each().to_sub_flow(inner).end_for_each()
    flow.when("After").to(keep)
    execution = flow.create_execution(**options)
    await execution.async_start(["a", "b"])
    (gone, stays) = sorted(execution.get_pending_interrupts())
    assert await execution.async_cancel_sub_flow(gone.partition(":")[0]) is True
    assert list(execution.get_pending_interrupts()) == [stays]
    with pytest.raises(ValueError, match="cancelled"):
        await execution.async_continue_with(gone, "late")
    await execution.async_continue_with(stays, "yes")
    await execution.async_emit("After", 1)
    assert await execution.async_close() == {"out": 1}


async def test_a_failed_sub_flow_can_be_cancelled(options: dict[str, Any]):
    """It is parked and would wait for ever; the run goes on without it."""

    async def fails(data: Any) -> None:
        raise LookupError("no")

    execution = around(nested(child(fails), "middle")).create_execution(**options)
    with pytest.raises(LookupError):
        await execution.async_start(1)
    assert await execution.async_cancel_sub_flow("frame-1") is True
    assert execution.get_status() == "running"
    assert await execution.async_close() == {}


async def test_a_sub_flow_cannot_cancel_itself():
    """Its handler would end itself while it decides."""

    async def suicidal(data: Any) -> None:
        await data.execution.async_cancel_sub_flow("frame-1")

    with pytest.raises(RuntimeError, match="from inside itself"):
        await around(child(suicidal)).async_start(1)


async def test_a_cancelled_pass_of_lanes_lets_its_awaiter_go():
    """Lanes that had not started inside the sub-flow are waited for no more."""
    door = Door()
    inner: Flow = TriggerFlow(name="child")
    inner.for_each(concurrency=1).to(door).end_for_each()
    execution = around(inner).create_execution(auto_close=False)
    start = asyncio.ensure_future(execution.async_start([1, 2, 3]))
    await door.reached.wait()
    await execution.async_cancel_sub_flow("frame-1")
    await asyncio.wait_for(start, 5)
    assert execution._flow.run.groups == {}
    assert execution._flow.run.scopes == {}


async def test_signals_are_sent_into_a_running_sub_flow(options: dict[str, Any]):
    """They reach its listeners only, join there, and their values come back."""
    door = Door()
    inner = child(door)
    inner.when(["A", "B"]).to(answered)
    inner.when("C").to(note)
    flow = around(inner)
    flow.when("C").to(keep, name="outside")
    execution = flow.create_execution(**options)
    start = asyncio.ensure_future(execution.async_start(1))
    await door.reached.wait()
    assert await execution.async_emit_to_sub_flow("frame-1", "C", 3) == [3]
    await execution.async_emit_to_sub_flow("frame-1", "A", 1)
    assert await execution.async_emit_to_sub_flow("frame-1", "Nobody") is None
    await execution.async_emit_to_sub_flow("frame-1", "B", 2)
    door.opened.set()
    await start
    out = {"seen": 3, "answer": {"event": {"A": 1, "B": 2}}}
    assert await execution.async_close() == {"out": out}


async def test_signals_to_what_does_not_run_are_refused():
    """Unknown frames are a KeyError; waiting, ended and just cancelled ones a RuntimeError."""
    door = Door()
    inner = child(first_ask, answered)
    inner.when("Slow").to(door)
    execution = around(inner).create_execution(auto_close=False)
    for call in (
        execution.async_emit_to_sub_flow("frame-1", "x"),
        execution.async_cancel_sub_flow("x"),
    ):
        with pytest.raises(SubFlowNotFound):
            await call
    await execution.async_start(1)
    with pytest.raises(SubFlowNotActive, match="is not active"):
        await execution.async_emit_to_sub_flow("frame-1", "Slow")
    await execution.async_continue_with("frame-1:q", 1)
    with pytest.raises(SubFlowNotActive, match="is not active"):
        await execution.async_emit_to_sub_flow("frame-1", "Slow")
    slow = Door()
    second: Flow = child(slow)
    second.when("Slow").to(door)
    execution = around(second).create_execution(auto_close=False)
    start = asyncio.ensure_future(execution.async_start(1))
    await slow.reached.wait()
    sending = asyncio.ensure_future(execution.async_emit_to_sub_flow("frame-1", "Slow"))
    await door.reached.wait()
    await execution.async_cancel_sub_flow("frame-1")
    with pytest.raises(SubFlowNotActive, match="was cancelled while forwarding"):
        await sending
    await start


async def test_a_waiter_hears_of_a_failure_that_an_answer_brought():
    """One branch waits and one works; the answered one fails, and the start is told."""
    door = Door()

    async def fails(data: Any) -> None:
        raise LookupError("behind the answer")

    inner = child(first_ask, fails)
    inner.to(door)
    execution = around(inner).create_execution(auto_close=False)
    start = asyncio.ensure_future(execution.async_start(1))
    await door.reached.wait()
    with pytest.raises(LookupError):
        await execution.async_continue_with("frame-1:q", 1)
    with pytest.raises(LookupError, match="behind the answer"):
        await start
    door.opened.set()


async def test_a_loop_through_a_sub_flow_leaves_lines_of_constant_size():
    """Visited again and again, a run keeps the last 32 ended frames and grows no more."""
    flow: Flow = TriggerFlow(name="parent")

    async def again(data: Any) -> None:
        if data.value["seen"] > 0:
            await data.async_emit_nowait("Again", data.value["seen"] - 1)

    flow.when("Again").to_sub_flow(child()).to(again)

    async def saved_after(visits: int) -> int:
        execution = flow.create_execution(auto_close=False)
        await execution.async_emit("Again", visits)
        await execution.live.until_quiet()
        frames = execution.get_sub_flow_frames()
        assert len(frames) == 32
        assert {frame["status"] for frame in frames.values()} == {"completed"}
        assert list(execution._flow.run.frames) == [0]
        assert len(execution._flow.results) == 32
        return len(json.dumps(execution.save()))

    assert await saved_after(400) < 1.1 * await saved_after(60)


def test_frames_have_blocking_twins():
    """For sync callers: the same calls without await."""
    execution = around(child(first_ask, answered)).start_execution(1, auto_close=False)
    assert list(execution.get_sub_flow_frames()) == ["frame-1"]
    with pytest.raises(SubFlowNotActive):
        execution.emit_to_sub_flow("frame-1", "x")
    assert execution.cancel_sub_flow("frame-1") is True
    assert execution.cancel_sub_flow("frame-1") is False


async def test_what_was_being_written_back_is_taken_back_when_it_is_cancelled():
    """A sub-flow that is cancelled at its very end gives nothing either."""
    door = Door()
    flow = around(child(), write_back={"state.x": "snapshot.seen"})
    flow.when({"runtime_data": "x"}).to(door)
    execution = flow.create_execution(auto_close=False)
    start = asyncio.ensure_future(execution.async_start(1))
    await door.reached.wait()
    assert execution.get_state() == {"x": 1}
    assert await execution.async_cancel_sub_flow("frame-1") is True
    await start
    door.opened.set()
    assert await execution.async_close() == {}


async def test_a_waiting_sub_flow_that_is_read_back_is_awaited_by_nobody():
    """Whoever waited for it has gone on; the record says so."""
    store = MemoryStore()
    flow = around(child(first_ask, answered))
    first = flow.create_execution(store=store, run_id="r", auto_close=False)
    await first.async_start(1)
    await first.async_release()
    second = flow.create_execution(store=store, run_id="r", auto_close=False)
    await second.async_resume()
    assert second.get_status() == "waiting"
    assert second._flow.run.groups == {}
    assert second._flow.run.scopes.keys() == first._flow.run.scopes.keys()
