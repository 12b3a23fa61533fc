# SPDX-License-Identifier: Apache-2.0
"""Who can lead to a node: the nodes from which a path of steps goes there."""

from __future__ import annotations

from collections.abc import Iterable


class Upstream:
    """Answers from steps given as pairs; what was asked once is remembered."""

    __slots__ = ("_before", "_known")

    def __init__(self, steps: Iterable[tuple[str, str]]) -> None:
        self._before: dict[str, list[str]] = {}
        for source, target in steps:
            self._before.setdefault(target, []).append(source)
        self._known: dict[str, frozenset[str]] = {}

    def of(self, node_id: str) -> frozenset[str]:
        """Give the node itself and all that lead to it."""
        found = self._known.get(node_id)
        if found is None:
            reached = {node_id}
            waiting = [node_id]
            while waiting:
                new = [one for one in self._before.get(waiting.pop(), ()) if one not in reached]
                reached.update(new)
                waiting.extend(new)
            found = self._known[node_id] = frozenset(reached)
        return found
