# SPDX-License-Identifier: Apache-2.0
"""Decisions typed on the command line: each is posted for the run, and says who takes it in."""

from __future__ import annotations

import json

import pytest

DECISIONS = {
    "emit": ("Work", "1"),
    "retry": (),
    "skip": ("1", '"instead"'),
    "cancel": (),
    "close": ("--cancel-questions",),
}


@pytest.fixture
def parked(holdfast, tmp_path):
    """Run "r1" stands with a failed step; the path that mends it."""
    door = tmp_path / "door"
    started = holdfast(
        "run", "tests.cli.apps:fragile", "--run-id", "r1", "--input", json.dumps(str(door))
    )
    assert started.exit_code == 1
    return door


@pytest.fixture
def waiting(holdfast):
    """Run "r1" waits for an answer."""
    assert holdfast("run", "tests.cli.apps:approval", "--run-id", "r1").exit_code == 0


def test_show_lists_what_is_parked(holdfast, parked):
    """By the number that the decisions take, with what went wrong."""
    shown = holdfast("show", "r1")
    assert "parked 1: divide" in shown.stdout, shown.stderr
    (one,) = json.loads(holdfast("show", "r1", "--json").stdout)["parked"]
    assert (one["delivery"], one["node"]) == (1, "divide")
    assert "ZeroDivisionError" in one["error"]


def test_a_retry_waits_for_whoever_carries_the_run_on(holdfast, parked):
    """It is posted at once, and says how to go on."""
    posted = holdfast("retry", "r1", "--actor", "ann", "--request-id", "d")
    assert (posted.exit_code, posted.stdout) == (0, "posted: retry of run r1\n")
    assert "go on with: holdfast resume r1 --app MODULE:NAME" in posted.stderr
    assert holdfast("retry", "r1", "--request-id", "d").exit_code == 0
    assert json.loads(holdfast("show", "r1", "--json").stdout)["unread_posts"] == 1


def test_a_skip_gives_the_run_a_value(holdfast, parked):
    """The run goes on with it when it is carried on."""
    assert holdfast("skip", "r1", "1", '"instead"').stdout == "posted: skip of 1 of run r1\n"
    assert json.loads(holdfast("show", "r1", "--json").stdout)["due"] is True


def test_a_cancel_ends_the_run_when_it_is_carried_on(holdfast, waiting):
    """Whoever resumes it is told."""
    assert holdfast("cancel", "r1").exit_code == 0
    resumed = holdfast("resume", "r1", "--app", "tests.cli.apps:approval")
    assert resumed.exit_code == 1
    assert "was cancelled" in resumed.stderr
    assert json.loads(holdfast("show", "r1", "--json").stdout)["status"] == "cancelled"


def test_a_close_is_refused_over_open_questions(holdfast, waiting):
    """Unless they are to be taken back."""
    refused = holdfast("close", "r1")
    assert refused.exit_code == 1
    assert "pending interrupts are waiting: approve" in refused.stderr
    assert holdfast("close", "r1", "--cancel-questions", "--reason", "late").exit_code == 0
    assert holdfast("resume", "r1", "--app", "tests.cli.apps:approval").exit_code == 1
    assert json.loads(holdfast("show", "r1", "--json").stdout)["status"] == "cancelled"


def test_a_signal_is_posted_with_its_value(holdfast, waiting):
    """A value that is no JSON is refused before anything is posted."""
    assert holdfast("emit", "r1", "Shipped", '{"box": 7}').stdout == (
        "posted: signal Shipped of run r1\n"
    )
    assert holdfast("emit", "r1", "Shipped", "{box").exit_code == 2
    assert json.loads(holdfast("show", "r1", "--json").stdout)["unread_posts"] == 1


def test_what_is_not_parked_is_told(holdfast, waiting):
    """With the way to look it up."""
    for words in (("retry", "r1"), ("skip", "r1", "1"), ("skip", "r1", "99")):
        refused = holdfast(*words)
        assert refused.exit_code == 1
        assert "hint: Look at what is parked: `holdfast show RUN`" in refused.stderr


@pytest.mark.parametrize("name", DECISIONS)
def test_an_unknown_run_is_told(holdfast, waiting, name):
    """By every decision, in the same words."""
    refused = holdfast(name, "r2", *DECISIONS[name])
    assert refused.exit_code == 1
    assert refused.stderr.startswith("error: run 'r2' is not in the store")
