# SPDX-License-Identifier: Apache-2.0
"""Whether a saved run may go on with a flow that has changed since."""

from __future__ import annotations

from dataclasses import replace

from holdfast.definition.blueprint import Blueprint, Node
from holdfast.machine import sound
from holdfast.machine.bindings import PREFIX
from holdfast.machine.run import Run
from holdfast.runtime.compatible import Change, compared, referred


def change_of(run: Run, plan: Blueprint, fingerprints: tuple[str, str]) -> Change:
    """What has changed in the flow for a saved run.

    fingerprints: the saved one and today's. A lane under way refers to the exit it was led into.
    """
    exits = {_lane(node.id, key) for node in plan.by_id.values() for key, _ in node.exits}
    lanes = {
        _lane(fan.node, str(key))
        for fan in run.fans.values()
        if fan.node in plan.exits
        for key in fan.items
    }
    # A binding is none of the definition's: it is found again when its handler is bound.
    bound = {name for name in referred(run) if name.startswith(PREFIX)}
    change = compared(
        run,
        {*plan.by_id, *plan.collects, *exits, *bound},
        fingerprints,
        lanes=lanes,
        unnamed={node.id for node in plan.by_id.values() if _is_unnamed(node)},
    )
    if change.is_same or change.is_refused:
        return change
    # All names are there, but one may stand for something of another kind by now.
    return replace(change, flaw=sound.first_flaw(run, plan, is_same=False))


def check_flow(
    run: Run, plan: Blueprint, fingerprints: tuple[str, str], *, strict: bool = False
) -> str | None:
    """A warning text if the flow has changed and still has all that the record refers to.

    Raises: WrongDefinition for what is gone, and for what has no name to be found by.
    """
    return change_of(run, plan, fingerprints).admitted(strict=strict)


def _lane(node_id: str, key: str) -> str:
    return f"{node_id}[{key}]"


def _is_unnamed(node: Node) -> bool:
    if node.kind == "chunk":
        return node.handler is None
    return any(not case.get("if") and "is" not in case for case in node.options.get("cases", ()))
