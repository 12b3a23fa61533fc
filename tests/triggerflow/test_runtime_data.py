# SPDX-License-Identifier: Apache-2.0
"""What a handler is given: its value, its signal, its state as a mapping, and aliases of them."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast import TriggerFlow, TriggerFlowEventData, TriggerFlowRuntimeData
from tests.triggerflow.handlers import ask, collect, keep, same


def held(flow: TriggerFlow[Any, Any, Any], **options: Any) -> Any:
    """An execution that closes when it is told to."""
    return flow.create_execution(auto_close=False, **options)


async def told(flow: TriggerFlow[Any, Any, Any], look: Any, start: Any = 1) -> Any:
    """What a handler at the start of a flow finds."""
    found = []

    async def looks(data: Any) -> None:
        found.append(await look(data))

    flow.to(looks)
    await held(flow).async_start(start)
    return found[0]


def test_the_two_names_are_one_class_which_takes_three_parameters():
    """Code that names either goes on working."""
    assert TriggerFlowEventData is TriggerFlowRuntimeData
    assert TriggerFlowRuntimeData[int, str, dict] is not None
    assert TriggerFlow[int, str, dict] is not None


async def test_value_input_and_inputs_are_one_slot():
    """Assigning one changes all."""

    async def look(data: Any) -> Any:
        seen = [(data.value, data.input, data.inputs)]
        for name in ("value", "input", "inputs"):
            setattr(data, name, name)
            seen.append((data.value, data.input, data.inputs))
        return seen

    assert await told(TriggerFlow(), look) == [
        (1, 1, 1),
        ("value",) * 3,
        ("input",) * 3,
        ("inputs",) * 3,
    ]


async def look_at_signal(data: Any) -> None:
    """Note everything about the signal."""
    await data.async_append_state(
        "signals",
        {
            "names": [data.event, data.trigger_event, data.type, data.trigger_type],
            "signal": data.signal,
            "same": (data.signal_id, data.signal_source, data.signal_meta),
            "info": [data.signal_info.event, data.signal_info.type, data.signal_info.source],
        },
    )


async def test_a_handler_is_told_its_signal():
    """From outside, from a chunk's end, from an emit, from state, and behind an answer."""

    async def emits(data: Any) -> Any:
        await data.async_emit("Inner", {"n": 1})
        await data.async_emit_nowait("Nowait", 2)
        await data.async_set_state("watched", 3)
        return data.input

    flow: TriggerFlow[Any, Any, Any] = TriggerFlow()
    flow.when("E").to(emits).to(look_at_signal, name="after")
    flow.when("Inner").to(look_at_signal, name="inner")
    flow.when("Nowait").to(look_at_signal, name="nowait")
    flow.when({"runtime_data": "watched"}).to(look_at_signal, name="watcher")
    flow.when("Ask").to(ask).to(look_at_signal, name="answered")
    flow.when("E").to(look_at_signal, name="beside")
    execution = held(flow)
    await execution.async_emit("E", "v")
    await execution.live.until_quiet()
    await execution.async_emit("Ask", "q")
    await execution.async_continue_with("q-q", "yes")

    noted = {each["names"][0]: each for each in execution.get_state("signals")}
    sources = {event: (e["signal"]["source"], e["signal"]["value"]) for event, e in noted.items()}
    assert sources == {
        "E": ("external", "v"),
        "Inner": ("emits", {"n": 1}),
        "Nowait": ("emits", 2),
        "watched": ("emits", 3),
        "chunk:emits": ("emits", "v"),
        "chunk:ask": ("resume", "yes"),
    }
    assert noted["watched"]["names"] == ["watched", "watched", "runtime_data", "runtime_data"]
    assert noted["chunk:ask"]["signal"]["meta"] == {"interrupt_id": "q-q"}
    for each in noted.values():
        signal = each["signal"]
        assert each["same"] == (signal["id"], signal["source"], signal["meta"])
        assert each["info"] == [signal["trigger_event"], signal["trigger_type"], signal["source"]]
        assert set(signal) == {"id", "trigger_event", "trigger_type", "value", "source", "meta"}
    assert len({each["signal"]["id"] for each in execution.get_state("signals")}) == 6
    assert execution.get_last_signal()["trigger_event"] == "chunk:ask"


async def test_the_last_signal_is_that_of_the_last_call():
    """None before the first; the same for the execution and its handlers."""
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow()

    async def look(data: Any) -> Any:
        return data.get_last_signal() == data.signal == data.execution.get_last_signal()

    assert held(flow).get_last_signal() is None
    assert await told(flow, look) is True


async def test_a_signal_keeps_its_id_and_source_when_its_handler_runs_again():
    """Also after a save and a load."""
    seen = []

    async def emits(data: Any) -> Any:
        await data.async_emit_nowait("E", 1)

    async def flaky(data: Any) -> None:
        seen.append((data.signal_id, data.signal_source))
        if len(seen) < 3:
            raise ConnectionError

    flow: TriggerFlow[Any, Any, Any] = TriggerFlow()
    flow.to(emits)
    flow.when("E").to(flaky)
    execution = held(flow)
    await execution.async_start()
    await execution.live.until_quiet()
    with pytest.raises(ConnectionError):
        await execution.async_retry()
    restored = held(flow)
    restored.load(execution.save())
    await restored.async_retry()

    assert len(seen) == 3
    assert set(seen) == {seen[0]}
    assert seen[0][1] == "emits"


async def test_a_value_that_a_reader_changes_is_a_copy():
    """Of a signal, an interrupt and an answer alike."""

    async def spoils(data: Any) -> Any:
        data.signal["value"].append("spoilt")
        data.get_last_signal()["value"].append("spoilt")
        if not data.is_resume:
            return await data.async_pause_for(payload=["p"], interrupt_id="q", resume_to="self")
        data.resume.value.append("spoilt")
        data.resume.interrupt["payload"].append("spoilt")
        return [data.input, data.resume.value, data.resume.interrupt["payload"]]

    flow: TriggerFlow[Any, Any, Any] = TriggerFlow()
    flow.to(spoils).to(keep)
    execution = held(flow)
    await execution.async_start(["v"])
    execution.get_pending_interrupts()["q"]["payload"].append("spoilt")
    await execution.async_continue_with("q", ["a"])

    assert execution.get_state("kept") == [["v"], ["a"], ["p"]]


async def test_an_answer_is_told_to_the_handlers_behind_it():
    """Value, interrupt, and the signal that had reached the chunk that paused."""
    seen = []

    async def look(data: Any) -> None:
        seen.append(data.resume)

    flow: TriggerFlow[Any, Any, Any] = TriggerFlow()
    flow.when("Ask").to(ask).to(look)
    flow.when("Plain").to(look, name="plain")
    execution = held(flow)
    await execution.async_emit("Ask", "x")
    await execution.async_continue_with("q-x", 5)
    await execution.async_emit("Plain")

    assert (seen[0].value, seen[0].interrupt_id, seen[0].interrupt["id"]) == (5, "q-x", "q-x")
    assert seen[0].origin_signal["trigger_event"] == "Ask"
    assert seen[0].origin_signal == seen[0].interrupt["source_signal"]
    assert seen[1].to_dict() == {
        "value": None,
        "interrupt_id": None,
        "interrupt": None,
        "origin_signal": None,
    }


async def test_state_is_a_mapping_too():
    """Dotted keys, defaults, copies; a key that is not there is a KeyError."""

    async def look(data: Any) -> Any:
        state = data.state
        await state.async_set("a.b", [1])
        await state.async_append("a.b", 2)
        state.set("gone", 1)
        state.delete("gone")
        await state.async_set("also", 1)
        await state.async_del("also")
        state["c"] = 3
        state.append("d", 4)
        state["c2"] = 5
        del state["c2"]
        state["a.b"].append("not in the state")
        with pytest.raises(KeyError):
            state["none"]
        with pytest.raises(KeyError):
            del state["none"]
        assert (state.get("a.b"), state.get("none", "default")) == ([1, 2], "default")
        assert ("a.b" in state, "none" in state, 5 in state) == (True, False, False)
        assert list(state) == list(state.keys()) == ["a", "c", "d"]
        assert (len(state), list(state.values())) == (3, [{"b": [1, 2]}, 3, [4]])
        assert dict(state.items()) == state.to_dict()
        return data.get_state()

    assert await told(TriggerFlow(), look) == {"a": {"b": [1, 2]}, "c": 3, "d": [4]}


def test_flow_data_as_a_mapping_warns_at_every_use():
    """As the calls that it stands for."""
    uses = [
        lambda shared: shared.set("k", [1]),
        lambda shared: shared["k"],
        lambda shared: shared.get("k"),
        lambda shared: "k" in shared,
        lambda shared: shared.append("k", 2),
        lambda shared: shared.to_dict(),
        len,
        lambda shared: shared.delete("k"),
    ]
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow()
    found = []

    def look(data: Any) -> None:
        for use in uses:
            with pytest.warns(RuntimeWarning, match="no save") as caught:
                use(data.flow_state)
            found.append([warning.filename for warning in caught])

    flow.to(look)
    flow.start()
    assert found == [[__file__]] * len(uses)


async def test_flow_data_as_a_mapping_can_be_awaited():
    """The same keys as everywhere in the flow."""

    async def look(data: Any) -> Any:
        with pytest.warns(RuntimeWarning):
            await data.flow_state.async_set("k", 1)
        with pytest.warns(RuntimeWarning):
            await data.flow_state.async_append("k", 2)
        with pytest.warns(RuntimeWarning):
            await data.flow_state.async_del("none")
        return data.get_flow_data("k", no_warning=True)

    assert await told(TriggerFlow(), look) == [1, 2]


async def test_settings_of_an_execution_lie_over_those_of_its_flow():
    """Handlers, the execution and the flow read them; the engine does not."""

    async def look(data: Any) -> Any:
        data.settings["own"] = 1
        return data.settings["theme"], dict(data.execution.settings)

    flow: TriggerFlow[Any, Any, Any] = TriggerFlow()
    flow.settings["theme"] = "dark"
    assert await told(flow, look) == ("dark", {"theme": "dark", "own": 1})
    assert flow.settings == {"theme": "dark"}


async def test_an_execution_is_one_run_and_goes_by_its_id():
    """Everywhere the same one, also after a load."""

    async def look(data: Any) -> Any:
        return data.execution_id, data.execution.id, data.execution.run_context.run_id

    ids = await told(TriggerFlow(), look)
    assert len(set(ids)) == 1
    execution = held(TriggerFlow(name="plain"))
    restored = held(TriggerFlow(name="plain"))
    restored.load(execution.save())
    assert restored.id == restored.run_id == restored.run_context.run_id == execution.id


async def test_the_handler_of_a_value_passes_what_it_set_to_nobody():
    """The return value goes on, and not the slot."""

    async def sets(data: Any) -> Any:
        data.input = "changed"

    flow: TriggerFlow[Any, Any, Any] = TriggerFlow()
    flow.to(same).to(sets).to(collect)
    assert await flow.async_start(1) == {"seen": [None]}


async def test_a_handler_answers_an_interrupt_of_its_run():
    """An async one and a sync one, with request id and actor."""
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow()
    flow.when("Ask").to(ask).to(collect)

    async def answers(data: Any) -> Any:
        return await data.async_continue_with("q-1", "one", resume_request_id="r", actor="ann")

    flow.when("Answer").to(answers).to(keep)
    flow.when("Sync").to(lambda data: data.continue_with("q-2", "two", actor="bob"))
    execution = held(flow)
    for n in (1, 2):
        await execution.async_emit("Ask", n)
    await execution.async_emit("Answer")
    await execution.async_emit("Sync")

    found = execution.get_state("kept")
    assert (found["resumed_by"], found["resume_request_id"]) == ("ann", "r")
    assert execution.get_interrupt("q-2")["resumed_by"] == "bob"
    assert execution.get_state("seen") == ["one", "two"]


FLOW = """name settings chunks chunk to when side_branch batch for_each match if_condition
to_sub_flow intervention_point register_chunk_handler register_condition_handler create_execution
async_start start async_start_execution start_execution get_async_runtime_stream
get_runtime_stream set_contract get_contract get_contract_metadata get_flow_data
async_set_flow_data async_append_flow_data async_del_flow_data set_flow_data append_flow_data
del_flow_data set_runtime_resource del_runtime_resource update_runtime_resources
clear_runtime_resources get_runtime_resource declare_resource_requirement
get_resource_requirements save_blueprint load_blueprint get_flow_config get_json_flow
get_yaml_flow load_flow_config load_json_flow load_yaml_flow to_mermaid remove_execution"""

EXECUTION = """id run_id started run_context settings get_status get_lifecycle_state is_open
is_sealed is_closed is_idle is_waiting async_start start async_seal async_unseal seal unseal
async_close close async_emit emit async_emit_nowait emit_nowait on off get_last_signal get_state
async_set_state async_append_state async_del_state set_state append_state del_state get_flow_data
set_flow_data append_flow_data del_flow_data async_set_flow_data async_append_flow_data
async_del_flow_data set_runtime_resource get_runtime_resource del_runtime_resource
update_runtime_resources clear_runtime_resources require_runtime_resource get_runtime_resources
declare_resource_requirement get_resource_requirements async_pause_for pause_for
async_continue_with continue_with get_interrupt get_pending_interrupts async_intervene intervene
async_mark_intervention_consumed mark_intervention_consumed get_interventions
get_pending_interventions get_latest_intervention get_sub_flow_frames async_cancel_sub_flow
cancel_sub_flow async_emit_to_sub_flow emit_to_sub_flow save load async_load inspect_load
get_async_runtime_stream get_runtime_stream async_put_into_stream async_stop_stream
put_into_stream stop_stream set_concurrency get_contract get_contract_metadata result set_result
async_get_result get_result get_runtime_data set_runtime_data append_runtime_data
del_runtime_data async_set_runtime_data async_append_runtime_data async_del_runtime_data"""

DATA = """value input inputs event trigger_event type trigger_type execution execution_id settings
signal signal_id signal_source signal_meta signal_info is_resume resume get_state set_state
append_state del_state async_set_state async_append_state async_del_state state flow_state
get_flow_data set_flow_data append_flow_data del_flow_data async_set_flow_data
async_append_flow_data async_del_flow_data get_resource require_resource set_resource
del_resource resources emit async_emit emit_nowait async_emit_nowait put async_put
put_into_stream async_put_into_stream stop_stream async_stop_stream pause_for async_pause_for
continue_with async_continue_with get_interrupt get_pending_interrupts is_waiting get_status
interventions get_interventions get_latest_intervention mark_intervention_consumed
async_mark_intervention_consumed set_result get_result get_runtime_data set_runtime_data
append_runtime_data del_runtime_data get_last_signal"""


async def test_every_documented_member_is_there():
    """On flows, executions and what handlers are given."""

    async def look(data: Any) -> Any:
        return [name for name in DATA.split() if not hasattr(data, name)]

    flow: TriggerFlow[Any, Any, Any] = TriggerFlow()
    execution = held(flow)
    assert [name for name in FLOW.split() if not hasattr(flow, name)] == []
    assert [name for name in EXECUTION.split() if not hasattr(execution, name)] == []
    assert await told(flow, look) == []
