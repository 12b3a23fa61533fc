# SPDX-License-Identifier: Apache-2.0
"""State: written through the record, taken back before a repeat."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast.machine import ledger, snapshot, state
from holdfast.machine.journal import Journal
from holdfast.machine.run import MISSING, Delivery, Run, new_run
from holdfast.persistence.codec import Codec
from holdfast.persistence.types import TypeRegistry


@pytest.fixture(params=["memory", "kept"])
def run(request: pytest.FixtureRequest) -> Run:
    """A record without and with a journal."""
    made = new_run("r", "flow", None)
    if request.param == "kept":
        made.journal = Journal(Codec(TypeRegistry()))
    return made


def put(run: Run, key: str, value: Any, writer: int = 0) -> None:
    """Write a value under a plain or dotted key."""
    name, whole = state.replaced(run.frames[0], key, value)
    state.write(run, name, whole, None, writer)


def held(run: Run) -> dict[str, Any]:
    """Every key with its value."""
    return state.whole(run.frames[0])


def repeat(run: Run, number: int) -> list[str]:
    """Prepare the repeat of a delivery; returns the texts of its warnings."""
    delivery = Delivery(number, "step", None, b"null")
    return [effect.text for effect in ledger.prepare_repeat(run, delivery)]  # type: ignore[union-attr]


def test_a_dotted_key_reaches_into_dicts_and_copies_only_its_path(run: Run) -> None:
    """Levels that are missing are made; what lies beside the path is the same object."""
    beside = {"x": 1}
    put(run, "a", {"beside": beside})
    put(run, "a.b.c", 5)
    assert held(run) == {"a": {"beside": {"x": 1}, "b": {"c": 5}}}
    assert state.read(run.frames[0], "a.beside") is beside
    assert state.read(run.frames[0], "a.b.nothing") is MISSING


def test_a_path_through_something_that_is_no_dict_is_refused(run: Run) -> None:
    """TypeError naming the segment; nothing is changed."""
    put(run, "a", 1)
    with pytest.raises(TypeError, match="'a'"):
        put(run, "a.b", 2)
    assert held(run) == {"a": 1}


def test_what_an_unfinished_handler_wrote_is_taken_back_last_first(run: Run) -> None:
    """Set, overwrite, append, delete, new key: all as before the attempt."""
    put(run, "kept", "old")
    put(run, "list", [1])
    put(run, "gone", "here")
    put(run, "kept", "new", writer=7)
    put(run, "kept", "newer", writer=7)
    assert state.append(run, "list", 2, None, writer=7)
    assert state.append(run, "list", 3, None, writer=7)
    state.write(run, "gone", MISSING, None, 7)
    put(run, "fresh", 1, writer=7)
    assert repeat(run, 7) == []
    assert held(run) == {"kept": "old", "list": [1], "gone": "here"}


def test_a_key_that_others_changed_since_is_left_with_a_warning(run: Run) -> None:
    """Taking back never undoes somebody else's write."""
    put(run, "mine", 0)
    put(run, "mine", 1, writer=7)
    put(run, "mine", 2, writer=8)
    put(run, "list", [])
    assert state.append(run, "list", "of 7", None, writer=7)
    assert state.append(run, "list", "of 8", None, writer=8)
    (text,) = repeat(run, 7)
    assert "list" in text
    assert "mine" in text
    assert held(run) == {"mine": 2, "list": ["of 7", "of 8"]}


def test_writes_of_two_handlers_on_one_key_are_taken_back_one_by_one(run: Run) -> None:
    """After 7, 8, 7 wrote, the repeat of 7 gives back what 8 wrote, not what was before both."""
    put(run, "key", 0)
    put(run, "key", "first of 7", writer=7)
    put(run, "key", "of 8", writer=8)
    put(run, "key", "second of 7", writer=7)
    assert len(repeat(run, 7)) == 1
    assert held(run) == {"key": "of 8"}


def test_a_key_that_was_made_and_deleted_again_stays_away(run: Run) -> None:
    """There is nothing to take back of it."""
    put(run, "scratch", 1, writer=7)
    state.write(run, "scratch", MISSING, None, 7)
    put(run, "kept", 1, writer=7)
    assert repeat(run, 7) == []
    assert held(run) == {}


def test_a_second_repeat_takes_back_only_what_the_first_one_wrote(run: Run) -> None:
    """Taking back empties the ledger of writes."""
    put(run, "key", 0)
    put(run, "key", 1, writer=7)
    assert repeat(run, 7) == []
    put(run, "key", "outside")
    assert repeat(run, 7) == []
    assert held(run) == {"key": "outside"}


def test_a_list_that_others_have_appended_to_is_not_taken_away(run: Run) -> None:
    """The one that wrote it is repeated: what somebody else appended since is kept."""
    put(run, "list", [1], writer=7)
    assert state.append(run, "list", 2, None, writer=8)
    (warning,) = repeat(run, 7)
    assert "list" in warning
    assert held(run) == {"list": [1, 2]}


def test_appends_of_several_commits_are_taken_back_after_a_restart() -> None:
    """A list that a handler began, and what it appended commit by commit: all of it goes."""
    codec = Codec(TypeRegistry())
    run = new_run("r", "flow", None)
    run.journal = Journal(codec)
    put(run, "old", [0])
    run.deliveries[7] = Delivery(7, "step", None, b"null")
    put(run, "list", [1], writer=7)
    for item in (2, 3, 4):
        assert state.append(run, "list", item, None, writer=7)
        assert state.append(run, "old", item, None, writer=7)
        ledger.write_open(run)
        run.journal.take()
    found = snapshot.restore("r", "flow", None, dict(run.journal.parts), codec)
    snapshot.rebind(found, codec)
    assert held(found) == {"old": [0, 2, 3, 4], "list": [1, 2, 3, 4]}
    assert repeat(found, 7) == []
    assert held(found) == {"old": [0]}


def test_appends_of_two_handlers_are_taken_back_one_by_one_after_a_restart() -> None:
    """The younger one's lie on top: with both repeated, nothing is left of either."""
    codec = Codec(TypeRegistry())
    run = new_run("r", "flow", None)
    run.journal = Journal(codec)
    put(run, "list", [1], writer=7)
    assert state.append(run, "list", 2, None, writer=8)
    ledger.write_open(run)
    run.journal.take()
    found = snapshot.restore("r", "flow", None, dict(run.journal.parts), codec)
    snapshot.rebind(found, codec)
    assert repeat(found, 8) == []
    assert held(found) == {"list": [1]}
    assert repeat(found, 7) == []
    assert held(found) == {}
