# SPDX-License-Identifier: Apache-2.0
"""The ledger of interventions as records and parts, without a loop."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from holdfast.errors import Damaged, ValueRefused
from holdfast.machine import interventions, snapshot
from holdfast.machine.interventions import Intervening, Intervention
from holdfast.machine.journal import Journal
from holdfast.machine.run import Run, new_run
from holdfast.persistence.codec import Codec
from holdfast.persistence.types import TypeRegistry

CODEC = Codec(TypeRegistry())


def added(intervening: Intervening, journal: Journal | None, *targets: str | None) -> None:
    """One intervention for each target, with its number as id and payload."""
    for target in targets:
        number = intervening.version + 1
        record = Intervention(f"i{number}", 0, number, 0.5 * number, target=target)
        interventions.add(intervening, journal, record)


def taken(intervening: Intervening, journal: Journal | None, *ids: str) -> list[str]:
    """Insert those; the ids in the order in which they were taken."""
    chosen = [intervening.records[each] for each in ids]
    found = interventions.insert(intervening, journal, chosen, {"mode": "planned"}, 9.0)
    return [record.id for record in found]


def plain(intervening: Intervening) -> Any:
    """All fields, for comparing."""
    return msgspec.to_builtins(intervening)


def test_versions_count_up_and_pending_ones_lie_by_target():
    """So a point looks only at what is meant for it."""
    intervening = Intervening("planned")
    added(intervening, None, None, "t", None)

    assert [r.version for r in intervening.records.values()] == [1, 2, 3]
    assert {t: list(r) for t, r in intervening.pending.items()} == {None: ["i1", "i3"], "t": ["i2"]}


def test_an_insertion_happens_once_and_in_the_order_of_versions():
    """What is not pending is left; a target without pending ones is forgotten."""
    intervening = Intervening("planned")
    added(intervening, None, None, "t", None)
    assert taken(intervening, None, "i3", "i1") == ["i1", "i3"]
    assert taken(intervening, None, "i1", "i2") == ["i2"]

    assert [r.place for r in intervening.records.values()] == [1, 3, 2]
    assert (intervening.inserted, intervening.newest, intervening.pending) == (3, 3, {})


def test_the_rest_expires():
    """Only what is pending, by version; then nothing is."""
    intervening = Intervening("planned")
    added(intervening, None, "b", None, "b")
    taken(intervening, None, "i2")

    assert [r.id for r in interventions.expire(intervening, None, 7.0)] == ["i1", "i3"]
    assert [r.status for r in intervening.records.values()] == ["expired", "inserted", "expired"]
    assert interventions.expire(intervening, None, 8.0) == []


def kept() -> Run:
    """A run with a journal, that takes interventions."""
    run = new_run("r", "flow", None)
    run.journal = Journal(CODEC)
    run.intervening = Intervening("planned")
    snapshot.mark_all(run)
    run.journal.take()
    return run


def test_each_change_is_a_part_of_its_own():
    """The payload is written once, whatever becomes of the intervention."""
    run = kept()
    intervening, journal = run.intervening, run.journal
    assert intervening is not None
    assert journal is not None
    changed = []
    added(intervening, journal, None)
    changed.append(set(journal.changed) | set(journal.added))
    journal.take()
    taken(intervening, journal, "i1")
    changed.append(set(journal.changed) | set(journal.added))
    journal.take()
    interventions.consume(intervening.records["i1"], journal, "c", {"status": "applied"})
    changed.append(set(journal.changed) | set(journal.added))

    assert changed == [{"intervene/i1"}, {"intervene/i1/now"}, {"intervene/i1/by"}]


@pytest.mark.parametrize("whole", [True, False], ids=["from a save", "from a journal"])
def test_all_of_it_comes_back_from_its_parts(whole: bool):
    """In whatever order the parts come, counters and what is pending included."""
    run = kept()
    intervening, journal = run.intervening, run.journal
    assert intervening is not None
    assert journal is not None
    added(intervening, journal, None, "t", "t", None)
    taken(intervening, journal, "i3", "i1")
    for word in ("applied", "ignored"):
        mark = {"status": word, "metadata": {"k": (1,)}}
        interventions.consume(intervening.records["i1"], journal, "c", mark)
    journal.take()
    parts = snapshot.full_parts(run, CODEC) if whole else journal.parts
    back = snapshot.restore("r", "flow", None, dict(reversed(parts.items())), CODEC)

    assert back.intervening is not None
    assert plain(back.intervening) == plain(intervening)
    assert list(back.intervening.records) == ["i1", "i2", "i3", "i4"]
    assert back.intervening.records["i1"].consumers["c"]["metadata"] == {"k": (1,)}


def test_a_refused_value_changes_nothing():
    """It is refused before it is taken in."""
    run = kept()
    assert run.intervening is not None
    with pytest.raises(ValueRefused, match="payload of intervention x"):
        interventions.add(run.intervening, run.journal, Intervention("x", 0, object(), 0.0))

    assert (run.intervening.version, run.intervening.records) == (0, {})


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("intervene", b"5"),
        ("intervene/x", b"[1]"),
        ("intervene/x/now", b'["pending"]'),
        ("intervene/x/by", [b"5"]),
    ],
)
def test_a_part_of_another_shape_is_damage(name: str, part: Any):
    """It cannot be what was written."""
    with pytest.raises(Damaged):
        snapshot.restore("r", "flow", None, {name: part}, CODEC)
