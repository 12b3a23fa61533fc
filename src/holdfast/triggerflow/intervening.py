# SPDX-License-Identifier: Apache-2.0
"""Interventions of a run under way: taken in, taken up where they belong, marked, and shown."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from holdfast.definition.blueprint import Blueprint, Node
from holdfast.errors import (
    DefinitionError,
    InterventionNotFound,
    InterventionsOff,
    RunNotOpen,
)
from holdfast.machine import interventions, layout
from holdfast.machine.interventions import Intervening, Intervention
from holdfast.machine.run import Delivery, Run
from holdfast.triggerflow.running import FlowRun
from holdfast.triggerflow.unset import UNSET

#: What a policy is given, and what it answers: an id, several, or None.
Policy = Callable[[dict[str, Any]], Any]

MODES = ("planned", "auto", None)
MARKS = ("applied", "ignored")

#: What interventions may be asked for by.
FILTERS = frozenset({"status", "target", "since_version", "consumed_by"})

#: Words of users for kinds of nodes that are named otherwise inside.
_WORDS = {"each": "for_each", "gate": "when", "gather": "for_each", "merge": "match"}


def chosen_mode(plan: Blueprint, mode: Any, policy: Policy | None) -> str | None:
    """The mode of a new execution. Raises: DefinitionError, TypeError.

    By default "planned" where the flow declares a point, else None for off.
    """
    if mode is UNSET:
        mode = "planned" if plan.has_points else None
    if mode not in MODES:
        raise DefinitionError(
            f'intervention_mode: expected "planned", "auto" or None; found {mode!r}'
        )
    if mode == "auto" and plan.has_points:
        raise DefinitionError(
            'intervention_mode="auto" can not be used with explicit intervention points',
            hint="Leave the points out, or use the mode planned.",
        )
    if policy is None:
        return mode  # type: ignore[no-any-return]
    if not callable(policy):
        raise TypeError(f"intervention_policy is callable; found {type(policy).__name__}")
    if mode != "auto":
        raise DefinitionError('intervention_policy is asked only with intervention_mode="auto"')
    return "auto"


def begin(flow: FlowRun, mode: str | None, *, wins: bool = True) -> None:
    """Let the run take interventions in that mode. wins: over the mode that its record has."""
    run = flow.run
    present = run.intervening
    if present is None and mode is not None:
        present = run.intervening = Intervening(mode)
        interventions.mark_mode(present, run.journal)
    elif present is not None and wins and present.mode != mode:
        present.mode = mode
        interventions.mark_mode(present, run.journal)
        if mode is None and not present.records:
            interventions.drop(run.journal)
            run.intervening = None
    flow.before = None if run.intervening is None else _before


async def add(flow: FlowRun, payload: Any, more: Mapping[str, Any]) -> dict[str, Any]:
    """Take an intervention in; it is kept before it is told. Raises: RunNotOpen, InterventionsOff.

    more: author, note, target, metadata.
    """
    run = flow.run
    metadata = {} if more["metadata"] is None else more["metadata"]
    if not isinstance(metadata, dict):
        raise TypeError(f"metadata is a dict; found {type(metadata).__name__}")
    if run.lifecycle != "open":
        raise RunNotOpen(
            f"intervene: the execution is {run.lifecycle}", run_id=run.run_id, state=run.lifecycle
        )
    intervening = run.intervening
    if intervening is None or intervening.mode is None:
        raise InterventionsOff("runtime intervention is disabled", run_id=run.run_id)
    record = Intervention(
        flow.live.ids.new(),
        0,
        flow.codec.copy(payload),
        flow.live.clock.now(),
        more["author"],
        more["note"],
        more["target"],
        flow.codec.copy(metadata),
    )
    interventions.add(intervening, run.journal, record)
    layout.mark_change(run)
    if flow.live.saver is not None:
        await flow.live.advance([])
    _tell(flow, "append", record)
    return shown(flow, record)


async def mark_consumed(
    flow: FlowRun, name: str, consumer: Any, status: str, more: Mapping[str, Any]
) -> dict[str, Any]:
    """Say what a consumer did with an intervention. more: note, metadata.

    Raises: DefinitionError (a ValueError), InterventionNotFound (a KeyError).
    """
    if status not in MARKS:
        raise DefinitionError(f'status: expected "applied" or "ignored"; found {status!r}')
    if not isinstance(consumer, str) or not consumer:
        raise DefinitionError("consumer: expected a name")
    metadata = {} if more["metadata"] is None else more["metadata"]
    if not isinstance(metadata, dict):
        raise TypeError(f"metadata is a dict; found {type(metadata).__name__}")
    run = flow.run
    record = _records(run).get(name)
    if record is None:
        raise InterventionNotFound(f"no intervention {name!r}", run_id=run.run_id)
    said = {
        "status": status,
        "note": more["note"],
        "metadata": flow.codec.copy(metadata),
        "consumed_at": flow.live.clock.now(),
    }
    interventions.consume(record, run.journal, consumer, said)
    layout.mark_change(run)
    _tell(flow, "consume", record)
    return shown(flow, record)


async def _before(flow: FlowRun, delivery: Delivery) -> int:
    """Take up what belongs before a delivery. Returns how many insertions its handler may see."""
    intervening = flow.run.intervening
    if intervening is None:
        return 0
    if intervening.pending:
        plan: Blueprint = flow.run.plan
        node = plan.by_id[delivery.node]
        if node.kind == "point" and intervening.mode is not None:
            waiting = intervening.pending.get(node.options.get("target"), {})
            _insert(flow, intervening, waiting.values(), delivery, "planned")
        elif intervening.mode == "auto":
            await _by_policy(flow, intervening, node, delivery)
    return intervening.inserted


async def _by_policy(
    flow: FlowRun, intervening: Intervening, node: Node, delivery: Delivery
) -> None:
    group, group_kind = _group_of(flow.run, node, delivery)
    if flow.policy is None:
        names: list[str | None] = list(_names_of(flow.run, node, delivery))
        if node.kind == "chunk":
            names.append(None)
        found = [r for name in names for r in intervening.pending.get(name, {}).values()]
        _insert(flow, intervening, found, delivery, "target")
        return
    try:
        answer = flow.policy(_context(flow, intervening, delivery, (group, group_kind)))
        if inspect.isawaitable(answer):
            answer = await answer
    except Exception as error:  # noqa: BLE001 - a policy is a wish, and no part of the work
        text = f"the policy raised {type(error).__name__}: nothing is inserted before {node.id}"
        flow.warn("intervention.policy-failed", text)
        return
    ids = [] if answer is None else [answer] if isinstance(answer, str) else list(answer)
    known = {name: intervening.records.get(name) for name in ids}
    odd = [str(name) for name, record in known.items() if record is None]
    if odd:
        flow.warn("intervention.unknown", f"the policy named no intervention: {', '.join(odd)}")
    name = getattr(flow.policy, "__name__", type(flow.policy).__name__)
    _insert(flow, intervening, [r for r in known.values() if r is not None], delivery, name)


def _names_of(run: Run, node: Node, delivery: Delivery) -> list[str]:
    """Every target that means this delivery: of its node, its group, and what led to it."""
    names = [node.id, node.name, node.kind, *_group_of(run, node, delivery)]
    plan: Blueprint = run.plan
    passed: dict[str, Node] = {}
    waiting = [delivery.event]
    while waiting:
        for found in plan.routers.get(waiting.pop(), ()):
            if found.id not in passed:
                passed[found.id] = found
                waiting += [event for kind, event in found.listens if kind == "event"]
    for found in passed.values():
        names += [found.id, found.name, found.kind, _WORDS.get(found.kind)]
    visit = run.visits.get(delivery.frame)
    while visit is not None:
        around = plan.by_id[visit.node]
        names += [around.id, around.name, around.kind, _WORDS.get(around.kind)]
        visit = run.visits.get(visit.parent)
    return list(dict.fromkeys(name for name in names if name))


def _group_of(run: Run, node: Node, delivery: Delivery) -> tuple[str | None, str | None]:
    """The innermost block that a delivery is part of: the id of its node, and the word for it."""
    plan: Blueprint = run.plan
    name = node.group
    number = delivery.scope
    while name is None and number in run.scopes:
        number = run.scopes[number].parent
        fan = run.fans.get(number)
        name = None if fan is None else fan.node
    opener = plan.by_id.get(name or "")
    return (name, None) if opener is None else (name, _WORDS.get(opener.kind, opener.kind))


def _context(
    flow: FlowRun,
    intervening: Intervening,
    delivery: Delivery,
    group: tuple[str | None, str | None],
) -> dict[str, Any]:
    """What a policy is given."""
    run = flow.run
    plan: Blueprint = run.plan
    node = plan.by_id[delivery.node]
    waiting = [r for found in intervening.pending.values() for r in found.values()]
    return {
        "execution_id": run.run_id,
        "flow_name": plan.name,
        "signal": _signal(delivery),
        "operator": {"id": node.id, "name": node.name, "kind": node.kind},
        "operator_id": node.id,
        "operator_name": node.name,
        "operator_kind": node.kind,
        "group_id": group[0],
        "group_kind": group[1],
        "pending_interventions": [
            shown(flow, record) for record in sorted(waiting, key=lambda r: r.version)
        ],
        "state": flow.get_state(None),
        "latest_inserted_version": intervening.newest,
    }


def _signal(delivery: Delivery) -> dict[str, Any]:
    return {"trigger_event": delivery.event, "trigger_type": delivery.kind}


def _insert(
    flow: FlowRun,
    intervening: Intervening,
    chosen: Iterable[Intervention],
    delivery: Delivery,
    policy: str,
) -> None:
    chosen = list(chosen)
    if not chosen:
        return
    run = flow.run
    plan: Blueprint = run.plan
    node = plan.by_id[delivery.node]
    group, group_kind = _group_of(run, node, delivery)
    at = flow.live.clock.now()
    insertion = {
        "mode": intervening.mode,
        "operator_id": node.id,
        "operator_name": node.name,
        "operator_kind": node.kind,
        "group_id": group,
        "group_kind": group_kind,
        "signal": _signal(delivery),
        "inserted_at": at,
        "policy": policy,
    }
    layout.mark_change(run)
    for record in interventions.insert(intervening, run.journal, chosen, insertion, at):
        _tell(flow, "insert", record)


def tell_expired(flow: FlowRun, records: Iterable[Intervention]) -> None:
    """Watchers hear what expired once that is down."""
    for record in records:
        _tell(flow, "expire", record)


def _tell(flow: FlowRun, action: str, record: Intervention) -> None:
    flow.tell({"type": "intervention", "action": action, "intervention": shown(flow, record)})
    if action != "expire" and flow.on_activity is not None:
        flow.on_activity()


def shown(flow: FlowRun, record: Intervention) -> dict[str, Any]:
    """An intervention as users see it: a copy of it all."""
    return {
        "id": record.id,
        "version": record.version,
        "status": record.status,
        "payload": flow.codec.copy(record.payload),
        "target": record.target,
        "author": record.author,
        "note": record.note,
        "metadata": flow.codec.copy(record.metadata),
        "created_at": record.created_at,
        "inserted_at": record.inserted_at,
        "insertion": flow.codec.copy(record.insertion),
        "expired_at": record.expired_at,
        "consumers": flow.codec.copy(record.consumers),
    }


def listed(flow: FlowRun, seen: int | None = None, **wanted: Any) -> list[dict[str, Any]]:
    """Copies of the interventions that fit, by version. seen: only so many insertions.

    wanted: status, target, since_version (later ones), consumed_by; None for any.
    """
    return [shown(flow, r) for r in _records(flow.run).values() if _fits(r, seen, wanted)]


def latest(
    flow: FlowRun, default: Any, seen: int | None = None, **wanted: Any
) -> dict[str, Any] | Any:
    """The last intervention that fits, or the default."""
    odd = wanted.keys() - FILTERS
    if odd:
        raise TypeError(f"get_latest_intervention: no filter is called {', '.join(sorted(odd))}")
    for record in reversed(_records(flow.run).values()):
        if _fits(record, seen, wanted):
            return shown(flow, record)
    return default


def _records(run: Run) -> dict[str, Intervention]:
    return {} if run.intervening is None else run.intervening.records


def _fits(record: Intervention, seen: int | None, wanted: Mapping[str, Any]) -> bool:
    if seen is not None and not 0 < record.place <= seen:
        return False
    status, target = wanted.get("status"), wanted.get("target")
    since, by = wanted.get("since_version"), wanted.get("consumed_by")
    if status is not None and record.status != status:
        return False
    if target is not None and record.target != target:
        return False
    if since is not None and record.version <= since:
        return False
    return by is None or by in record.consumers
