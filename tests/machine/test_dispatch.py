# SPDX-License-Identifier: Apache-2.0
"""The machine of event flows as tables: a record and an input give a record and effects."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from holdfast.definition.blueprint import Blueprint, Node
from holdfast.errors import InternalError
from holdfast.machine import dispatch, ledger, snapshot, waits
from holdfast.machine.effects import (
    Answered,
    Broken,
    Cancel,
    Done,
    Emitted,
    Ended,
    Failed,
    Finished,
    Retried,
    Skipped,
    Warn,
    Withdrawn,
)
from holdfast.machine.journal import Journal
from holdfast.machine.run import PARKED, Delivery, Entry, Run, Wait, new_run
from holdfast.persistence.codec import Codec
from holdfast.persistence.types import default_types


def node(text: str) -> Node:
    """A chunk from "name<event,event"; the signal of a finished chunk is its name."""
    name, _, events = text.partition("<")
    signals = tuple(("event", event) for event in events.split(","))
    if "+" in events:
        signals = tuple(("event", event) for event in events.split("+"))
        return Node(id=name, kind="gate", name=name, listens=signals, emits=name)
    return Node(id=name, kind="chunk", name=name, listens=signals, emits=name, handler=name)


def flow(text: str, *, kept: bool = False) -> Run:
    """A run of a flow such as "a<START b<a ab<a+b"."""
    run = new_run("r", "flow", Blueprint(name="f", nodes=tuple(map(node, text.split()))))
    if kept:
        run.journal = Journal(Codec(default_types))
        snapshot.mark_all(run)
    return run


def emit(run: Run, event: str = "START", value: Any = "in", **more: Any) -> list[Any]:
    """A signal."""
    return dispatch.step(run, Emitted("event", event, value, **more))


def finish(run: Run, delivery: Delivery, value: Any = "out", **more: Any) -> list[Any]:
    """The end of a handler."""
    return dispatch.step(run, Finished(delivery, value, **more))


def due(effects: list[Any]) -> list[Delivery]:
    """The deliveries among effects."""
    return [effect for effect in effects if isinstance(effect, Delivery)]


def shape(effects: list[Any]) -> list[str]:
    """Effects as words: deliveries as node=payload, others by class."""
    return [
        f"{e.node}={e.payload}" if isinstance(e, Delivery) else type(e).__name__ for e in effects
    ]


def is_empty(run: Run) -> bool:
    """Whether nothing of the work is left in the record."""
    parts = (run.deliveries, run.groups, run.scopes, run.joins, run.ledgers, run.held, run.waits)
    return not any(parts) and run.live == 0


def ask(run: Run, opener: Delivery, wait_id: str = "q", resume: str = "next") -> Wait:
    """Let a delivery ask."""
    wait = Wait(
        id=wait_id,
        type="pause",
        payload="?",
        opener=opener.id,
        resume=resume,
        origin=msgspec.structs.replace(opener),
        scope=opener.scope,
    )
    waits.open_wait(run, wait)
    ledger.record(run, opener.id, Entry("pause", wait_id, None, "?", wait=wait_id))
    return wait


def answer(run: Run, wait_id: str = "q", value: Any = "yes") -> list[Any]:
    """An answer."""
    return dispatch.step(run, Answered(wait_id, value, None, None, 0.0))


@pytest.mark.parametrize("kept", [False, True])
def test_a_chain_goes_from_one_delivery_to_the_next(kept: bool):
    """What is born comes before what ends is counted: the group is done at the very end."""
    run = flow("a<START b<a c<b", kept=kept)
    effects = emit(run)
    assert shape(effects) == ["a=in"]
    (a,) = due(effects)
    assert (a.id, a.event, a.kind, run.live) == (1, "START", "event", 1)

    effects = finish(run, a, 1)
    assert shape(effects) == ["b=1"]
    assert due(effects)[0].group == a.group
    (c,) = due(finish(run, due(effects)[0], 2))
    assert finish(run, c, 3) == [Done(a.group, None)]
    assert is_empty(run)


def test_a_signal_nobody_listens_to_changes_nothing():
    """No group is opened, and no number used."""
    run = flow("a<START")
    before = msgspec.structs.asdict(run)

    assert dispatch.emit(run, Emitted("event", "Other", 1)) == (0, [])
    assert dispatch.emit(run, Emitted("runtime_data", "START", 1)) == (0, [])
    assert msgspec.structs.asdict(run) == before


def test_results_are_kept_in_the_order_of_attachment():
    """Only for whoever wants them; a listener's own value counts, not its successor's."""
    run = flow("a<E b<E c<a")
    a, b = due(emit(run, "E", wants_results=True))
    finish(run, b, "b")
    (c,) = due(finish(run, a, "a"))

    assert finish(run, c, "c") == [Done(a.group, ["a", "b"])]


def test_a_failure_parks_and_stops_its_siblings():
    """They stay in the record; the group is told that it broke, and which handlers to stop."""
    run = flow("a<E b<E other<F")
    a, b = due(emit(run, "E"))
    (other,) = due(emit(run, "F"))
    effects = dispatch.step(run, Failed(a, "ValueError: no"))

    assert effects == [Cancel((b.id,)), Broken(a.group, a.id)]
    assert (a.status, b.status, other.status, run.live) == (PARKED, PARKED, 0, 1)
    assert (a.error, run.status, run.error) == ("ValueError: no", "failed", "ValueError: no")
    assert "a failed" in str(b.error)
    assert dispatch.step(run, Failed(b, "CancelledError: ")) == []


def test_a_parked_delivery_runs_again_or_counts_as_done():
    """The run is failed as long as one is parked."""
    run = flow("a<E b<E c<a,b")
    a, b = due(emit(run, "E"))
    dispatch.step(run, Failed(a, "no"))

    effects = dispatch.step(run, Retried(a))
    assert shape(effects) == ["a=in"]
    assert (a.attempt, a.error, run.live, run.status) == (1, None, 1, "failed")
    assert shape(dispatch.step(run, Skipped(b, "skipped"))) == ["c=skipped"]
    assert run.status == "running"
    assert shape(finish(run, a, "done")) == ["c=done"]


def test_a_paused_delivery_withholds_its_continuation_until_the_answer():
    """`next` follows the paused node; the answer's group is the wait's."""
    run = flow("a<START b<a")
    (a,) = due(emit(run))
    wait = ask(run, a)
    assert finish(run, a, "not handed on", paused=True) == [Done(a.group, None)]
    assert (run.live, list(run.waits)) == (0, ["q"])

    effects = answer(run, value="yes")
    assert shape(effects) == ["b=yes"]
    (b,) = due(effects)
    assert (b.wait, b.group) == ("q", wait.group)
    finish(run, b)
    assert is_empty(run)
    assert [(line.id, line.status) for line in run.settled] == [("q", "answered")]


@pytest.mark.parametrize(
    ("resume", "effects"),
    [("self", ["a=in"]), ("event:E", ["e=yes"]), ("event:Nobody", ["Done"]), ("none", ["Done"])],
)
def test_an_answer_goes_where_the_pause_said(resume: str, effects: list[str]):
    """Back to the chunk with its own input, to an event's listeners, or nowhere."""
    run = flow("a<START b<a e<E")
    (a,) = due(emit(run))
    ask(run, a, resume=resume)
    finish(run, a, paused=True)
    got = answer(run)

    assert shape(got) == effects
    for delivery in due(got):
        finish(run, delivery, paused=True)
    assert is_empty(run)


def test_an_answer_to_a_running_opener_waits_for_its_end():
    """Until then a crash would ask again."""
    run = flow("a<START b<a")
    (a,) = due(emit(run))
    ask(run, a)

    assert answer(run) == []
    assert shape(finish(run, a, paused=True)) == ["b=yes", "Done"]


def test_an_answer_to_a_parked_opener_waits_for_its_repeat():
    """Applied now, the repeat would ask once more, and what follows would run twice."""
    run = flow("a<START b<a")
    (a,) = due(emit(run))
    ask(run, a)
    dispatch.step(run, Failed(a, "gone"))

    assert answer(run) == []
    dispatch.step(run, Retried(a))
    assert "b=yes" in shape(finish(run, a, paused=True))


def test_a_wait_is_settled_once():
    """The machine never sees a second answer: the front judges first."""
    run = flow("a<START b<a")
    (a,) = due(emit(run))
    ask(run, a)
    answer(run)

    with pytest.raises(InternalError):
        answer(run)


def test_a_repeat_that_does_not_ask_again_withdraws_its_question():
    """One that was answered is applied instead."""
    run = flow("a<START b<a")
    (a,) = due(emit(run))
    asked, forgotten, answered = ask(run, a, "asked"), ask(run, a, "forgotten"), ask(run, a, "kept")
    answer(run, "kept")
    forgotten.asked = answered.asked = False
    effects = finish(run, a, paused=True)

    assert [type(e) for e in effects] == [Withdrawn, Delivery, Done]
    assert effects[0].wait is forgotten
    assert list(run.waits) == ["asked", "kept"]
    assert asked.answered is False


def test_an_emit_of_a_handler_tells_its_ledger_what_came_of_it():
    """While the handler is unfinished; its end takes the ledger away."""
    run = flow("a<START e<E", kept=True)
    (a,) = due(emit(run))
    index = ledger.record(run, a.id, Entry("emit", "E", "digest"))
    group, effects = dispatch.emit(
        run, Emitted("event", "E", 1, None, a.id, a.scope, index, wants_results=True)
    )
    (e,) = due(effects)
    assert (e.emitter, run.groups[group].entry) == (a.id, 0)
    assert finish(run, e, "came", data=b'"came"') == [Done(group, ["came"])]
    entry = run.ledgers[a.id].entries[0]

    assert (entry.done, entry.outcome) == (True, ["came"])
    finish(run, a)
    assert is_empty(run)


def test_what_a_repeat_does_not_make_again_is_told():
    """It stays done."""
    run = flow("a<START e<E")
    (a,) = due(emit(run))
    ledger.record(run, a.id, Entry("emit", "E", "digest"))
    dispatch.step(run, Failed(a, "no"))
    dispatch.step(run, Retried(a))
    effects = finish(run, a)

    assert [type(e) for e in effects] == [Warn, Done]
    assert effects[0].code == "ledger.not-repeated"


def test_joins_fill_within_one_scope_and_are_empty_again():
    """Signals from outside share one scope; those of one visit share another."""
    run = flow("a<START b<a left<L j<A+B k<j")
    assert shape(emit(run, "A", 1)) == ["Done"]
    (left,) = due(emit(run, "L"))
    assert emit(run, "B", 2, emitter=left.id, scope=left.scope) == [Done(3, None)]
    assert len(run.joins) == 2

    effects = emit(run, "B", 3)
    assert shape(effects) == ["k={'event': {'A': 1, 'B': 3}}"]
    warned = finish(run, left)
    assert [type(e) for e in warned] == [Warn, Done]
    assert "event:B" in warned[0].text
    assert run.joins == {}
    finish(run, due(effects)[0])
    assert is_empty(run)


def test_the_end_drops_all_that_is_left_and_names_it():
    """Handlers are stopped, questions cancelled, half-filled joins told."""
    run = flow("a<START b<START j<A+B k<j", kept=True)
    a, b = due(emit(run))
    emit(run, "A", 1)
    ask(run, a)
    finish(run, a, paused=True)
    effects = dispatch.step(run, Ended("cancelled"))

    assert [type(e) for e in effects] == [Cancel, Withdrawn, Warn]
    assert effects[0] == Cancel((b.id,))
    assert (run.status, run.lifecycle, b.status) == ("cancelled", "closed", PARKED)
    assert is_empty(run)
    assert run.journal is not None
    run.journal.take()
    left = {name.partition("/")[0] for name in run.journal.parts}
    assert left <= {"run", "facts", "settled"}


@pytest.mark.parametrize(
    "story",
    ["fresh", "in flight", "parked", "waiting", "answered", "half a join", "emit under way"],
)
def test_a_record_read_back_takes_the_same_steps(story: str):
    """Counts are made again; what goes on from there is the same."""
    run = flow("a<START b<a e<E j<A+B k<j", kept=True)
    (a,) = due(emit(run))
    if story == "in flight":
        due(finish(run, a, 1, data=b"1"))
    elif story == "parked":
        dispatch.step(run, Failed(a, "no"))
    elif story in ("waiting", "answered"):
        ask(run, a)
        if story == "answered":
            answer(run)
        else:
            finish(run, a, paused=True)
    elif story == "half a join":
        emit(run, "A", 1, scope=a.scope, emitter=a.id)
    elif story == "emit under way":
        index = ledger.record(run, a.id, Entry("emit", "E", "d"))
        signal = Emitted("event", "E", 1, None, a.id, a.scope, index, wants_results=True)
        dispatch.emit(run, signal)
    ledger.write_open(run)
    assert run.journal is not None
    run.journal.take()
    again = snapshot.restore("r", "flow", run.plan, dict(run.journal.parts), Codec(default_types))

    assert told(again) == told(run)
    assert told(play(again)) == told(play(run))
    assert is_empty(again)


def told(run: Run) -> dict[str, Any]:
    """What of a record decides what comes next."""
    return {
        "words": (run.status, run.lifecycle, run.live, run.next_delivery, run.next_scope),
        "deliveries": [
            (d.id, d.node, d.payload, d.scope, d.status) for d in run.deliveries.values()
        ],
        "scopes": {n: (s.parent, s.live, s.resting, s.rests) for n, s in run.scopes.items()},
        "groups": {n: (g.live, g.results) for n, g in run.groups.items() if g.entry >= 0},
        "joins": run.joins,
        "waits": {w.id: (w.answered, w.value, w.users) for w in run.waits.values()},
        "ledgers": {n: [e.name for e in lines.entries] for n, lines in run.ledgers.items()},
    }


def play(run: Run) -> Run:
    """Answer and finish whatever there is until nothing is left."""
    for _ in range(50):
        for wait in [w for w in run.waits.values() if not w.answered]:
            answer(run, wait.id)
        for delivery in list(run.deliveries.values()):
            if delivery.status == PARKED:
                dispatch.step(run, Skipped(delivery, "skipped"))
            elif delivery.id in run.deliveries:
                finish(
                    run,
                    delivery,
                    "out",
                    paused=delivery.id in {w.opener for w in run.waits.values()},
                )
    if run.joins:
        dispatch.step(run, Ended("completed"))
    return run
