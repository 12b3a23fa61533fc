# SPDX-License-Identifier: Apache-2.0
"""`end`: the value that arrives first becomes the result of the run. It neither seals nor closes.

In a blueprint it is a node of the kind "result_sink", which the runtime calls like a chunk.
"""

from __future__ import annotations

from typing import Self

from holdfast.definition.blueprint import Node
from holdfast.triggerflow.compat.deprecation import warn_once
from holdfast.triggerflow.place import Place, place_of
from holdfast.triggerflow.wiring import Wiring


class EndOperator:
    """The operator, for a cursor."""

    __slots__ = ()

    _wiring: Wiring
    _place: Place

    def end(self) -> Self:
        """Deprecated: put the value under a state key in the last chunk. The cursor stays.

        The value that arrives first is kept under "$final_result"; one that is there stays.
        """
        warn_once("end", "put the value under a state key in the last chunk")
        place = self._place.standing()
        signal = place.signal
        where = place_of(signal)
        with self._wiring.building(place.replayed):
            self._wiring.put(
                Node(
                    id=f"end@{where}",
                    kind="result_sink",
                    name="end",
                    listens=(signal,),
                    emits=f"end:{where}",
                )
            )
        return self
