# SPDX-License-Identifier: Apache-2.0
"""What no builder could have made is refused when a flow comes from a document."""

from __future__ import annotations

from collections.abc import Mapping

from holdfast.definition.blueprint import ELSE, ENDS, Blueprint, Node
from holdfast.definition.flow_routes import check_routes
from holdfast.errors import DefinitionError

#: How a gate may join its signals.
GATE_MODES = ("and", "or", "simple_or")
#: Which of its cases a match may take.
MATCH_MODES = ("hit_first", "hit_all")
#: What a collection does when it is full.
COLLECT_MODES = ("filled_and_update", "filled_then_empty")

_MODES = {"gate": GATE_MODES, "match": MATCH_MODES, "collect": COLLECT_MODES}


def check(plan: Blueprint) -> None:
    """Refuse a blueprint whose nodes do not fit together. Raises: DefinitionError."""
    check_routes(plan)
    ended: set[str | None] = set()
    for node in plan.nodes:
        modes = _MODES.get(node.kind)
        if modes is not None and node.options.get("mode") not in modes:
            raise DefinitionError(f"blueprint node {node.id!r}: mode is one of {', '.join(modes)}")
        _check_cap(node)
        if node.kind in ENDS:
            if node.group in ended:
                raise DefinitionError(f"blueprint node {node.id!r} ends a block a second time")
            ended.add(node.group)
            _check_end(node, plan.by_id.get(node.group or ""))
        elif node.kind in {"batch", "match"}:
            _check_exits(node)
        elif node.kind == "collect":
            _check_branch(node, plan)
        elif node.inner is not None:
            check(node.inner)


def _check_cap(node: Node) -> None:
    cap = node.options.get("concurrency", 0)
    if node.kind in {"each", "batch", "sub_flow"} and (
        isinstance(cap, bool) or not isinstance(cap, int)
    ):
        raise DefinitionError(f"blueprint node {node.id!r}: concurrency is an int")


def _check_end(node: Node, opened: Node | None) -> None:
    kinds = {"match"} if node.kind == "merge" else {"each", "batch", "match"}
    if opened is None or opened.kind not in kinds:
        raise DefinitionError(f"blueprint node {node.id!r} ends no block there is")


def _check_exits(node: Node) -> None:
    keys = [key for key, _ in node.exits]
    if not keys or len(set(keys)) != len(keys):
        raise DefinitionError(f"blueprint node {node.id!r}: its exits have keys of their own")
    if node.kind == "match":
        cases = node.options.get("cases")
        wanted = len(keys) - (keys[-1] == ELSE)
        if not isinstance(cases, list) or len(cases) != wanted or ELSE in keys[:-1]:
            raise DefinitionError(f"blueprint node {node.id!r}: each case has an exit")
        for case in cases:
            _check_case(node, case)


def _check_case(node: Node, case: object) -> None:
    if isinstance(case, Mapping) and len(case) == 1:
        if "is" in case and isinstance(case["is"], str | int | float | bool | None):
            return
        if isinstance(case.get("if"), str) and case["if"]:
            return
    raise DefinitionError(f"blueprint node {node.id!r}: a case names a condition or holds a value")


def _check_branch(node: Node, plan: Blueprint) -> None:
    branch = node.options.get("branch")
    if node.group is None or not isinstance(branch, str):
        raise DefinitionError(f"blueprint node {node.id!r}: a collection and its branch have names")
    if branch not in plan.collects.get(node.group, ()):
        raise DefinitionError(f"blueprint node {node.id!r} is a branch of no collection")
