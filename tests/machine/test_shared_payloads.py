# SPDX-License-Identifier: Apache-2.0
"""A large message to several nodes is kept once, as long as one of them still needs it."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast.definition.edges import fan_in
from holdfast.errors import Damaged
from holdfast.machine import ledger, snapshot, superstep
from holdfast.machine.effects import Ended, Failed, Finished, Retried, Sent, Unrouted
from holdfast.machine.posting import SHARED_BYTES
from holdfast.machine.run import Run, Unsent
from holdfast.persistence.codec import Codec
from holdfast.persistence.types import default_types
from tests.machine.test_fan_in import entered as entered_plan
from tests.machine.test_fan_in import graph
from tests.machine.test_superstep import due, entered, finish, reloaded

CODEC = Codec(default_types)
LARGE = ["x" * SHARED_BYTES]


def fanned(value: Any = LARGE) -> tuple[Run, list[Any]]:
    """A run in which s has sent one message to a, b and c."""
    run, effects = entered("s>a s>b s>c", kept=True)
    sent = Sent(value, CODEC.encode(value), ("a", "b", "c"))
    return run, due(superstep.step(run, Finished(due(effects)[0], sends=(sent,))))


def parts_of(run: Run) -> dict[str, Any]:
    """The parts of the record as committed."""
    assert run.journal is not None
    run.journal.take()
    return run.journal.parts


def test_its_bytes_are_written_once() -> None:
    """However many nodes it is for."""
    run, _ = fanned()
    parts = parts_of(run)

    assert [name for name, part in parts.items() if b"xxxx" in part] == ["payload/2"]
    assert sum(len(part) for part in parts.values()) < 2 * SHARED_BYTES


def test_a_small_message_stays_with_each_delivery() -> None:
    """A part of its own would cost more."""
    run, _ = fanned("small")

    assert not any(name.startswith("payload/") for name in parts_of(run))


def test_every_delivery_has_it_after_a_restart() -> None:
    """In memory all share one value; a repeat gets one of its own, as it was sent."""
    run = reloaded(fanned()[0])
    a, b, c = due(superstep.resume(run))

    assert a.payload == b.payload == c.payload == LARGE
    a.payload.append("changed by the first attempt")
    ledger.prepare_repeat(run, b)
    assert b.payload == LARGE


def test_it_goes_with_the_last_of_its_deliveries() -> None:
    """Not before; and a restart counts them again."""
    run, (a, _, _) = fanned()
    finish(run, a)
    run = reloaded(run)
    b, c = due(superstep.resume(run))
    finish(run, b)
    assert "payload/2" in parts_of(run)
    finish(run, c)

    assert (run.payloads, "payload/2" in parts_of(run)) == ({}, False)


def test_a_parked_delivery_keeps_it() -> None:
    """A retry needs it."""
    run, (a, b, c) = fanned()
    finish(run, a)
    superstep.step(run, Failed(b, "boom"))
    run = reloaded(run)
    superstep.step(run, Retried(next(d for d in run.deliveries.values() if d.node == "b")))
    again, c = due(superstep.resume(run))
    assert again.payload == LARGE
    finish(run, again)
    finish(run, c)
    assert run.payloads == {}


def test_parked_routing_needs_it_no_more() -> None:
    """Its handler has ended; what it sent is another payload."""
    run, (a, b, c) = fanned()
    for one in (b, c):
        finish(run, one)
    superstep.step(run, Unrouted(Finished(a), (Unsent("m", b'"m"'),), "boom"))

    assert run.payloads == {}
    (parked,) = reloaded(run).deliveries.values()
    assert parked.payload == [Unsent("m", b'"m"', None, "")]


def test_the_end_of_the_run_drops_it() -> None:
    """With all that is due."""
    run, _ = fanned()
    superstep.step(run, Ended("cancelled"))

    assert (run.payloads, "payload/2" in parts_of(run)) == ({}, False)


def test_a_record_without_the_payload_is_damaged() -> None:
    """A delivery names one that is not there."""
    run, _ = fanned()
    parts = {name: part for name, part in parts_of(run).items() if name != "payload/2"}
    with pytest.raises(Damaged):
        snapshot.restore("r", "workflow", run.plan, parts, CODEC)


def test_what_only_fan_ins_take_is_kept_by_them() -> None:
    """There is no delivery that would need it beside them."""
    run, effects = entered_plan(graph("s>x", fan_in(["s", "x"], "t")))
    sent = Sent(LARGE, CODEC.encode(LARGE), (), gathers=("s+x->t",))
    superstep.step(run, Finished(due(effects)[0], sends=(sent,)))

    assert run.payloads == {}
