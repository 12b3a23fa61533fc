# SPDX-License-Identifier: Apache-2.0
"""Loops and joins as tables: which items start, what is gathered, and what is left."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from holdfast.definition.blueprint import Blueprint, Node
from holdfast.machine import dispatch, ledger, loops, snapshot, waits
from holdfast.machine.effects import Answered, Emitted, Failed, Finished, Warn
from holdfast.machine.journal import Journal
from holdfast.machine.run import Delivery, Entry, Run, Wait, new_run
from holdfast.persistence.codec import Codec
from holdfast.persistence.types import default_types


def each(name: str, on: str, cap: int = 0) -> Node:
    """The beginning of a loop; its items are the event "item of <name>"."""
    return Node(
        id=name,
        kind="each",
        name=name,
        listens=(("event", on),),
        emits=f"item:{name}",
        options={"concurrency": cap} if cap else {},
    )


def gather(name: str, on: str) -> Node:
    """The end of a loop."""
    signals = (("event", on),)
    emits = f"gathered:{name}"
    return Node(
        id=f"end:{name}", kind="gather", name=name, listens=signals, emits=emits, group=name
    )


def chunk(name: str, on: str) -> Node:
    """A handler; its signal is its name."""
    return Node(
        id=name, kind="chunk", name=name, listens=(("event", on),), emits=name, handler=name
    )


def looping(cap: int = 0, *, kept: bool = False) -> Run:
    """START, a loop over "work", then "after"."""
    nodes = (each("L", "START", cap), chunk("work", "item:L"), gather("L", "work"))
    run = new_run("r", "flow", Blueprint(name="f", nodes=(*nodes, chunk("after", "gathered:L"))))
    if kept:
        run.journal = Journal(Codec(default_types))
        snapshot.mark_all(run)
    return run


def start(run: Run, items: Any) -> list[Delivery]:
    """The deliveries that a START makes due."""
    return due(dispatch.step(run, Emitted("event", "START", items)))


def due(effects: list[Any]) -> list[Delivery]:
    """The deliveries among effects."""
    return [effect for effect in effects if isinstance(effect, Delivery)]


def finish(run: Run, delivery: Delivery, value: Any = None, **more: Any) -> list[Any]:
    """The end of a handler."""
    return dispatch.step(run, Finished(delivery, value, **more))


def payloads(effects: list[Any]) -> list[Any]:
    """The payloads of what is due."""
    return [delivery.payload for delivery in due(effects)]


def pause(run: Run, delivery: Delivery, resume: str = "next") -> list[Any]:
    """Let a delivery ask, and end."""
    wait_id = f"q{delivery.payload}"
    origin = msgspec.structs.replace(delivery)
    wait = Wait(
        id=wait_id,
        type="pause",
        payload=None,
        opener=delivery.id,
        resume=resume,
        origin=origin,
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


@pytest.mark.parametrize(
    ("value", "many"),
    [
        ([], True),
        ((), True),
        (range(2), True),
        ("text", False),
        (b"bytes", False),
        (bytearray(b"b"), False),
        ({}, False),
        ({1}, False),
        (None, False),
        (iter([]), False),
    ],
)
def test_what_is_expanded(value: Any, many: bool):
    """Sequences but text and bytes."""
    assert loops.is_many(value) is many


@pytest.mark.parametrize("kept", [False, True])
def test_items_start_and_are_gathered_in_their_own_order(kept: bool):
    """The last result lets the list go on; then nothing of the loop is left."""
    run = looping(kept=kept)
    first, second, third = start(run, ["a", "b", "c"])
    assert (run.live, len(run.fans)) == (3, 1)
    assert due(finish(run, third, 3, data=b"3")) == []
    assert due(finish(run, first, 1, data=b"1")) == []
    effects = finish(run, second, 2, data=b"2")

    assert payloads(effects) == [[1, 2, 3]]
    assert run.fans == {}
    finish(run, due(effects)[0])
    assert is_empty(run)


def test_an_empty_sequence_goes_on_at_once_and_a_scalar_is_one_item():
    """Without a pass of its own."""
    assert [d.node for d in start(looping(), [])] == ["after"]
    run = looping()
    (only,) = start(run, 7)
    assert payloads(finish(run, only, 8)) == [[8]]


@pytest.mark.parametrize(("cap", "first"), [(0, 5), (1, 1), (2, 2), (5, 5), (9, 5)])
def test_a_cap_lets_the_next_item_start_when_one_ends(cap: int, first: int):
    """As many start at once as the cap says, then one for each that ends."""
    run = looping(cap)
    under_way = start(run, range(5))
    assert [d.payload for d in under_way] == list(range(first))
    begun = list(under_way)
    while under_way:
        born = due(finish(run, under_way.pop(0), "done"))
        if [d.node for d in born] == ["after"]:
            break
        assert len(born) == (1 if len(begun) < 5 else 0)
        begun += born
        under_way += born

    assert [d.payload for d in begun] == list(range(5))


def test_an_item_that_rests_makes_room_and_is_counted_again_when_it_is_answered():
    """An answered item goes on beside those that started meanwhile; no more start until then."""
    run = looping(1)
    (zero,) = start(run, range(4))
    (one,) = due(pause(run, zero, "self"))
    assert one.payload == 1
    (loop,) = run.fans.values()
    assert (loop.active, loop.started) == (1, 2)

    (zero,) = due(answer(run, "q0", "yes"))
    assert loop.active == 2
    assert due(finish(run, one, "one")) == []
    (two,) = due(finish(run, zero, "zero"))
    assert (two.payload, loop.active) == (2, 1)
    (three,) = due(pause(run, two))
    assert due(finish(run, three, "three")) == []
    assert loop.active == 0
    assert payloads(answer(run, "q2", "two")) == [["zero", "one", "two", "three"]]


def test_an_item_rests_only_when_all_that_is_left_of_it_waits():
    """One branch that works keeps its place."""
    nodes = (
        each("L", "START", 1),
        chunk("asks", "item:L"),
        chunk("works", "item:L"),
        gather("L", "works"),
    )
    run = new_run("r", "flow", Blueprint(name="f", nodes=nodes))
    asks, works = start(run, range(2))
    assert due(pause(run, asks)) == []
    assert payloads(finish(run, works)) == [1, 1]


def test_resting_goes_up_through_nested_loops():
    """An inner loop whose items all wait makes room in the outer one."""
    nodes = (
        each("O", "START", 1),
        each("I", "item:O", 1),
        chunk("work", "item:I"),
        gather("I", "work"),
        gather("O", "gathered:I"),
        chunk("after", "gathered:O"),
    )
    run = new_run("r", "flow", Blueprint(name="f", nodes=nodes))
    (first,) = start(run, [[1, 2], [3]])
    (second,) = due(pause(run, first))
    assert second.payload == 2
    (third,) = due(pause(run, second))
    assert third.payload == 3
    assert due(finish(run, third, 30)) == []
    assert due(answer(run, "q2", 20)) == []

    assert payloads(answer(run, "q1", 10)) == [[[10, 20], [30]]]


def test_a_pass_that_can_never_be_filled_is_given_up_with_a_warning():
    """An item ended without a result and nothing of it is left."""
    run = looping()
    first, second = start(run, ["a", "b"])
    finish(run, first, 1)
    pause(run, second, "event:Nobody")
    effects = answer(run, "qb", "lost")

    assert [e.code for e in effects if isinstance(e, Warn)] == ["block.never-filled"]
    assert "1 of 2 items" in next(e.text for e in effects if isinstance(e, Warn))
    assert is_empty(run)


def test_a_value_from_elsewhere_at_the_end_of_a_loop_is_told():
    """It is no item of a pass."""
    nodes = (each("L", "START"), chunk("work", "item:L"), gather("L", "work"))
    plan = Blueprint(
        name="f",
        nodes=(
            nodes[0],
            Node(
                id="work",
                kind="chunk",
                name="work",
                listens=(("event", "item:L"), ("event", "Stray")),
                emits="work",
                handler="work",
            ),
            nodes[2],
        ),
    )
    run = new_run("r", "flow", plan)
    (stray,) = due(dispatch.step(run, Emitted("event", "Stray", 1)))
    effects = finish(run, stray, 1)

    assert [e.code for e in effects if isinstance(e, Warn)] == ["block.stray-value"]
    assert is_empty(run)


def test_a_failing_item_stops_the_others_and_its_pass_stays():
    """It may be retried: the loop goes on then."""
    run = looping(2)
    first, second = start(run, range(3))
    dispatch.step(run, Failed(first, "no"))
    assert (run.live, first.status, second.status) == (0, 1, 1)
    assert len(run.fans) == 1


def test_items_that_end_at_once_do_not_nest():
    """A loop over a hundred thousand empty lists needs no deep stack, with a cap or without."""
    for cap in (0, 1):
        nodes = (
            each("O", "START", cap),
            each("I", "item:O"),
            gather("I", "item:I"),
            gather("O", "gathered:I"),
            chunk("after", "gathered:O"),
        )
        run = new_run("r", "flow", Blueprint(name="f", nodes=nodes))
        (after,) = start(run, [[]] * 20_000)
        assert after.payload == [[]] * 20_000


@pytest.mark.parametrize("done", range(6))
def test_a_loop_read_back_goes_on_where_it_stood(done: int):
    """After any number of ends, pauses and answers."""
    run = looping(2, kept=True)
    under_way = start(run, list(range(5)))
    for step in range(done):
        delivery = under_way.pop(0)
        born = pause(run, delivery) if step % 2 else finish(run, delivery, "x", data=b'"x"')
        under_way += due(born)
    assert run.journal is not None
    ledger.write_open(run)
    run.journal.take()
    codec = Codec(default_types)
    again = snapshot.restore("r", "flow", run.plan, dict(run.journal.parts), codec)

    def counts(of: Run) -> Any:
        return (
            {n: (x.started, x.active, x.results) for n, x in of.fans.items()},
            {n: (s.parent, s.live, s.resting, s.rests) for n, s in sorted(of.scopes.items())},
            sorted(of.deliveries),
        )

    assert counts(again) == counts(run)


def test_the_cost_of_an_item_does_not_depend_on_how_many_there_are():
    """Each part that an item's end changes is of its own size."""
    sizes = {}
    for many in (10, 2000):
        run = looping(3, kept=True)
        under_way = start(run, list(range(many)))
        assert run.journal is not None
        run.journal.take()
        for _ in range(5):
            under_way += due(finish(run, under_way.pop(0), "x", data=b'"x"'))
            delta = run.journal.take()
        sizes[many] = len(delta)

    assert sizes[2000] <= sizes[10] + 10
