# SPDX-License-Identifier: Apache-2.0
"""Lanes as tables: what a batch and the hits of a match start, join, lose and stop."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast.machine import dispatch
from holdfast.machine.effects import Broken, Cancel, Done, Retried, Skipped
from holdfast.machine.run import DUE, PARKED, Run
from tests.machine.flow_steps import (
    answer,
    branching,
    chunk,
    counts,
    due,
    each,
    emit,
    end,
    fail,
    finish,
    is_empty,
    nodes,
    pause,
    payloads,
    read_back,
    run_of,
    warned,
)


def batching(cap: int = 0, *, kept: bool = False) -> Run:
    """START, a batch of a, b and c, then "after"."""
    return run_of(
        branching("batch", "B", "START", "a", "b", "c", concurrency=cap),
        *(chunk(name, f"B:{name}") for name in "abc"),
        end("B", *"abc"),
        chunk("after", "end:B"),
        kept=kept,
    )


def matching(mode: str, *, kept: bool = False, ended: bool = True) -> Run:
    """START, a match of the cases x and y and an else, then "after"."""
    branches = (*(chunk(name, f"M:{name}") for name in ("x", "y")), chunk("other", "M:else"))
    kind = "gather" if mode == "hit_all" else "merge"
    ends = (end("M", "x", "y", "other", kind=kind), chunk("after", "end:M"))
    return run_of(
        branching("match", "M", "START", "x", "y", "else", mode=mode, cases=[1, 2]),
        *branches,
        *(ends if ended else ()),
        kept=kept,
    )


@pytest.mark.parametrize("kept", [False, True])
def test_results_of_branches_become_a_dict_in_declared_order(kept: bool):
    """Whoever ends first; nothing of the batch is left then."""
    run = batching(kept=kept)
    a, b, c = due(emit(run, value=5))
    assert [d.payload for d in (a, b, c)] == [5, 5, 5]
    assert due(finish(run, c, "C")) == []
    assert due(finish(run, a, "A")) == []
    (after,) = due(finish(run, b, "B"))

    assert list(after.payload.items()) == [("a", "A"), ("b", "B"), ("c", "C")]
    finish(run, after)
    assert is_empty(run)


def test_the_payload_of_a_batch_is_encoded_once():
    """All lanes are handed the same bytes."""
    run = batching(kept=True)
    codec = run.journal.codec  # type: ignore[union-attr]
    calls: list[Any] = []

    class Counting:
        def encode(self, value: Any, place: str = "value") -> bytes:
            calls.append(place)
            return codec.encode(value, place)

        def decode(self, data: bytes, place: str = "value") -> Any:
            return codec.decode(data, place)

    run.journal.codec = Counting()  # type: ignore[union-attr]
    lanes = due(emit(run, value=[1, 2]))
    assert calls == ["payload of B"]
    assert len({id(lane.data) for lane in lanes}) == 1


@pytest.mark.parametrize(("cap", "first"), [(1, ["a"]), (2, ["a", "b"]), (3, ["a", "b", "c"])])
def test_a_cap_starts_the_next_branch_when_one_ends(cap: int, first: list[str]):
    """In declared order, with the group and the emitter of the batch."""
    run = batching(cap)
    under_way = due(emit(run, value=1))
    assert [d.node for d in under_way] == first
    begun = list(under_way)
    while under_way:
        under_way += (born := due(finish(run, under_way.pop(0))))
        begun += born

    assert [d.node for d in begun] == ["a", "b", "c", "after"]
    assert {d.group for d in begun} == {1}


def test_the_signal_of_a_batch_is_not_done_while_branches_have_not_started():
    """Also when what makes room for the next one belongs to another signal."""
    run = run_of(
        branching("batch", "B", "START", "a", "b", concurrency=1),
        chunk("a", "B:a"),
        chunk("b", "B:b"),
        end("B", "a", "b"),
        chunk("later", "Later"),
    )
    (a,) = due(emit(run))
    (later,) = due(emit(run, "Later", emitter=a.id, scope=a.scope))
    assert later.group != a.group
    assert [e for e in finish(run, a) if isinstance(e, Done)] == []
    effects = finish(run, later)

    (b,) = due(effects)
    assert (b.group, b.emitter) == (a.group, 0)
    assert [e.group for e in effects if isinstance(e, Done)] == [later.group]
    assert [e.group for e in finish(run, b) if isinstance(e, Done)] == [a.group]
    assert is_empty(run)


@pytest.mark.parametrize(
    ("verdict", "started", "out"),
    [
        ([], ["other"], "other"),
        (["x"], ["x"], ["x"]),
        (["y"], ["y"], ["y"]),
        (["x", "y"], ["x", "y"], ["x", "y"]),
    ],
)
def test_the_hits_of_a_match_are_lanes(verdict: list[str], started: list[str], out: Any):
    """They come back as a list in case order; the else branch gives its bare value."""
    run = matching("hit_all")
    (judge,) = due(emit(run, value=5))
    lanes = due(finish(run, judge, verdict))
    assert [(lane.node, lane.payload) for lane in lanes] == [(name, 5) for name in started]
    effects: list[Any] = []
    for lane in reversed(lanes):
        effects = finish(run, lane, lane.node)

    assert payloads(effects) == [out]


@pytest.mark.parametrize(("verdict", "taken"), [([], "other"), (["x"], "x"), (["y"], "y")])
def test_one_branch_of_a_match_needs_no_lane(verdict: list[str], taken: str):
    """The value is led into it, and what it returns goes on; no scope is opened."""
    run = matching("hit_first")
    (judge,) = due(emit(run, value=5))
    (branch,) = due(finish(run, judge, verdict))
    assert (branch.node, branch.payload, branch.scope) == (taken, 5, 0)
    assert payloads(finish(run, branch, "out")) == ["out"]
    assert (run.fans, run.scopes, run.next_scope) == ({}, {}, 1)


@pytest.mark.parametrize("mode", ["hit_first", "hit_all"])
def test_a_value_that_no_case_takes_goes_past_a_match_without_else(mode: str):
    """Unchanged, with its bytes; a match that is not ended lets it go nowhere."""
    kind = "gather" if mode == "hit_all" else "merge"
    match = branching("match", "M", "START", "x", mode=mode, cases=[1])
    run = run_of(match, chunk("x", "M:x"), end("M", "x", kind=kind), chunk("after", "end:M"))
    (judge,) = due(emit(run, value=5, data=b"5"))
    (after,) = due(finish(run, judge, []))
    assert (after.node, after.payload, after.data) == ("after", 5, b"5")

    open_end = run_of(match, chunk("x", "M:x"))
    (judge,) = due(emit(open_end, value=5))
    assert due(finish(open_end, judge, [])) == []
    assert is_empty(open_end)


@pytest.mark.parametrize("mode", ["hit_first", "hit_all"])
def test_a_match_that_failed_is_judged_again_or_skipped(mode: str):
    """Its value is as it was; a skip gives what goes on behind the block."""
    run = matching(mode)
    (judge,) = due(emit(run, value=5))
    fail(run, judge)
    assert (judge.status, run.status) == (PARKED, "failed")
    (again,) = due(dispatch.step(run, Retried(judge)))
    assert (again is judge, again.attempt) == (True, 1)
    fail(run, judge)
    (after,) = due(dispatch.step(run, Skipped(judge, "decided")))

    assert (after.node, after.payload) == ("after", "decided")
    finish(run, after)
    assert is_empty(run)


def test_a_failing_lane_stops_the_others_of_its_block():
    """They are parked with the reason; the one that is retried lets the block go on."""
    run = batching(2)
    a, b = due(emit(run, value=1))
    effects = fail(run, a)
    assert [e.deliveries for e in effects if isinstance(e, Cancel)] == [(b.id,)]
    assert b.error == "stopped because a failed"
    for parked in (a, b):
        dispatch.step(run, Retried(parked))
    (c,) = due(finish(run, a, 1))
    finish(run, b, 2)
    assert payloads(finish(run, c, 3)) == [{"a": 1, "b": 2, "c": 3}]


def test_a_lane_that_an_answer_started_again_stops_the_others_too():
    """It belongs to another signal by then; whoever awaits either is told."""
    run = batching()
    a, b, c = due(emit(run, value=1))
    pause(run, a, "q", "self")
    (again,) = due(answer(run, "q", "yes"))
    assert again.group != b.group
    effects = fail(run, again)

    assert {d.id for d in (b, c)} == set(effects[0].deliveries)
    told = {(e.group, e.delivery) for e in effects if isinstance(e, Broken)}
    assert told == {(again.group, again.id), (b.group, again.id)}
    assert (b.status, c.status) == (PARKED, PARKED)


def test_what_a_lane_emitted_does_not_stop_the_lane():
    """Its failure is told to the handler that awaits it, which may go on."""
    run = run_of(
        branching("batch", "B", "START", "a", "b"),
        chunk("a", "B:a"),
        chunk("b", "B:b"),
        end("B", "a", "b"),
        chunk("inner", "Inner"),
    )
    a, b = due(emit(run))
    (inner,) = due(emit(run, "Inner", emitter=a.id, scope=a.scope))
    effects = fail(run, inner)

    assert [type(e) for e in effects] == [Broken]
    assert (a.status, b.status) == (DUE, DUE)


def test_a_failure_stops_the_outermost_block_of_its_signal_and_nothing_beyond():
    """Loops in batches, and a second pass that another signal has begun."""
    run = run_of(
        branching("batch", "B", "START", "a", "b"),
        chunk("a", "B:a"),
        each("L", "a"),
        chunk("item", "item:L"),
        chunk("b", "B:b"),
        end("L", "item"),
        end("B", "end:L", "b"),
    )
    a, b = due(emit(run))
    other_a, other_b = due(emit(run))
    one, two = due(finish(run, a, [1, 2]))
    effects = fail(run, one)

    assert set(effects[0].deliveries) == {two.id, b.id}
    assert (other_a.status, other_b.status) == (DUE, DUE)


def test_a_chunk_of_two_blocks_gives_its_value_to_the_one_it_runs_in():
    """The other one is not told of it; a value for neither is a stray."""
    run = run_of(
        branching("batch", "B", "One", "a", "b"),
        branching("batch", "C", "Two", "a", "c"),
        chunk("a", "B:a", "C:a", "Alone"),
        chunk("b", "B:b"),
        chunk("c", "C:c"),
        end("B", "a", "b"),
        end("C", "a", "c"),
    )
    a, b = due(emit(run, "One"))
    assert warned(finish(run, a)) == []
    finish(run, b)
    (alone,) = due(emit(run, "Alone"))
    assert warned(finish(run, alone)) == ["block.stray-value"] * 2
    assert is_empty(run)


def test_a_branch_that_ends_without_a_result_is_told():
    """The batch can never be filled; nothing of it is left."""
    run = batching()
    a, b, c = due(emit(run))
    finish(run, a)
    finish(run, b)
    pause(run, c, "q", "event:Nobody")
    effects = answer(run, "q", "lost")

    assert warned(effects) == ["block.never-filled"]
    assert "1 of 3 branches of B" in effects[-2].text or "1 of 3 branches of B" in effects[-1].text
    assert is_empty(run)


def play_batch(run: Run, moves: int) -> None:
    """Ends, pauses and answers of a batch with a cap, up to a number of moves."""
    done = 0
    emit(run, value=[1])
    asked = 0
    while done < moves and (run.deliveries or run.waits):
        waiting = [w.id for w in run.waits.values() if not w.answered]
        if done % 3 == 2 and waiting:
            answer(run, waiting[0], f"answer {done}")
        elif run.deliveries:
            delivery = next(iter(run.deliveries.values()))
            if done % 2 and delivery.node != "after":
                pause(run, delivery, f"q{asked}")
                asked += 1
            else:
                finish(run, delivery, f"end {done}")
        else:
            answer(run, waiting[-1], f"answer {done}")
        done += 1


@pytest.mark.parametrize("cap", [0, 1, 2])
@pytest.mark.parametrize("moves", range(9))
def test_a_batch_read_back_goes_on_where_it_stood(cap: int, moves: int):
    """After any number of ends, pauses and answers."""
    run = batching(cap, kept=True)
    play_batch(run, moves)

    assert counts(read_back(run)) == counts(run)


@pytest.mark.parametrize("verdict", [[], ["x"], ["x", "y"]])
@pytest.mark.parametrize("mode", ["hit_first", "hit_all"])
def test_a_match_read_back_goes_on_where_it_stood(mode: str, verdict: list[str]):
    """Before it is judged, with its lanes under way, and with one of them done."""
    run = matching(mode, kept=True)
    (judge,) = due(emit(run, value=[1]))
    assert counts(read_back(run)) == counts(run)
    lanes = due(finish(run, judge, verdict[:1] if mode == "hit_first" else verdict))
    again = read_back(run)
    assert counts(again) == counts(run)
    pause(run, lanes[0], "q")
    again = read_back(run)
    assert counts(again) == counts(run)
    for each_run in (run, again):
        effects = answer(each_run, "q", "answered")
        for delivery in list(each_run.deliveries.values()):
            if delivery.node != "after":
                effects = finish(each_run, delivery, "done")
        (after,) = due(effects)
        finish(each_run, after)
        assert is_empty(each_run)


def test_the_cost_of_a_branch_does_not_depend_on_how_many_there_are():
    """Each part that the end of one changes is of its own size."""
    sizes = {}
    for many in (10, 1000):
        keys = [f"k{n:04}" for n in range(many)]
        run = run_of(
            branching("batch", "B", "START", *keys, concurrency=3),
            *(chunk(key, f"B:{key}") for key in keys),
            end("B", *keys),
            kept=True,
        )
        under_way = due(emit(run, value=1, data=b"1"))
        assert run.journal is not None
        run.journal.take()
        for _ in range(5):
            under_way += due(finish(run, under_way.pop(0), "x", data=b'"x"'))
            sizes[many] = len(run.journal.take())

    assert sizes[1000] <= sizes[10] + 10


def test_branches_that_end_at_once_do_not_nest():
    """A loop of thousands of batches and matches without a handler needs no deep stack."""
    run = run_of(
        each("L", "START", 1),
        branching("batch", "B", "item:L", "a", "b"),
        end("B", "B:a", "B:b"),
        end("L", "end:B"),
        chunk("after", "end:L"),
    )
    (after,) = due(emit(run, value=list(range(5000))))
    assert after.payload == [{"a": n, "b": n} for n in range(5000)]


def test_a_batch_whose_branches_all_end_at_once_leaves_its_signal_to_others():
    """What else listens to the signal is still due."""
    run = run_of(
        branching("batch", "B", "START", "a"),
        end("B", "B:a"),
        chunk("beside", "START"),
    )
    effects = emit(run, value=1)
    assert nodes(effects) == ["beside"]
    assert [type(e) for e in finish(run, due(effects)[0])] == [Done]
    assert is_empty(run)
