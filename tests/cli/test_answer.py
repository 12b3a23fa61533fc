# SPDX-License-Identifier: Apache-2.0
"""`holdfast answer`: the first answer stands, a wrong one changes nothing."""

from __future__ import annotations

from pathlib import Path


def test_an_answer_says_how_to_go_on(asked):
    """Nobody carries the run, so the command that does is named."""
    answered = asked("answer", "r1", "approve", "1")

    assert answered.stdout == "answered approve of run r1\n"
    assert "holdfast resume r1 --app MODULE:NAME" in answered.stderr


def test_an_answer_counts_what_is_still_open(holdfast):
    """Other questions of the run are counted."""
    holdfast("run", "tests.cli.apps:many", "--run-id", "r1", "--input", "[1, 2, 3]")

    assert "open questions of this run: 2" in holdfast("answer", "r1", "1", "null").stderr


def test_an_answer_may_come_from_a_file(asked, listed, tmp_path: Path):
    """@FILE is read as JSON."""
    (tmp_path / "answer.json").write_text('["long"]')
    asked("answer", "r1", "approve", f"@{tmp_path}/answer.json")

    assert listed("waits", "--all")[0]["value"] == ["long"]


def test_the_same_request_again_is_the_same_answer(asked):
    """The same request id with the same value succeeds at any later time."""
    for _ in range(2):
        assert asked("answer", "r1", "approve", "1", "--request-id", "q").exit_code == 0


def test_another_value_under_the_same_request_is_refused(asked, listed):
    """The first answer stands."""
    asked("answer", "r1", "approve", "1", "--request-id", "q")
    refused = asked("answer", "r1", "approve", "2", "--request-id", "q")

    assert refused.exit_code == 1
    assert "'q' was used before" in refused.stderr
    assert listed("waits", "--all")[0]["value"] == 1


def test_a_second_answer_is_refused(asked):
    """Without a request id, every answer is another one."""
    asked("answer", "r1", "approve", "1")
    refused = asked("answer", "r1", "approve", "1")

    assert refused.exit_code == 1
    assert refused.stderr.startswith("error: wait 'approve' of run 'r1' was answered before\n")


def test_an_answer_of_the_wrong_form_is_refused_and_the_question_stays(holdfast, listed):
    """The schema of the question decides, without the definition."""
    claim = '{"text": "x", "amount": 3}'
    holdfast("run", "tests.cli.apps:review", "--run-id", "r1", "--input", claim)
    refused = holdfast("answer", "r1", "review", '{"accept": "perhaps"}')

    assert refused.exit_code == 1
    assert "does not fit" in refused.stderr
    assert [question["wait_id"] for question in listed("waits")] == ["review"]
