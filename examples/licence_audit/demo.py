# SPDX-License-Identifier: Apache-2.0
"""The licence audit, killed half way and finished all the same: what `make demo` plays.

Every line with a tick was checked; the exit code is 0 only if all of them hold.
"""

import argparse
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from .act import Act, Figures
from .audit import audit, question_of
from .collect import find_distributions
from .policy import SHIPPED, Policy, PolicyError, decide, load_policy
from .records import Answer, Found
from .report import write_report
from .stage import Stage

FRONTS = {"flow": "an event flow (TriggerFlow)", "workflow": "a graph of executors (Workflow)"}

MARK = ".made-by-the-demo"


def main(arguments: Sequence[str] | None = None) -> int:
    """Play the demo and give its exit code."""
    given = _parser().parse_args(arguments)
    given.front = given.front or list(FRONTS)
    stage = Stage(Console(highlight=False))
    try:
        policy = load_policy(given.policy)
    except PolicyError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    found = find_distributions(given.path)
    if not found:
        print("error: no distributions there: nothing to audit", file=sys.stderr)
        return 2
    if not _made_empty(given.output):
        print(f"error: {given.output} holds something else: remove it first", file=sys.stderr)
        return 2
    return _play(stage, given, policy, found)


def _play(stage: Stage, given: argparse.Namespace, policy: Policy, found: list[Found]) -> int:
    began = time.monotonic()
    folder: Path = given.output.absolute()
    stage.title(f"A licence audit of {len(found)} installed Python distributions")
    stage.say("Straight through first, without any run, to have something to compare with.")
    expected, asking = _straight(folder / "straight", found, policy)
    figures = {}
    for front in given.front:
        stage.title(f"As {FRONTS[front]}: examples/licence_audit/{front}_style.py")
        figures[front] = Act(stage, front, folder, found, asking).play(policy, given.path)
    _compare(stage, expected, figures)
    stage.console.print()
    for front, one in figures.items():
        stage.say(
            f"{front}: steps {one.steps}, kills {one.kills}, audits repeated {one.repeats}, "
            f"questions {one.questions}"
        )
    stage.say(f"{len(found)} distributions, {time.monotonic() - began:.1f} s in all")
    if stage.failed:
        stage.say(f"{len(stage.failed)} claims do not hold")
    else:
        stage.say(f"Read the report: {folder / given.front[0] / 'licences.html'}")
    return 1 if stage.failed else 0


def _made_empty(folder: Path) -> bool:
    """Make *folder* new; one that no demo made is left alone."""
    if folder.exists() and not (folder / MARK).exists() and any(folder.iterdir()):
        return False
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / MARK).write_text("Made by the licence audit's demo, which removes it again.\n")
    return True


def _straight(
    folder: Path, found: list[Found], policy: Policy
) -> tuple[tuple[Path, ...], set[str]]:
    """Write the report by calling the plain functions; give its files and who has to be asked."""
    rows = [audit(one) for one in found]
    asked = [question for row in rows if (question := question_of(row)) is not None]
    decided = {question.key: decide(policy, question) for question in asked}
    answers: dict[str, Answer] = {key: one for key, one in decided.items() if one is not None}
    return write_report(folder, rows, answers), set(decided)


def _compare(stage: Stage, expected: tuple[Path, ...], figures: dict[str, Figures]) -> None:
    stage.title("Compared")
    texts = [path.read_bytes() for path in sorted(expected)]
    for front, one in figures.items():
        stage.claim(
            [path.read_bytes() for path in one.report] == texts,
            f"the report of the {front} is byte for byte the one made straight through",
            because=f"compare {expected[0].parent} with {front}",
        )
    if len(figures) > 1:
        stage.claim(
            len({tuple(p.read_bytes() for p in one.report) for one in figures.values()}) == 1,
            "the reports of both fronts are byte for byte the same",
            because="they differ",
        )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m examples.licence_audit.demo")
    parser.add_argument(
        "--path",
        type=Path,
        action="append",
        help="a folder like site-packages instead of this environment; may be repeated",
    )
    parser.add_argument(
        "--front",
        choices=FRONTS,
        action="append",
        help="only this front; both when it is not given",
    )
    parser.add_argument("--policy", type=Path, default=SHIPPED, help="the file that answers")
    parser.add_argument(
        "--output", type=Path, default=Path("demo-output"), help="removed first, then made"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
