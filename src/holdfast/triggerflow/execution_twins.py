# SPDX-License-Identifier: Apache-2.0
"""Blocking twins of `Execution`, made from `execution.py` by scripts/make_twins.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.machine.run import MISSING
from holdfast.runtime.portal import blocking

if TYPE_CHECKING:
    from typing import Any, Self

    from holdfast.runtime.timers import Deadline


class ExecutionTwins:
    """The blocking form of each method `async_x` of `Execution`, as `x`."""

    __slots__ = ()

    if TYPE_CHECKING:

        async def async_pause_for(
            self,
            *,
            type: str = "pause",
            payload: Any = None,
            resume_to: Any = None,
            resume_event: str | None = None,
            interrupt_id: str | None = None,
            max_resumes: int | None = 1,
            response_schema: Any = None,
            deadline: Deadline | None = None,
            default: Any = MISSING,
            timeout_event: str | None = None,
            exchange_kind: str | None = None,
        ) -> dict[str, Any]:
            # Many parameters because: async_pause_for has them.
            ...

        async def async_continue_with(
            self,
            interrupt_id: str,
            value: Any = None,
            *,
            resume_request_id: str | None = None,
            actor: str | None = None,
        ) -> dict[str, Any] | None: ...
        async def async_retry(self, delivery: int | None = None) -> Self: ...
        async def async_skip(self, delivery: int, value: Any = None) -> Self: ...

    def pause_for(
        self,
        *,
        type: str = "pause",
        payload: Any = None,
        resume_to: Any = None,
        resume_event: str | None = None,
        interrupt_id: str | None = None,
        max_resumes: int | None = 1,
        response_schema: Any = None,
        deadline: Deadline | None = None,
        default: Any = MISSING,
        timeout_event: str | None = None,
        exchange_kind: str | None = None,
    ) -> dict[str, Any]:
        """Ask from outside a chunk: the answer is recorded, and sent as the event if one is named.

        Blocks until done.
        """
        # Many parameters because: async_pause_for has them.
        return blocking(
            self.async_pause_for(
                type=type,
                payload=payload,
                resume_to=resume_to,
                resume_event=resume_event,
                interrupt_id=interrupt_id,
                max_resumes=max_resumes,
                response_schema=response_schema,
                deadline=deadline,
                default=default,
                timeout_event=timeout_event,
                exchange_kind=exchange_kind,
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
