# SPDX-License-Identifier: Apache-2.0
"""The one result of a run, an older idea than its state: kept under a reserved state key."""

from __future__ import annotations

import warnings
from typing import Any

from holdfast.triggerflow.compat.deprecation import warn_once
from holdfast.triggerflow.compat.runtime_data import Written, must_be_awaited
from holdfast.triggerflow.reserved import FINAL, NO_RESULT
from holdfast.triggerflow.state_face import StateFace


class ResultNames(StateFace):
    """Setting the result of a run, and reading it."""

    __slots__ = ()

    def fitted_result(self, value: Any) -> Any:
        """The value as the contract declares the result. Raises: ContractRefused."""
        flow, by = self._access()
        return flow.fitted("result", value, 0 if by is None else by.frame)

    def set_result(self, value: Any) -> Written:
        """Deprecated: put the value under a state key of its own. Written at the call.

        A result that was there is replaced, with a RuntimeWarning. The call may be awaited, and
        must be where a write of state waits for somebody. Raises: ContractRefused, a ValueError.
        """
        warn_once("set_result", "put the value under a state key of its own")
        if self.get_state(FINAL, NO_RESULT) is not NO_RESULT:
            text = "set_result: the run had a result, which is replaced"
            warnings.warn(text, RuntimeWarning, stacklevel=2)
        value = self.fitted_result(value)
        if must_be_awaited(self, FINAL):
            return Written(lambda: self.async_set_state(FINAL, value))
        self.set_state(FINAL, value)
        return Written()

    async def async_get_result(self, *, timeout: float | None = None) -> Any:
        """Deprecated: `execution.result`. Waits for a result, or for the end; then the snapshot.

        timeout: seconds to wait; then a UserWarning and None. Raises: what stopped the run.
        """
        _told_to_read()
        return await self._access()[0].execution.result.async_get_final_result(timeout=timeout)

    def get_result(self, *, timeout: float | None = None) -> Any:
        """Deprecated: the blocking form of `async_get_result`; on a loop for what is there."""
        _told_to_read()
        return self._access()[0].execution.result.get_final_result(timeout=timeout)


def _told_to_read() -> None:
    warn_once("get_result", "read the close snapshot, or execution.result.get_state(key)")
