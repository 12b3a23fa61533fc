# SPDX-License-Identifier: Apache-2.0
"""Failures that are followed by another call, as tables for both machines."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from holdfast.definition.edges import single_edge
from holdfast.definition.graph import Graph
from holdfast.definition.graph import Node as GraphNode
from holdfast.machine import (
    dispatch,
    layout,
    ledger,
    snapshot,
    sound,
    state,
    superstep,
    timers,
    waits,
)
from holdfast.machine.effects import (
    Broken,
    CameDue,
    Cancel,
    Ended,
    Failed,
    Faltered,
    Finished,
    Retried,
    Retrying,
    Sent,
    Skipped,
    Withdrawn,
)
from holdfast.machine.journal import Journal
from holdfast.machine.run import DUE, PARKED, Delivery, Entry, Run, Wait, new_run
from holdfast.persistence.codec import Codec
from holdfast.persistence.types import default_types
from tests.machine.flow_steps import chunk, due, each, emit, end, finish, read_back, run_of

AT = 1000.0


def one(*, kept: bool = False) -> tuple[Run, Delivery]:
    """A flow of two chunks, the first of them under way."""
    run = run_of(chunk("a", "START"), chunk("b", "a"), kept=kept)
    (delivery,) = due(emit(run, value=[1]))
    return run, delivery


def graph_of_two(*, kept: bool = False) -> tuple[Run, Delivery]:
    """A graph a>b a>c, with its start under way."""
    names = ("a", "b", "c")
    graph = Graph(
        name="g",
        start="a",
        nodes=tuple(GraphNode(id=name, type="T") for name in names),
        groups=(single_edge("a", "b"), single_edge("a", "c")),
        max_iterations=100,
    )
    run = new_run("r", "workflow", graph)
    if kept:
        run.journal = Journal(Codec(default_types))
        snapshot.mark_all(run)
    effects = superstep.enter(run, 1, b"1")
    (delivery,) = due(effects)
    return run, delivery


MACHINES = pytest.mark.parametrize(
    ("machine", "begun"), [(dispatch, one), (superstep, graph_of_two)]
)


@MACHINES
def test_a_failure_is_counted_and_the_delivery_stays_due(machine: Any, begun: Any) -> None:
    """Its run is not idle; nobody is told that it broke; a timer is set for it."""
    run, delivery = begun()
    live = run.live
    effects = machine.step(run, Faltered(delivery, "no", AT))
    assert [type(effect) for effect in effects] == [Retrying, Delivery]
    assert (effects[0].failures, effects[0].error, effects[0].again_at) == (1, "no", AT)
    assert (delivery.status, delivery.failures, delivery.again_at) == (DUE, 1, AT)
    assert (delivery.attempt, delivery.error, run.live) == (1, "no", live)
    assert timers.earliest(run) == AT
    assert timers.due(run, AT)[0].what == timers.RETRY


@MACHINES
def test_without_a_wait_no_timer_is_set(machine: Any, begun: Any) -> None:
    """It is due at once."""
    run, delivery = begun()
    effects = machine.step(run, Faltered(delivery, "no"))
    assert due(effects) == [delivery]
    assert timers.earliest(run) is None


@MACHINES
def test_when_its_time_has_come_it_is_due_once(machine: Any, begun: Any) -> None:
    """The second ring finds nothing."""
    run, delivery = begun()
    machine.step(run, Faltered(delivery, "no", AT))
    assert machine.step(run, CameDue(delivery)) == [delivery]
    assert delivery.again_at == 0.0
    assert timers.earliest(run) is None
    assert machine.step(run, CameDue(delivery)) == []


@MACHINES
def test_count_and_time_survive_in_the_record(machine: Any, begun: Any) -> None:
    """As parts of the delivery; a plain delivery is written as before."""
    run, delivery = begun(kept=True)
    machine.step(run, Faltered(delivery, "no", AT))
    ledger.write_open(run)
    run.journal.take()
    codec = Codec(default_types)
    again = snapshot.restore("r", run.front, run.plan, dict(run.journal.parts), codec)
    found = again.deliveries[delivery.id]
    assert (found.failures, found.again_at, found.error) == (1, AT, "no")
    assert b'"r"' not in run.journal.parts[f"due/{delivery.id}"].replace(b'"r":1', b"")


@MACHINES
def test_a_read_delivery_that_waits_has_not_begun_since(machine: Any, begun: Any) -> None:
    """So the recovery is no repeat of it, and does not count as one."""
    run, delivery = begun()
    machine.step(run, Faltered(delivery, "no", AT))
    assert ledger.prepare_repeat(run, delivery) == []
    assert delivery.attempt == 1


@MACHINES
def test_the_end_of_the_run_forgets_the_time(machine: Any, begun: Any) -> None:
    """Nothing rings for what is dropped."""
    run, delivery = begun()
    machine.step(run, Faltered(delivery, "no", AT))
    machine.step(run, Ended("cancelled"))
    assert timers.earliest(run) is None
    assert machine.step(run, CameDue(delivery)) == []
    assert machine.step(run, Faltered(delivery, "late", AT)) == []


def test_what_it_wrote_is_taken_back_and_what_it_sent_is_matched_anew() -> None:
    """Before the next call, as before any repeat; its payload is as it was sent."""
    run, delivery = one(kept=True)
    assert run.journal is not None
    run.journal.take()
    delivery.payload.append("changed by the handler")
    state.write(run, "key", 1, b"1", delivery.id)
    ledger.record(run, delivery.id, Entry("emit", "E", None, 5))
    dispatch.step(run, Faltered(delivery, "no", AT))
    assert "key" not in run.frames[0].state
    assert delivery.payload == [1]
    assert ledger.find(run, delivery.id, "emit", "E", 5, None) == 0


def test_a_question_that_the_next_call_does_not_ask_again_is_withdrawn() -> None:
    """One that it asks again stays open."""
    run, delivery = one()
    for name in ("kept", "dropped"):
        wait = Wait(id=name, type="t", payload=None, opener=delivery.id, resume="next", origin=None)
        waits.open_wait(run, wait)
        ledger.record(run, delivery.id, Entry("pause", name, None, wait=name))
    dispatch.step(run, Faltered(delivery, "no", AT))
    dispatch.step(run, CameDue(delivery))
    assert ledger.find(run, delivery.id, "pause", "kept", None, None) == 0
    run.waits["kept"].asked = True
    effects = finish(run, delivery, paused=True)
    assert [e.wait.id for e in effects if isinstance(e, Withdrawn)] == ["dropped"]
    assert list(run.waits) == ["kept"]


def test_a_failure_that_counts_parks_and_a_decision_gives_a_fresh_count() -> None:
    """The calls before it are told, but count no more."""
    run, delivery = one()
    dispatch.step(run, Faltered(delivery, "no"))
    effects = dispatch.step(run, Failed(delivery, "no more"))
    assert [type(effect) for effect in effects] == [Broken]
    assert (delivery.status, delivery.failures) == (PARKED, 1)
    assert dispatch.step(run, Retried(delivery))[-1] is delivery
    assert (delivery.status, delivery.failures, delivery.attempt) == (DUE, 0, 2)


def test_a_decision_while_it_waits_takes_effect_at_once() -> None:
    """Retry: it is due now, and is not prepared twice. Skip: it counts as done."""
    run, delivery = one()
    dispatch.step(run, Faltered(delivery, "no", AT))
    live = run.live
    assert dispatch.step(run, Retried(delivery)) == [delivery]
    assert (delivery.failures, delivery.again_at, delivery.attempt, run.live) == (0, 0, 1, live)
    assert timers.earliest(run) is None
    dispatch.step(run, Faltered(delivery, "no", AT))
    effects = dispatch.step(run, Skipped(delivery, "instead"))
    assert [(d.node, d.payload) for d in due(effects)] == [("b", "instead")]
    assert (timers.earliest(run), run.live) == (None, live)


def test_a_lane_that_waits_is_parked_with_the_lane_that_fails() -> None:
    """The block stops as a whole, and nothing rings."""
    run = run_of(each("l", "START"), chunk("a", "item:l"), end("l", "a"), chunk("z", "end:l"))
    first, second = due(emit(run, value=[1, 2]))
    dispatch.step(run, Faltered(first, "no", AT))
    effects = dispatch.step(run, Failed(second, "no"))
    assert isinstance(effects[0], Cancel)
    assert (first.status, first.again_at, timers.earliest(run)) == (PARKED, 0.0, None)
    assert dispatch.step(run, Faltered(first, "late", AT)) == []


def test_a_loop_does_not_end_while_a_lane_waits() -> None:
    """Its results come together when the last call has ended."""
    run = run_of(each("l", "START"), chunk("a", "item:l"), end("l", "a"), chunk("z", "end:l"))
    first, second = due(emit(run, value=[1, 2]))
    dispatch.step(run, Faltered(first, "no", AT))
    assert due(finish(run, second, "two")) == []
    dispatch.step(run, CameDue(first))
    effects = finish(run, first, "one")
    assert [d.payload for d in due(effects)] == [["one", "two"]]


def test_a_read_delivery_whose_emitter_is_unfinished_is_held() -> None:
    """It waits for its time and for its emitter to ask for it again."""
    run = run_of(chunk("a", "START"), chunk("b", "E"), kept=True)
    (outer,) = due(emit(run))
    (inner,) = due(emit(run, "E", 1, emitter=outer.id, wants_results=True))
    dispatch.step(run, Faltered(inner, "no", AT))
    again = read_back(run)
    assert [d.id for d in again.held[outer.id]] == [inner.id]
    assert again.live == 2


def test_a_superstep_does_not_end_while_a_delivery_waits() -> None:
    """The messages of the others wait for the barrier with it."""
    run, start = graph_of_two()
    effects = superstep.step(run, Finished(start, sends=(Sent(1, b"1", ("b", "c")),)))
    first, second = due(effects)
    superstep.step(run, Faltered(first, "no", AT))
    assert superstep.step(run, Finished(second)) == []
    assert (run.status, run.live) == ("running", 1)
    superstep.step(run, CameDue(first))
    superstep.step(run, Finished(first))
    assert (run.status, run.live) == ("completed", 0)


def test_a_graph_that_stands_calls_nothing_again_until_it_goes_on() -> None:
    """The time is kept in the record, and whoever resumes waits for the rest of it."""
    run, start = graph_of_two()
    first, second = due(superstep.step(run, Finished(start, sends=(Sent(1, b"1", ("b", "c")),))))
    superstep.step(run, Faltered(first, "no", AT))
    superstep.step(run, Failed(second, "no"))
    assert timers.earliest(run) is None
    assert superstep.step(run, CameDue(first)) == []
    assert first.again_at == AT
    late = superstep.step(run, Faltered(first, "once more", AT + 1))
    assert due(late) == []
    assert superstep.step(run, Retried(second)) == []
    resumed = due(superstep.resume(run))
    assert sorted(d.node for d in resumed) == ["b", "c"]
    assert (first.again_at, second.again_at) == (AT + 1, 0.0)


def test_a_decision_about_a_waiting_delivery_of_a_graph_takes_effect_at_once() -> None:
    """Retry calls it now; skip lets it count as done; the others go on undisturbed."""
    run, delivery = graph_of_two()
    superstep.step(run, Faltered(delivery, "no", AT))
    assert superstep.step(run, Retried(delivery)) == [delivery]
    assert (delivery.failures, delivery.again_at) == (0, 0.0)
    superstep.step(run, Faltered(delivery, "no", AT))
    superstep.step(run, Skipped(delivery, None))
    assert (run.status, run.live, timers.earliest(run)) == ("completed", 0, None)


@pytest.mark.parametrize(("failures", "again_at"), [(-1, 0.0), (1, -5.0), (1, float("inf"))])
def test_a_made_up_count_or_time_is_refused(failures: int, again_at: float) -> None:
    """Before anything acts on it."""
    run, delivery = one()
    assert sound.first_flaw(run, run.plan, is_same=True) is None
    delivery.failures, delivery.again_at = failures, again_at
    assert "not tried so often" in str(sound.first_flaw(run, run.plan, is_same=True))


def test_a_delivery_that_never_failed_is_written_without_a_word_of_it() -> None:
    """One is written at every step, so what a step does not use costs no byte."""
    written = layout.wire(Delivery(1, "a", None, b"1"), Codec(default_types))
    assert msgspec.json.encode(written) == b'{"n":"a","v":1}'
