# SPDX-License-Identifier: Apache-2.0
"""What a handler holds: it sends, yields, asks, and reads and writes shared state."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from holdfast.errors import RunError
from holdfast.machine import waits
from holdfast.machine.run import MISSING
from holdfast.machine.state import named_space, private_space
from holdfast.runtime.step_face import StepFace
from holdfast.runtime.steps import Caller
from holdfast.runtime.timers import Deadline
from holdfast.workflow.call import HandlerCall, Terms
from holdfast.workflow.call_state import SharedState, checked_key
from holdfast.workflow.context_types import ContextAnnotations, OutT_contra, W_OutT_contra
from holdfast.workflow.events import RESERVED_TYPES, WorkflowEvent, WorkflowWarningEvent


class WorkflowContext(StepFace, ContextAnnotations[OutT_contra, W_OutT_contra]):
    """One handler call's access to its run.

    `WorkflowContext[A, B]` says that the handler may send A and yield B. What it sends and writes
    becomes visible to others at the end of the superstep.
    """

    __slots__ = ("_own",)

    def __init__(self, call: HandlerCall) -> None:
        self._own = call

    @property
    def _call(self) -> HandlerCall:
        if self._own.late is not None:
            raise self._own.late
        return self._own

    async def send_message(self, message: Any, target_id: str | None = None) -> None:
        """Send a message along the edges of this executor, or along the one to target_id.

        Raises: ValueRefused in a kept run, for a message that would not come back; AnswerRefused
        for a response to a sub-workflow that is not of the type it asked for.
        """
        self._call.send(message, target_id)

    async def yield_output(self, value: Any) -> None:
        """Give a value out of the workflow: a result, or progress, as the builder designated."""
        self._call.give_out(value)

    async def add_event(self, event: WorkflowEvent) -> None:
        """Put an event of your own into the stream; one that only the engine sends is refused."""
        if event.type in RESERVED_TYPES:
            text = f"executor {self._id!r} may not send events of type {event.type!r}"
            self._call.publish(WorkflowWarningEvent(text))
            return
        self._call.publish(event)

    def _stepping(self) -> Caller:
        call = self._call
        return Caller(call.graph, call.delivery, call.attempt)

    @property
    def _id(self) -> str:
        return self._call.delivery.node

    @property
    def source_executor_ids(self) -> list[str]:
        """Who sent what this call handles; "internal:<id>" for the input and for responses.

        In a sub-workflow, what came from outside of it is its input.
        """
        return list(self._call.sources())

    def get_source_executor_id(self) -> str:
        """The one sender. Raises: RunError, a RuntimeError, if there are several."""
        sources = self._call.sources()
        if len(sources) != 1:
            raise RunError(f"this message has {len(sources)} senders: {', '.join(sources)}")
        return sources[0]

    def get_sent_messages(self) -> list[Any]:
        """What this call has sent so far."""
        return [message.value for message in self._call.sent]

    def get_yielded_outputs(self) -> list[Any]:
        """What this call has yielded so far."""
        return [value for _, value, _ in self._call.outputs]

    def is_streaming(self) -> bool:
        """Whether the caller of the run watches its events as they come."""
        return self._call.is_streaming

    @property
    def run_context(self) -> Mapping[str, Any]:
        """What the caller of the run gave with run_context=, or an engine as resources.

        Live objects belong there: it is never saved, so whoever resumes the run gives it again.
        """
        return self._call.run_context

    @property
    def attempt(self) -> int:
        """How often this delivery may have been begun before; 0 only if it surely was not."""
        return self._call.delivery.attempt

    @property
    def failures(self) -> int:
        """How many calls of this delivery have failed; with `retry=`, more than one can."""
        return self._call.delivery.failures

    @property
    def request_id(self) -> str | None:
        """In a response handler, the id of the request that was answered."""
        key = self._call.delivery.wait
        return None if key is None else waits.id_of(key)

    async def request_info(
        self,
        request_data: Any,
        response_type: Any,
        *,
        request_id: str | None = None,
        deadline: Deadline | None = None,
        default: Any = MISSING,
    ) -> None:
        """Ask the outside world, and go on; the answer comes to a response handler.

        The question is saved before anybody is told. A repeat of this handler that asks the same
        again finds the question that is open. deadline: seconds or a timedelta from now, or an
        aware datetime; when it passes, the response handler gets the default, or the request
        expires with a warning. Raises: WaitExists for an id that is in use, DefinitionError (a
        ValueError) for a deadline or a default that cannot be.
        """
        # Many parameters because: they are the documented keywords of a request.
        terms = Terms(response_type, request_id, deadline, default)
        await self._call.ask(request_data, terms)

    def request_halt(self) -> None:
        """Let the run rest when this superstep has ended, although messages are waiting.

        It goes on with `run(resume=True)`, and with any answer from outside.
        """
        self._call.may_change("ask for a halt")
        self._call.halts = True

    @property
    def state(self) -> SharedState:
        """The shared state as an object: get, set, has, delete, clear, export and import."""
        return SharedState(self._call.state)

    def get_state(self, key: str, default: Any = None) -> Any:
        """A value of the shared state: own writes of this superstep, else what was there before."""
        return self._call.state.get_shared(key, default)

    def set_state(self, key: str, value: Any) -> None:
        """Write a key of the shared state; others see it from the next superstep on.

        Raises: ValueError for a key that begins with "_"; ValueRefused in a kept run.
        """
        self._call.state.set(checked_key(key), value)

    def append_state(self, key: str, item: Any) -> None:
        """Append to the list under a key of the shared state; a key that is not there begins one.

        Costs the item, whatever the length of the list. Appends of several executors in one
        superstep all stand, in the order of their ids.
        Raises: TypeError if something else than a list is there; ValueError, ValueRefused as for
        `set_state`.
        """
        self._call.state.append(checked_key(key), item)

    def delete_state(self, key: str) -> None:
        """Take a key out of the shared state, from the next superstep on. Raises: KeyError."""
        self._call.state.delete(checked_key(key))

    def export_state(self) -> dict[str, Any]:
        """A copy of the shared state as this call sees it."""
        return self._call.state.export("")

    async def queue_state_update(self, key: str, value: Any, scope: str | None = None) -> None:
        """Write a key of a scope: own writes are seen at once, by others after the superstep.

        scope: the name of a shared one, "" for the shared state; None for one that is private to
        this executor. A value of None takes the key away.
        Raises: ValueError for a key that begins with "_"; ValueRefused in a kept run.
        """
        place = self._space(scope) + checked_key(key)
        if value is None:
            self._call.state.discard(place)
        else:
            self._call.state.set(place, value)

    async def read_state(self, key: str, scope: str | None = None, *, default: Any = None) -> Any:
        """A copy of the value under a key of a scope; see `queue_state_update`."""
        return self._call.state.get(self._space(scope) + checked_key(key), default)

    async def read_or_init_state(
        self, key: str, factory: Callable[[], Any], scope: str | None = None
    ) -> Any:
        """The value under a key of a scope; where there is none, what the factory gives.

        The factory may be async. What it gave is written.
        """
        place = self._space(scope) + checked_key(key)
        if self._call.state.read(place) is MISSING:
            made = factory()
            self._call.state.set(place, await made if inspect.isawaitable(made) else made)
        return self._call.state.get(place, None)

    async def read_state_keys(self, scope: str | None = None) -> list[str]:
        """The keys of a scope, sorted."""
        return sorted(self._call.state.keys(self._space(scope)))

    async def queue_clear_scope(self, scope: str | None = None) -> None:
        """Take every key of a scope away."""
        self._call.state.clear(self._space(scope))

    def _space(self, scope: str | None) -> str:
        return private_space(self._id) if scope is None else named_space(scope)
