# SPDX-License-Identifier: Apache-2.0
"""What tables about event flows share: nodes, steps, and what is left of a run."""

from __future__ import annotations

from typing import Any

import msgspec

from holdfast.definition.blueprint import Blueprint, Node
from holdfast.machine import dispatch, ledger, snapshot, waits
from holdfast.machine.effects import Answered, Emitted, Failed, Finished, Warn
from holdfast.machine.journal import Journal
from holdfast.machine.run import Delivery, Entry, Run, Wait, new_run
from holdfast.persistence.codec import Codec
from holdfast.persistence.types import default_types


def chunk(name: str, *on: str) -> Node:
    """A handler; its signal is its name."""
    signals = tuple(("event", event) for event in on)
    return Node(id=name, kind="chunk", name=name, listens=signals, emits=name, handler=name)


def each(name: str, on: str, cap: int = 0) -> Node:
    """The beginning of a loop; its items are the event "item:<name>"."""
    return Node(
        id=name,
        kind="each",
        name=name,
        listens=(("event", on),),
        emits=f"item:{name}",
        options={"concurrency": cap} if cap else {},
    )


def branching(kind: str, name: str, on: str, *keys: str, **options: Any) -> Node:
    """A batch or a match; each key leads to the event "<name>:<key>"."""
    return Node(
        id=name,
        kind=kind,
        name=name,
        listens=(("event", on),),
        emits=f"{kind}:{name}",
        options=options,
        exits=tuple((key, f"{name}:{key}") for key in keys),
    )


def end(block: str, *on: str, kind: str = "gather") -> Node:
    """The end of a block; it gives off "end:<block>"."""
    signals = tuple(("event", event) for event in on)
    return Node(
        id=f"end:{block}", kind=kind, name=block, listens=signals, emits=f"end:{block}", group=block
    )


def branch_of(group: str, branch: str, on: str, mode: str = "filled_and_update") -> Node:
    """One branch of a collection."""
    return Node(
        id=f"{group}/{branch}",
        kind="collect",
        name=group,
        listens=(("event", on),),
        emits=f"Collect-{group}",
        group=group,
        options={"branch": branch, "mode": mode},
    )


def run_of(*nodes: Node, kept: bool = False) -> Run:
    """A run of these nodes, with a journal or without."""
    run = new_run("r", "flow", Blueprint(name="f", nodes=nodes))
    if kept:
        run.journal = Journal(Codec(default_types))
        snapshot.mark_all(run)
    return run


def read_back(run: Run) -> Run:
    """The run as it would come from its store."""
    assert run.journal is not None
    ledger.write_open(run)
    run.journal.take()
    codec = Codec(default_types)
    again = snapshot.restore("r", "flow", run.plan, dict(run.journal.parts), codec)
    again.journal = Journal(codec)
    again.journal.restart(dict(run.journal.parts))
    return again


def emit(run: Run, event: str = "START", value: Any = None, **more: Any) -> list[Any]:
    """A signal from outside."""
    return dispatch.step(run, Emitted("event", event, value, **more))


def due(effects: list[Any]) -> list[Delivery]:
    """The deliveries among effects."""
    return [effect for effect in effects if isinstance(effect, Delivery)]


def nodes(effects: list[Any]) -> list[str]:
    """Where something is due."""
    return [delivery.node for delivery in due(effects)]


def payloads(effects: list[Any]) -> list[Any]:
    """The payloads of what is due."""
    return [delivery.payload for delivery in due(effects)]


def warned(effects: list[Any]) -> list[str]:
    """The codes of the warnings."""
    return [effect.code for effect in effects if isinstance(effect, Warn)]


def finish(run: Run, delivery: Delivery, value: Any = None, **more: Any) -> list[Any]:
    """The end of a handler, or the verdict of a match."""
    return dispatch.step(run, Finished(delivery, value, **more))


def fail(run: Run, delivery: Delivery) -> list[Any]:
    """A handler raised."""
    return dispatch.step(run, Failed(delivery, "no"))


def pause(run: Run, delivery: Delivery, wait_id: str, resume: str = "next") -> list[Any]:
    """Let a delivery ask, and end."""
    wait = Wait(
        id=wait_id,
        type="pause",
        payload=None,
        opener=delivery.id,
        resume=resume,
        origin=msgspec.structs.replace(delivery),
        scope=delivery.scope,
    )
    waits.open_wait(run, wait)
    ledger.record(run, delivery.id, Entry("pause", wait_id, None, wait=wait_id))
    return finish(run, delivery, paused=True)


def answer(run: Run, wait_id: str, value: Any) -> list[Any]:
    """An answer."""
    return dispatch.step(run, Answered(wait_id, value, None, None, 0.0))


def is_empty(run: Run) -> bool:
    """Whether nothing of the work is left in the record."""
    parts = (run.deliveries, run.groups, run.scopes, run.joins, run.fans, run.waits, run.ledgers)
    return not any(parts) and run.live == 0


def counts(run: Run) -> dict[str, Any]:
    """What of a record decides how its blocks go on."""
    return {
        "live": (run.live, run.next_scope, run.next_delivery),
        "fans": {
            n: (f.node, f.scope, f.items, f.cap, f.started, f.results, f.active, f.value, f.emitter)
            for n, f in sorted(run.fans.items())
        },
        "scopes": {
            n: (s.parent, s.live, s.index, s.resting, s.rests)
            for n, s in sorted(run.scopes.items())
        },
        "joins": run.joins,
        "groups": {n: g.live for n, g in sorted(run.groups.items())},
        "deliveries": {
            n: (d.node, d.payload, d.scope, d.status) for n, d in run.deliveries.items()
        },
    }
