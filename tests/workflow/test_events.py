# SPDX-License-Identifier: Apache-2.0
"""Events: a class for each type, fixed types, and equality by type and fields."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

from holdfast.workflow.event_data import WorkflowErrorDetails, WorkflowRunState
from holdfast.workflow.events import (
    RESERVED_TYPES,
    CustomEvent,
    ExecutorBypassedEvent,
    ExecutorCompletedEvent,
    ExecutorFailedEvent,
    ExecutorInvokedEvent,
    RequestInfoEvent,
    SuperStepCompletedEvent,
    SuperStepStartedEvent,
    WorkflowCompletedEvent,
    WorkflowErrorEvent,
    WorkflowEvent,
    WorkflowEventSource,
    WorkflowFailedEvent,
    WorkflowIntermediateEvent,
    WorkflowOutputEvent,
    WorkflowStartedEvent,
    WorkflowStatusEvent,
    WorkflowWarningEvent,
)

DETAILS = WorkflowErrorDetails("ValueError", "no")
ERROR = ValueError("no")
IDLE = WorkflowRunState.IDLE
FRAMEWORK, EXECUTOR = WorkflowEventSource.FRAMEWORK, WorkflowEventSource.EXECUTOR

#: type, class, made by the factory, fields of the general constructor, who speaks
KINDS: list[tuple[str, type[WorkflowEvent], WorkflowEvent, dict[str, Any], Any]] = [
    ("started", WorkflowStartedEvent, WorkflowEvent.started(), {}, FRAMEWORK),
    ("status", WorkflowStatusEvent, WorkflowEvent.status(IDLE), {"state": IDLE}, FRAMEWORK),
    ("failed", WorkflowFailedEvent, WorkflowEvent.failed(DETAILS), {"details": DETAILS}, FRAMEWORK),
    ("warning", WorkflowWarningEvent, WorkflowEvent.warning("w"), {"data": "w"}, FRAMEWORK),
    ("error", WorkflowErrorEvent, WorkflowEvent.error(ERROR), {"data": ERROR}, FRAMEWORK),
    (
        "output",
        WorkflowOutputEvent,
        WorkflowEvent.output("a", 1),
        {"executor_id": "a", "data": 1},
        EXECUTOR,
    ),
    (
        "intermediate",
        WorkflowIntermediateEvent,
        WorkflowEvent.intermediate("a", 1),
        {"executor_id": "a", "data": 1},
        EXECUTOR,
    ),
    (
        "request_info",
        RequestInfoEvent,
        WorkflowEvent.request_info("r", "a", "sure?", bool),
        {"request_id": "r", "source_executor_id": "a", "data": "sure?", "response_type": bool},
        EXECUTOR,
    ),
    (
        "executor_invoked",
        ExecutorInvokedEvent,
        WorkflowEvent.executor_invoked("a", 1),
        {"executor_id": "a", "data": 1},
        FRAMEWORK,
    ),
    (
        "executor_completed",
        ExecutorCompletedEvent,
        WorkflowEvent.executor_completed("a", [1]),
        {"executor_id": "a", "data": [1]},
        FRAMEWORK,
    ),
    (
        "executor_failed",
        ExecutorFailedEvent,
        WorkflowEvent.executor_failed("a", DETAILS),
        {"executor_id": "a", "details": DETAILS},
        FRAMEWORK,
    ),
    (
        "executor_bypassed",
        ExecutorBypassedEvent,
        WorkflowEvent.executor_bypassed("a", 1),
        {"executor_id": "a", "data": 1},
        EXECUTOR,
    ),
    (
        "superstep_started",
        SuperStepStartedEvent,
        WorkflowEvent.superstep_started(1),
        {"iteration": 1},
        FRAMEWORK,
    ),
    (
        "superstep_completed",
        SuperStepCompletedEvent,
        WorkflowEvent.superstep_completed(2),
        {"iteration": 2},
        FRAMEWORK,
    ),
]


@pytest.mark.parametrize(("name", "kind", "made", "fields", "origin"), KINDS)
def test_each_type_has_a_class_of_its_own(
    name: str, kind: type[WorkflowEvent], made: WorkflowEvent, fields: dict[str, Any], origin: Any
) -> None:
    """Factory, class and general constructor give equal events that tell their type and origin."""
    general = WorkflowEvent(name, **fields)

    assert type(general) is type(made) is kind
    assert general == made
    assert isinstance(made, WorkflowEvent)
    assert made.type == name
    assert made.origin is origin
    for field, value in fields.items():
        assert getattr(made, field) == value
        assert f"{field}={value!r}" in repr(made)


@pytest.mark.parametrize(("name", "kind", "made", "fields", "origin"), KINDS)
def test_an_event_can_be_copied_and_sent_to_another_process(
    name: str, kind: type[WorkflowEvent], made: WorkflowEvent, fields: dict[str, Any], origin: Any
) -> None:
    """Copies are equal events of the same class."""
    assert copy.copy(made) == made
    if kind is not WorkflowErrorEvent:  # two exceptions are never equal
        assert copy.deepcopy(made) == made
        assert pickle.loads(pickle.dumps(made)) == made


def test_what_another_type_would_carry_reads_as_none() -> None:
    """Only the fields of a request are refused on other types."""
    event = WorkflowEvent.superstep_started(3)

    assert (event.data, event.executor_id, event.state, event.details) == (None,) * 4
    assert WorkflowEvent.output("a", 1).iteration is None


@pytest.mark.parametrize(
    "name", ["request_id", "source_executor_id", "request_type", "response_type"]
)
@pytest.mark.parametrize("event", [WorkflowEvent.output("a", 1), WorkflowEvent("mine")])
def test_request_fields_are_refused_on_other_types(name: str, event: WorkflowEvent) -> None:
    """Asking a wrong event for its request is a mistake, not a None."""
    with pytest.raises(RuntimeError, match=f"{name} is on request_info events only"):
        getattr(event, name)


def test_the_type_of_a_request_is_that_of_its_data_unless_given() -> None:
    """A request shown again after a restart may carry the type it had."""
    assert WorkflowEvent.request_info("r", "a", "sure?", bool).request_type is str
    assert RequestInfoEvent("sure?", "r", "a", bool, object).request_type is object


def test_a_failed_executor_gives_its_details_as_data_too() -> None:
    """Watchers that read only data see the error."""
    assert WorkflowEvent.executor_failed("a", DETAILS).data is DETAILS


def test_custom_types_pass_through() -> None:
    """A type that is not ours makes an event of that type, spoken by an executor."""
    event = WorkflowEvent("progress", data=0.5, executor_id="a")

    assert isinstance(event, CustomEvent)
    assert (event.type, event.data, event.executor_id) == ("progress", 0.5, "a")
    assert event.origin is EXECUTOR
    assert event == WorkflowEvent("progress", 0.5, executor_id="a")
    assert event != WorkflowEvent("progress", 0.6, executor_id="a")
    assert copy.deepcopy(event) == event


def test_a_subclass_of_ones_own_is_an_event() -> None:
    """Users may derive their own class and add fields to it."""

    class Progress(WorkflowEvent):
        def __init__(self, share: float) -> None:
            super().__init__("progress", data=share)
            self.share = share

    event = Progress(0.5)
    assert (event.type, event.data, event.share) == ("progress", 0.5, 0.5)
    assert isinstance(event, WorkflowEvent)
    assert copy.copy(event) == event


def test_events_of_different_classes_or_fields_differ() -> None:
    """Equality is by type and fields."""
    assert WorkflowEvent.output("a", 1) != WorkflowEvent.intermediate("a", 1)
    assert WorkflowEvent.output("a", 1) != WorkflowEvent.output("b", 1)
    assert WorkflowEvent.output("a", 1) != "output"


def test_a_field_that_the_type_does_not_have_is_refused() -> None:
    """Nothing is swallowed."""
    with pytest.raises(TypeError):
        WorkflowEvent("started", iteration=1)


def test_the_first_name_of_the_output_event_still_works() -> None:
    """A finished workflow's result had another name once."""
    assert WorkflowCompletedEvent is WorkflowOutputEvent


def test_the_engine_keeps_some_types_to_itself() -> None:
    """Executors cannot announce the start, state, failure or outputs of a run."""
    assert {"started", "status", "failed", "output", "intermediate"} == RESERVED_TYPES
