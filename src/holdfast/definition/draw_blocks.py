# SPDX-License-Identifier: Apache-2.0
"""Which operators of a flow stand between the beginning and the end of which block."""

from __future__ import annotations

from holdfast.definition.blueprint import Blueprint, Node


class Blocks:
    """The batches, loops and choices of a flow that have an end, as boxes in boxes.

    An operator that stands in two boxes of which none is in the other stands in neither.
    """

    def __init__(self, plan: Blueprint) -> None:
        own = {node.id: node for node in plan.nodes}
        self._members = {
            opener: _between(plan, own[opener], end)
            for opener, end in plan.ends.items()
            if opener in own
        }
        self._homes: dict[str, str | None] = {}

    def inside(self, block: str | None) -> list[str]:
        """The blocks that stand in a block but in none inside it, in order of declaration."""
        return [opener for opener in self._members if self._around(opener) == block]

    def home(self, node_id: str) -> str | None:
        """The innermost block of an operator; the ends of a block stand in it."""
        if node_id not in self._homes:
            self._homes[node_id] = self._inmost(
                [opener for opener, members in self._members.items() if node_id in members]
            )
        return self._homes[node_id]

    def _around(self, opener: str) -> str | None:
        """The innermost block that holds all of another."""
        mine = self._members[opener]
        others = self._members.items()
        return self._inmost([other for other, members in others if mine < members])

    def _inmost(self, openers: list[str]) -> str | None:
        """The smallest of some blocks, if the others are around it."""
        if not openers:
            return None
        inmost = min(openers, key=lambda opener: len(self._members[opener]))
        mine = self._members[inmost]
        if all(mine <= self._members[opener] for opener in openers):
            return inmost
        shared = [
            o for o in self._members if all(self._members[o] >= self._members[x] for x in openers)
        ]
        return self._inmost(shared)


def _between(plan: Blueprint, opener: Node, end: Node) -> frozenset[str]:
    """The two ends of a block and what is reached from the one without passing the other."""
    found = {opener.id, end.id}
    waiting = [opener]
    while waiting:
        node = waiting.pop()
        after = [*plan.after.get(node.id, ())]
        for _, listeners in plan.exits.get(node.id, {}).values():
            after += listeners
        new = [one for one in after if one.id not in found]
        found.update(one.id for one in new)
        waiting += new
    return frozenset(found)
