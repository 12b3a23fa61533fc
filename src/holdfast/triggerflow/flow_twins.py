# SPDX-License-Identifier: Apache-2.0
"""Blocking twins of `TriggerFlow`, made from `flow.py` by scripts/make_twins.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.runtime.portal import blocking
from holdfast.triggerflow.compat.waiting import NOT_PASSED

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


class TriggerFlowTwins:
    """The blocking form of each method `async_x` of `TriggerFlow`, as `x`."""

    __slots__ = ()

    if TYPE_CHECKING:

        async def async_start(
            self,
            value: Any = None,
            *,
            timeout: float | None = 0.0,
            auto_close: bool = True,
            runtime_resources: Mapping[str, Any] | None = None,
            wait_for_result: Any = NOT_PASSED,
        ) -> dict[str, Any]: ...

    def start(
        self,
        value: Any = None,
        *,
        timeout: float | None = 0.0,
        auto_close: bool = True,
        runtime_resources: Mapping[str, Any] | None = None,
        wait_for_result: Any = NOT_PASSED,
    ) -> dict[str, Any]:
        """Run the flow once in an execution nobody else holds; returns its close snapshot.

        Blocks until done.
        """
        return blocking(
            self.async_start(
                value,
                timeout=timeout,
                auto_close=auto_close,
                runtime_resources=runtime_resources,
                wait_for_result=wait_for_result,
            )
        )
