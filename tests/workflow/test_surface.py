# SPDX-License-Identifier: Apache-2.0
"""Every documented name of the workflow front, with its parameters: none disappears unseen.

A row is what users may write. A method may take more than its row says, never less, and what it
takes beside the row must have a default.
"""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest

import holdfast
from holdfast import workflow as front
from holdfast.workflow import WorkflowEvent
from tests.workflow.graphs import build

NAMES = """
    AgentExecutor AgentExecutorRequest AgentExecutorResponse AgentResponse
    Case CheckpointInfo CheckpointManager CheckpointStorage CheckpointSummary CompletionInfo Default
    Edge EdgeCondition EdgeGroup Executor FileCheckpointStorage FunctionExecutor
    InMemoryCheckpointStorage InProcessExecution ResponseStream StartInfo StreamingRun
    SubWorkflowRequestMessage SubWorkflowResponseMessage
    Workflow WorkflowBuilder WorkflowCheckpoint WorkflowContext WorkflowErrorDetails
    WorkflowExecutor WorkflowRunResult WorkflowRunState WorkflowViz
    executor handler response_handler
    ExecutorBypassedEvent ExecutorCompletedEvent ExecutorFailedEvent ExecutorInvokedEvent
    ExecutorRetryEvent
    RequestInfoEvent SuperStepCompletedEvent SuperStepStartedEvent WorkflowCompletedEvent
    WorkflowErrorEvent WorkflowEvent WorkflowEventSource WorkflowFailedEvent
    WorkflowIntermediateEvent WorkflowOutputEvent WorkflowStartedEvent WorkflowStatusEvent
    WorkflowWarningEvent
    EdgeDuplicationError GraphConnectivityError TypeCompatibilityError ValidationTypeEnum
    WorkflowBusy WorkflowCheckpointException WorkflowConvergenceException WorkflowException
    WorkflowRunnerException WorkflowStrictException WorkflowValidationError
"""

#: What ordinary work needs comes from the package itself.
TOP_NAMES = """
    Case CheckpointInfo CheckpointManager CheckpointStorage Default Executor FileCheckpointStorage
    FunctionExecutor InMemoryCheckpointStorage InProcessExecution RequestInfoEvent
    SuperStepCompletedEvent Workflow WorkflowBuilder WorkflowCheckpoint WorkflowCompletedEvent
    WorkflowContext WorkflowEvent WorkflowExecutor WorkflowOutputEvent WorkflowRunResult
    WorkflowRunState executor handler response_handler
"""

BUILDER_OPTIONS = """
    name description max_iterations start_executor checkpoint_storage output_from
    intermediate_output_from strict strict_state on_checkpoint_error
"""

RUN_OPTIONS = """
    stream responses checkpoint_id checkpoint_storage include_status_events fresh resume run_id
    run_context on_graph_change
"""

#: owner, method, "async" or "", positional parameters, keywords.
METHODS = [
    ("Executor", "__init__", "", "id", "type"),
    ("Executor", "can_handle", "", "message", ""),
    ("Executor", "is_request_supported", "", "request_type response_type", ""),
    ("Executor", "on_checkpoint_save", "async", "", ""),
    ("Executor", "on_checkpoint_restore", "async", "state", ""),
    ("Executor", "on_checkpointing", "async", "context", ""),
    ("Executor", "on_checkpoint_restored", "async", "context", ""),
    ("Executor", "on_start", "async", "", ""),
    ("Executor", "reset", "async", "", ""),
    ("Executor", "to_dict", "", "", ""),
    ("FunctionExecutor", "__init__", "", "func id", "input output workflow_output retry timeout_s"),
    (
        "WorkflowBuilder",
        "__init__",
        "",
        "",
        BUILDER_OPTIONS,
    ),
    ("WorkflowBuilder", "register", "", "id factory", ""),
    ("WorkflowBuilder", "add_edge", "", "source target condition", ""),
    ("WorkflowBuilder", "add_fan_out_edges", "", "source targets", ""),
    ("WorkflowBuilder", "add_fan_in_edges", "", "sources target when", ""),
    ("WorkflowBuilder", "add_switch_case_edge_group", "", "source cases", ""),
    ("WorkflowBuilder", "add_multi_selection_edge_group", "", "source targets selection_func", ""),
    ("WorkflowBuilder", "add_chain", "", "executors", ""),
    ("WorkflowBuilder", "build", "", "", ""),
    ("WorkflowBuilder", "set_start_executor", "", "executor", ""),
    ("WorkflowBuilder", "with_checkpointing", "", "storage", ""),
    ("WorkflowBuilder", "set_max_iterations", "", "limit", ""),
    ("WorkflowBuilder", "from_blueprint", "", "blueprint", "executors conditions selections"),
    ("Case", "__init__", "", "condition target", ""),
    ("Default", "__init__", "", "target", ""),
    (
        "Workflow",
        "run",
        "",
        "message",
        RUN_OPTIONS,
    ),
    ("Workflow", "run_streaming", "", "message", ""),
    ("Workflow", "run_stream", "", "message", ""),
    ("Workflow", "run_from_checkpoint", "", "checkpoint_id checkpoint_storage responses", ""),
    (
        "Workflow",
        "run_stream_from_checkpoint",
        "",
        "checkpoint_id checkpoint_storage responses",
        "",
    ),
    ("Workflow", "send_responses", "", "responses", ""),
    ("Workflow", "send_responses_streaming", "", "responses", ""),
    (
        "Workflow",
        "start",
        "async",
        "message",
        "checkpoint_manager run_id fresh run_context",
    ),
    (
        "Workflow",
        "resume",
        "async",
        "info",
        "checkpoint_manager responses run_context on_graph_change",
    ),
    ("Workflow", "reset", "", "", ""),
    ("Workflow", "get_start_executor", "", "", ""),
    ("Workflow", "get_executors_list", "", "", ""),
    ("Workflow", "get_output_executors", "", "", ""),
    ("Workflow", "get_intermediate_executors", "", "", ""),
    ("Workflow", "is_terminal_executor", "", "executor_id", ""),
    ("Workflow", "is_intermediate_executor", "", "executor_id", ""),
    ("Workflow", "get_last_checkpoint_id", "", "", ""),
    ("Workflow", "get_checkpoint_outputs", "async", "checkpoint_id checkpoint_storage", ""),
    ("Workflow", "to_dict", "", "", ""),
    ("Workflow", "to_json", "", "", ""),
    ("Workflow", "save_blueprint", "", "", ""),
    ("WorkflowRunResult", "get_outputs", "", "", ""),
    ("WorkflowRunResult", "get_intermediate_outputs", "", "", ""),
    ("WorkflowRunResult", "get_request_info_events", "", "", ""),
    ("WorkflowRunResult", "get_final_state", "", "", ""),
    ("WorkflowRunResult", "status_timeline", "", "", ""),
    ("WorkflowContext", "send_message", "async", "message target_id", ""),
    ("WorkflowContext", "yield_output", "async", "value", ""),
    ("WorkflowContext", "add_event", "async", "event", ""),
    (
        "WorkflowContext",
        "request_info",
        "async",
        "request_data response_type",
        "request_id deadline default",
    ),
    ("WorkflowContext", "get_state", "", "key default", ""),
    ("WorkflowContext", "set_state", "", "key value", ""),
    ("WorkflowContext", "append_state", "", "key item", ""),
    ("WorkflowContext", "delete_state", "", "key", ""),
    ("WorkflowContext", "queue_state_update", "async", "key value scope", ""),
    ("WorkflowContext", "read_state", "async", "key scope", "default"),
    ("WorkflowContext", "read_or_init_state", "async", "key factory scope", ""),
    ("WorkflowContext", "read_state_keys", "async", "scope", ""),
    ("WorkflowContext", "queue_clear_scope", "async", "scope", ""),
    ("WorkflowContext", "get_source_executor_id", "", "", ""),
    ("WorkflowContext", "get_sent_messages", "", "", ""),
    ("WorkflowContext", "get_yielded_outputs", "", "", ""),
    ("WorkflowContext", "is_streaming", "", "", ""),
    ("WorkflowContext", "request_halt", "", "", ""),
    (
        "WorkflowErrorDetails",
        "__init__",
        "",
        "error_type message traceback executor_id extra",
        "",
    ),
    ("WorkflowErrorDetails", "from_exception", "", "exception", "executor_id extra"),
    ("ResponseStream", "get_final_response", "async", "", ""),
    ("ResponseStream", "aclose", "async", "", ""),
    ("StreamingRun", "watch_stream", "", "", "block_on_pending_request"),
    ("StreamingRun", "restore_checkpoint", "async", "info", ""),
    ("StreamingRun", "send_response", "async", "request_id value", ""),
    ("StreamingRun", "aclose", "async", "", ""),
    ("InProcessExecution", "stream", "async", "workflow input manager", ""),
    ("InProcessExecution", "run", "async", "workflow input manager", ""),
    ("InProcessExecution", "resume", "async", "workflow info manager", ""),
    ("InProcessExecution", "resume_stream", "async", "workflow info manager", ""),
    ("CheckpointManager", "__init__", "", "storage", ""),
    ("CheckpointManager", "commit", "async", "checkpoint", ""),
    ("CheckpointManager", "lookup", "async", "info", ""),
    ("CheckpointManager", "index", "async", "run_id with_parent", ""),
    ("CheckpointManager", "latest", "async", "run_id", ""),
    ("CheckpointStorage", "save", "async", "checkpoint", ""),
    ("CheckpointStorage", "load", "async", "checkpoint_id", ""),
    ("CheckpointStorage", "delete", "async", "checkpoint_id", ""),
    ("CheckpointStorage", "list_checkpoints", "async", "workflow_name", ""),
    ("CheckpointStorage", "list_checkpoint_ids", "async", "workflow_name", ""),
    ("CheckpointStorage", "get_latest", "async", "workflow_name", ""),
    ("FileCheckpointStorage", "list_checkpoints", "async", "workflow_name", "run_id limit"),
    ("FileCheckpointStorage", "list_checkpoint_ids", "async", "workflow_name", "run_id"),
    ("FileCheckpointStorage", "list_infos", "async", "workflow_name", "run_id limit"),
    ("FileCheckpointStorage", "get_latest", "async", "workflow_name", "run_id"),
    ("FileCheckpointStorage", "prune", "async", "run_id", "keep_last"),
    ("FileCheckpointStorage", "delete_run", "async", "run_id", ""),
    ("InMemoryCheckpointStorage", "list_checkpoints", "async", "workflow_name", "run_id limit"),
    ("InMemoryCheckpointStorage", "list_checkpoint_ids", "async", "workflow_name", "run_id"),
    ("InMemoryCheckpointStorage", "list_infos", "async", "workflow_name", "run_id limit"),
    ("InMemoryCheckpointStorage", "get_latest", "async", "workflow_name", "run_id"),
    ("InMemoryCheckpointStorage", "prune", "async", "run_id", "keep_last"),
    ("InMemoryCheckpointStorage", "delete_run", "async", "run_id", ""),
    (
        "WorkflowExecutor",
        "__init__",
        "",
        "workflow id",
        "allow_direct_output propagate_request",
    ),
    ("SubWorkflowRequestMessage", "create_response", "", "data", ""),
    (
        "AgentExecutor",
        "__init__",
        "",
        "agent",
        "session id context_mode context_filter",
    ),
    ("WorkflowViz", "to_mermaid", "", "", "include_internal_executors"),
    ("WorkflowViz", "to_digraph", "", "", "include_internal_executors"),
    ("WorkflowViz", "export", "", "format filename", "include_internal_executors"),
    ("WorkflowViz", "save_svg", "", "filename", ""),
    ("WorkflowViz", "save_png", "", "filename", ""),
    ("WorkflowViz", "save_pdf", "", "filename", ""),
    ("WorkflowEvent", "started", "", "", ""),
    ("WorkflowEvent", "status", "", "state", ""),
    ("WorkflowEvent", "failed", "", "details", ""),
    ("WorkflowEvent", "warning", "", "message", ""),
    ("WorkflowEvent", "error", "", "exception", ""),
    (
        "WorkflowEvent",
        "request_info",
        "",
        "request_id source_executor_id data response_type",
        "",
    ),
    ("WorkflowEvent", "superstep_started", "", "iteration", ""),
    ("WorkflowEvent", "superstep_completed", "", "iteration", ""),
    ("WorkflowEvent", "executor_invoked", "", "executor_id data", ""),
    ("WorkflowEvent", "executor_completed", "", "executor_id data", ""),
    ("WorkflowEvent", "executor_failed", "", "executor_id details", ""),
    ("WorkflowEvent", "executor_bypassed", "", "executor_id data", ""),
    ("WorkflowEvent", "to_dict", "", "", ""),
    ("WorkflowEvent", "from_dict", "", "mapping", "types"),
]

DECORATORS = [
    ("handler", "input output workflow_output retry timeout_s"),
    ("response_handler", "request response output workflow_output retry timeout_s"),
    ("executor", "id input output workflow_output retry timeout_s"),
]

#: owner and what can be read on it, beside the methods.
ATTRIBUTES = [
    ("Executor", "id type input_types output_types workflow_output_types"),
    ("Executor", "is_request_response_capable checkpoint_fields volatile"),
    ("WorkflowContext", "state source_executor_ids request_id run_context"),
    ("StreamingRun", "run run_id status checkpoints last_checkpoint outputs"),
    ("CheckpointInfo", "run_id checkpoint_id"),
    ("WorkflowCheckpoint", "workflow_name graph_signature_hash checkpoint_id run_id timestamp"),
    ("WorkflowCheckpoint", "previous_checkpoint_id iteration_count metadata version"),
    ("CompletionInfo", "checkpoint activated_executors instantiated_executors state_updated"),
    ("CompletionInfo", "has_pending_messages has_pending_requests"),
    ("StartInfo", "sending_executors has_external_messages"),
    ("WorkflowEvent", "origin data executor_id state details iteration"),
    ("WorkflowEvent", "request_id source_executor_id request_type response_type"),
]

WORKFLOW_ATTRIBUTES = """
    id name description executors edge_groups start_executor_id max_iterations graph_signature
    graph_signature_hash status input_types output_types run_id
"""

MODES = {
    "positional": (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD),
    "keyword": (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY),
}


@pytest.mark.parametrize("name", NAMES.split())
def test_the_front_has_each_name(name: str) -> None:
    """And tells it in its list of names."""
    assert hasattr(front, name)
    assert name in front.__all__


@pytest.mark.parametrize("name", TOP_NAMES.split())
def test_what_ordinary_work_needs_comes_from_the_package(name: str) -> None:
    """The same object under both roofs."""
    assert name in holdfast.__all__
    assert getattr(holdfast, name) is getattr(front, name)


@pytest.mark.parametrize(("owner", "name", "how", "positional", "keywords"), METHODS)
def test_each_method_takes_what_is_documented(
    owner: str, name: str, how: str, positional: str, keywords: str
) -> None:
    """Positional ones first and in their order, keywords by name, anything else with a default."""
    # Many parameters because: each is a column of the table.
    found = inspect.getattr_static(getattr(front, owner), name)
    called = getattr(getattr(front, owner), name)
    own = [p for p in inspect.signature(called).parameters.values() if p.name != "self"]
    by_name = {p.name: p for p in own}

    assert [p.name for p in own][: len(positional.split())] == positional.split(), found
    assert all(by_name[each].kind in MODES["positional"] for each in positional.split())
    assert set(keywords.split()) <= set(by_name)
    assert all(by_name[each].kind in MODES["keyword"] for each in keywords.split())
    beside = [p for p in own if p.name not in positional.split() + keywords.split()]
    variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    assert all(p.default is not p.empty or p.kind in variable for p in beside)
    assert inspect.iscoroutinefunction(called) == (how == "async")


@pytest.mark.parametrize(("name", "keywords"), DECORATORS)
def test_each_decorator_is_used_with_and_without_brackets(name: str, keywords: str) -> None:
    """The function comes first and alone; types are keywords, and each has a default."""
    first, *named = inspect.signature(getattr(front, name)).parameters.values()

    assert first.kind is inspect.Parameter.POSITIONAL_ONLY
    assert first.default is None
    assert [p.name for p in named] == keywords.split()
    assert all(p.kind is inspect.Parameter.KEYWORD_ONLY and p.default is None for p in named)


@pytest.mark.parametrize(("owner", "names"), ATTRIBUTES)
def test_what_can_be_read_is_there(owner: str, names: str) -> None:
    """Properties and fields."""
    cls: Any = getattr(front, owner)
    fields = {*getattr(cls, "__dataclass_fields__", ()), *dir(cls)}
    assert [name for name in names.split() if name not in fields] == []


def test_a_workflow_shows_what_it_is() -> None:
    """Read only: a definition does not change."""
    workflow = build("a>b")
    assert [name for name in WORKFLOW_ATTRIBUTES.split() if not hasattr(workflow, name)] == []
    assert workflow.start_executor_id == workflow.get_start_executor().id == "a"
    assert list(workflow.executors) == [one.id for one in workflow.get_executors_list()]
    with pytest.raises(AttributeError):
        workflow.name = "another"  # type: ignore[misc]


def test_what_was_renamed_is_one_class() -> None:
    """The first name of a result's event."""
    assert front.WorkflowCompletedEvent is front.WorkflowOutputEvent
    assert isinstance(WorkflowEvent.output("a", 1), front.WorkflowCompletedEvent)


def test_storages_take_the_documented_arguments(tmp_path: Path) -> None:
    """A path as text or as an object, and types that may be kept."""
    for where in (tmp_path / "one", str(tmp_path / "two")):
        assert isinstance(front.FileCheckpointStorage(where), front.CheckpointStorage)
    assert isinstance(front.InMemoryCheckpointStorage(), front.CheckpointStorage)


def test_error_classes_stand_in_their_family() -> None:
    """Whoever catches the base catches them all; each is what the language would raise too."""
    runner, invalid = front.WorkflowRunnerException, front.WorkflowValidationError
    for one in (
        front.WorkflowConvergenceException,
        front.WorkflowCheckpointException,
        front.WorkflowBusy,
    ):
        assert issubclass(one, runner)
    for two in (
        front.EdgeDuplicationError,
        front.TypeCompatibilityError,
        front.GraphConnectivityError,
    ):
        assert issubclass(two, invalid)
    assert issubclass(runner, front.WorkflowException)
    assert issubclass(runner, RuntimeError)
    assert issubclass(invalid, front.WorkflowException)
    assert issubclass(invalid, ValueError)
