# SPDX-License-Identifier: Apache-2.0
"""The face of event flows: every documented name is there, with its parameters and its twin."""

from __future__ import annotations

import inspect
from typing import Any, get_args

import pytest

import holdfast
from holdfast import triggerflow
from holdfast.triggerflow import Chunk, Execution, Process, TriggerFlow, TriggerFlowRuntimeData
from holdfast.triggerflow.result import ExecutionResult
from holdfast.triggerflow.seen_signal import Resume
from holdfast.triggerflow.signal import Signal
from holdfast.triggerflow.views import StateView

NAMES = (
    "TriggerFlow",
    "TriggerFlowBlueprint",
    "TriggerFlowContractSpec",
    "TriggerFlowEventData",
    "TriggerFlowInterruptEvent",
    "TriggerFlowIntervention",
    "TriggerFlowInterventionEvent",
    "TriggerFlowRuntimeData",
    "TriggerFlowSystemStreamEvent",
)

OPERATORS = {
    "to": "target, side_branch=False, name=None",
    "side_branch": "target, *, name=None",
    "to_sub_flow": "flow, *, side_branch=False, name=None, capture=None, write_back=None, "
    "concurrency=None",
    "when": "trigger, *, mode='and'",
    "batch": "*targets, side_branch=False, concurrency=None, name=None",
    "for_each": "*, concurrency=None, name=None",
    "match": "*, mode='hit_first', name=None",
    "if_condition": "condition",
    "intervention_point": "*, name, target=None",
}
STATE = {
    "get_state": "key=None, default=None, *, inherit=True",
    "async_set_state": "key, value, *, emit=True",
    "async_append_state": "key, value, *, emit=True",
    "async_del_state": "key, *, emit=True",
    "get_runtime_data": "key=None, default=None",
    "async_set_runtime_data": "key, value, *, emit=True",
    "async_append_runtime_data": "key, value, *, emit=True",
    "async_del_runtime_data": "key, *, emit=True",
}
FLOW_DATA = {
    "get_flow_data": "key=None, default=None, *, inherit=True, no_warning=False",
    "async_set_flow_data": "key, value, *, emit=True, no_warning=False",
    "async_append_flow_data": "key, value, *, emit=True, no_warning=False",
    "async_del_flow_data": "key, *, emit=True, no_warning=False",
}
RESOURCES = {
    "set_runtime_resource": "key, value",
    "get_runtime_resource": "key, default=None",
    "del_runtime_resource": "key",
    "update_runtime_resources": "mapping=None, **more",
    "clear_runtime_resources": "",
    "declare_resource_requirement": "key, *, kind='runtime_resource', required=True, "
    "metadata=None, resolver=None, provider_kind=None, secret_ref=None, config_ref=None, "
    "resolver_version=None, resolver_fingerprint=None, health=None, fail_policy=None",
    "get_resource_requirements": "",
}
CONTRACTS = {"get_contract": "", "get_contract_metadata": ""}
SIGNALS = {
    "async_emit": "event, value=None, *, trigger_type='event'",
    "async_emit_nowait": "event, value=None, *, trigger_type='event'",
    "get_last_signal": "",
}
PAUSES = {
    "async_pause_for": "*, type='pause', payload=None, resume_to=None, resume_event=None, "
    "interrupt_id=None, max_resumes=1, response_schema=None, deadline=None, default, "
    "timeout_event=None, exchange_kind=None",
    "async_continue_with": "interrupt_id, value=None, *, resume_request_id=None, actor=None",
    "get_interrupt": "interrupt_id",
    "get_pending_interrupts": "",
    "is_waiting": "",
    "get_status": "",
}
RESULTS = {"set_result": "value", "async_get_result": "*, timeout=None"}
STREAM = {"async_put_into_stream": "item", "async_stop_stream": ""}
INTERVENTIONS = {
    "get_interventions": "status=None, target=None, since_version=None",
    "get_latest_intervention": "default=None, **filters",
}

FLOW = {
    **OPERATORS,
    **FLOW_DATA,
    **RESOURCES,
    **CONTRACTS,
    "__init__": "blueprint=None, name=None, skip_exceptions=False",
    "name": None,
    "settings": None,
    "chunks": None,
    "chunk": "target",
    "register_chunk_handler": "function, *, name=None",
    "register_condition_handler": "function, *, name=None",
    "create_execution": "*, skip_exceptions=None, concurrency=None, runtime_resources=None, "
    "auto_close, auto_close_timeout, store=None, run_id=None, intervention_mode, "
    "intervention_policy=None, resume_handle_exposed=True",
    "async_start": "value=None, *, timeout=None, auto_close=True, auto_close_timeout=0.0, "
    "concurrency=None, runtime_resources=None, wait_for_result",
    "async_start_execution": "value, *, timeout=None, wait_for_result, **options",
    "get_async_runtime_stream": "value=None, *, timeout=10.0, concurrency=None, "
    "runtime_resources=None",
    "get_runtime_stream": "value=None, *, timeout=10.0, concurrency=None, runtime_resources=None",
    "set_contract": "*, initial_input, stream, result, meta",
    "save_blueprint": "",
    "load_blueprint": "blueprint",
    "get_flow_config": "*, validate_serializable=True",
    "get_json_flow": "save_to=None, *, encoding='utf-8'",
    "get_yaml_flow": "save_to=None, *, encoding='utf-8'",
    "load_flow_config": "config, *, replace=True",
    "load_json_flow": "source, *, replace=True, encoding='utf-8'",
    "load_yaml_flow": "source, *, replace=True, encoding='utf-8'",
    "load_json_flow_file": "path, *, replace=True, encoding='utf-8'",
    "load_yaml_flow_file": "path, *, replace=True, encoding='utf-8'",
    "to_mermaid": "*, mode='simplified'",
    "remove_execution": "execution",
}
PROCESS = {
    **OPERATORS,
    "end_for_each": "",
    "case": "condition",
    "case_else": "",
    "end_match": "",
    "elif_condition": "condition",
    "else_condition": "",
    "end_condition": "",
    "collect": "name, branch_id=None, *, mode='filled_and_update'",
    "end": "",
    "____": "*notes, log_info=False, print_info=False, show_value=False, **named",
    "trigger_event": None,
    "trigger_type": None,
}
CHUNK = {
    "id": None,
    "name": None,
    "trigger": None,
    "emit_signals": None,
    "declare_emits": "*names",
    "call": "data",
    "async_call": "data",
}
EXECUTION = {
    **STATE,
    **FLOW_DATA,
    **RESOURCES,
    **CONTRACTS,
    **SIGNALS,
    **PAUSES,
    **RESULTS,
    **STREAM,
    **INTERVENTIONS,
    "id": None,
    "run_id": None,
    "started": None,
    "run_context": None,
    "settings": None,
    "result": None,
    "get_lifecycle_state": "",
    "is_open": "",
    "is_sealed": "",
    "is_closed": "",
    "is_idle": "",
    "async_start": "value=None, *, timeout=None, wait_for_result",
    "async_seal": "*, reason='manual'",
    "async_unseal": "*, reason='manual'",
    "async_close": "*, reason='manual', timeout=None, seal=True, pending_interrupts='error'",
    "on": "event, handler, *, trigger_type='event', binding_id=None, handler_ref=None, "
    "metadata=None, durable=True",
    "off": "binding_id, *, trigger_type=None, trigger_event=None",
    "require_runtime_resource": "key",
    "get_runtime_resources": "",
    "async_intervene": "payload, *, author=None, note=None, target=None, metadata=None",
    "async_mark_intervention_consumed": "intervention_id, *, consumer, status='applied', "
    "note=None, metadata=None",
    "get_pending_interventions": "target=None",
    "get_sub_flow_frames": "",
    "async_cancel_sub_flow": "frame_id, *, reason='manual'",
    "async_emit_to_sub_flow": "frame_id, event, value=None, *, trigger_type='event'",
    "save": "path=None, *, encoding='utf-8', require_idle=False",
    "load": "state, *, encoding='utf-8', runtime_resources=None, validate_resources=False",
    "async_load": "state, *, encoding='utf-8', runtime_resources=None, require_resources=True",
    "inspect_load": "state, *, encoding='utf-8', runtime_resources=None",
    "async_resume": "",
    "async_release": "",
    "get_async_runtime_stream": "value=None, *, timeout=10.0",
    "get_runtime_stream": "value=None, *, timeout=10.0",
    "set_concurrency": "concurrency",
}
DATA = {
    **STATE,
    **FLOW_DATA,
    **SIGNALS,
    **PAUSES,
    **RESULTS,
    **STREAM,
    **INTERVENTIONS,
    **dict.fromkeys(("value", "input", "inputs", "event", "trigger_event", "type", "trigger_type")),
    **dict.fromkeys(("execution", "execution_id", "settings", "state", "flow_state", "resources")),
    **dict.fromkeys(("signal", "signal_id", "signal_source", "signal_meta", "signal_info")),
    **dict.fromkeys(("is_resume", "resume", "interventions")),
    "get_resource": "key, default=None",
    "require_resource": "key",
    "set_resource": "key, value",
    "del_resource": "key",
    "async_put": "item",
    "async_mark_intervention_consumed": "intervention_id, *, consumer=None, status='applied', "
    "note=None, metadata=None",
}
VIEW = {
    "get": "key, default=None",
    **dict.fromkeys(("set", "append", "async_set", "async_append"), "key, value"),
    **dict.fromkeys(("delete", "async_del"), "key"),
    **dict.fromkeys(("to_dict", "keys", "values", "items", "__len__", "__iter__"), ""),
    **dict.fromkeys(("__getitem__", "__contains__"), "key"),
}
RESULT = {
    "get_state": "key=None, default=None",
    "async_get_final_result": "timeout=None",
    "get_interventions": "status=None, target=None, since_version=None, consumed_by=None",
    "get_latest_intervention": "default=None, **filters",
    "get_meta": "",
}
RESUME = {"to_dict": "", **dict.fromkeys(("value", "interrupt_id", "interrupt", "origin_signal"))}
SIGNAL = {"to_dict": "", **dict.fromkeys(("event", "type", "source", "meta"))}

FACE: tuple[tuple[type, dict[str, str | None]], ...] = (
    (TriggerFlow, FLOW),
    (Process, PROCESS),
    (Chunk, CHUNK),
    (Execution, EXECUTION),
    (TriggerFlowRuntimeData, DATA),
    (StateView, VIEW),
    (ExecutionResult, RESULT),
    (Resume, RESUME),
    (Signal, SIGNAL),
)
#: Attributes that only an object has, not its class.
SET_AT_BIRTH = {"name", "settings", "id"}
#: Async names that stand alone: what they wait for may take as long as it likes.
WITHOUT_TWIN = {"async_load", "async_resume", "async_release"}


def _rows() -> list[Any]:
    return [
        pytest.param(owner, name, wanted, id=f"{owner.__name__}.{name}")
        for owner, names in FACE
        for name, wanted in names.items()
    ]


def _asked(text: str) -> inspect.Signature:
    """The signature that a row of the table stands for; `...` where it names no default."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    seen_default = False
    for at, part in enumerate(parts):
        if part.startswith("*"):
            seen_default = False
        elif "=" in part:
            seen_default = True
        elif seen_default:
            parts[at] = f"{part}=..."
    made: dict[str, Any] = {}
    exec(f"def asked({', '.join(parts)}): pass", made)
    return inspect.signature(made["asked"])


def _parameters(owner: type, name: str) -> dict[str, inspect.Parameter]:
    found = dict(inspect.signature(getattr(owner, name)).parameters)
    found.pop("self", None)
    return found


@pytest.mark.parametrize("name", NAMES)
def test_a_documented_type_can_be_imported(name: str):
    """From the package of event flows; the three that handlers need from the top as well."""
    assert name in triggerflow.__all__
    assert getattr(triggerflow, name) is not None
    if name in ("TriggerFlow", "TriggerFlowEventData", "TriggerFlowRuntimeData"):
        assert getattr(holdfast, name) is getattr(triggerflow, name)


@pytest.mark.parametrize(("owner", "name", "wanted"), _rows())
def test_a_documented_member_is_there_with_its_parameters(
    owner: type, name: str, wanted: str | None
):
    """Names, order of what goes by position, and defaults; more parameters may be there."""
    if wanted is None:
        assert hasattr(owner, name) or name in SET_AT_BIRTH
        return
    found = _parameters(owner, name)
    by_position = [p.name for p in found.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
    place = 0
    for asked in _asked(wanted).parameters.values():
        if asked.kind in (asked.VAR_POSITIONAL, asked.VAR_KEYWORD):
            assert asked.kind in {each.kind for each in found.values()}
            continue
        assert asked.name in found
        if asked.kind is asked.POSITIONAL_OR_KEYWORD and found[asked.name].kind is asked.kind:
            assert by_position[place] == asked.name
            place += 1
        if asked.default not in (asked.empty, ...):
            assert found[asked.name].default == asked.default


def test_names_that_only_an_object_has_are_on_the_object():
    """They are set when it is made."""
    flow = TriggerFlow(name="face")
    chunk = flow.chunk(lambda data: data)
    execution = flow.create_execution()

    assert flow.name == "face"
    assert flow.settings == {}
    assert chunk.id == chunk.name
    assert execution.id


def _twins() -> list[Any]:
    return [
        pytest.param(owner, name, id=f"{owner.__name__}.{name}")
        for owner, names in FACE
        for name in names
        if name.startswith("async_") and owner is not StateView and name not in WITHOUT_TWIN
    ]


@pytest.mark.parametrize(("owner", "name"), _twins())
def test_an_async_member_has_a_blocking_twin(owner: type, name: str):
    """Of the same name without its prefix, which takes the same arguments and is not async."""
    twin = name.removeprefix("async_")
    assert inspect.iscoroutinefunction(getattr(owner, name))
    assert not inspect.iscoroutinefunction(getattr(owner, twin))
    found = _parameters(owner, twin)
    passes_on = any(each.kind is each.VAR_KEYWORD for each in found.values())
    for asked in _parameters(owner, name).values():
        if passes_on and asked.kind is asked.KEYWORD_ONLY:
            continue
        assert found[asked.name].kind is asked.kind
        assert found[asked.name].default == asked.default


def test_the_two_names_of_what_a_handler_gets_are_one_class():
    """A handler annotated with either takes both."""
    assert triggerflow.TriggerFlowEventData is TriggerFlowRuntimeData
    assert get_args(TriggerFlowRuntimeData[int, str, bytes]) == (int, str, bytes)
    assert get_args(TriggerFlow[int, str, bytes]) == (int, str, bytes)
