# SPDX-License-Identifier: Apache-2.0
"""The machine of graphs as tables: a record and an input give a record and effects."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast.definition.edges import single_edge
from holdfast.definition.graph import Graph, Node
from holdfast.errors import InternalError
from holdfast.machine import barrier, ledger, snapshot, state, superstep, waits
from holdfast.machine.effects import (
    Answered,
    Barrier,
    Began,
    Broken,
    Cancel,
    Ended,
    Failed,
    Finished,
    Retried,
    Sent,
    Skipped,
    Stuck,
    Warn,
    Withdrawn,
    Written,
)
from holdfast.machine.journal import Journal
from holdfast.machine.run import DUE, MISSING, PARKED, Delivery, Entry, Run, Wait, new_run
from holdfast.persistence.codec import Codec
from holdfast.persistence.types import default_types


def graph(edges: str, *, limit: int = 100) -> Graph:
    """A graph from "a>b a>c"; the first name is the start."""
    pairs = [tuple(edge.split(">")) for edge in edges.split()]
    names = dict.fromkeys(name for pair in pairs for name in pair if name)
    return Graph(
        name="g",
        start=next(iter(names)),
        nodes=tuple(Node(id=name, type="T") for name in names),
        groups=tuple(single_edge(a, b) for a, b in pairs if b),
        max_iterations=limit,
    )


def entered(edges: str, *, kept: bool = False, limit: int = 100) -> tuple[Run, list[Any]]:
    """A run that has taken its input "in"."""
    run = new_run("r", "workflow", graph(edges, limit=limit))
    if kept:
        run.journal = Journal(Codec(default_types))
        snapshot.mark_all(run)
    return run, superstep.enter(run, "in", None)


def finish(run: Run, delivery: Delivery, *sends: tuple[Any, str], **more: Any) -> list[Any]:
    """End a handler that sent (value, target) pairs."""
    sent = tuple(Sent(value, None, (target,)) for value, target in sends)
    return superstep.step(run, Finished(delivery, sends=sent, **more))


def due(effects: list[Any]) -> list[Delivery]:
    """The deliveries among effects."""
    return [effect for effect in effects if isinstance(effect, Delivery)]


def shape(effects: list[Any]) -> list[str]:
    """Effects as words: deliveries as node=payload, others by class."""
    return [
        f"{e.node}={e.payload}" if isinstance(e, Delivery) else type(e).__name__ for e in effects
    ]


def reloaded(run: Run) -> Run:
    """The record as a new process reads it."""
    assert run.journal is not None
    run.journal.take()
    codec = Codec(default_types)
    again = snapshot.restore("r", "workflow", run.plan, dict(run.journal.parts), codec)
    again.journal = Journal(codec)
    again.journal.restart(dict(run.journal.parts))
    superstep.load(again)
    return again


def ask(run: Run, opener: Delivery, wait_id: str = "q") -> Wait:
    """Let a delivery ask."""
    origin = Delivery(0, opener.node, None, b"null")
    wait = Wait(
        id=wait_id, type="str", payload="?", opener=opener.id, resume="response", origin=origin
    )
    waits.open_wait(run, wait)
    ledger.record(run, opener.id, Entry("pause", wait_id, None, "?", wait=wait_id))
    return wait


def answered(wait_id: str, value: Any) -> Answered:
    """An answer."""
    return Answered(wait_id, value, None, None, 0.0)


def test_the_input_begins_the_first_superstep() -> None:
    """Its sender is the pseudo-source of the start, and it counts as due at once."""
    run, effects = entered("a>b")

    assert shape(effects) == ["Began", "a=in"]
    assert effects[0] == Began(1, ("internal:a",))
    assert (run.live, run.status, run.frames[0].iteration) == (1, "running", 0)


def test_the_barrier_comes_before_the_superstep_it_lets_through() -> None:
    """One commit holds the end of one superstep and the due work of the next."""
    run, effects = entered("a>b")
    effects = finish(run, due(effects)[0], ("x", "b"))

    assert shape(effects) == ["Barrier", "Began", "b=x"]
    assert effects[0] == Barrier(1, ("a",), False, False)
    assert run.live == 1


def test_messages_go_by_sender_then_by_order_of_sending() -> None:
    """To one executor one at a time, whatever order their senders ended in."""
    run, effects = entered("s>b s>a a>t b>t")
    a, b = due(finish(run, due(effects)[0], (1, "a"), (2, "b")))
    assert finish(run, b, ("b1", "t"), ("b2", "t")) == []
    effects = finish(run, a, ("a1", "t"))

    order = []
    while due(effects):
        (one,) = due(effects)
        order.append(one.payload)
        effects = finish(run, one)
    assert order == ["a1", "b1", "b2"]


def test_different_executors_are_due_together() -> None:
    """A superstep starts the first message of every executor."""
    run, effects = entered("s>a s>b")
    effects = finish(run, due(effects)[0], (1, "a"), (2, "b"), (3, "a"))

    assert [(d.node, d.payload) for d in due(effects)] == [("a", 1), ("b", 2)]
    assert [d.payload for d in due(finish(run, due(effects)[0]))] == [3]


def test_nothing_sent_ends_the_run() -> None:
    """Convergence: a superstep that leaves no message."""
    run, effects = entered("a>")
    effects = finish(run, due(effects)[0])

    assert effects == [Barrier(1, ("a",), False, True)]
    assert (run.status, run.live, run.deliveries) == ("completed", 0, {})


def test_writes_enter_the_state_at_the_barrier() -> None:
    """Before it they are staged; deletions too."""
    run, effects = entered("s>a s>b")
    a, b = due(finish(run, due(effects)[0], (1, "a"), (2, "b")))
    finish(run, a, writes=(Written("k", 1, None),))
    assert run.frames[0].state == {}
    effects = finish(run, b, writes=(Written("gone", MISSING, None),))

    assert run.frames[0].state["k"].value == 1
    assert "gone" not in run.frames[0].state
    assert effects[-1].wrote


def test_the_last_executor_by_id_wins_a_conflict() -> None:
    """Deterministic, whoever ended last, and told."""
    run, effects = entered("s>a s>b")
    a, b = due(finish(run, due(effects)[0], (1, "a"), (2, "b")))
    finish(run, b, writes=(Written("k", "of b", None),))
    effects = finish(run, a, writes=(Written("k", "of a", None),))

    assert run.frames[0].state["k"].value == "of b"
    assert "'k' was written by a, b" in next(e.text for e in effects if isinstance(e, Warn))


def test_one_executor_may_write_a_key_twice() -> None:
    """The later write counts, and it is no conflict."""
    run, effects = entered("s>a")
    first, *_ = due(finish(run, due(effects)[0], (1, "a"), (2, "a")))
    (second,) = due(finish(run, first, writes=(Written("k", 1, None),)))
    effects = finish(run, second, writes=(Written("k", 2, None),))

    assert run.frames[0].state["k"].value == 2
    assert not [e for e in effects if isinstance(e, Warn)]


def test_the_limit_stops_the_run_with_its_messages_kept() -> None:
    """It fails at the barrier of the last superstep, in the same commit."""
    run, effects = entered("a>a", limit=2)
    (again,) = due(finish(run, due(effects)[0], (1, "a")))
    effects = finish(run, again, (2, "a"))

    assert shape(effects) == ["Barrier", "Stuck"]
    assert effects[-1] == Stuck(2)
    assert (run.status, run.live, len(run.deliveries)) == ("failed", 0, 1)


def test_a_run_that_was_stuck_goes_on_by_decision() -> None:
    """Resuming it allows as many supersteps again."""
    run, effects = entered("a>a", limit=1)
    finish(run, due(effects)[0], (1, "a"))
    effects = superstep.resume(run)

    assert shape(effects) == ["Began", "a=1"]
    assert (run.status, run.frames[0].lap) == ("running", 1)


def test_an_answer_does_not_move_a_run_that_was_stuck() -> None:
    """Its messages and the response wait for the decision to go on."""
    run, effects = entered("a>a", limit=1)
    (first,) = due(effects)
    ask(run, first)
    finish(run, first, (1, "a"))
    assert superstep.step(run, answered("q", "yes")) == []
    assert barrier.begin(run) == []

    assert (run.status, run.live) == ("failed", 0)
    assert shape(superstep.resume(run)) == ["Began", "a=1"]


def failing(edges: str = "s>a s>b s>c") -> tuple[Run, Delivery, Delivery, Delivery]:
    """Three deliveries under way, the second of which has failed."""
    run, effects = entered(edges, kept=True)
    a, b, c = due(finish(run, due(effects)[0], (1, "a"), (2, "b"), (3, "c")))
    effects = superstep.step(run, Failed(b, "ValueError: no"))
    assert shape(effects) == ["Cancel", "Broken"]
    assert effects == [Cancel((a.id, c.id)), Broken(0, b.id)]
    return run, a, b, c


def test_a_failure_parks_and_stops_the_others() -> None:
    """They stay due; nothing counts as under way."""
    run, a, b, c = failing()

    assert (run.status, run.error, run.live) == ("failed", "ValueError: no", 0)
    assert [d.status for d in (a, b, c)] == [DUE, PARKED, DUE]


def test_one_that_ends_before_it_is_stopped_is_kept() -> None:
    """It counts as done, starts nothing, and the counts stay right."""
    run, a, b, c = failing()

    assert finish(run, a, ("x", "b")) == []
    assert (run.live, run.status) == (0, "failed")
    assert sorted(d.id for d in run.deliveries.values() if d.step == 2) == [b.id, c.id]


def test_a_failed_executor_does_not_take_its_next_message() -> None:
    """Neither does one that ends in a failed run."""
    run, effects = entered("s>a s>b")
    a, b = due(finish(run, due(effects)[0], (1, "a"), (2, "a"), (3, "b")))
    superstep.step(run, Failed(b, "no"))

    assert finish(run, a) == []


def test_resume_runs_only_what_had_not_finished() -> None:
    """In the order of the superstep, with the parked one if it was retried."""
    run, a, b, c = failing()
    finish(run, a)
    superstep.step(run, Retried(b))
    effects = superstep.resume(run)

    assert shape(effects) == ["Began", "b=2", "c=3"]
    assert (run.live, run.status) == (2, "running")
    assert [d.attempt for d in due(effects)] == [1, 1]
    finish(run, b)
    assert shape(finish(run, c)) == ["Barrier"]
    assert run.status == "completed"


def test_a_parked_delivery_keeps_the_superstep_open() -> None:
    """The others may run again without it; then the run stands again."""
    run, a, _, c = failing()
    effects = superstep.resume(run)
    assert due(effects) == [a, c]
    finish(run, a)
    assert finish(run, c) == []

    assert (run.status, run.error) == ("failed", "ValueError: no")


def test_a_skip_counts_as_done() -> None:
    """With nothing else due it closes the superstep."""
    run, a, b, c = failing()
    finish(run, a, ("x", "b"))
    finish(run, c)
    effects = superstep.step(run, Skipped(b, None))

    assert shape(effects) == ["Barrier", "Began", "b=x"]


def test_a_skip_leaves_the_others_to_be_resumed() -> None:
    """It starts nothing by itself."""
    run, a, _b, c = failing()

    assert superstep.step(run, Skipped(_b, None)) == []
    assert due(superstep.resume(run)) == [a, c]


@pytest.mark.parametrize("again", [False, True], ids=["in-memory", "reloaded"])
def test_an_answer_to_a_failed_run_waits_for_its_superstep(again: bool) -> None:
    """It neither ends the failure nor overtakes the work that stands."""
    run, a, _, _ = failing()
    ask(run, a)
    finish(run, a)
    if again:
        run = reloaded(run)
    effects = superstep.step(run, answered("q", "yes"))
    effects += barrier.begin(run)

    assert effects == []
    assert (run.status, run.live) == ("failed", 0)
    parked = next(d for d in run.deliveries.values() if d.status == PARKED)
    superstep.step(run, Retried(parked))
    effects = superstep.resume(run)
    assert shape(effects) == ["Began", "b=2", "c=3"]
    for delivery in due(effects):
        effects = finish(run, delivery)
    assert shape(effects) == ["Barrier", "Began", "a=yes"]


def test_answers_together_make_one_superstep() -> None:
    """The run begins it once all of them are in."""
    run, effects = entered("a>")
    (first,) = due(effects)
    for name in ("q1", "q2"):
        ask(run, first, name)
    effects = finish(run, first)
    assert (effects[-1].idle, run.status) == (True, "waiting")
    for name in ("q1", "q2"):
        assert superstep.step(run, answered(name, name)) == []
    effects = barrier.begin(run)

    assert shape(effects) == ["Began", "a=q1"]
    assert [d.payload for d in due(finish(run, due(effects)[0]))] == ["q2"]


def test_an_answer_starts_the_count_of_supersteps_anew() -> None:
    """The limit is for one continuation."""
    run, effects = entered("a>", limit=1)
    (first,) = due(effects)
    ask(run, first)
    finish(run, first)
    superstep.step(run, answered("q", 1))

    assert shape(barrier.begin(run)) == ["Began", "a=1"]


def test_an_answer_to_a_running_opener_waits_for_its_end() -> None:
    """Until then a crash would ask again."""
    run, effects = entered("a>")
    (first,) = due(effects)
    ask(run, first)

    assert superstep.step(run, answered("q", 1)) == []
    assert len(run.deliveries) == 1
    assert shape(finish(run, first)) == ["Barrier", "Began", "a=1"]


def test_an_answer_is_taken_once() -> None:
    """The store settles; a second one here is a fault of ours."""
    run, effects = entered("a>")
    (first,) = due(effects)
    ask(run, first)
    superstep.step(run, answered("q", 1))

    with pytest.raises(InternalError):
        superstep.step(run, answered("q", 2))


def test_a_question_not_asked_again_is_withdrawn() -> None:
    """When the repeat of its opener ends."""
    run, effects = entered("a>")
    (first,) = due(effects)
    ask(run, first).asked = False
    effects = finish(run, first)

    assert [type(e) for e in effects] == [Withdrawn, Barrier]
    assert run.status == "completed"


def test_a_reloaded_superstep_has_only_what_is_unfinished() -> None:
    """What had ended stays ended, with its sends, writes and outputs."""
    run, effects = entered("s>a s>b a>t", kept=True)
    a, _b = due(finish(run, due(effects)[0], (1, "a"), (2, "b")))
    finish(run, a, ("x", "t"), writes=(Written("k", 1, b"1"),), outputs=(("output", "o", b'"o"'),))
    again = reloaded(run)
    effects = superstep.resume(again)

    assert shape(effects) == ["Began", "b=2"]
    assert [output.value for output in again.outputs] == ["o"]
    effects = finish(again, due(effects)[0])
    assert shape(effects) == ["Barrier", "Began", "t=x"]
    assert again.frames[0].state["k"].value == 1


def test_a_finished_handler_keeps_what_its_executor_holds() -> None:
    """In the same step as its end."""
    run, effects = entered("a>", kept=True)
    finish(run, due(effects)[0], hooks=b'{"n":1}')

    assert reloaded(run).executors == {"a": b'{"n":1}'}


def test_the_end_drops_what_is_left() -> None:
    """Handlers are stopped, questions withdrawn, nothing stays due."""
    run, a, _, c = failing()
    ask(run, a)
    effects = superstep.step(run, Ended("cancelled"))

    assert shape(effects) == ["Cancel", "Withdrawn"]
    assert effects[0] == Cancel((a.id, c.id))
    assert (run.status, run.lifecycle, run.deliveries, run.waits) == ("cancelled", "closed", {}, {})


def test_what_a_graph_does_not_take_is_refused() -> None:
    """Nothing is changed by it."""
    run, _ = entered("a>")

    with pytest.raises(TypeError, match="a graph takes no str"):
        superstep.step(run, "x")  # type: ignore[arg-type]


def delta_of_one_step(executors: int, keys: int) -> int:
    """The size of the delta that one handler's end makes in a record of this size."""
    nodes = " ".join(f"s>n{i}" for i in range(executors))
    run, effects = entered(nodes, kept=True)
    assert run.journal is not None
    for i in range(keys):
        state.write(run, f"key-{i}", "x" * 100, None, 0)
    for i in range(executors):
        run.executors[f"n{i}"] = b'"held"'
    snapshot.mark_all(run)
    run.journal.take()
    (first,) = due(effects)
    finish(run, first, ("x", "n0"), writes=(Written("key-0", "y", b'"y"'),))
    return len(run.journal.take())


def test_a_step_writes_what_it_changed_whatever_else_there_is() -> None:
    """Neither unchanged state nor the number of executors makes its delta larger."""
    small = delta_of_one_step(executors=1, keys=1)

    assert delta_of_one_step(executors=500, keys=1) == small
    # A counter of changes has more digits after more of them.
    assert delta_of_one_step(executors=1, keys=5000) - small <= len("5000")
