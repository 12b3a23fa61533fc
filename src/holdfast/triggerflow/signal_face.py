# SPDX-License-Identifier: Apache-2.0
"""Signals as the holder of an execution sends them."""

from __future__ import annotations

import asyncio
from typing import Any

from holdfast.runtime.callers import warn_at_caller
from holdfast.runtime.portal import at_home, without_waiting
from holdfast.triggerflow import binding, signals
from holdfast.triggerflow.rejecting import is_taken
from holdfast.triggerflow.signal import signal_of
from holdfast.triggerflow.signal_face_twins import SignalFaceTwins
from holdfast.triggerflow.status_face import StatusFace


class SignalFace(StatusFace, SignalFaceTwins):
    """Sending signals from outside, and hearing them beside the definition."""

    def on(
        self,
        event: str,
        handler: Any,
        *,
        trigger_type: str = "event",
        binding_id: str | None = None,
        handler_ref: str | None = None,
        metadata: dict[str, Any] | None = None,
        durable: bool = True,
    ) -> str:
        """Let a handler hear a signal of this execution only; the flow is not changed.

        Returns the id of the binding: the one given, or the handler's name. The same id and
        signal again replaces the handler. durable: the binding is saved, and after a load it is
        attached to the handler that is bound under its id, before or after; until then it hears
        nothing, and what was under way in it waits. In a kept run it is written with the next
        commit. Raises: DefinitionError (a ValueError) for a lambda that is to be durable without
        binding_id or handler_ref, and for an unknown trigger_type; TypeError.
        """
        # Many parameters because: they are the documented options of a binding.
        wanted = binding.Wanted(
            event, handler, trigger_type, binding_id, handler_ref, metadata, durable
        )
        if self.is_closed():
            warn_at_caller("on() ignored: the execution is closed", RuntimeWarning)
        made = at_home(binding.bind, self._flow, wanted)
        self._rebound_due = True
        return made

    def off(
        self,
        binding_id: str,
        *,
        trigger_type: str | None = None,
        trigger_event: str | None = None,
    ) -> bool:
        """Take the bindings of that id away, of one kind or event if given; whether any was."""
        return at_home(binding.unbind, self._flow, binding_id, trigger_type, trigger_event)

    def get_last_signal(self) -> dict[str, Any] | None:
        """The signal that a handler of this execution was called with last, as plain data."""
        last = self._flow.last
        return None if last is None else signal_of(self._flow.run, last).to_dict()

    async def async_emit(
        self, event: str, value: Any = None, *, trigger_type: str = "event"
    ) -> Any:
        """Send a signal from outside and wait for all that follows.

        Returns the handlers' values in the order they were attached, or None if nobody listens
        or the execution is not open (with a RuntimeWarning). Raises: what a handler raised.
        """
        await self._ready()
        if not is_taken(self._flow.run, event):
            return None
        return await signals.emit(self._flow, event, value, trigger_type)

    async def async_emit_nowait(
        self, event: str, value: Any = None, *, trigger_type: str = "event"
    ) -> asyncio.Future[Any] | None:
        """Send a signal and return once it is taken in; close waits for what follows.

        Returns a future that ends, with None, when what follows has, or raises what it raised; None
        if nobody listens.
        """
        await self._ready()
        if not is_taken(self._flow.run, event):
            return None
        return await signals.emit_nowait(self._flow, event, value, trigger_type)

    def emit_nowait(
        self, event: str, value: Any = None, *, trigger_type: str = "event"
    ) -> asyncio.Future[Any] | None:
        """As `async_emit_nowait`; on a loop only where no store or open question can be met."""
        call = self.async_emit_nowait(event, value, trigger_type=trigger_type)
        return without_waiting(call, waits=self._home is not None or bool(self._flow.run.waits))
