# SPDX-License-Identifier: Apache-2.0
"""Steps and sleeps as lines of a ledger: known again by a repeat, each once, in their order."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast.machine import ledger, snapshot, sound, steps
from holdfast.machine.journal import Journal
from holdfast.machine.run import Delivery, Entry, Run, new_run
from holdfast.persistence.codec import Codec
from holdfast.persistence.types import TypeRegistry

CODEC = Codec(TypeRegistry())


@pytest.fixture(params=["memory", "kept"])
def run(request: pytest.FixtureRequest) -> Run:
    """A record of one delivery, without and with a journal."""
    made = new_run("r", "flow", None)
    made.deliveries[1] = Delivery(1, "chunk", None, b"null")
    made.next_delivery = 2
    if request.param == "kept":
        made.journal = Journal(CODEC)
    return made


def step(run: Run, name: str, digest: str = "d", kind: str = "step") -> int:
    """Begin a step; returns its line."""
    return steps.begin(run, run.deliveries[1], kind, name, digest)


def done(run: Run, index: int, value: Any) -> None:
    """A step has its result."""
    ledger.came(run, 1, index, data=CODEC.encode(value))


def repeat(run: Run) -> None:
    """The delivery is about to run again."""
    commit(run)
    assert ledger.prepare_repeat(run, run.deliveries[1]) == []
    commit(run)


def commit(run: Run) -> None:
    """Write what is open, if the run is kept."""
    ledger.write_open(run)
    if run.journal is not None:
        run.journal.take()


def read_back(run: Run) -> Run:
    """The record as another process reads it."""
    parts = snapshot.full_parts(run, CODEC)
    found = snapshot.restore("r", "flow", None, parts, CODEC)
    found.journal = Journal(CODEC) if run.journal is not None else None
    return found


def entry(run: Run, index: int) -> Entry:
    """A line of the one delivery."""
    return steps.entry_of(run, run.deliveries[1], index)


def key(run: Run, index: int) -> str:
    """The key of a step."""
    return steps.step_key(run, run.deliveries[1], entry(run, index))


def test_a_repeat_finds_each_step_once_and_in_its_order(run: Run) -> None:
    """Alike ones match in the order in which they began, others by their arguments."""
    begun = [step(run, "a"), step(run, "a"), step(run, "a", "other"), step(run, "b")]
    assert begun == [0, 1, 2, 3]
    repeat(run)
    assert step(run, "b") == 3
    assert step(run, "a", "other") == 2
    assert step(run, "a") == 0
    assert step(run, "a") == 1
    assert step(run, "a") == 4


def test_kinds_do_not_meet(run: Run) -> None:
    """A sleep and a step of one name and digest are two lines."""
    step(run, "", "d", kind="sleep")
    repeat(run)
    assert step(run, "") == 1
    assert step(run, "", "d", kind="sleep") == 0


def test_only_the_second_of_two_alike_is_done_and_stays_the_second(run: Run) -> None:
    """The occurrence is fixed when a call begins, not when it ends."""
    first, second = step(run, "a"), step(run, "a")
    done(run, second, "second")
    found = read_back(run)
    repeat(found)
    assert not entry(found, step(found, "a")).done
    again = entry(found, step(found, "a"))
    assert (again.done, again.data) == (True, b'"second"')
    assert (first, second) == (0, 1)


def test_a_result_is_read_back_as_the_bytes_that_were_kept(run: Run) -> None:
    """So every repeat is given a value of its own."""
    done(run, step(run, "a"), {"n": [1, (2,)]})
    found = entry(read_back(run), 0)
    assert found.data is not None
    assert found.outcome is None
    assert CODEC.decode(found.data) == {"n": [1, (2,)]}


def test_a_result_that_comes_after_its_line_was_written_is_written_too() -> None:
    """The line rides along with any commit; the result follows in the next."""
    run = new_run("r", "flow", None)
    run.journal = Journal(CODEC)
    run.deliveries[1] = Delivery(1, "chunk", None, b"null")
    index = step(run, "a")
    commit(run)
    done(run, index, 5)
    commit(run)
    lines = run.journal.parts["ledger/1"]
    assert isinstance(lines, list)
    assert [line[:7] for line in lines] == [b'["made"', b'["came"']


def test_a_key_is_the_same_for_a_repeat_and_another_for_every_other_step(run: Run) -> None:
    """Over name, arguments, occurrence and delivery; short enough for anybody."""
    lines = [step(run, "a"), step(run, "a"), step(run, "a", "other"), step(run, "b" * 255)]
    before = [key(run, index) for index in lines]
    assert len(set(before)) == len(before)
    found = read_back(run)
    repeat(found)
    assert [key(found, index) for index in lines] == before
    assert all(text.startswith("r/1/") for text in before)
    found.run_id = "x" * 128
    assert max(len(key(found, index)) for index in lines) < 200


def test_a_number_that_is_used_again_by_another_node_makes_other_keys(run: Run) -> None:
    """A run that was taken back to an earlier point gives its numbers anew."""
    index = step(run, "a")
    before = key(run, index), steps.delivery_key(run, run.deliveries[1])
    run.deliveries[1].node = "another"
    after = key(run, index), steps.delivery_key(run, run.deliveries[1])
    assert not set(before) & set(after)


def test_beginnings_are_counted_exactly_while_the_process_lives(run: Run) -> None:
    """A step that an earlier attempt did not come to is a first one."""
    delivery = run.deliveries[1]
    assert steps.begun(run, delivery, entry(run, step(run, "a"))) == 0
    repeat(run)
    assert steps.begun(run, delivery, entry(run, step(run, "a"))) == 1
    assert steps.begun(run, delivery, entry(run, step(run, "b"))) == 0


def test_after_a_restart_a_step_may_have_begun_in_every_earlier_attempt(run: Run) -> None:
    """What was under way at the crash may not have been written: 0 would be a lie."""
    step(run, "a")
    found = read_back(run)
    delivery = found.deliveries[1]
    repeat(found)
    assert steps.begun(found, delivery, entry(found, step(found, "a"))) == 1
    assert steps.begun(found, delivery, entry(found, step(found, "never written"))) == 1
    found.deliveries[2] = Delivery(2, "chunk", None, b"null")
    index = steps.begin(found, found.deliveries[2], "step", "a", "d")
    born_here = steps.entry_of(found, found.deliveries[2], index)
    assert steps.begun(found, found.deliveries[2], born_here) == 0


def test_a_step_of_work_that_was_read_back_is_never_surely_the_first(run: Run) -> None:
    """The record may be an older checkpoint: the work behind it may have been done since."""
    found = read_back(run)
    assert found.deliveries[1].attempt == 0
    assert steps.begun(found, found.deliveries[1], entry(found, step(found, "a"))) == 1


def test_a_repeat_that_makes_a_step_no_more_is_told(run: Run) -> None:
    """It stays done, with a warning."""
    done(run, step(run, "a"), 1)
    repeat(run)
    (warning,) = ledger.end(run, 1)
    assert "step 'a'" in warning.text  # type: ignore[union-attr]


def test_lines_without_a_digest_are_known_by_what_they_hold(run: Run) -> None:
    """Emits of a run in memory have none; a digest that came meanwhile does not hide them."""
    for value in (1, {"n": 1}, 1):
        ledger.record(run, 1, Entry("emit", "E", None, value))
    repeat(run)

    def find(value: Any, digest: str | None = None) -> int:
        return ledger.find(run, 1, "emit", "E", value, digest, codec=CODEC)

    assert find({"n": 1}) == 1
    assert find(1, ledger.payload_digest(1, CODEC)) == 0
    assert find(1) == 2
    assert find(1) == -1


class Looks(list[Entry]):
    """Counts how often a line is looked at."""

    count = 0

    def __getitem__(self, index: Any) -> Any:
        self.count += 1
        return super().__getitem__(index)


def test_finding_all_of_many_lines_costs_each_one_look(run: Run) -> None:
    """In whatever order a repeat makes them."""
    for number in range(1_000):
        step(run, "a", str(number))
    repeat(run)
    lines = run.ledgers[1].entries = Looks(run.ledgers[1].entries)
    found = [step(run, "a", str(number)) for number in reversed(range(1_000))]
    assert found == [*reversed(range(1_000))]
    assert lines.count <= 2_000


def test_a_made_up_sleep_that_ends_at_no_time_is_a_flaw(run: Run) -> None:
    """A handler would wait for it for ever, or fail in a way that says nothing."""
    run.status = "running"
    index = step(run, "", kind="sleep")
    for outcome in ("soon", float("nan"), True, None):
        ledger.came(run, 1, index, outcome)
        flaws = list(sound._awaited(run))
        assert flaws == ["ledger 1: a sleep ends at no time"]
    ledger.came(run, 1, index, 5.0)
    assert list(sound._awaited(run)) == []


def test_lines_and_keys_of_this_release_are_read_for_ever() -> None:
    """A changed line would call a finished step again, a changed key charge somebody twice."""
    lines = (
        b'["made","step","charge","d1",0,null]',
        b'["made","sleep","","d2",0,null]',
        b'["came",1,1000.5]',
        b'["made","step","charge","d1",0,null]',
        b'["came",2,{"$tuple":[1]}]',
    )
    due = b'{"n":"chunk"}'
    parts = {"due/1": due, "ledger/1": b"[" + b",".join(lines) + b"]"}
    found = snapshot.restore("r", "flow", None, parts, CODEC)
    first, sleep, second = found.ledgers[1].entries
    assert (first.done, sleep.outcome, second.data) == (False, 1000.5, b'{"$tuple":[1]}')
    assert [key(found, index) for index in (0, 2)] == [
        "r/1/8feae134/40c6e16f5fb6411f319dbd5f",
        "r/1/8feae134/6741d2bdbb1346f83f38e06a",
    ]
