# SPDX-License-Identifier: Apache-2.0
"""The values inside events."""

from __future__ import annotations

from holdfast.workflow.event_data import (
    CheckpointInfo,
    CompletionInfo,
    StartInfo,
    WorkflowErrorDetails,
    WorkflowRunState,
)


def test_an_exception_is_described_with_message_and_traceback() -> None:
    """Watchers see what was raised, where, and by whose handler; nothing is blanked."""

    def fail() -> None:
        raise ValueError("no such order")

    try:
        fail()
    except ValueError as error:
        details = WorkflowErrorDetails.from_exception(error, executor_id="a", extra={"n": 1})

    assert (details.error_type, details.message) == ("ValueError", "no such order")
    assert details.traceback is not None
    assert "in fail" in details.traceback
    assert (details.executor_id, details.extra) == ("a", {"n": 1})


def test_a_checkpoint_is_named_by_run_and_id() -> None:
    """Infos are values: equal ones are the same, and they can be keys."""
    info = CheckpointInfo("run-1", "cp-1")

    assert info == CheckpointInfo(run_id="run-1", checkpoint_id="cp-1")
    assert {info: 1}[CheckpointInfo("run-1", "cp-1")] == 1


def test_a_step_without_checkpointing_has_no_checkpoint() -> None:
    """Everything about a step has a value that says nothing happened."""
    assert CompletionInfo().checkpoint is None
    assert CompletionInfo().activated_executors == ()
    assert not StartInfo().has_external_messages


def test_run_states_are_text() -> None:
    """A state compares equal to its name."""
    assert WorkflowRunState.IDLE == "IDLE"
    assert [state.value for state in WorkflowRunState] == [
        "STARTED",
        "IN_PROGRESS",
        "IN_PROGRESS_PENDING_REQUESTS",
        "IDLE",
        "IDLE_WITH_PENDING_REQUESTS",
        "FAILED",
        "CANCELLED",
    ]
