# SPDX-License-Identifier: Apache-2.0
"""The result of a run call: a list of events with questions about them."""

from __future__ import annotations

import pytest

from holdfast.workflow.event_data import WorkflowRunState
from holdfast.workflow.events import WorkflowEvent, WorkflowStatusEvent
from holdfast.workflow.result import WorkflowRunResult

EVENTS = [
    WorkflowEvent.executor_invoked("a", 0),
    WorkflowEvent.output("a", 1),
    WorkflowEvent.intermediate("a", 2),
    WorkflowEvent.request_info("r", "a", "sure?", bool),
    WorkflowEvent.output("b", 3),
]
STATES = [
    WorkflowStatusEvent(WorkflowRunState.IN_PROGRESS),
    WorkflowStatusEvent(WorkflowRunState.IDLE_WITH_PENDING_REQUESTS),
]


def test_a_result_is_the_list_of_events() -> None:
    """Events keep their order and can be read as any list."""
    assert list(WorkflowRunResult(EVENTS)) == EVENTS
    assert WorkflowRunResult() == []


def test_outputs_progress_and_requests_are_picked_out() -> None:
    """Each question gives its kind only, in order."""
    result = WorkflowRunResult(EVENTS)

    assert result.get_outputs() == [1, 3]
    assert result.get_intermediate_outputs() == [2]
    assert result.get_request_info_events() == [EVENTS[3]]


def test_outputs_from_before_a_resume_come_first() -> None:
    """The outputs of a resumed run are complete, though earlier events are not shown again."""
    assert WorkflowRunResult(EVENTS, earlier_outputs=[0]).get_outputs() == [0, 1, 3]


def test_the_final_state_is_the_last_one_recorded() -> None:
    """States are recorded even when they are not among the events."""
    result = WorkflowRunResult(EVENTS, STATES)

    assert result.get_final_state() is WorkflowRunState.IDLE_WITH_PENDING_REQUESTS
    assert result.status_timeline() == STATES
    assert WorkflowRunResult(EVENTS).status_timeline() == []


def test_without_a_recorded_state_there_is_no_final_one() -> None:
    """A result that was not made by a run says so."""
    with pytest.raises(RuntimeError, match="No state"):
        WorkflowRunResult(EVENTS).get_final_state()
