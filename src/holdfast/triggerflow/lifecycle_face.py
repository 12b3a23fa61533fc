# SPDX-License-Identifier: Apache-2.0
"""How the holder of an execution starts it, seals it, and ends it."""

from __future__ import annotations

from typing import Any, Self

from holdfast.errors import DefinitionError
from holdfast.machine import layout
from holdfast.runtime.callers import warn_at_caller
from holdfast.runtime.portal import blocking, without_waiting
from holdfast.triggerflow import signals
from holdfast.triggerflow.compat.waiting import ignore_wait
from holdfast.triggerflow.rejecting import is_taken
from holdfast.triggerflow.status_face import StatusFace
from holdfast.triggerflow.unset import UNSET


class LifecycleFace(StatusFace):
    """The lifecycle: open, sealed, closed.

    _closes_at_once: nobody chose after how many idle seconds the run closes by itself, so it
    does at once where its starter waits for it.
    """

    _auto_close: bool
    _closes_at_once: bool

    async def async_start(
        self,
        value: Any = None,
        *,
        timeout: float | None = None,
        wait_for_result: Any = UNSET,
    ) -> Any:
        """Start with a value, and wait for all that is awaited downstream.

        With auto_close the call waits for the close and returns its snapshot; otherwise it
        returns the execution. timeout: seconds of idleness before the run closes by itself; by
        default those that the execution was created with, and if those are the default too, it
        closes at once when idle, since the caller is waiting. Starting twice dispatches once.
        wait_for_result: ignored, with a warning.
        Raises: what a handler raised; ContractRefused, and it is not started; StoreError.
        """
        ignore_wait("execution.start", wait_for_result)
        await self._ready()
        if not is_taken(self._flow.run, "START"):
            return self._closer.copy() if self._auto_close and self.is_closed() else self
        if not self._auto_close:
            await self.launch(value)
            return self
        if timeout is not None:
            self._closer.rest = timeout
            self._closes_at_once = False
        delay = 0.0 if self._closes_at_once else self._closer.rest
        with self._closer.waited_for(delay):
            await self.launch(value)
            if delay == 0 and self._closer.may_close:
                return await self._closer.close("auto_close_idle_timeout")
            self._closer.on_activity()
            return await self._closer.until_closed()

    async def launch(self, value: Any) -> None:
        """Start, unless that was done, and wait for what is awaited downstream; not for the end."""
        await self._ready()
        if not self.started:
            await signals.follow(self._flow, *self._begin(value))

    def start(
        self,
        value: Any = None,
        *,
        timeout: float | None = None,
        wait_for_result: Any = UNSET,
    ) -> Any:
        """Start with a value, wait for the end, and return its snapshot. Blocks until done.

        Raises: DefinitionError (a ValueError) with auto_close=False, where nothing would be
        waited for; and what `async_start` raises.
        """
        if not self._auto_close:
            raise DefinitionError(
                "execution.start waits for the close, and this one has auto_close=False",
                hint="Use flow.start_execution(...), or await execution.async_start(...).",
            )
        return blocking(self.async_start(value, timeout=timeout, wait_for_result=wait_for_result))

    async def async_seal(self, *, reason: str = "manual") -> Self:
        """Take no more signals from outside; what was accepted goes on. Returns the execution."""
        await self._ready()
        if self.is_open():
            await self._turn("sealed", reason)
        return self

    async def async_unseal(self, *, reason: str = "manual") -> Self:
        """Take signals again. A closed execution stays closed, with a RuntimeWarning."""
        await self._ready()
        self._flow.check_frozen()
        if self.is_closed():
            warn_at_caller("a closed execution stays closed", RuntimeWarning)
        elif self.is_sealed():
            await self._turn("open", reason)
            self._closer.on_activity()
        return self

    async def _turn(self, lifecycle: str, reason: str) -> None:
        run = self._flow.run
        run.lifecycle = lifecycle
        run.facts["seal_reason"] = reason
        self._note_facts()
        layout.mark_change(run)
        await self._flow.live.advance([])

    async def async_close(
        self,
        *,
        reason: str = "manual",
        timeout: float | None = None,
        seal: bool = True,
        pending_interrupts: str = "error",
    ) -> dict[str, Any]:
        """End the run: let accepted work end, freeze the state, and return it as the snapshot.

        timeout: seconds for the work to end; then it is cancelled. pending_interrupts: "error"
        or "cancel". Closing again returns the same snapshot.
        Raises: RunOpen, CloseTimeout, the first error of background work (once), StoreError.
        """
        await self._ready()
        return await self._closer.close(
            reason, timeout_s=timeout, seal=seal, pending=pending_interrupts
        )

    def seal(self, *, reason: str = "manual") -> Self:
        """The blocking form of `async_seal`; on a loop only where no store has to be waited for."""
        return without_waiting(self.async_seal(reason=reason), waits=self._is_kept())

    def unseal(self, *, reason: str = "manual") -> Self:
        """The blocking form of `async_unseal`; on a loop as `seal`."""
        return without_waiting(self.async_unseal(reason=reason), waits=self._is_kept())

    def close(
        self,
        *,
        reason: str = "manual",
        timeout: float | None = None,
        seal: bool = True,
        pending_interrupts: str = "error",
    ) -> dict[str, Any]:
        """The blocking form of `async_close`; on a loop only where no work is under way."""
        return without_waiting(
            self.async_close(
                reason=reason, timeout=timeout, seal=seal, pending_interrupts=pending_interrupts
            ),
            waits=self._is_kept() or bool(self._flow.run.live or self._flow.live.running),
        )

    def _is_kept(self) -> bool:
        return self._home is not None
