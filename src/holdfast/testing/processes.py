# SPDX-License-Identifier: Apache-2.0
"""Real processes that a test kills, freezes and thaws, and that never outlive it.

Fork from a process without threads: one that has opened a store, or runs an event loop, must not.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Any, NoReturn, Self

#: Seconds after which a process that says nothing, or does not end, is ended and reported.
PATIENCE_S = 60

_PR_SET_PDEATHSIG = 1


class ChildLost(Exception):
    """A child ended, or said nothing for too long, where a word of it was due."""


class Line:
    """What a child says to whoever started it, and hears from there: one JSON value a line."""

    def __init__(self, hears: int, says: int) -> None:
        self._hears = os.fdopen(hears, "rb")
        self._says = says

    def say(self, value: Any) -> None:
        """Tell the starter something."""
        os.write(self._says, json.dumps(value).encode() + b"\n")

    def hear(self) -> Any:
        """Wait for the starter's next word; None once it has gone."""
        line = self._hears.readline()
        return json.loads(line) if line else None


class Child:
    """A forked process. Use it through `Children`, which ends it at the latest.

    pid: its number. work: called in the child with its `Line`; when it returns, the child ends
    with status 0, and when it raises, with the traceback on stderr and status 1.
    """

    def __init__(self, work: Callable[[Line], object], patience_s: int = PATIENCE_S) -> None:
        child_hears, self._says = os.pipe()
        self._hears, child_says = os.pipe()
        self._patience_s = patience_s
        self._heard = b""
        self.status: int | None = None
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self._says)
            os.close(self._hears)
            _live(work, Line(child_hears, child_says), patience_s)
        os.close(child_hears)
        os.close(child_says)

    def tell(self, value: Any) -> None:
        """Say something to the child."""
        os.write(self._says, json.dumps(value).encode() + b"\n")

    def hear(self, timeout_s: float | None = None) -> Any:
        """The child's next word. Raises: ChildLost."""
        deadline = time.monotonic() + (self._patience_s if timeout_s is None else timeout_s)
        while b"\n" not in self._heard:
            ready, _, _ = select.select([self._hears], [], [], max(deadline - time.monotonic(), 0))
            if not ready:
                raise ChildLost(f"process {self.pid} says nothing")
            more = os.read(self._hears, 1 << 16)
            if not more:
                raise ChildLost(f"process {self.pid} ended with {self.wait()}")
            self._heard += more
        line, _, self._heard = self._heard.partition(b"\n")
        return json.loads(line)

    def kill(self) -> bool:
        """End it by SIGKILL; False if it had ended before."""
        if self.has_ended:
            return False
        os.kill(self.pid, signal.SIGKILL)
        return self.wait() == -signal.SIGKILL

    def freeze(self) -> bool:
        """Stop it by SIGSTOP; returns when it stands still. False if it had ended before."""
        if self.has_ended:
            return False
        os.kill(self.pid, signal.SIGSTOP)
        _, status = os.waitpid(self.pid, os.WUNTRACED)
        if os.WIFSTOPPED(status):
            return True
        self.status = os.waitstatus_to_exitcode(status)
        return False

    def thaw(self) -> None:
        """Let it go on."""
        if not self.has_ended:
            os.kill(self.pid, signal.SIGCONT)

    @property
    def has_ended(self) -> bool:
        """Whether the process is gone."""
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
        return self.status is not None

    def wait(self) -> int:
        """How it ended: 0, the code of its exit, or minus the number of the signal."""
        if self.status is None:
            _, status = os.waitpid(self.pid, 0)
            self.status = os.waitstatus_to_exitcode(status)
        return self.status

    def end(self) -> None:
        """Kill it if it lives, and let its pipes go."""
        self.kill()
        for handle in (self._says, self._hears):
            with suppress(OSError):
                os.close(handle)
        self._says = self._hears = -1


class Children:
    """The processes of one block, ended with it, whatever happens in it."""

    def __init__(self, patience_s: int = PATIENCE_S) -> None:
        self._patience_s = patience_s
        self._all: list[Child] = []

    def fork(self, work: Callable[[Line], object]) -> Child:
        """Start one."""
        child = Child(work, self._patience_s)
        self._all.append(child)
        return child

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for child in self._all:
            child.end()


def _live(work: Callable[[Line], object], line: Line, patience_s: int) -> NoReturn:
    code = 1
    try:
        die_with_starter()
        # SIGALRM is not caught: it also ends a process whose interpreter is blocked.
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(patience_s)
        work(line)
        code = 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    except BaseException:  # noqa: BLE001 - a forked process must not go on in its starter's code
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def die_with_starter() -> None:
    """Have Linux end this process when its starter dies, even while it is frozen.

    The starter is the thread that started it.
    """
    starter = os.getppid()
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != starter:
        os._exit(1)
