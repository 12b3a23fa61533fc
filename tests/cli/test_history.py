# SPDX-License-Identifier: Apache-2.0
"""`holdfast history`, `state`, `diff`, `audit`, `fork`, `rewind`, `prune` and `delete`."""

from __future__ import annotations

import json

import pytest


@pytest.fixture
def ended(asked):
    """A store with one run "r1" that asked "approve", was told true by ann, and has ended."""
    assert asked("answer", "r1", "approve", "true", "--actor", "ann").exit_code == 0
    assert asked("resume", "r1", "--app", "tests.cli.apps:approval").exit_code == 0
    return asked


def at(listed, what: str, run: str = "r1") -> str:
    """The commit of a run that brought this."""
    return str(next(line["at"] for line in listed("history", run) if line["what"] == what))


def test_a_history_is_a_line_for_each_commit(ended, listed):
    """Oldest first, in words; with --json every fact."""
    lines = ended("history", "r1").stdout.splitlines()
    record = listed("history", "r1")

    assert lines[0].split() == ["AT", "WHAT", "STATUS", "WHEN", "BYTES", "CHECKPOINT"]
    assert [line["what"] for line in record] == [
        "start",
        "asked approve",
        "ask ended",
        "settled approve",
        "note ended",
        "completed",
    ]
    assert lines[1].split()[:3] == ["1", "start", "running"]
    assert record[0]["is_checkpoint"]
    assert record[0]["when"].endswith("+00:00")


def test_a_long_history_comes_in_pieces(ended, listed):
    """The end of a piece says how to go on."""
    cut = ended("history", "r1", "--limit", "2")

    assert "there are more: --after 2" in cut.stderr
    assert [line["at"] for line in listed("history", "r1", "--after", "2")] == [3, 4, 5, 6]
    newest = listed("history", "r1", "--newest-first", "--limit", "1")
    assert [line["what"] for line in newest] == ["completed"]
    wrong = ended("history", "r1", "--after", "x")
    assert (wrong.exit_code, wrong.stdout) == (2, "")


def test_the_state_at_a_commit_is_shown(ended, listed):
    """With questions and unfinished work; values as plain JSON."""
    shown = ended("state", "r1", "--at", "2").stdout
    record = listed("state", "r1")

    assert shown.startswith("run r1 after commit 2: running, ")
    assert '  approve: {"text": "x", "amount": 3}' in shown
    assert '  ask (1): {"text": "x", "amount": 3}' in shown
    assert (record["status"], record["state"]) == ("completed", {"answer": True})


def test_a_diff_is_lines_of_what_came_and_went(ended, listed):
    """As JSON too; nothing at all is said beside stdout."""
    assert ended("diff", "r1", "3").stdout.splitlines() == [
        "~ status: waiting -> completed",
        "+ answer: true",
        "- question approve: answered",
    ]
    assert listed("diff", "r1", "3", "6")["added"] == {"answer": True}
    same = ended("diff", "r1", "3", "3")
    assert (same.exit_code, same.stdout, same.stderr) == (0, "", "no difference\n")


def test_an_audit_names_who_decided(ended, listed):
    """Each question and its answer, and what took it in."""
    lines = ended("audit", "r1").stdout.splitlines()
    entries = listed("audit", "r1")["entries"]

    assert lines[0].split() == ["AT", "WHAT", "WHO", "QUESTION", "WHEN", "TAKEN", "VALUE"]
    assert lines[2].split()[1:4] == ["answered", "ann", "approve"]
    assert [(entry["what"], entry["actor"]) for entry in entries] == [
        ("asked", None),
        ("answered", "ann"),
    ]
    assert str(entries[1]["taken"]) == at(listed, "settled approve")


def test_a_fork_is_answered_and_carried_on_like_any_run(ended, listed):
    """Its id alone is on stdout; the parent stays as it was."""
    before = listed("history", "r1")
    place = at(listed, "ask ended")
    forked = ended("fork", "r1", "--at", place, "--set", 'by="me"', "--unset", "none")
    run = forked.stdout.strip()

    assert (forked.exit_code, forked.stdout.count("\n")) == (0, 1)
    assert f"a fork of r1@{place}: waiting" in forked.stderr
    assert ended("answer", run, "approve", "false").exit_code == 0
    done = ended("resume", run, "--app", "tests.cli.apps:approval")
    assert json.loads(done.stdout) == {"by": "me", "answer": False}
    assert listed("show", run)["parent"] == f"r1@{place}"
    assert listed("history", "r1") == before


def test_a_fork_that_cannot_be_is_told(ended):
    """A used id, a commit that never was, a setting that is none."""
    for words, code, text in (
        (("--at", "99"), 1, "holds no record of commit 99"),
        (("--run-id", "r1"), 1, "is in the store already"),
        (("--set", "x"), 2, "is not KEY=JSON"),
        (("--set", "x=nothing"), 2, "is not JSON"),
        (("--run-id", "a/b"), 2, "run id"),
    ):
        failed = ended("fork", "r1", *words)
        assert (failed.exit_code, failed.stdout) == (code, "")
        assert text in failed.stderr


def test_a_rewound_run_is_answered_again(ended, listed):
    """It goes another way from there, and the old way stays in its history."""
    place = at(listed, "ask ended")
    back = ended("rewind", "r1", "--at", place)

    assert back.stdout == f"run r1 is back at commit {place}: waiting\n"
    assert "holdfast waits --run r1" in back.stderr
    assert ended("answer", "r1", "approve", "false").exit_code == 0
    done = ended("resume", "r1", "--app", "tests.cli.apps:approval")
    assert json.loads(done.stdout) == {"answer": False}
    assert [line["what"] for line in listed("history", "r1")].count("completed") == 2
    assert ended("rewind", "r1").exit_code == 2


def test_what_has_ended_is_not_said_to_go_on(ended, listed):
    """A fork of the end, or a rewind to it, has ended too."""
    for words in (("fork", "r1", "--run-id", "copy"), ("rewind", "r1", "--at", "6")):
        done = ended(*words)
        assert (done.exit_code, "resume" in done.stderr) == (0, False)
    assert listed("show", "copy")["status"] == "completed"


def test_less_is_kept_only_when_it_is_said_how_much(ended, listed):
    """By number, by age, or whole runs by age."""
    for words in ((), ("--ended",), ("--older-than", "soon"), ("--ended", "--keep-last", "1")):
        assert ended("prune", *words).exit_code == 2
    assert ended("prune", "--older-than", "1d").stdout == "dropped 0 commits\n"
    assert ended("prune", "--older-than", "1d", "--ended").stdout == "deleted 0 runs\n"
    ended("rewind", "r1", "--at", "3")
    assert ended("prune", "r1", "--keep-last", "1").stdout == "dropped 6 commits\n"
    assert [line["what"] for line in listed("history", "r1")] == ["rewound to 3"]


def test_a_deleted_run_still_shows_its_result(ended, listed):
    """Nothing else of it; its id is not used twice."""
    assert ended("delete", "r1").stdout == "deleted run r1, which was completed\n"
    shown = listed("show", "r1")

    assert (shown["status"], shown["ended_as"]) == ("deleted", "completed")
    assert shown["result"] == {"answer": True}
    for words in (("history", "r1"), ("state", "r1"), ("audit", "r1"), ("diff", "r1", "1")):
        gone = ended(*words)
        assert (gone.exit_code, gone.stdout) == (1, "")
        assert "was deleted" in gone.stderr
    again = ended("run", "tests.cli.apps:approval", "--run-id", "r1", "--input", '{"text": "y"}')
    assert again.exit_code != 0
