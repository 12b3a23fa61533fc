# SPDX-License-Identifier: Apache-2.0
"""`holdfast runs`, `show` and `waits`: for people and, with --json, for programs."""

from __future__ import annotations

import json


def test_runs_are_listed_newest_first(asked):
    """A row is a line, however long; away from a terminal nothing is cut."""
    asked("run", "tests.cli.apps:total", "--run-id", "r" * 100)
    lines = asked("runs").stdout.splitlines()

    assert lines[0].split() == ["RUN", "DEFINITION", "STATUS", "STEPS", "QUESTIONS", "UPDATED"]
    assert lines[1].split()[:3] == ["r" * 100, "total", "completed"]
    assert lines[2].split()[:3] == ["r1", "approval", "waiting"]


def test_runs_as_json_name_every_fact(asked, listed):
    """A program gets the ids, words, numbers and times; times are ISO-8601 in UTC."""
    (record,) = listed("runs")

    assert record["run_id"] == "r1"
    assert record["status"] == "waiting"
    assert record["open_questions"] == 1
    assert record["steps"] > 1
    assert record["due"] is False
    assert record["created_at"].endswith("+00:00")


def test_runs_of_one_status(asked, listed):
    """Others are left out."""
    asked("run", "tests.cli.apps:total", "--run-id", "r2")

    assert [run["run_id"] for run in listed("runs", "--status", "completed")] == ["r2"]


def test_a_list_that_is_cut_says_so(asked):
    """The limit is told, so that nobody takes a part for the whole."""
    asked("run", "tests.cli.apps:total", "--run-id", "r2")
    cut = asked("runs", "--limit", "1")

    assert "r1" not in cut.stdout
    assert "there are more" in cut.stderr


def test_empty_lists_say_so_beside_stdout(holdfast):
    """A program that reads stdout finds nothing in it."""
    holdfast("run", "tests.cli.apps:total")

    for words in (("waits",), ("waits", "--all"), ("runs", "--status", "failed")):
        empty = holdfast(*words)
        assert (empty.exit_code, empty.stdout) == (0, "")
        assert empty.stderr.startswith("no ")


def test_show_gives_the_run_and_its_questions(asked, listed):
    """One run with everything that a list says of it."""
    shown = asked("show", "r1").stdout
    record = listed("show", "r1")

    assert "status          waiting" in shown
    assert "answer: holdfast answer r1 approve JSON" in shown
    assert [question["wait_id"] for question in record["questions"]] == ["approve"]


def test_waits_need_no_definition_and_no_registered_type(asked, listed):
    """An object of a class that nobody registered here is shown as its fields."""
    (question,) = listed("waits")

    assert question["payload"] == {"text": "x", "amount": 3}
    assert question["type"] == "approval"
    assert question["status"] == "open"
    assert question["schema"] is None


def test_settled_waits_are_listed_with_their_answers(asked, listed):
    """They need --all; who answered, and under which request id, is kept."""
    asked("answer", "r1", "approve", '{"ok": "yes"}', "--actor", "ann", "--request-id", "q1")
    (question,) = listed("waits", "--all")

    assert listed("waits") == []
    assert (question["status"], question["actor"]) == ("answered", "ann")
    assert (question["value"], question["request_id"]) == ({"ok": "yes"}, "q1")
    assert 'answered by ann: {"ok": "yes"}' in asked("waits", "--all").stdout


def test_waits_of_one_run(asked, listed):
    """Questions of other runs are left out."""
    asked("run", "tests.cli.apps:approval", "--run-id", "r2")

    assert [question["run_id"] for question in listed("waits", "--run", "r2")] == ["r2"]


def test_stored_text_cannot_steer_a_terminal(holdfast, listed):
    """Escape sequences, line breaks and turned text are shown as escapes; markup is text."""
    hostile = "\x1b[2J\x9b31m\n\u202egnp [bold]&"
    holdfast("run", "tests.cli.apps:approval", "--input", json.dumps(hostile), "--run-id", "r1")

    for words in (("waits",), ("show", "r1"), ("waits", "--json"), ("show", "r1", "--json")):
        shown = holdfast(*words).stdout
        assert not {"\x1b", "\x9b", "\u202e"} & set(shown)
        assert "[bold]" in shown
    assert listed("waits")[0]["payload"] == hostile


def test_values_that_json_has_no_form_for_are_shown_as_text():
    """Every built-in tag has a plain form; a dict that looks like a tag is the user's own."""
    from datetime import UTC, datetime, timedelta
    from decimal import Decimal
    from pathlib import PurePosixPath

    from holdfast.cli.text import plain
    from holdfast.persistence.codec import Codec
    from holdfast.persistence.types import default_types

    codec = Codec(default_types)
    cases = [
        ((1, [2]), [1, [2]]),
        ({1: "a"}, [[1, "a"]]),
        (2**70, 2**70),
        (Decimal("1.50"), "1.50"),
        (datetime(2026, 1, 2, tzinfo=UTC), "2026-01-02T00:00:00+00:00"),
        (timedelta(hours=1), "1:00:00"),
        (PurePosixPath("/a"), "/a"),
        (b"ab", "YWI="),
        (float("nan"), "nan"),
        ("\ud800", "\ud800"),
        ({"$tuple": [1]}, {"$tuple": [1]}),
        ({"$a": 1, "b": {2}}, {"$a": 1, "b": [2]}),
        (None, None),
    ]
    for value, expected in cases:
        assert plain(codec.encode(value)) == expected
