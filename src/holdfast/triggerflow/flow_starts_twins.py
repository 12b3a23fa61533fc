# SPDX-License-Identifier: Apache-2.0
"""Blocking twins of `FlowStarts`, made from `flow_starts.py` by scripts/make_twins.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.runtime.portal import blocking
from holdfast.triggerflow.unset import UNSET

if TYPE_CHECKING:
    from typing import Any

    from holdfast.triggerflow.execution import Execution


class FlowStartsTwins:
    """The blocking form of each method `async_x` of `FlowStarts`, as `x`."""

    __slots__ = ()

    if TYPE_CHECKING:

        async def async_start_execution(
            self,
            value: Any,
            *,
            timeout: float | None = None,
            wait_for_result: Any = UNSET,
            **options: Any,
        ) -> Execution: ...

    def start_execution(
        self,
        value: Any,
        *,
        timeout: float | None = None,
        wait_for_result: Any = UNSET,
        **options: Any,
    ) -> Execution:
        """Start an execution, and return it once its start has settled or paused.

        Blocks until done.
        """
        return blocking(
            self.async_start_execution(
                value, timeout=timeout, wait_for_result=wait_for_result, **options
            )
        )
