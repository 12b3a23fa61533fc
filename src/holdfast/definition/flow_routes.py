# SPDX-License-Identifier: Apache-2.0
"""Ways through a flow on which nothing is called: they may be no ring, and not too long.

A value is routed through such nodes within one step, so a ring would never let the step end, and
each node on the way stands on Python's stack.
"""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.definition.blueprint import Blueprint, Node
from holdfast.errors import DefinitionError

#: Kinds that hand a value on without calling anything.
ROUTING = frozenset({"gate", "merge", "gather", "each", "batch", "collect"})
#: Most of them in a row; each takes about seven of the thousand frames that Python allows.
LONGEST_WAY = 64


def check_routes(plan: Blueprint) -> None:
    """Refuse rings and overlong ways of nodes that call nothing. Raises: DefinitionError."""
    lengths: dict[str, int] = {}
    for node in plan.nodes:
        if node.kind in ROUTING and node.id not in lengths:
            _measure(plan, node, lengths)


def _measure(plan: Blueprint, first: Node, lengths: dict[str, int]) -> None:
    """Note how long the ways from a node are; 0 stands for one that is being looked at."""
    lengths[first.id] = 0
    under_way = [(first, _after(plan, first))]
    longest = {first.id: 1}
    while under_way:
        node, rest = under_way[-1]
        following = next(rest, None)
        if following is None:
            under_way.pop()
            length = lengths[node.id] = longest.pop(node.id)
            if length > LONGEST_WAY:
                raise DefinitionError(
                    f"more than {LONGEST_WAY} blocks follow one another behind {node.id!r} "
                    "without a chunk between",
                    hint="Put a chunk between them.",
                )
        elif following.id not in lengths:
            lengths[following.id] = 0
            longest[following.id] = 1
            under_way.append((following, _after(plan, following)))
            continue
        elif not (length := lengths[following.id]):
            raise DefinitionError(
                f"{following.id!r} leads back to itself without a chunk between: "
                "it would never end",
                hint="Put a chunk into the ring, or let an event lead back.",
            )
        if under_way:
            last = under_way[-1][0].id
            longest[last] = max(longest[last], length + 1)


def _after(plan: Blueprint, node: Node) -> Iterator[Node]:
    """The routing nodes that a value may reach from a node within one step."""
    signals = [("event", node.emits), *(("event", event) for _, event in node.exits)]
    if node.kind == "collect":
        signals.append(("collect", node.name))
    if node.kind == "each" and node.id in plan.ends:
        # An empty sequence goes past the body.
        signals.append(("event", plan.ends[node.id].emits))
    for signal in signals:
        for listener in plan.listeners.get(signal, ()):
            if listener.kind in ROUTING:
                yield listener
