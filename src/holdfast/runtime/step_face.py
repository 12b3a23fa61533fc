# SPDX-License-Identifier: Apache-2.0
"""Durable steps and sleeps as handlers of both fronts call them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from holdfast.definition.retry import Retry, tries
from holdfast.machine import steps as lines
from holdfast.runtime import sleeping, steps
from holdfast.runtime.portal import awaited_or_blocking
from holdfast.runtime.step_call import Call
from holdfast.runtime.timers import Deadline


class StepFace:
    """What a handler does once, however often it runs."""

    __slots__ = ()

    def _stepping(self) -> steps.Caller:
        raise NotImplementedError

    async def async_step(
        self,
        name: str,
        function: Callable[..., Any],
        /,
        *args: Any,
        key: str | None = None,
        retry: Retry | None = None,
        timeout_s: float | None = None,
        **kwargs: Any,
    ) -> Any:
        """Call a function, async or sync, and save its result before returning it.

        A repeat of this handler that makes the same call is given that result, and the function
        is not called. The same is: the same name and arguments, and as many such calls before it
        in this handler. key: stands for the arguments, which then may be anything. retry: call
        a function that fails again, as the same step; timeout_s: a call that takes longer fails.
        Inside the function `holdfast.current_step()` gives name, key and attempt; the run can be
        read there, and not changed.
        Raises: what the function raises, and then nothing is kept; ValueRefused for arguments or a
        result that would not come back; StepRefused inside a step and after the handler has ended;
        StepTimeout; DefinitionError (a ValueError) for what no step can be.
        """
        # Many parameters because: they are those of the step, beside those of the function.
        call = Call(name, function, args, kwargs, key, tries(retry, timeout_s))
        return await steps.step(self._stepping(), call)

    def step(
        self,
        name: str,
        function: Callable[..., Any],
        /,
        *args: Any,
        key: str | None = None,
        retry: Retry | None = None,
        timeout_s: float | None = None,
        **kwargs: Any,
    ) -> Any:
        """As `async_step`: to be awaited in an async handler; blocks in a sync one."""
        # Many parameters because: they are those of the step, beside those of the function.
        how: dict[str, Any] = {"key": key, "retry": retry, "timeout_s": timeout_s}
        return awaited_or_blocking(self.async_step(name, function, *args, **how, **kwargs))

    async def async_sleep(self, time: Deadline, *, key: str | None = None) -> None:
        """Wait for seconds or a timedelta, or until an aware datetime, across restarts.

        When it ends is saved before it begins, so a repeat of this handler waits for what is left
        only. It is the same sleep if the time is given alike; key: stands for the time.
        Raises: DefinitionError (a ValueError) for what is no time, StepRefused as for steps.
        """
        await sleeping.sleep(self._stepping(), time, key)

    def sleep(self, time: Deadline, *, key: str | None = None) -> Any:
        """As `async_sleep`: to be awaited in an async handler; blocks in a sync one."""
        return awaited_or_blocking(self.async_sleep(time, key=key))

    @property
    def step_key(self) -> str:
        """A text that is the same on every repeat of this handler call, and for no other call."""
        host, delivery, _ = self._stepping()
        return lines.delivery_key(host.run, delivery)
