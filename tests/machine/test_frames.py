# SPDX-License-Identifier: Apache-2.0
"""Sub-workflows as frames of one record: common supersteps, own state, own limits."""

from __future__ import annotations

from typing import Any

from holdfast.definition.embedding import Inner, embedded
from holdfast.definition.graph import Graph
from holdfast.definition.subgraph import frame_number
from holdfast.machine import barrier, ledger, snapshot, superstep, waits
from holdfast.machine.effects import (
    Answered,
    AnsweredInside,
    AskedOutside,
    Barrier,
    Began,
    Ended,
    Finished,
    Sent,
    Stuck,
    Warn,
    Written,
)
from holdfast.machine.journal import Journal
from holdfast.machine.run import Delivery, Entry, Run, Wait, new_run
from holdfast.persistence.codec import Codec
from holdfast.persistence.types import default_types
from tests.machine.test_superstep import due, finish, graph, reloaded, shape

S = frame_number("s")


def held(plan: Graph, *, kept: bool = True) -> tuple[Run, list[Any]]:
    """A run that has taken its input "in"."""
    run = new_run("r", "workflow", plan)
    if kept:
        run.journal = Journal(Codec(default_types))
        snapshot.mark_all(run)
    return run, superstep.enter(run, "in", None)


def around(outer: str, inner: str, *, limit: int = 100, inner_limit: int = 100) -> Graph:
    """A graph in which the node s is the inner graph."""
    inside = Inner(
        graph=graph(inner, limit=inner_limit), allow_direct_output=False, propagate_request=False
    )
    return embedded(graph(outer, limit=limit), {"s": inside})


def out(delivery: Delivery, value: Any, target: str, source: str = "s") -> Finished:
    """The end of a handler whose yield leaves the sub-workflow as a message of it."""
    return Finished(delivery, sends=(Sent(value, None, (target,), source),))


def asks(run: Run, delivery: Delivery, wait_id: str = "q", via: str = "s") -> None:
    """A handler asks; via: the sub-workflow whose graph around was offered the request."""
    wait = Wait(
        id=wait_id,
        type="str",
        payload="?",
        opener=delivery.id,
        resume="response",
        origin=Delivery(0, delivery.node, None, b"null", delivery.frame),
        via=via,
    )
    waits.open_wait(run, wait)
    ledger.record(run, delivery.id, Entry("pause", wait_id, None, "?", wait=wait_id))


def answer(wait_id: str, value: Any = "yes", via: str = "s") -> AnsweredInside:
    """What the graph around says to it."""
    return AnsweredInside(Answered(wait_id, value, None, None, 0.0), via)


def test_what_is_sent_to_a_sub_workflow_is_taken_by_its_start() -> None:
    """In the next superstep, and in the frame of the sub-workflow."""
    run, effects = held(around("a>s s>b", "x>y"))
    effects = finish(run, due(effects)[0], ("m", "s"))

    (inside,) = due(effects)
    assert (inside.node, inside.frame, inside.sources) == ("s/x", S, ("a",))


def test_inner_supersteps_are_those_of_the_run() -> None:
    """Inner and outer executors of one superstep share its barrier, which is a checkpoint."""
    run, effects = held(around("a>s a>b b>b s>b", "x>y"))
    effects = finish(run, due(effects)[0], ("m", "s"), ("n", "b"))
    assert shape(effects) == ["Barrier", "Began", "s/x=m", "b=n"]

    inner, outer = due(effects)
    assert finish(run, outer, ("again", "b")) == []
    effects = finish(run, inner, ("deep", "s/y"))
    assert shape(effects) == ["Barrier", "Began", "b=again", "s/y=deep"]
    assert effects[0] == Barrier(2, ("s/x", "b"), False, False)


def test_a_yield_leaves_the_sub_workflow_as_its_message() -> None:
    """The sender is the sub-workflow."""
    run, effects = held(around("a>s s>b", "x>"))
    (x,) = due(finish(run, due(effects)[0], ("m", "s")))
    effects = superstep.step(run, out(x, "result", "b"))

    (b,) = due(effects)
    assert (b.node, b.frame, b.sources, b.payload) == ("b", 0, ("s",), "result")


def test_inner_state_is_not_the_state_of_the_graph_around() -> None:
    """One key, two frames, two values; both survive a reload."""
    run, effects = held(around("a>s s>b", "x>"))
    write = Written("key", "outer", b'"outer"')
    effects = superstep.step(
        run, Finished(due(effects)[0], sends=(Sent("m", None, ("s",)),), writes=(write,))
    )
    (x,) = due(effects)
    superstep.step(run, Finished(x, writes=(Written("key", "inner", b'"inner"'),)))

    for record in (run, reloaded(run)):
        assert record.frames[0].state["key"].value == "outer"
        assert record.frames[S].state["key"].value == "inner"


def test_a_staged_inner_write_survives_a_restart_inside_the_superstep() -> None:
    """It is in the record of its frame, and becomes visible at the barrier."""
    run, effects = held(around("a>s a>b", "x>"))
    x, b = due(finish(run, due(effects)[0], ("m", "s"), ("n", "b")))
    superstep.step(run, Finished(x, writes=(Written("key", "inner", b'"inner"'),)))

    again = reloaded(run)
    assert "key" not in again.frames[S].state
    (repeated,) = due(superstep.resume(again))
    assert (repeated.node, b.node) == ("b", "b")
    finish(again, repeated)
    assert again.frames[S].state["key"].value == "inner"
    assert "key" not in again.frames[0].state


def test_a_conflict_in_an_inner_frame_is_told() -> None:
    """As in the root; a write of the same key outside is none."""
    run, effects = held(around("a>s a>b", "x>y x>z"))
    x, b = due(finish(run, due(effects)[0], ("m", "s"), ("n", "b")))
    superstep.step(run, Finished(b, writes=(Written("key", 0, b"0"),)))
    y, z = due(finish(run, x, (1, "s/y"), (2, "s/z")))
    superstep.step(run, Finished(y, writes=(Written("key", 1, b"1"),)))
    effects = superstep.step(run, Finished(z, writes=(Written("key", 2, b"2"),)))

    assert [e.code for e in effects if isinstance(e, Warn)] == ["state.conflict"]
    assert run.frames[S].state["key"].value == 2


def test_a_long_sub_workflow_does_not_use_up_the_limit_around_it() -> None:
    """The graph around counts the superstep in which its sub-workflow took the message."""
    run, effects = held(around("a>s s>b", "x>x", limit=3, inner_limit=50))
    effects = finish(run, due(effects)[0], ("m", "s"))
    for turn in range(20):
        effects = finish(run, due(effects)[0], (turn, "s/x"))
    assert (run.frames[0].lap, run.frames[S].lap) == (2, 21)

    effects = superstep.step(run, out(due(effects)[0], "result", "b"))
    assert shape(effects) == ["Barrier", "Began", "b=result"]


def test_a_sub_workflow_that_does_not_converge_is_stopped_by_its_own_limit() -> None:
    """And the error says which one it is."""
    run, effects = held(around("a>s", "x>x", inner_limit=3))
    effects = finish(run, due(effects)[0], ("m", "s"))
    for turn in range(3):
        effects = finish(run, due(effects)[0], (turn, "s/x"))

    assert effects[-1] == Stuck(3, "s")
    assert run.error == "sub-workflow 's': not converged after 3 supersteps"


def test_each_input_of_a_sub_workflow_begins_its_count_anew() -> None:
    """A second message is outside input to it; the count survives a restart."""
    run, effects = held(around("a>s s>a", "x>y", inner_limit=2))
    for _ in range(4):
        effects = finish(run, due(effects)[0], ("m", "s"))
        assert shape(effects) == ["Barrier", "Began", "s/x=m"]
        run = reloaded(run)
        effects = superstep.resume(run)
        effects = finish(run, due(effects)[0], ("n", "s/y"))
        assert run.frames[S].lap == 2
        effects = superstep.step(run, out(due(effects)[0], "again", "a"))
    assert run.status == "running"


def test_a_ring_of_sub_workflows_meets_the_limit_around_it() -> None:
    """Although none of its own executors is ever called."""
    inner = Inner(graph=graph("x>"), allow_direct_output=False, propagate_request=False)
    plan = embedded(graph("s>t t>s", limit=4), {"s": inner, "t": inner})
    run, effects = held(plan)
    sent = 0
    while due(effects):
        (here,) = due(effects)
        path, other = ("s", "t") if here.node == "s/x" else ("t", "s")
        effects = superstep.step(run, out(here, "ball", other, path))
        sent += 1

    assert (sent, effects[-1]) == (4, Stuck(4))


def test_a_run_that_was_stuck_inside_goes_on_by_decision() -> None:
    """The superstep at hand is the first that counts again."""
    run, effects = held(around("a>s", "x>x", inner_limit=2))
    effects = finish(run, due(effects)[0], ("m", "s"))
    for turn in range(2):
        effects = finish(run, due(effects)[0], (turn, "s/x"))
    assert isinstance(effects[-1], Stuck)

    run = reloaded(run)
    assert shape(superstep.resume(run)) == ["Began", "s/x=1"]
    assert run.frames[S].lap == 1


def test_an_answer_from_outside_begins_the_counts_of_all_frames_around_it_anew() -> None:
    """The one that asked, and those it stands in."""
    run, effects = held(around("a>s", "x>y"))
    (x,) = due(finish(run, due(effects)[0], ("m", "s")))
    asks(run, x, via="")
    finish(run, x)
    superstep.step(run, Answered("q", "yes", None, None, 0.0))

    assert (run.frames[0].lap, run.frames[S].lap) == (0, 0)
    assert shape(barrier.begin(run)) == ["Began", "s/x=yes"]
    assert (run.frames[0].lap, run.frames[S].lap) == (0, 1)


def test_the_graph_around_answers_a_request_in_the_next_superstep() -> None:
    """The executor that asked is called; the request leaves a line of constant size."""
    run, effects = held(around("a>s s>b b>s", "x>"))
    (x,) = due(finish(run, due(effects)[0], ("m", "s")))
    asks(run, x)
    effects = superstep.step(run, out(x, "wrapped", "b"))
    assert shape(effects) == ["Barrier", "Began", "b=wrapped"]

    run = reloaded(run)
    assert run.waits["q"].via == "s"
    (b,) = due(superstep.resume(run))
    effects = superstep.step(run, Finished(b, answers=(answer("q"),)))
    (response,) = due(effects)
    assert (response.node, response.payload, response.wait) == ("s/x", "yes", "q")
    assert effects[1] == Began(4, ("internal:s/x",))

    finish(run, response)
    assert (run.waits, [line.status for line in run.settled]) == ({}, ["answered"])
    assert run.status == "completed"


def test_a_response_to_no_request_of_that_sub_workflow_is_told_and_dropped() -> None:
    """Unknown, answered before, or asked by another."""
    run, effects = held(around("a>s s>b", "x>"))
    (x,) = due(finish(run, due(effects)[0], ("m", "s")))
    asks(run, x)
    effects = superstep.step(run, out(x, "wrapped", "b"))
    told = (answer("z"), answer("q", "other", via="t"), answer("q"), answer("q", "no"))
    effects = superstep.step(run, Finished(due(effects)[0], answers=told))

    assert [e.code for e in effects if isinstance(e, Warn)] == ["request.unknown"] * 3
    assert [d.payload for d in due(effects)] == ["yes"]


def test_a_request_that_the_graph_leaves_unanswered_is_asked_outside_at_rest() -> None:
    """Or the sub-workflow would wait for ever without anybody knowing."""
    run, effects = held(around("a>s s>b", "x>"))
    (x,) = due(finish(run, due(effects)[0], ("m", "s")))
    asks(run, x)
    effects = superstep.step(run, out(x, "wrapped", "b"))
    effects = finish(run, due(effects)[0])

    assert shape(effects) == ["AskedOutside", "Barrier"]
    assert isinstance(effects[0], AskedOutside)
    assert (effects[0].wait.id, run.waits["q"].via, run.status) == ("q", "", "waiting")
    assert reloaded(run).waits["q"].via == ""


def test_the_graph_may_still_answer_what_was_then_asked_outside() -> None:
    """Whoever took the request may have waited for another message; others may not answer."""
    run, effects = held(around("a>s s>b", "x>"))
    (x,) = due(finish(run, due(effects)[0], ("m", "s")))
    asks(run, x)
    finish(run, due(superstep.step(run, out(x, "wrapped", "b")))[0])
    assert run.waits["q"].via == ""
    (a,) = due(superstep.enter(run, "more", None))
    told = (answer("q", "other", via="t"), answer("q"))
    effects = superstep.step(run, Finished(a, answers=told))

    assert [e.code for e in effects if isinstance(e, Warn)] == ["request.unknown"]
    assert [(d.node, d.payload) for d in due(effects)] == [("s/x", "yes")]


def test_while_somebody_outside_is_asked_the_rest_waits_inside() -> None:
    """Whoever took the request may be waiting for that answer."""
    run, effects = held(around("a>s s>b", "x>"))
    (x,) = due(finish(run, due(effects)[0], ("m", "s")))
    asks(run, x)
    effects = superstep.step(run, out(x, "wrapped", "b"))
    (b,) = due(effects)
    asks(run, b, "person", "")
    effects = finish(run, b)

    assert shape(effects) == ["Barrier"]
    assert (run.waits["q"].via, run.status) == ("s", "waiting")


def test_the_end_of_a_run_drops_what_is_staged_in_every_frame() -> None:
    """Nothing of an ended run is written on."""
    run, effects = held(around("a>s a>b", "x>"))
    x, _ = due(finish(run, due(effects)[0], ("m", "s"), ("n", "b")))
    superstep.step(run, Finished(x, writes=(Written("key", "inner", b'"inner"'),)))
    superstep.step(run, Ended("cancelled"))

    assert run.frames[S].staged == []
    assert not any(name.startswith("staged") for name in reloaded(run).journal.parts)  # type: ignore[union-attr]
