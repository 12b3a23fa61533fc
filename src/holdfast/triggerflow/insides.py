# SPDX-License-Identifier: Apache-2.0
"""What handlers inside a sub-flow find: its own resources and flow data, and its frame's names.

The record says what a visit was given; the live things are made of it when first asked for, so a
run that was loaded finds them as one that never stopped does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from holdfast.definition.blueprint import Blueprint
from holdfast.machine.run import Run, Wait
from holdfast.runtime.permits import Permits
from holdfast.triggerflow.resources import Resources
from holdfast.triggerflow.shared import SharedData

if TYPE_CHECKING:
    from holdfast.triggerflow.compiled import Sub

#: How the id of a frame begins, for users.
FRAME_ID = "frame-"


@dataclass(frozen=True, slots=True)
class Inside:
    """The live side of one visit. permits: where it has a limit of its own."""

    resources: Resources
    shared: SharedData
    permits: Permits | None = None


class Around(Protocol):
    """A run, and what resolvers gave to its sub-flows, by the paths of their nodes."""

    run: Run
    resolved: dict[str, dict[str, Any]]


def made(flow: Around, number: int, sub: Sub, around: Resources) -> Inside:
    """The live side of a visit. around: the resources of the flow around it."""
    run = flow.run
    visit = run.visits[number]
    own = {key: around[outer] for key, outer in visit.bound.items() if outer in around}
    shared = sub.data.isolated()
    for key, value in visit.given.get("flow_data", {}).items():
        shared.put(key, value)
    resolved = flow.resolved.get(visit.node, {})
    resources = Resources(sub.resources, {**resolved, **own, **visit.given.get("resources", {})})
    plan: Blueprint = run.plan
    most = int(plan.by_id[visit.node].options.get("concurrency") or 0)
    return Inside(resources, shared, Permits(most) if most > 0 else None)


def frame_id(number: int) -> str:
    """A frame as users name it."""
    return f"{FRAME_ID}{number}"


def number_of(name: str) -> int:
    """The number of a frame that a user named; 0 for what names none."""
    digits = name.removeprefix(FRAME_ID) if isinstance(name, str) else ""
    is_number = digits.isascii() and digits.isdigit() and frame_id(int(digits)) == name
    return int(digits) if is_number else 0


def prefix(run: Run, number: int) -> str:
    """What the ids of a frame's interrupts begin with: the frames around it, the outermost first.

    The pauses of a sub-flow are answered through the flow around it, under these ids.
    """
    text = ""
    while number:
        text = f"{frame_id(number)}:{text}"
        number = run.visits[number].parent
    return text


def local_id(wait_id: str) -> str:
    """The id of an interrupt as its own flow gave it."""
    while wait_id.startswith(FRAME_ID):
        frame, colon, rest = wait_id.partition(":")
        if not colon or not number_of(frame):
            break
        wait_id = rest
    return wait_id


def child_id(run: Run, number: int) -> str:
    """The id of a visit's run, which is a part of the run around it."""
    return f"{run.run_id}:{frame_id(number)}"


def frame_of(wait: Wait) -> int:
    """The frame of the sub-flow that asks, 0 for the flow itself."""
    return 0 if wait.origin is None else wait.origin.frame
