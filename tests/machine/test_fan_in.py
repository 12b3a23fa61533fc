# SPDX-License-Identifier: Apache-2.0
"""Fan-ins of graphs: what is gathered, when the target is called, and what survives."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast.definition.edges import EdgeGroup, When, fan_in, single_edge
from holdfast.definition.embedding import Inner, embedded
from holdfast.definition.graph import Graph, Node
from holdfast.machine import ledger, snapshot, superstep
from holdfast.machine.effects import (
    Answered,
    Barrier,
    Ended,
    Failed,
    Finished,
    Refused,
    Retried,
    Sent,
    Warn,
)
from holdfast.machine.journal import Journal
from holdfast.machine.run import Delivery, Run, Unsent, new_run
from holdfast.persistence.codec import Codec
from holdfast.persistence.types import default_types
from tests.machine.test_superstep import ask, due, reloaded, shape


def graph(edges: str, *joins: EdgeGroup, **more: Any) -> Graph:
    """A graph from "s>a s>b" and fan-ins; the first name is the start."""
    pairs = [tuple(edge.split(">")) for edge in edges.split()]
    named = [name for pair in pairs for name in pair if name]
    names = dict.fromkeys(named + [name for j in joins for name in (*j.sources, *j.targets)])
    return Graph(
        name="g",
        start=next(iter(names)),
        nodes=tuple(Node(id=name, type="T") for name in names),
        groups=(*(single_edge(a, b) for a, b in pairs if b), *joins),
        max_iterations=100,
        **more,
    )


def entered(plan: Graph, *, kept: bool = True) -> tuple[Run, list[Any]]:
    """A run that has taken its input "in"."""
    run = new_run("r", "workflow", plan)
    if kept:
        run.journal = Journal(Codec(default_types))
        snapshot.mark_all(run)
    return run, superstep.enter(run, "in", None)


def ends(run: Run, delivery: Delivery, **sends: Any) -> list[Any]:
    """End a handler: target=value for edges, into=[values] for the only fan-in it feeds."""
    plan: Graph = run.plan
    into = sends.pop("into", [])
    name = next((g.name for g in plan.out_groups(delivery.node) if g.kind == "fan_in"), "")
    codec = run.journal.codec if run.journal else None

    def data(value: Any) -> bytes | None:
        return None if codec is None else codec.encode(value)

    sent = [Sent(value, data(value), (target,)) for target, value in sends.items()]
    sent += [Sent(value, data(value), (), gathers=(name,)) for value in into]
    return superstep.step(run, Finished(delivery, sends=tuple(sent)))


def at_width(when: When = "all", *, kept: bool = True, **more: Any) -> tuple[Run, Any, Any]:
    """A run in whose superstep a and b work, both before the fan-in of t."""
    run, effects = entered(graph("s>a s>b", fan_in("ab", "t", when), **more), kept=kept)
    a, b = due(ends(run, due(effects)[0], a=1, b=2))
    return run, a, b


def test_the_target_is_called_once_with_the_list_of_all() -> None:
    """When every source has sent; its senders are all of them."""
    run, a, b = at_width()
    assert ends(run, b, into=["b"]) == []
    effects = ends(run, a, into=["a"])

    (t,) = due(effects)
    assert (t.payload, t.sources, t.kind) == (["a", "b"], ("a", "b"), "gathered")
    assert run.gathers == {}


def test_the_list_is_in_the_order_of_sources_then_of_sending() -> None:
    """Whoever ended first, and however often each sent."""
    run, a, b = at_width()
    ends(run, b, into=["b1", "b2"])
    (t,) = due(ends(run, a, into=["a1", "a2"]))

    assert t.payload == ["a1", "a2", "b1", "b2"]


def test_sources_of_different_depth_meet() -> None:
    """What came early waits in the record, over barriers and a restart."""
    plan = graph("s>a s>b b>c", fan_in("ac", "t"))
    run, effects = entered(plan)
    a, b = due(ends(run, due(effects)[0], a=1, b=2))
    ends(run, a, into=["from a"])
    effects = ends(run, b, c="x")
    assert shape(effects) == ["Barrier", "Began", "c=x"]

    run = reloaded(run)
    (c,) = due(superstep.resume(run))
    (t,) = due(ends(run, c, into=["from c"]))
    assert t.payload == ["from a", "from c"]


def test_a_list_that_is_due_survives_a_restart() -> None:
    """As a list, with its senders, and again before a repeat."""
    run, a, b = at_width()
    ends(run, a, into=[(1, 2)])
    ends(run, b, into=[{3}])
    run = reloaded(run)
    (t,) = due(superstep.resume(run))

    assert (t.payload, t.sources) == ([(1, 2), {3}], ("a", "b"))
    t.payload[0] = "changed by the first attempt"
    ledger.prepare_repeat(run, t)
    assert t.payload == [(1, 2), {3}]


def test_after_it_has_called_its_target_a_fan_in_begins_anew() -> None:
    """So a loop through it works, and nothing of the first round is in the second."""
    run, a, b = at_width()
    ends(run, a, into=["a1"])
    (t,) = due(ends(run, b, into=["b1"]))
    a, b = due(ends(run, t, a="again", b="again"))
    ends(run, a, into=["a2"])
    run = reloaded(run)
    (b,) = due(superstep.resume(run))
    (t,) = due(ends(run, b, into=["b2"]))

    assert t.payload == ["a2", "b2"]


def test_a_half_filled_fan_in_is_told_at_rest_and_dropped() -> None:
    """By name, with who sent and who did not; nothing leaks into what comes after."""
    run, a, b = at_width()
    ends(run, a, into=["a"])
    effects = ends(run, b)

    assert shape(effects) == ["Warn", "Barrier"]
    assert (effects[0].code, run.status) == ("fan-in.never-filled", "completed")
    assert "'a+b->t' had only a " in effects[0].text
    assert "missing: b" in effects[0].text
    assert (run.gathers, reloaded(run).gathers) == ({}, {})


def test_a_half_filled_fan_in_waits_for_answers() -> None:
    """Somebody who is asked may still send."""
    run, a, b = at_width()
    ends(run, a, into=["a"])
    ask(run, b)
    effects = ends(run, b)
    assert shape(effects) == ["Barrier"]
    assert run.status == "waiting"

    run = reloaded(run)
    superstep.step(run, Answered("q", "yes", None, None, 0.0))
    (b,) = due(superstep.resume(run))
    (t,) = due(ends(run, b, into=["late"]))
    assert t.payload == ["a", "late"]


@pytest.mark.parametrize(("status", "told"), [("completed", True), ("cancelled", False)])
def test_the_end_of_a_run_drops_what_waits_in_fan_ins(status: str, told: bool) -> None:
    """Told when the run is closed as complete; one that is cancelled is not expected to fill."""
    run, a, _b = at_width()
    ends(run, a, into=["a"])
    effects = superstep.step(run, Ended(status))

    assert any(isinstance(e, Warn) for e in effects) is told
    assert (run.gathers, reloaded(run).gathers) == ({}, {})


def test_a_failed_superstep_keeps_what_was_gathered() -> None:
    """The retry fills the rest."""
    run, a, b = at_width()
    ends(run, a, into=["a"])
    superstep.step(run, Failed(b, "boom"))
    run = reloaded(run)
    (parked,) = run.deliveries.values()
    superstep.step(run, Retried(parked))
    (b,) = due(superstep.resume(run))
    (t,) = due(ends(run, b, into=["b"]))

    assert t.payload == ["a", "b"]


def test_any_calls_the_target_with_what_came_in_a_superstep() -> None:
    """Once for each superstep in which something came."""
    run, effects = entered(graph("s>a s>b b>c", fan_in("abc", "t", "any")))
    a, b = due(ends(run, due(effects)[0], a=1, b=2))
    ends(run, a, into=["a"])
    effects = superstep.step(
        run,
        Finished(b, sends=(Sent("b", b'"b"', ("c",), gathers=("a+b+c->t",)),)),
    )
    assert shape(effects) == ["Barrier", "Began", "t=['a', 'b']", "c=b"]
    t, c = due(effects)
    ends(run, t)
    (t,) = due(ends(run, c, into=["c"]))
    assert (t.payload, t.sources) == (["c"], ("c",))


def test_settled_waits_for_whoever_can_still_send() -> None:
    """Over as many supersteps as it takes; then what came is enough."""
    run, effects = entered(graph("s>a s>b b>c c>d", fan_in("ad", "t", "settled")))
    a, b = due(ends(run, due(effects)[0], a=1, b=2))
    ends(run, a, into=["a"])
    (c,) = due(ends(run, b, c=1))
    effects = ends(run, c)

    assert shape(effects) == ["Barrier", "Began", "t=['a']"]
    assert due(effects)[0].sources == ("a",)


def test_settled_does_not_wait_for_whom_nothing_leads_to() -> None:
    """What is under way elsewhere is no reason to wait."""
    run, effects = entered(graph("s>a s>b s>x x>y", fan_in("ab", "t", "settled")))
    a, x = due(ends(run, due(effects)[0], a=1, x=1))
    ends(run, a, into=["a"])
    effects = ends(run, x, y=1)

    assert [d.node for d in due(effects)] == ["t", "y"]


def test_settled_waits_for_an_answer_that_may_lead_to_a_source() -> None:
    """An open question counts as somebody who can still send."""
    run, effects = entered(graph("s>a s>b b>c", fan_in("ac", "t", "settled")))
    a, b = due(ends(run, due(effects)[0], a=1, b=2))
    ends(run, a, into=["a"])
    ask(run, b)
    assert shape(ends(run, b)) == ["Barrier"]
    assert run.status == "waiting"


def test_fan_ins_that_settle_after_each_other_are_called_in_turn() -> None:
    """The target of the first feeds the second."""
    plan = graph("s>a s>b", fan_in("ab", "t", "settled"), fan_in("tb", "u", "settled"))
    run, effects = entered(plan)
    (a, b) = due(ends(run, due(effects)[0], a=1, b=2))
    ends(run, a, into=["a"])
    both = tuple(Sent("b", b'"b"', (), gathers=(name,)) for name in ("a+b->t", "t+b->u"))
    (t,) = due(superstep.step(run, Finished(b, sends=both)))
    assert (t.node, t.payload) == ("t", ["a", "b"])
    (u,) = due(ends(run, t, into=["t"]))
    assert (u.node, u.payload) == ("u", ["t", "b"])


def test_fan_ins_that_settle_after_each_other_in_a_ring_do_not_wait_for_ever() -> None:
    """The one declared first goes on."""
    plan = graph("s>a s>b t>x u>y", fan_in("ay", "t", "settled"), fan_in("bx", "u", "settled"))
    run, effects = entered(plan)
    a, b = due(ends(run, due(effects)[0], a=1, b=2))
    ends(run, a, into=["a"])
    effects = ends(run, b, into=["b"])

    assert [(d.node, d.payload) for d in due(effects)] == [("t", ["a"])]


def test_a_strict_graph_stops_at_a_half_filled_fan_in() -> None:
    """The superstep counts, and what waits is kept; by decision it goes on with a warning."""
    run, a, b = at_width(strict=True)
    ends(run, a, into=["a"])
    effects = ends(run, b)
    assert shape(effects) == ["Barrier", "Refused"]
    assert isinstance(effects[1], Refused)
    assert (run.status, run.live) == ("failed", 0)

    run = reloaded(run)
    assert list(run.gathers) == ["a+b->t"]
    effects = superstep.resume(run)
    assert shape(effects) == ["Warn"]
    assert (run.status, run.error, run.gathers) == ("completed", None, {})


def test_a_thousand_sources_cost_what_they_send() -> None:
    """No delta holds what others sent before."""
    sources = [f"w{number}" for number in range(1000)]
    run, effects = entered(graph(" ".join(f"s>{s}" for s in sources), fan_in(sources, "t")))
    workers = due(ends(run, due(effects)[0], **dict.fromkeys(sources, "x" * 10)))
    assert run.journal is not None
    run.journal.take()
    sizes = []
    for worker in workers[:-1]:
        ends(run, worker, into=["y" * 10])
        sizes.append(len(run.journal.take()))

    assert max(sizes) - min(sizes) < 20
    effects = ends(run, workers[-1], into=["z"])
    assert isinstance(effects[0], Barrier)
    assert len(due(effects)[0].payload) == 1000


def test_a_run_in_memory_gathers_without_bytes() -> None:
    """Live objects pass through as they are."""
    thing = object()
    run, a, b = at_width(kept=False)
    ends(run, a, into=[thing])
    (t,) = due(ends(run, b, into=["b"]))

    assert t.payload[0] is thing
    assert t.data is None


def test_a_message_for_a_fan_in_is_kept_while_its_routing_is_parked() -> None:
    """What one handler sent is not counted twice when its routing is told again."""
    run, a, b = at_width()
    happened = superstep.Unrouted(Finished(a), (Unsent("a", b'"a"'),), "ValueError: no")
    superstep.step(run, happened)
    run = reloaded(run)
    parked, _other = run.deliveries.values()
    assert (parked.kind, parked.payload) == ("routing", [Unsent("a", b'"a"', None, "")])
    superstep.step(run, Retried(parked))
    again, b = due(superstep.resume(run))
    ends(run, again, into=["a"])
    (t,) = due(ends(run, b, into=["b"]))

    assert t.payload == ["a", "b"]


def test_a_source_that_is_none_any_more_fills_nothing() -> None:
    """The definition changed while the run waited: its message is handed over, last."""
    sources = ["a", "b", "c", "d", "e"]
    run, effects = entered(graph(" ".join(f"s>{n}" for n in sources), fan_in(sources, "t")))
    workers = due(ends(run, due(effects)[0], **dict.fromkeys(sources, 1)))
    ends(run, workers[4], into=["from e"])
    changed = graph(" ".join(f"s>{n}" for n in [*sources, "x"]), fan_in([*sources[:4], "x"], "t"))
    run.plan = changed
    run = reloaded(run)
    for worker in due(superstep.resume(run))[:3]:
        ends(run, worker, into=[worker.node])
    (last,) = run.deliveries.values()
    effects = ends(run, last, into=["d"])
    assert shape(effects) == ["Warn", "Barrier"]
    assert "missing: x" in effects[0].text


def test_settled_waits_for_a_sub_workflow_that_may_still_yield() -> None:
    """What is under way inside of it leads to its node."""
    inner = graph("x>y")
    plan = embedded(
        graph("s>a s>w", fan_in("aw", "t", "settled")),
        {"w": Inner(graph=inner, allow_direct_output=False, propagate_request=False)},
    )
    run, effects = entered(plan)
    a, x = due(ends(run, due(effects)[0], a=1, w=1))
    ends(run, a, into=["a"])
    effects = superstep.step(run, Finished(x, sends=(Sent("m", b'"m"', ("w/y",)),)))
    assert shape(effects) == ["Barrier", "Began", "w/y=m"]
    out = Sent("from w", b'"from w"', (), "w", ("a+w->t",))
    (t,) = due(superstep.step(run, Finished(due(effects)[0], sends=(out,))))
    assert (t.payload, t.sources) == (["a", "from w"], ("a", "w"))


def test_a_fan_in_that_was_full_before_a_restart_calls_its_target() -> None:
    """Although nothing comes to it in what is left of the superstep."""
    run, effects = entered(graph("s>a s>b s>x", fan_in("ab", "t")))
    a, b, _x = due(ends(run, due(effects)[0], a=1, b=1, x=1))
    ends(run, a, into=["a"])
    ends(run, b, into=["b"])
    run = reloaded(run)
    (x,) = due(superstep.resume(run))

    assert [(d.node, d.payload) for d in due(ends(run, x))] == [("t", ["a", "b"])]
