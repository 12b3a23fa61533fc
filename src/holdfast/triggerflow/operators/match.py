# SPDX-License-Identifier: Apache-2.0
"""`match`, `case`, `case_else`, `end_match`, and the same as `if_condition` and its family.

The node of a match grows with each case. A second block at the same place is a replay of the
first: each case has to be the one that stands there.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from holdfast.definition.blueprint import ELSE, Node
from holdfast.definition.flow_check import MATCH_MODES
from holdfast.errors import BuilderMisuse, DefinitionError
from holdfast.triggerflow.conditions import Condition
from holdfast.triggerflow.operators.options import checked_mode
from holdfast.triggerflow.place import LoopBlock, MatchBlock, Place, place_of
from holdfast.triggerflow.wiring import Wiring, checked_name


def open_match(wiring: Wiring, place: Place, mode: str, name: str | None) -> Place:
    """Open a block; its node is put with the first case, or is there and listens here too."""
    node_id = f"match@{place_of(place.signal, checked_name('match', name))}"
    block = MatchBlock(
        node_id,
        is_replay=f"end:{node_id}" in wiring.nodes,
        mode=checked_mode("match", mode, MATCH_MODES),
        signal=place.signal,
        outer=place.trail,
    )
    place.refuse(node_id)
    if node_id in wiring.nodes:
        _put_node(wiring, block)
    return replace(place, blocks=(*place.blocks, block))


def add_case(wiring: Wiring, place: Place, asked: Any) -> Place:
    """Begin the branch of the next case. Raises: BuilderMisuse, DefinitionError."""
    block = _innermost(place, "case")
    if block.has_else:
        raise BuilderMisuse("case() after case_else()", hint="Put case_else() last.")
    condition = wiring.condition(asked, block.cases)
    known = wiring.cases.get(block.node, ())
    if _is_asked(wiring, block, condition, known):
        raise DefinitionError(
            f"{block.node!r} has two cases that ask the same", hint="Make each case another."
        )
    if block.cases == len(known):
        _put_case(wiring, block, known, condition)
    elif not known[block.cases].is_same(condition) or known[block.cases].key != condition.key:
        raise _differs(block.node)
    return _branch(place, block, condition.key, cases=block.cases + 1)


def add_else(wiring: Wiring, place: Place) -> Place:
    """Begin the branch of what no case has taken. Raises: BuilderMisuse."""
    block = _innermost(place, "case_else")
    if not block.cases:
        raise BuilderMisuse("case_else() before the first case()", hint="Call case(...) first.")
    if block.has_else:
        raise BuilderMisuse("case_else() twice in one match()", hint="Put one case_else() last.")
    _check_complete(wiring, block)
    node = wiring.nodes[block.node]
    if node.exits[-1][0] != ELSE:
        if f"end:{block.node}" in wiring.nodes:
            raise _differs(block.node)
        exits = (*node.exits, (ELSE, _event(block.node, ELSE)))
        wiring.put_in(wiring.nodes, node.id, replace(node, exits=exits))
    return _branch(place, block, ELSE, has_else=True)


def close_match(wiring: Wiring, place: Place) -> Place:
    """Let all branches meet again: one value goes on, or the list of what the hits returned."""
    block = _innermost(place, "end_match")
    if not block.cases:
        raise BuilderMisuse("end_match() before the first case()", hint="Call case(...) first.")
    _check_complete(wiring, block)
    where = block.node.removeprefix("match@")
    end = Node(
        id=f"end:{block.node}",
        kind="gather" if block.mode == "hit_all" else "merge",
        name="end_match",
        listens=tuple(dict.fromkeys((*block.ends, place.ended()))),
        emits=f"matched:{where}",
        group=block.node,
    )
    if (wiring.nodes[block.node].exits[-1][0] == ELSE) != block.has_else:
        raise _differs(block.node)
    wiring.put_end(end)
    # Lanes tell whose value it is; a single branch lets the values of its last chunk through.
    last = () if block.mode == "hit_all" else (*block.last, *place.last)
    return place.outside(end.emits, block.passed.joined(place.trail), last)


def _innermost(place: Place, what: str) -> MatchBlock:
    block = place.blocks[-1] if place.blocks else None
    if block is None:
        raise BuilderMisuse(f"{what}() without match()")
    if isinstance(block, LoopBlock):
        raise BuilderMisuse(
            f"{what}() inside a for_each that is open", hint="Call end_for_each() first."
        )
    return block


def _is_asked(
    wiring: Wiring, block: MatchBlock, condition: Condition, known: tuple[Condition, ...]
) -> bool:
    """Whether an earlier case of this chain asks the same."""
    identity = condition.identity
    if identity is None:
        return any(case.is_same(condition) for case in known[: block.cases])
    return wiring.asked.get((block.node, identity), block.cases) < block.cases


def _put_case(
    wiring: Wiring, block: MatchBlock, known: tuple[Condition, ...], condition: Condition
) -> None:
    """Add a case to what is built and not ended."""
    node = wiring.nodes.get(block.node)
    has_else = node is not None and node.exits[-1][0] == ELSE
    if has_else or f"end:{block.node}" in wiring.nodes:
        raise _differs(block.node)
    _put_node(wiring, block, condition)
    wiring.put_in(wiring.cases, block.node, (*known, condition))
    if condition.identity is not None:
        wiring.put_in(wiring.asked, (block.node, condition.identity), block.cases)


def _put_node(wiring: Wiring, block: MatchBlock, more: Condition | None = None) -> None:
    """Add the node, or let the one there is listen here too, and have one more case."""
    known = wiring.nodes.get(block.node)
    if known is None:
        known = Node(
            id=block.node,
            kind="match",
            name="match",
            listens=(),
            emits=f"match:{block.node.removeprefix('match@')}",
            options={"mode": block.mode, "cases": []},
        )
    elif known.options["mode"] != block.mode:
        raise _differs(block.node)
    node = known
    if block.signal not in known.listens:
        node = replace(node, listens=(*known.listens, block.signal))
    if more is not None:
        told = [*known.options["cases"], dict(more.told)]
        exits = (*known.exits, (more.key, _event(block.node, more.key)))
        node = replace(node, options={"mode": block.mode, "cases": told}, exits=exits)
    wiring.put_in(wiring.nodes, node.id, node)


def _check_complete(wiring: Wiring, block: MatchBlock) -> None:
    """A replay has as many cases as what was built. Raises: DefinitionError."""
    if len(wiring.cases[block.node]) != block.cases:
        raise _differs(block.node)


def _branch(place: Place, block: MatchBlock, key: str, **changes: Any) -> Place:
    """The place at the beginning of a branch; the branch before, if any, has ended."""
    if block.cases:
        changes["ends"] = (*block.ends, place.ended())
        changes["passed"] = block.passed.joined(place.trail)
        changes["last"] = (*block.last, *place.last)
    return place.inside(_event(block.node, key), replace(block, **changes))


def _event(node_id: str, key: str) -> str:
    return f"case:{node_id.removeprefix('match@')}:{key}"


def _differs(node_id: str) -> DefinitionError:
    return DefinitionError(
        f"block {node_id!r} already exists with a different definition",
        hint="Pass name= to make a block of its own at the same place.",
    )
