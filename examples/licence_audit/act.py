# SPDX-License-Identifier: Apache-2.0
"""One run of the demo, in one front: killed half way, resumed, asked, answered, finished.

Nothing here drives the library: it types commands, reads the store and the witness's file, and
compares the two.
"""

import json
import signal
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from . import flow_style, workflow_style
from .policy import Policy, decide
from .records import Answer, Found, Question
from .shell import Ended, Shell, ended
from .stage import Stage
from .stored import stored_audits
from .witness import KILL_AT, LOG, read_log

IN_FLIGHT = max(flow_style.AUDITS_AT_ONCE, len(workflow_style.AUDITORS))
"""Audits under way at once, in either front."""
TYPED = 10
"""So many questions are answered by processes of their own, the others from this one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What a run came to."""

    steps: int
    kills: int
    repeats: int
    questions: int
    report: tuple[Path, ...]


class Act:
    """Plays one run. asking: the keys of the distributions that somebody has to be asked about."""

    def __init__(
        self, stage: Stage, front: str, folder: Path, found: list[Found], asking: set[str]
    ) -> None:
        self._stage = stage
        self._app = f"examples.licence_audit.witness:{front}"
        self._run = f"audit-{front}"
        self._report = folder / front
        self._store = f"sqlite:///{folder / front}.db"
        self._log = folder / f"{front}.log"
        self._shell = Shell(self._store, {LOG: str(self._log)})
        self._keys = {one.key for one in found}
        self._asking = asking

    def play(self, policy: Policy, paths: list[Path] | None) -> Figures:
        """Play it to its end."""
        before = self._start_and_kill(paths)
        repeats = self._resume(before)
        asked = self._questions()
        self._answer(asked, policy)
        return self._finish(repeats, len(asked))

    def _stored(self) -> set[str]:
        return stored_audits(self._store, self._run)

    def _start_and_kill(self, paths: list[Path] | None) -> set[str]:
        """Start the run in a process that dies half way; give what the store then holds."""
        stage, count = self._stage, len(self._keys)
        job = {"report": str(self._report)}
        given = json.dumps(job if paths is None else {**job, "paths": [str(p) for p in paths]})
        stage.typed("run", self._app, "--run-id", self._run, "--input", f"'{given}'")
        at = min(count, count // 2 + IN_FLIGHT)
        words = ("run", self._app, "--run-id", self._run, "--input", given)
        process = self._shell.start(*words, **{KILL_AT: str(at)})
        stage.bar(process, count, lambda: len(self._stored()), "auditing")
        killed = ended(process)
        stage.claim(
            killed.code == -signal.SIGKILL,
            f"killed by SIGKILL when audit {at} of {count} began",
            because=_told(killed),
        )
        before = self._stored()
        noted = read_log(self._log)
        stage.claim(
            max(0, at - IN_FLIGHT) <= len(before) < count,
            f"the store holds {len(before)} finished audits, {count - len(before)} are missing",
            because=f"{len(noted)} had ended",
        )
        stage.claim(
            before <= {key for key, _ in noted},
            "each of them did run, as the witness's file shows",
            because=f"never ran: {sorted(before - {key for key, _ in noted})}",
        )
        return before

    def _resume(self, before: set[str]) -> int:
        """Go on in a new process; give how many audits ran twice."""
        stage, count = self._stage, len(self._keys)
        first = dict(read_log(self._log))
        stage.typed("resume", self._run, "--app", self._app)
        process = self._shell.start("resume", self._run, "--app", self._app)
        stage.bar(process, count, lambda: len(self._stored()), "auditing")
        done = ended(process)
        noted = read_log(self._log)
        times = Counter(key for key, _ in noted)
        again = sorted(key for key in before if times[key] != 1)
        stage.claim(done.code == 0, "a new process carried the run on", because=_told(done))
        stage.claim(
            not again and all((key, first[key]) in noted for key in before),
            f"none of the {len(before)} finished audits ran again",
            because=f"ran again: {again}",
        )
        stage.claim(
            self._stored() == self._keys == set(times),
            f"all {count} audits are in the store",
            because=f"missing: {sorted(self._keys - self._stored())}",
        )
        repeated = [key for key in times if times[key] > 1]
        stage.claim(
            len(repeated) <= IN_FLIGHT and all(times[key] == 2 for key in repeated),
            f"of the audits in flight at the kill (at most {IN_FLIGHT}), {len(repeated)} ran twice",
            because=f"ran twice or more: {repeated}",
        )
        return len(repeated)

    def _questions(self) -> list[Question]:
        """List the open questions."""
        stage = self._stage
        stage.typed("waits", "--run", self._run)
        listed = self._shell.type("waits", "--run", self._run, "--json")
        waits: list[dict[str, Any]] = listed.json() if listed.code == 0 else []
        stage.questions([wait["payload"] for wait in waits])
        stage.claim(
            {wait["wait_id"] for wait in waits} == self._asking,
            f"one open question for each of the {len(self._asking)} doubtful distributions",
            because=_told(listed),
        )
        return [_question(wait["payload"]) for wait in waits]

    def _answer(self, asked: list[Question], policy: Policy) -> None:
        """Let the policy answer every question, and then try to answer the first one again."""
        if not asked:
            return
        stage = self._stage
        answers = [(one.key, decide(policy, one)) for one in asked]
        shown = self._words(*answers[0])
        stage.typed(*shown[:3], f"'{shown[3]}'", *shown[4:], "  (and so on)")
        typed = [self._shell.type(*self._words(*each)) for each in answers[:TYPED]]
        typed += [self._shell.call(*self._words(*each)) for each in answers[TYPED:]]
        bad = [one for one in typed if one.code != 0]
        in_process = f", the last {len(asked) - TYPED} in this process" * (len(asked) > TYPED)
        stage.claim(
            not bad,
            f"{len(asked)} questions answered by the policy file{in_process}",
            because=_told(bad[0]) if bad else "",
        )
        again = self._shell.type(*self._words(*answers[0]))
        other = self._shell.type(*self._words(answers[0][0], Answer(accept=True, note="changed")))
        stage.claim(
            again.code == 0 and other.code == 1,
            "the first answer sent again is the same answer, and another one is refused:",
            because=f"{_told(again)} / {_told(other)}",
        )
        stage.say(f"    {other.err.splitlines()[0] if other.err else ''}")

    def _words(self, key: str, answer: Answer | None) -> tuple[str, ...]:
        value = json.dumps(asdict(answer)) if answer is not None else "null"
        who = ("--request-id", f"policy-{key}", "--actor", "policy.json")
        return ("answer", self._run, key, value, *who)

    def _finish(self, repeats: int, questions: int) -> Figures:
        """Carry the run to its end."""
        stage, noted = self._stage, read_log(self._log)
        stage.typed("resume", self._run, "--app", self._app)
        done = self._shell.type("resume", self._run, "--app", self._app)
        row = self._shell.type("show", self._run, "--json").json()
        stage.claim(
            done.code == 0 and row["status"] == "completed",
            f"the run is completed, after {row['steps']} steps in the store",
            because=_told(done),
        )
        stage.claim(read_log(self._log) == noted, "no audit ran for it", because="the file grew")
        report = tuple(sorted(self._report.glob("licences.*")))
        stage.claim(len(report) == 2, f"the report is in {self._report}", because=str(report))
        return Figures(
            steps=row["steps"], kills=1, repeats=repeats, questions=questions, report=report
        )


def _question(payload: dict[str, Any]) -> Question:
    return Question(**{**payload, "reasons": tuple(payload["reasons"])})


def _told(command: Ended) -> str:
    return f"exit code {command.code}: {command.err.strip() or command.out.strip()[-200:]}"
