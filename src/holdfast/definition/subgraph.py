# SPDX-License-Identifier: Apache-2.0
"""What a graph is to the graph in which it stands as one node.

A graph with sub-graphs is flat: the nodes of a sub-graph are nodes of it too, under paths
("outer/inner"), so that one look-up serves every depth. What belongs to a sub-graph as a whole
is here: it is a frame of the record, with state and a limit of its own.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

#: What stands between the names of a path.
SEPARATOR = "/"


@dataclass(frozen=True, slots=True, kw_only=True)
class SubGraph:
    """A graph at a node of another, the *wrapper*.

    path: of the wrapper. around: the path of the wrapper in whose graph this one stands, "" for
    the root. start: the path of the node that takes what is sent to it; it may be a wrapper again.
    max_iterations: supersteps of this frame after the last input or answer from outside of it.
    outputs, intermediates: as of a graph, by path. allow_direct_output: yields leave the
    wrapper's graph as its own, instead of being messages of the wrapper. propagate_request:
    requests are those of the wrapper's graph, instead of being offered to it as messages.
    """

    path: str
    start: str
    max_iterations: int
    around: str = ""
    outputs: tuple[str, ...] | None = None
    intermediates: tuple[str, ...] | None = None
    allow_direct_output: bool = False
    propagate_request: bool = False

    @property
    def number(self) -> int:
        """The number of the frame, the same whatever else the definition declares."""
        return frame_number(self.path)

    @property
    def parent(self) -> int:
        """The number of the frame in which the wrapper stands, 0 for the root."""
        return frame_number(self.around) if self.around else 0


def frame_number(path: str) -> int:
    """The number of the frame whose wrapper has this path."""
    return zlib.crc32(path.encode())
