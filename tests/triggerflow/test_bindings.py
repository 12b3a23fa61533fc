# SPDX-License-Identifier: Apache-2.0
"""Handlers bound to one execution: they hear, pause and fail like chunks, and are found again."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from holdfast import MemoryStore, TriggerFlow
from holdfast.errors import DefinitionError, ValueRefused
from holdfast.triggerflow import binding
from tests.triggerflow.handlers import Door, ask, collect, double, fail, keep


def held(flow: TriggerFlow[Any, Any, Any] | None = None, **options: Any) -> Any:
    """An execution that closes when it is told to."""
    return (flow or TriggerFlow(name="plain")).create_execution(auto_close=False, **options)


async def test_a_handler_is_bound_to_one_execution_and_not_to_the_flow():
    """Neither the flow nor its fingerprint nor another execution changes."""
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow()
    flow.when("E").to(double)
    before = flow.fingerprint
    execution, other = held(flow), held(flow)
    assert execution.on("E", collect) == "collect"
    assert execution.on("E", keep, binding_id="mine") == "mine"

    assert await execution.async_emit("E", 2) == [4, 2, 2]
    assert await other.async_emit("E", 2) == [4]
    assert execution.get_state() == {"seen": [2], "kept": 2}
    assert flow.fingerprint == before
    assert await held(flow).async_emit("E", 2) == [4]


async def test_the_same_id_and_signal_replaces_the_handler():
    """Another signal under the same id is a binding of its own."""
    execution = held()
    execution.on("E", collect, binding_id="b")
    execution.on("E", keep, binding_id="b")
    execution.on("Other", keep, binding_id="b")
    await execution.async_emit("E", 1)
    await execution.async_emit("Other", 2)

    assert execution.get_state() == {"kept": 2}
    assert execution.off("b") is True
    assert execution.off("b") is False
    assert await execution.async_emit("E", 3) is None
    assert await execution.async_emit("Other", 3) is None


@pytest.mark.parametrize(
    ("narrow", "left"),
    [
        ({}, []),
        ({"trigger_event": "E"}, ["Other", "k"]),
        ({"trigger_type": "event"}, ["k"]),
        ({"trigger_type": "runtime_data", "trigger_event": "k"}, ["E", "Other"]),
        ({"trigger_type": "flow_data"}, ["E", "Other", "k"]),
    ],
)
async def test_what_is_taken_away_can_be_narrowed(narrow: dict[str, Any], left: list[str]):
    """By the kind of the signal, its name, or both."""
    heard = []
    execution = held()

    async def hear(data: Any) -> None:
        heard.append(data.event)

    for kind, event in (("event", "E"), ("event", "Other"), ("runtime_data", "k")):
        execution.on(event, hear, trigger_type=kind, binding_id="b")
    assert execution.off("b", **narrow) is (len(left) < 3)
    await execution.async_emit("E")
    await execution.async_emit("Other")
    await execution.async_set_state("k", 1)

    assert heard == left


async def test_bindings_watch_state_and_flow_data():
    """Like `when({"runtime_data": key})` and `when({"flow_data": key})`."""
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow()
    execution = held(flow)
    execution.on("k", collect, trigger_type="runtime_data")
    execution.on("shared", keep, trigger_type="flow_data")
    await execution.async_set_state("k", 1)
    await flow.async_set_flow_data("shared", 2, no_warning=True)

    assert execution.get_state() == {"k": 1, "seen": [1], "kept": 2}


@pytest.mark.parametrize(
    ("args", "options", "error"),
    [
        (("E", lambda data: data), {}, ValueError),
        (("E", 5), {}, TypeError),
        (("E", keep), {"trigger_type": "signal"}, ValueError),
        (("", keep), {}, ValueError),
        ((5, keep), {}, ValueError),
        ((None, keep), {}, ValueError),
        (("E", keep), {"binding_id": ""}, ValueError),
        (("E", keep), {"handler_ref": 5}, ValueError),
        (("E", keep), {"metadata": ["no"]}, TypeError),
    ],
)
def test_a_wrong_binding_changes_nothing(
    args: tuple[Any, ...], options: dict[str, Any], error: type[Exception]
):
    """Typed errors; a lambda cannot be found again, so it is refused where it is to be durable."""
    execution = held()
    with pytest.raises(error):
        execution.on(*args, **options)
    assert execution._flow.run.bindings == {}


async def test_a_lambda_is_bound_by_an_id_a_ref_or_for_this_process_only():
    """Then it can be found again, or need not."""
    execution = held()
    with pytest.raises(DefinitionError, match="recoverable handler ref"):
        execution.on("E", lambda data: data.input)
    ids = [
        execution.on("E", lambda data: "by id", binding_id="id"),
        execution.on("E", lambda data: "by ref", handler_ref="ref"),
        execution.on("E", lambda data: "only here", durable=False),
    ]

    assert ids[:2] == ["id", "ref"]
    assert await execution.async_emit("E") == ["by id", "by ref", "only here"]
    assert execution.off(ids[2])


async def test_a_chunk_can_be_bound():
    """By its name."""
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow()
    chunk = flow.chunk("named")(double)
    execution = held()
    assert execution.on("E", chunk) == "named"
    assert await execution.async_emit("E", 4) == [8]


async def test_a_bound_handler_pauses_emits_and_fails_like_a_chunk():
    """Its answer comes back to it, its error reaches the emitter, it can be retried."""
    execution = held()
    tries = []

    async def asks(data: Any) -> Any:
        if not data.is_resume:
            return await data.async_pause_for(interrupt_id="q", resume_to="self")
        return await data.async_emit("Inner", data.resume.value)

    async def flaky(data: Any) -> Any:
        tries.append(data.attempt)
        if len(tries) == 1:
            raise ConnectionError
        return await collect(data)

    execution.on("E", asks)
    execution.on("Inner", flaky)
    await execution.async_emit("E")
    with pytest.raises(ConnectionError):
        await execution.async_continue_with("q", 5)
    await execution.async_retry()

    assert tries == [0, 1]
    assert await execution.async_close() == {"seen": [5]}


async def test_a_handler_binds_while_it_runs():
    """What it emits next is heard; a sync one binds from its thread."""

    async def binds(data: Any) -> Any:
        data.execution.on("Next", double)
        return await data.async_emit("Next", data.input)

    flow: TriggerFlow[Any, Any, Any] = TriggerFlow()
    flow.to(binds).to(keep)
    flow.when("Sync").to(lambda data: data.execution.on("Late", collect))
    execution = held(flow)
    await execution.async_start(3)
    await execution.async_emit("Sync")
    await execution.async_emit("Late", 1)

    assert execution.get_state() == {"kept": [6], "seen": [1]}


async def test_work_under_way_in_a_binding_that_is_taken_away_ends():
    """Nothing new reaches it."""
    door = Door()
    execution = held()
    execution.on("E", door, binding_id="door")
    running = asyncio.ensure_future(execution.async_emit("E", 1))
    await door.reached.wait()
    assert execution.off("door")
    assert await execution.async_emit("E", 2) is None
    door.opened.set()

    assert await running == [1]


async def test_binding_to_a_closed_run_warns():
    """It will never hear anything."""
    execution = held()
    await execution.async_close()
    with pytest.warns(RuntimeWarning, match="closed"):
        execution.on("E", keep)


# --- saved and loaded --------------------------------------------------------------------------


def bound() -> Any:
    """An execution with a paused binding, one that only hears, and one for this process."""
    execution = held()
    execution.on("Ask", ask, metadata={"since": (1, 2)})
    execution.on("E", collect, binding_id="hears")
    execution.on("E", lambda data: "here", durable=False)
    return execution


async def test_bindings_are_saved_and_found_again_by_handlers_bound_before():
    """Under the same id; the answered pause continues in the one that asked."""
    execution = bound()
    await execution.async_emit("Ask", 1)
    text = json.dumps(execution.save())

    restored = held()
    restored.on("Ask", ask)
    restored.on("Elsewhere", keep, binding_id="hears")
    assert binding.missing(restored._flow, execution._flow.run) == ()
    restored.load(text)
    await restored.async_emit("E", 2)
    await restored.async_emit("Elsewhere", 3)
    await restored.async_continue_with("q-1", "yes")

    assert restored.get_state() == {"kept": 3}
    kept = {b.id: (b.event, b.ref, b.metadata) for b in restored._flow.run.bindings.values()}
    assert kept["ask"] == ("Ask", "ask", {"since": (1, 2)})


async def test_bindings_are_found_again_by_handlers_bound_later():
    """Until then they hear nothing, and are named as missing."""
    saved = bound().save()
    restored = held()
    restored.load(saved)
    assert binding.missing(restored._flow, restored._flow.run) == ("ask", "hears")
    assert await restored.async_emit("E", 1) is None
    restored.on("E", collect, binding_id="hears")
    assert binding.missing(restored._flow, restored._flow.run) == ("ask",)

    assert await restored.async_emit("E", 2) == [2]
    assert restored.get_state() == {"seen": [2]}


async def test_a_load_reports_bindings_without_a_handler():
    """As missing, by id; a load that is to be whole refuses them, a plain one only loads."""
    saved = bound().save()
    restored = held()
    restored.on("Ask", ask)
    report = restored.inspect_load(saved)
    assert (report["status"], report["ready"]) == ("missing_resources", False)
    assert report["missing_resource_keys"] == ["dynamic_event_handler:hears"]
    assert [(d["code"], d["severity"]) for d in report["diagnostics"]] == [
        ("triggerflow.signal_net.missing_dynamic_handler", "warning")
    ]
    with pytest.raises(RuntimeError, match=r"missing resources: \['dynamic_event_handler:hears'\]"):
        restored.load(saved, validate_resources=True)
    with pytest.raises(RuntimeError, match="dynamic_event_handler:hears"):
        await restored.async_load(saved)
    assert (await restored.async_load(saved, require_resources=False))["ready"] is False
    restored.on("E", collect, binding_id="hears")
    assert restored.inspect_load(saved)["ready"] is True


async def test_what_an_execution_bound_itself_stays_when_it_loads():
    """It is part of the loaded record from then on."""
    restored = held()
    restored.on("Mine", keep)
    restored.on("Not", collect)
    restored.off("collect")
    restored.load(bound().save())
    assert await restored.async_emit("Not", 0) is None
    await restored.async_emit("Mine", 1)
    again = held()
    again.on("Elsewhere", keep)
    again.load(restored.save())
    await again.async_emit("Mine", 2)

    assert again.get_state() == {"kept": 2}


async def test_work_under_way_in_a_binding_waits_for_its_handler_after_a_load():
    """It stays due, watchers are warned, and it runs once its handler is bound."""
    door = Door()
    execution = held()
    execution.on("E", door, binding_id="b")
    running = asyncio.ensure_future(execution.async_emit("E", 7))
    await door.reached.wait()
    saved = execution.save()
    running.cancel()
    await asyncio.wait({running})

    restored = held()
    restored.load(saved)
    await restored.async_resume()
    await restored.async_resume()
    assert not restored.is_idle()
    assert restored.get_status() != "failed"
    assert restored._flow.stream.snapshot()[0]["code"] == "binding.missing-handler"
    attempts = []

    async def notes(data: Any) -> Any:
        attempts.append(data.attempt)
        return await collect(data)

    restored.on("E", notes, binding_id="b")
    await restored.async_emit("Nothing")
    await restored.live.until_quiet()

    assert attempts == [1]
    assert await restored.async_close() == {"seen": [7]}


async def test_work_under_way_for_this_process_only_waits_too():
    """Nobody knows its handler after a load; the binding itself is gone."""
    door = Door()
    execution = held()
    name = execution.on("E", door, durable=False)
    running = asyncio.ensure_future(execution.async_emit("E", 7))
    await door.reached.wait()
    saved = execution.save()
    running.cancel()
    await asyncio.wait({running})
    restored = held()
    restored.load(saved)
    await restored.async_resume()

    assert await restored.async_emit("E", 8) is None
    restored.on("E", collect, binding_id=name)
    await restored.async_resume()
    await restored.live.until_quiet()
    assert restored.get_state() == {"seen": [7]}


async def test_a_changed_flow_still_takes_a_save_with_bindings():
    """They are none of the definition's."""
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="plain")
    flow.when("New").to(keep)
    execution = bound()
    await execution.async_emit("Ask", 1)
    restored = held(flow)
    restored.on("Ask", ask)
    with pytest.warns(RuntimeWarning, match="definition has changed"):
        restored.load(execution.save())
    await restored.async_continue_with("q-1", 2)

    assert await restored.async_close() == {}


async def test_a_kept_run_has_its_bindings_when_it_is_opened_again():
    """They ride with the next commit; metadata that cannot be kept is refused."""
    store = MemoryStore()
    execution = held(store=store, run_id="r")
    execution.on("E", collect)
    await execution.async_set_state("k", 1)
    execution.on("Late", keep)
    execution.off("collect")
    execution.on("E", double, binding_id="d")
    with pytest.raises(ValueRefused, match="metadata of binding bad"):
        execution.on("E", keep, binding_id="bad", metadata={"k": object()})
    await execution.async_emit("E", 2)
    await execution.async_release()

    again = held(store=store, run_id="r")
    again.on("Late", keep)
    again.on("E", double, binding_id="d")
    assert await again.async_emit("E", 4) == [8]
    assert await again.async_emit("Late", 5) == [5]
    assert await again.async_close() == {"k": 1, "kept": 5}


async def test_a_run_without_bindings_writes_nothing_about_them():
    """And its plan is the definition's own."""
    store = MemoryStore()
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow()
    flow.when("E").to(keep)
    execution = held(flow, store=store, run_id="r")
    await execution.async_emit("E", 1)
    stored = await store.read("r")

    assert b"bind/" not in stored.anchor + b"".join(stored.deltas)
    assert execution._flow.compiled is flow.compiled()


async def test_a_failing_bound_handler_stops_its_siblings():
    """As chunks of one signal do."""
    door = Door()
    execution = held()
    execution.on("E", door, binding_id="door")
    execution.on("E", fail)
    with pytest.raises(LookupError):
        await execution.async_emit("E", 1)
    await execution.live.settled()

    assert door.cancelled == 1


async def test_bindings_lie_beside_a_flow_with_sub_flows():
    """Those go on as before; an event inside one is not heard outside."""
    child: TriggerFlow[Any, Any, Any] = TriggerFlow(name="child")

    async def emits(data: Any) -> Any:
        assert await data.async_emit("E", "inside") is None
        return data.input

    child.to(emits)
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow()
    flow.when("Go").to_sub_flow(child, write_back={}).to(keep)
    execution = held(flow)
    execution.on("E", collect)
    await execution.async_emit("Go", 1)
    await execution.async_emit("E", "outside")
    execution.off("collect")
    await execution.async_emit("Go", 2)

    assert execution.get_state() == {"seen": ["outside"], "kept": 2}
