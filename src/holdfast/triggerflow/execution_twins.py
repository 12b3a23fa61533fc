# SPDX-License-Identifier: Apache-2.0
"""Blocking twins of `Execution`, made from `execution.py` by scripts/make_twins.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.runtime.portal import blocking
from holdfast.triggerflow.compat.waiting import NOT_PASSED

if TYPE_CHECKING:
    import asyncio
    from typing import Any, Self


class ExecutionTwins:
    """The blocking form of each method `async_x` of `Execution`, as `x`.

    Long because: it has two signatures for each of many methods.
    """

    __slots__ = ()

    if TYPE_CHECKING:

        async def async_start(
            self,
            value: Any = None,
            *,
            timeout: float | None = None,
            wait_for_result: Any = NOT_PASSED,
        ) -> Any: ...
        async def async_emit(
            self, event: str, value: Any = None, *, trigger_type: str = "event"
        ) -> Any: ...
        async def async_emit_nowait(
            self, event: str, value: Any = None, *, trigger_type: str = "event"
        ) -> asyncio.Future[Any] | None: ...
        async def async_seal(self, *, reason: str = "manual") -> Self: ...
        async def async_unseal(self, *, reason: str = "manual") -> Self: ...
        async def async_close(
            self,
            *,
            reason: str = "manual",
            timeout: float | None = None,
            seal: bool = True,
            pending_interrupts: str = "error",
        ) -> dict[str, Any]: ...
        async def async_pause_for(
            self,
            *,
            type: str = "pause",
            payload: Any = None,
            resume_to: Any = None,
            resume_event: str | None = None,
            interrupt_id: str | None = None,
        ) -> dict[str, Any]: ...
        async def async_continue_with(
            self,
            interrupt_id: str,
            value: Any = None,
            *,
            resume_request_id: str | None = None,
            actor: str | None = None,
        ) -> dict[str, Any] | None: ...
        async def async_put_into_stream(self, item: Any) -> None: ...
        async def async_stop_stream(self) -> None: ...
        async def async_retry(self, delivery: int | None = None) -> Self: ...
        async def async_skip(self, delivery: int, value: Any = None) -> Self: ...

    def start(
        self, value: Any = None, *, timeout: float | None = None, wait_for_result: Any = NOT_PASSED
    ) -> Any:
        """Start with a value, and wait for all that is awaited downstream. Blocks until done."""
        return blocking(self.async_start(value, timeout=timeout, wait_for_result=wait_for_result))

    def emit(self, event: str, value: Any = None, *, trigger_type: str = "event") -> Any:
        """Send a signal from outside and wait for all that follows. Blocks until done."""
        return blocking(self.async_emit(event, value, trigger_type=trigger_type))

    def emit_nowait(
        self, event: str, value: Any = None, *, trigger_type: str = "event"
    ) -> asyncio.Future[Any] | None:
        """Send a signal and return once it is taken in; close waits for what follows.

        Blocks until done.
        """
        return blocking(self.async_emit_nowait(event, value, trigger_type=trigger_type))

    def seal(self, *, reason: str = "manual") -> Self:
        """Take no more signals from outside; what was accepted goes on. Blocks until done."""
        return blocking(self.async_seal(reason=reason))

    def unseal(self, *, reason: str = "manual") -> Self:
        """Take signals again. Blocks until done."""
        return blocking(self.async_unseal(reason=reason))

    def close(
        self,
        *,
        reason: str = "manual",
        timeout: float | None = None,
        seal: bool = True,
        pending_interrupts: str = "error",
    ) -> dict[str, Any]:
        """End the run: let accepted work end, freeze the state, and return it as the snapshot.

        Blocks until done.
        """
        return blocking(
            self.async_close(
                reason=reason, timeout=timeout, seal=seal, pending_interrupts=pending_interrupts
            )
        )

    def pause_for(
        self,
        *,
        type: str = "pause",
        payload: Any = None,
        resume_to: Any = None,
        resume_event: str | None = None,
        interrupt_id: str | None = None,
    ) -> dict[str, Any]:
        """Ask from outside a chunk: the answer is recorded, and sent as the event if one is named.

        Blocks until done.
        """
        return blocking(
            self.async_pause_for(
                type=type,
                payload=payload,
                resume_to=resume_to,
                resume_event=resume_event,
                interrupt_id=interrupt_id,
            )
        )

    def continue_with(
        self,
        interrupt_id: str,
        value: Any = None,
        *,
        resume_request_id: str | None = None,
        actor: str | None = None,
    ) -> dict[str, Any] | None:
        """Answer an interrupt, and wait for all that is awaited behind it. Blocks until done."""
        return blocking(
            self.async_continue_with(
                interrupt_id, value, resume_request_id=resume_request_id, actor=actor
            )
        )

    def put_into_stream(self, item: Any) -> None:
        """Put an item into the runtime stream. Blocks until done."""
        blocking(self.async_put_into_stream(item))

    def stop_stream(self) -> None:
        """End the runtime stream. Blocks until done."""
        blocking(self.async_stop_stream())

    def retry(self, delivery: int | None = None) -> Self:
        """Run parked deliveries again, or the one of that number, and wait for what follows.

        Blocks until done.
        """
        return blocking(self.async_retry(delivery))

    def skip(self, delivery: int, value: Any = None) -> Self:
        """Let a parked delivery count as done, with a value, and wait for what follows.

        Blocks until done.
        """
        return blocking(self.async_skip(delivery, value))
