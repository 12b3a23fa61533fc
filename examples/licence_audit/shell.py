# SPDX-License-Identifier: Apache-2.0
"""The commands that the demo types: the real command line, in processes of its own."""

import contextlib
import io
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

from holdfast.cli import main

HOLDFAST = (sys.executable, "-m", "holdfast.cli")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A command that has ended: its exit code, and what it said."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """Give what the command printed as JSON."""
        return json.loads(self.out)


class Shell:
    """Types commands for one store; *extra* variables are set for all of them."""

    def __init__(self, store: str, extra: dict[str, str]) -> None:
        self._environment = {**os.environ, "HOLDFAST_STORE": store, **extra}
        self._store = store

    def start(self, *words: str, **extra: str) -> subprocess.Popen[str]:
        """Start ``holdfast`` with these words and do not wait."""
        return subprocess.Popen(
            [*HOLDFAST, *words],
            env={**self._environment, **extra},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def type(self, *words: str) -> Ended:
        """Run ``holdfast`` with these words in a process of its own."""
        return ended(self.start(*words))

    def call(self, *words: str) -> Ended:
        """Run the same command in this process: quicker where there are many."""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                main([*words, "--store", self._store])
            except SystemExit as stopped:
                code = stopped.code if isinstance(stopped.code, int) else 1
        return Ended(code=code, out=out.getvalue(), err=err.getvalue())


def ended(process: subprocess.Popen[str]) -> Ended:
    """Wait for a process that was started."""
    out, err = process.communicate()
    return Ended(code=process.returncode, out=out, err=err)
