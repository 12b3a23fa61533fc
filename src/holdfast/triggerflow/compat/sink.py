# SPDX-License-Identifier: Apache-2.0
"""What the runtime calls for a node of the kind "result_sink"."""

from __future__ import annotations

from typing import Any, Final

from holdfast.triggerflow.chunk import Handler
from holdfast.triggerflow.reserved import FINAL, NO_RESULT


async def _sink(data: Any) -> None:
    """Make the value the result, unless there is one."""
    if data.get_state(FINAL, NO_RESULT) is NO_RESULT:
        await data.async_set_state(FINAL, data.fitted_result(data.value))


SINK: Final = Handler(_sink, is_async=True)
