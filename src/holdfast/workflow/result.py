# SPDX-License-Identifier: Apache-2.0
"""What a finished run call gives back: its events as a list, and questions about them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from holdfast.errors import RunError
from holdfast.workflow.event_data import WorkflowRunState
from holdfast.workflow.events import (
    RequestInfoEvent,
    WorkflowEvent,
    WorkflowIntermediateEvent,
    WorkflowOutputEvent,
    WorkflowStartedEvent,
    WorkflowStatusEvent,
)


class WorkflowRunResult(list[WorkflowEvent]):
    """The events of one run call, in order.

    status_events: the states the run went through; they need not be among the events.
    earlier_outputs: what the run had yielded before this call, when it was resumed.
    run_id: of the run; None if the call ended before there was one.
    """

    def __init__(
        self,
        events: Iterable[WorkflowEvent] = (),
        status_events: Iterable[WorkflowStatusEvent] = (),
        *,
        earlier_outputs: Sequence[Any] = (),
        run_id: str | None = None,
    ) -> None:
        super().__init__(events)
        self.run_id = run_id
        self._status_events = list(status_events)
        self._earlier_outputs = tuple(earlier_outputs)

    def get_outputs(self) -> list[Any]:
        """Give all outputs of the run so far, those from before a resume included."""
        outputs = [event.data for event in self if isinstance(event, WorkflowOutputEvent)]
        return [*self._earlier_outputs, *outputs]

    def get_intermediate_outputs(self) -> list[Any]:
        """Give what executors yielded on the way, in this call."""
        return [event.data for event in self if isinstance(event, WorkflowIntermediateEvent)]

    def get_request_info_events(self) -> list[RequestInfoEvent]:
        """Give the questions that this call asked or showed again."""
        return [event for event in self if isinstance(event, RequestInfoEvent)]

    def get_final_state(self) -> WorkflowRunState:
        """Give the state the run is in now. Raises: RunError if no state was recorded."""
        if not self._status_events:
            raise RunError(
                "No state of the run was recorded", hint="Take the result that run(...) returns."
            )
        return self._status_events[-1].state

    def status_timeline(self) -> list[WorkflowStatusEvent]:
        """Give the states the run went through, in order."""
        return list(self._status_events)


def collected(
    events: list[WorkflowEvent],
    earlier: Sequence[Any] = (),
    *,
    run_id: str | None,
    with_status: bool,
) -> WorkflowRunResult:
    """The result of a call that was not watched: without `started`, and without states unless."""
    # By class alone: only the engine sends these, and there are several events to a step.
    statuses = [event for event in events if event.__class__ is WorkflowStatusEvent]
    hidden = _STARTED if with_status else _QUIET
    shown = [event for event in events if event.__class__ not in hidden]
    return WorkflowRunResult(shown, statuses, earlier_outputs=earlier, run_id=run_id)


_STARTED = frozenset((WorkflowStartedEvent,))
_QUIET = _STARTED | {WorkflowStatusEvent}
