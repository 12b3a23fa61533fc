# SPDX-License-Identifier: Apache-2.0
"""Collections as tables: what has come, what goes on, and what is kept of it."""

from __future__ import annotations

import pytest

from holdfast.definition.blueprint import Node
from holdfast.machine import dispatch
from holdfast.machine.effects import Ended
from holdfast.machine.run import Run
from tests.machine.flow_steps import (
    branch_of,
    chunk,
    counts,
    due,
    emit,
    finish,
    is_empty,
    nodes,
    payloads,
    read_back,
    run_of,
    warned,
)


def collecting(mode: str = "filled_and_update", *, kept: bool = False) -> Run:
    """START, branches a and b of one collection, "after", and who listens to it by its name."""
    listener = Node(
        id="by name",
        kind="chunk",
        name="by name",
        listens=(("collect", "C"),),
        emits="by name",
        handler="by name",
    )
    return run_of(
        chunk("root", "START"),
        chunk("a", "root", "More"),
        chunk("b", "root"),
        branch_of("C", "a", "a", mode),
        branch_of("C", "b", "b", mode),
        chunk("after", "Collect-C"),
        listener,
        kept=kept,
    )


def start(run: Run) -> tuple[object, object]:
    """The deliveries of a and b in one scope."""
    (root,) = due(emit(run, value=1))
    a, b = due(finish(run, root, 1))
    return a, b


@pytest.mark.parametrize("kept", [False, True])
@pytest.mark.parametrize("mode", ["filled_and_update", "filled_then_empty"])
def test_the_last_branch_lets_the_dict_go_on(mode: str, kept: bool):
    """By its event and by its name, in declared order; it ends with its scope, without a word."""
    run = collecting(mode, kept=kept)
    a, b = start(run)
    assert due(finish(run, b, "B")) == []
    effects = finish(run, a, "A")
    assert nodes(effects) == ["after", "by name"]
    assert [list(value.items()) for value in payloads(effects)] == [[("a", "A"), ("b", "B")]] * 2
    last: list[object] = []
    for delivery in due(effects):
        last = finish(run, delivery)
    assert warned(last) == []
    assert is_empty(run)


@pytest.mark.parametrize(("mode", "again"), [("filled_and_update", 2), ("filled_then_empty", 0)])
def test_a_later_value_updates_a_full_collection_or_begins_the_next(mode: str, again: int):
    """In the same scope."""
    run = collecting(mode)
    a, b = start(run)
    (more,) = due(emit(run, "More", scope=a.scope))
    finish(run, a, "A")
    finish(run, b, "B")
    effects = finish(run, more, "A2")

    assert payloads(effects) == [{"a": "A2", "b": "B"}] * again


def test_a_half_filled_collection_is_told_when_nothing_can_fill_it():
    """And when the run ends before; a full one never is."""
    run = collecting()
    a, b = start(run)
    finish(run, a, "A")
    run.deliveries[b.id].status = 0
    assert warned(dispatch.step(run, Ended("completed"))) == ["join.never-filled"]

    run = collecting()
    a, b = start(run)
    finish(run, a, "A")
    finish(run, b, "B")
    assert warned(dispatch.step(run, Ended("completed"))) == []

    run = run_of(
        chunk("a", "START"),
        chunk("b", "Never"),
        branch_of("C", "a", "a"),
        branch_of("C", "b", "b"),
    )
    (a,) = due(emit(run))
    effects = finish(run, a)
    assert warned(effects) == ["join.never-filled"]
    assert is_empty(run)


@pytest.mark.parametrize("moves", range(4))
def test_a_collection_read_back_goes_on_where_it_stood(moves: int):
    """Empty, half-filled, and full in a scope that lives on."""
    run = collecting(kept=True)
    a, b = start(run)
    (more,) = due(emit(run, "More", scope=a.scope))
    for delivery in (a, b, more)[:moves]:
        finish(run, delivery, [delivery.node])

    assert counts(read_back(run)) == counts(run)


def test_a_value_costs_its_own_size_however_many_have_come():
    """Each value of a join is a part of its own; a gate's and a collection's alike."""
    branches = [f"b{n:04}" for n in range(500)]
    gate = Node(
        id="gate",
        kind="gate",
        name="when",
        listens=tuple(("event", branch) for branch in (*branches, "never")),
        emits="joined",
        options={"mode": "and"},
    )
    run = run_of(
        chunk("root", "START"),
        *(chunk(branch, "root") for branch in branches),
        *(branch_of("C", branch, branch) for branch in (*branches, "never")),
        gate,
        kept=True,
    )
    (root,) = due(emit(run, value=1, data=b"1"))
    lanes = due(finish(run, root, 1, data=b"1"))
    assert run.journal is not None
    run.journal.take()
    sizes = []
    for lane in lanes[:-1]:
        finish(run, lane, "x", data=b'"x"')
        sizes.append(len(run.journal.take()))

    assert max(sizes) <= min(sizes) + 10
    assert counts(read_back(run)) == counts(run)
