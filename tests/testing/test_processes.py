# SPDX-License-Identifier: Apache-2.0
"""Children: they talk, are killed and frozen, and do not outlive their block."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).parents[2]


def run(text: str) -> str:
    """A program that forks, in a process without threads; its last words."""
    head = "import os, signal, sys, time\nfrom holdfast.testing.processes import *\n"
    done = subprocess.run(
        [sys.executable, "-c", head + textwrap.dedent(text)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        timeout=60,
        check=False,
    )
    return (done.stdout + done.stderr).strip()


def test_a_child_hears_and_says() -> None:
    """One JSON value a line, both ways; its status is how it ended."""
    said = run(
        """
        with Children() as children:
            child = children.fork(lambda line: line.say([line.hear(), line.hear()]))
            child.tell({"a": 1})
            child.tell("two")
            print(child.hear(), child.wait())
        """
    )
    assert said == "[{'a': 1}, 'two'] 0"


def test_a_child_is_frozen_and_goes_on() -> None:
    """While it is frozen it says nothing; thawed, it does."""
    said = run(
        """
        def work(line):
            line.say("ready")
            line.say(line.hear())

        with Children() as children:
            child = children.fork(work)
            child.hear()
            print(child.freeze())
            child.tell("hello")
            try:
                child.hear(0.05)
            except ChildLost as error:
                print("says nothing" in str(error))
            child.thaw()
            print(child.hear(), child.wait(), child.freeze())
        """
    )
    assert said.split() == ["True", "True", "hello", "0", "False"]


def test_no_child_outlives_its_block() -> None:
    """Frozen or busy, and although the block failed."""
    said = run(
        """
        def work(line):
            line.say("ready")
            time.sleep(60)

        try:
            with Children() as children:
                one, two = children.fork(work), children.fork(work)
                one.hear(), two.hear(), one.freeze()
                raise LookupError
        except LookupError:
            pass
        print(one.status, two.status)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            print("none left")
        """
    )
    assert said.splitlines() == ["-9 -9", "none left"]


def test_a_child_dies_with_its_starter() -> None:
    """However the starter ended: also a frozen child."""
    said = run(
        """
        def middle(line):
            child = Child(lambda inner: (inner.say("ready"), time.sleep(60)))
            child.hear()
            child.freeze()
            line.say(child.pid)
            os.kill(os.getpid(), signal.SIGKILL)

        with Children() as children:
            child = children.fork(middle)
            pid = child.hear()
            child.wait()
            for _ in range(2000):
                try:
                    os.kill(pid, 0)
                    with open(f"/proc/{pid}/stat") as file:
                        if file.read().split()[2] == "Z":
                            break
                except (ProcessLookupError, FileNotFoundError):
                    break
                time.sleep(0.005)
            else:
                print("lives on")
            print("gone")
        """
    )
    assert said == "gone"


def test_a_child_that_hangs_is_ended_and_one_that_fails_says_why() -> None:
    """By a signal that no blocked interpreter can hold up; the traceback goes to stderr."""
    said = run(
        """
        with Children() as children:
            child = Child(lambda line: [0 for _ in iter(int, 1)], 1)
            print(child.wait() == -signal.SIGALRM)
            print(children.fork(lambda line: sys.exit(3)).wait())
            print(children.fork(lambda line: 1 / 0).wait())
        """
    )
    assert said.startswith("True\n3\n1\n")
    assert "ZeroDivisionError" in said
