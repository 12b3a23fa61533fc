# SPDX-License-Identifier: Apache-2.0
"""What a handler holds: it sends, yields, asks, and reads and writes shared state."""

from __future__ import annotations

from typing import Any

from holdfast.errors import RunError
from holdfast.machine import state
from holdfast.machine.effects import Written
from holdfast.machine.run import MISSING, Grown
from holdfast.persistence.codec import is_scalar
from holdfast.workflow.call import HandlerCall
from holdfast.workflow.context_types import ContextAnnotations, OutT_contra, W_OutT_contra
from holdfast.workflow.events import WorkflowEvent, WorkflowWarningEvent

#: Event types that only the engine may send.
RESERVED_EVENTS = frozenset({"started", "status", "failed", "output", "intermediate"})


class WorkflowContext(ContextAnnotations[OutT_contra, W_OutT_contra]):
    """One handler call's access to its run.

    `WorkflowContext[A, B]` says that the handler may send A and yield B. What it sends and writes
    becomes visible to others at the end of the superstep.
    """

    __slots__ = ("_call",)

    def __init__(self, call: HandlerCall) -> None:
        self._call = call

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
        if event.type in RESERVED_EVENTS:
            text = f"executor {self._id!r} may not send events of type {event.type!r}"
            self._call.publish(WorkflowWarningEvent(text))
            return
        self._call.publish(event)

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
    def attempt(self) -> int:
        """How often this delivery may have been begun before; 0 only if it surely was not."""
        return self._call.delivery.attempt

    @property
    def request_id(self) -> str | None:
        """In a response handler, the id of the request that was answered."""
        return self._call.delivery.wait

    async def request_info(
        self, request_data: Any, response_type: Any, *, request_id: str | None = None
    ) -> None:
        """Ask the outside world, and go on; the answer comes to a response handler.

        The question is saved before anybody is told. A repeat of this handler that asks the same
        again finds the question that is open. Raises: WaitExists for an id that is in use.
        """
        await self._call.ask(request_data, response_type, request_id)

    def get_state(self, key: str, default: Any = None) -> Any:
        """A value of the shared state: own writes of this superstep, else what was there before."""
        value = self._call.read(key)
        if value is MISSING:
            return default
        return value if is_scalar(value) else self._call.codec.copy(value)

    def set_state(self, key: str, value: Any) -> None:
        """Write a key of the shared state; others see it from the next superstep on.

        Raises: ValueError for a key that begins with "_"; ValueRefused in a kept run.
        """
        call = self._call
        _check_key(key)
        own = value if is_scalar(value) else call.codec.copy(value)
        journal = call.run.journal
        data = None if journal is None else journal.codec.encode(own, f"state.{key}")
        call.written[key] = Written(key, own, data)

    def append_state(self, key: str, item: Any) -> None:
        """Append to the list under a key of the shared state; a key that is not there begins one.

        Costs the item, whatever the length of the list. Appends of several executors in one
        superstep all stand, in the order of their ids.
        Raises: TypeError if something else than a list is there; ValueError, ValueRefused as for
        `set_state`.
        """
        call = self._call
        _check_key(key)
        own = item if is_scalar(item) else call.codec.copy(item)
        journal = call.run.journal
        data = None if journal is None else journal.codec.encode(own, f"state.{key}[]")
        before = call.written.get(key)
        if before is not None and isinstance(before.value, Grown):
            before.value.items.append(own)
            before.value.data.append(data)
            return
        found = call.read(key)
        if found is not MISSING and not isinstance(found, list):
            raise TypeError(f"state key {key!r} holds a {type(found).__name__}, not a list")
        if before is None:
            call.written[key] = Written(key, Grown([own], [data]), None)
        else:
            self.set_state(key, [*([] if found is MISSING else found), own])

    def delete_state(self, key: str) -> None:
        """Take a key out of the shared state, from the next superstep on. Raises: KeyError."""
        if self._call.read(key) is MISSING:
            raise KeyError(key)
        self._call.written[key] = Written(key, MISSING, None)

    def export_state(self) -> dict[str, Any]:
        """A copy of the shared state as this call sees it."""
        call = self._call
        seen: dict[str, Any] = state.whole(call.frame)
        for key in call.touched():
            seen[key] = call.read(key)
        present = {key: value for key, value in seen.items() if value is not MISSING}
        copied: dict[str, Any] = call.codec.copy(present)
        return copied


def _check_key(key: object) -> None:
    if not isinstance(key, str) or not key:
        raise TypeError(f"a state key is text; found {type(key).__name__}")
    if key.startswith("_"):
        raise ValueError(f'state keys that begin with "_" are reserved; found {key!r}')
