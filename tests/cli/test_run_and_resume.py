# SPDX-License-Identifier: Apache-2.0
"""`holdfast run` and `holdfast resume`: a run is carried to where it rests, and says so."""

from __future__ import annotations

import json
from pathlib import Path

CLAIM = '{"text": "x", "amount": 3}'


def test_a_run_that_ends_prints_its_result_alone_on_stdout(holdfast):
    """The result is plain JSON for programs; what is for people goes to stderr."""
    ended = holdfast("run", "tests.cli.apps:total", "--input", "[1, 2]", "--run-id", "r1")

    assert ended.exit_code == 0
    assert json.loads(ended.stdout) == {"sum": 3, "types": [1, ["b"]]}
    assert "run r1 is completed after" in ended.stderr


def test_the_input_may_be_a_file_or_missing(holdfast, tmp_path: Path):
    """@FILE is read as JSON, and no input is null."""
    (tmp_path / "input.json").write_text("[4, 5]")
    from_file = holdfast("run", "tests.cli.apps:total", "--input", f"@{tmp_path}/input.json")
    from_nothing = holdfast("run", "tests.cli.apps:total")

    assert json.loads(from_file.stdout)["sum"] == 9
    assert json.loads(from_nothing.stdout)["sum"] == 0


def test_the_definition_may_come_from_the_environment(holdfast):
    """HOLDFAST_APP stands in for MODULE:NAME."""
    ended = holdfast("run", HOLDFAST_APP="tests.cli.apps:total")

    assert ended.exit_code == 0


def test_a_run_that_waits_shows_how_to_answer_and_go_on(holdfast):
    """Its open questions come with the commands, which name the store where they have to."""
    waiting = holdfast("run", "tests.cli.apps:approval", "--run-id", "r1", "--input", CLAIM)

    assert waiting.exit_code == 0
    assert "answer: holdfast answer r1 approve JSON" in waiting.stdout
    assert "amount: 3" in waiting.stdout
    assert "run r1 waits after" in waiting.stderr
    assert "holdfast resume r1 --app tests.cli.apps:approval" in waiting.stderr
    assert "--store" not in waiting.output


def test_a_store_that_was_typed_is_in_the_commands_to_copy(holdfast, tmp_path: Path):
    """A copied command finds the same store."""
    typed = f"sqlite:///{tmp_path / 'a store'}.db"
    waiting = holdfast("run", "tests.cli.apps:approval", "--run-id", "r1", "--store", typed)

    assert f"holdfast answer r1 approve JSON --store '{typed}'" in waiting.stdout


def test_many_questions_are_counted(holdfast):
    """The first ones are shown, the others counted."""
    waiting = holdfast("run", "tests.cli.apps:many", "--run-id", "r1", "--input", "[1, 2, 3, 4, 5]")

    assert "5 questions are open" in waiting.stderr
    assert waiting.stdout.count("answer: ") == 3
    assert "and 2 more: holdfast waits --run r1" in waiting.stderr


def test_the_same_run_id_and_input_is_the_same_run(holdfast):
    """Starting twice prints the result of the one run."""
    first = holdfast("run", "tests.cli.apps:total", "--run-id", "r1", "--input", "[1]")
    second = holdfast("run", "tests.cli.apps:total", "--run-id", "r1", "--input", "[1]")

    assert (second.exit_code, second.stdout) == (0, first.stdout)


def test_a_run_id_in_use_with_another_input_is_refused(holdfast):
    """Nothing of the first run is changed."""
    holdfast("run", "tests.cli.apps:total", "--run-id", "r1", "--input", "[1]")
    refused = holdfast("run", "tests.cli.apps:total", "--run-id", "r1", "--input", "[2]")

    assert refused.exit_code == 1
    assert refused.stderr.startswith("error: run id 'r1' is in use")


def test_an_answered_run_is_resumed_to_its_end(asked):
    """Answer and resume need each other's processes for nothing."""
    assert asked("answer", "r1", "approve", "true").exit_code == 0
    ended = asked("resume", "r1", "--app", "tests.cli.apps:approval")

    assert json.loads(ended.stdout) == {"answer": True}


def test_an_answer_that_comes_while_the_run_is_carried_is_heard(holdfast, store):
    """Who answers has a store of their own; the command that carries the run looks for posts."""
    ended = holdfast("run", "tests.cli.apps:busy", "--input", json.dumps(store))

    assert json.loads(ended.stdout) == {"answer": "from outside"}


def test_a_run_that_still_waits_says_so_again(asked):
    """Resuming it too early does no harm."""
    waiting = asked("resume", "r1", HOLDFAST_APP="tests.cli.apps:approval")

    assert waiting.exit_code == 0
    assert "1 question is open" in waiting.stderr


def test_a_failed_step_is_told_and_tried_again_by_resume(holdfast, tmp_path: Path):
    """Exit code 1 and no traceback; after the cause is mended, resume runs the step again."""
    missing = tmp_path / "missing"
    failed = holdfast(
        "run", "tests.cli.apps:fragile", "--run-id", "r1", "--input", json.dumps(str(missing))
    )
    assert failed.exit_code == 1
    assert "stands with a failed step: ZeroDivisionError: the file is\\x1b[31m" in failed.stderr
    assert "hint: Mend the cause, then: holdfast resume r1 --app" in failed.stderr
    assert "Traceback" not in failed.output

    still = holdfast("resume", "r1", "--app", "tests.cli.apps:fragile", "--debug")
    assert still.exit_code == 1
    assert "in divide" in still.stderr

    missing.touch()
    ended = holdfast("resume", "r1", "--app", "tests.cli.apps:fragile")
    assert json.loads(ended.stdout) == {"divided": True}


def test_a_workflow_runs_asks_and_ends(holdfast):
    """The other front, with the same commands; its question shows an answer that fits."""
    waiting = holdfast("run", "tests.cli.apps:review", "--run-id", "r1", "--input", CLAIM)
    assert """holdfast answer r1 review '{"accept": true}'""" in waiting.stdout

    assert holdfast("answer", "r1", "review", '{"accept": false}').exit_code == 0
    ended = holdfast("resume", "r1", "--app", "tests.cli.apps:review")
    assert json.loads(ended.stdout) == ["x: False"]


def test_an_input_that_does_not_fit_starts_nothing(holdfast, listed):
    """The start executor says what it takes."""
    refused = holdfast("run", "tests.cli.apps:review", "--input", "5")

    assert refused.exit_code == 1
    assert "takes dict; found int" in refused.stderr
    assert listed("runs") == []


def test_an_ended_run_cannot_be_resumed(holdfast):
    """The error names the status it ended with."""
    holdfast("run", "tests.cli.apps:total", "--run-id", "r1")
    refused = holdfast("resume", "r1", "--app", "tests.cli.apps:total")

    assert refused.exit_code == 1
    assert refused.stderr.startswith("error: run 'r1' has ended: completed")


def test_resume_with_another_definition_is_refused(asked):
    """The error names the definition that the run needs, and the one that was given."""
    refused = asked("resume", "r1", "--app", "tests.cli.apps:total")

    assert refused.exit_code == 2
    assert "'approval'" in refused.stderr
    assert "total" in refused.stderr
