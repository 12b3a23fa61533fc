# SPDX-License-Identifier: Apache-2.0
"""The journal: what changed, as a delta; the whole, as an anchor."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from holdfast.machine.journal import ANCHOR_FLOOR_BYTES, Journal
from holdfast.persistence.codec import Codec
from holdfast.persistence.parts import joined, merge
from holdfast.persistence.types import TypeRegistry


def fresh() -> Journal:
    """A journal of an empty record."""
    return Journal(Codec(TypeRegistry()))


def test_a_part_born_and_dropped_between_two_commits_leaves_no_trace() -> None:
    """Neither in the delta nor in the record."""
    journal = fresh()
    journal.put("due/1", b"1")
    journal.add("ledger/1", b'"x"')
    journal.drop("due/1")
    journal.drop("ledger/1")
    assert json.loads(journal.take()) == [{}, {}, []]
    assert journal.parts == {}


def test_a_delta_names_only_what_changed_since_the_last() -> None:
    """A put, an append and a drop, each once."""
    journal = fresh()
    journal.put("a", b"1")
    journal.put("b", b"2")
    journal.put("list", b"[1]")
    journal.take()
    journal.drop("a")
    journal.put("b", b"3")
    journal.add("list", b"2")
    assert json.loads(journal.take()) == [{"b": 3}, {"list": [2]}, ["a"]]
    assert json.loads(journal.take()) == [{}, {}, []]


def test_a_part_that_is_made_at_the_commit_is_made_once_and_as_it_stands_then() -> None:
    """A function given as a part is called when the delta is taken."""
    counter = {"n": 0}

    def count() -> bytes:
        counter["n"] += 1
        return str(counter["n"]).encode()

    journal = fresh()
    journal.put("run", count)
    journal.put("run", count)
    assert json.loads(journal.take()) == [{"run": 1}, {}, []]
    assert counter["n"] == 1


def test_an_anchor_is_wanted_once_deltas_outweigh_the_record() -> None:
    """Not while the record itself is as heavy as its deltas: an anchor would save nothing then."""
    growing = fresh()
    while growing.weight < 4 * ANCHOR_FLOOR_BYTES:
        growing.add("list", b'"' + b"x" * 1000 + b'"')
        growing.take()
        assert not growing.wants_anchor() or growing.weight > growing.size
    changing = fresh()
    turns = 0
    while not changing.wants_anchor():
        changing.put("key", b'"' + b"x" * 1000 + b'"')
        changing.take()
        turns += 1
    assert turns * 1000 <= ANCHOR_FLOOR_BYTES + 2000
    changing.anchor()
    assert not changing.wants_anchor()


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["put", "add", "drop", "take"]),
        st.sampled_from(["a", "b", "list", 'odd "name"/é']),
        st.integers(0, 9),
    ),
    max_size=60,
)


@given(STEPS)
def test_the_deltas_rebuild_the_record_from_any_anchor(steps: list[tuple[str, str, int]]) -> None:
    """Whatever is put, added and dropped, anchor plus deltas give the parts of the journal."""
    journal = fresh()
    model: dict[str, Any] = {}
    anchor = b"{}"
    deltas: list[bytes] = []
    for kind, name, number in steps:
        if kind == "put":
            journal.put(name, json.dumps([number]).encode())
            model[name] = [number]
        elif kind == "add":
            journal.add(name, str(number).encode())
            model[name] = [*model.get(name, []), number]
        elif kind == "drop":
            journal.drop(name)
            model.pop(name, None)
        else:
            deltas.append(journal.take())
            if number == 0:
                anchor, deltas = b"".join(journal.anchor()), []
    deltas.append(journal.take())
    read = {name: json.loads(joined(part)) for name, part in merge(anchor, deltas).items()}
    assert read == model
    assert {name: json.loads(joined(part)) for name, part in journal.parts.items()} == model
