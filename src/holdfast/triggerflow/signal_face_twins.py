# SPDX-License-Identifier: Apache-2.0
"""Blocking twins of `SignalFace`, made from `signal_face.py` by scripts/make_twins.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.runtime.portal import blocking

if TYPE_CHECKING:
    from typing import Any


class SignalFaceTwins:
    """The blocking form of each method `async_x` of `SignalFace`, as `x`."""

    __slots__ = ()

    if TYPE_CHECKING:

        async def async_emit(
            self, event: str, value: Any = None, *, trigger_type: str = "event"
        ) -> Any: ...

    def emit(self, event: str, value: Any = None, *, trigger_type: str = "event") -> Any:
        """Send a signal from outside and wait for all that follows. Blocks until done."""
        return blocking(self.async_emit(event, value, trigger_type=trigger_type))
