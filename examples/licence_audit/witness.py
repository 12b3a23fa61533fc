# SPDX-License-Identifier: Apache-2.0
"""Both fronts with a witness: each audit is noted in a file, and one may be told to kill us.

The demo starts its runs from here, to see from outside the library what ran, how often, and in
which process. Two variables of the environment, which nobody else needs::

    LICENCE_AUDIT_LOG      the file; an audit appends "key pid" before it returns
    LICENCE_AUDIT_KILL_AT  a number: when the audit of that number begins, the process is killed
"""

import itertools
import os
import signal
from collections.abc import Iterable
from pathlib import Path

from . import flow_style, workflow_style
from .audit import audit
from .records import Found, Row

LOG = "LICENCE_AUDIT_LOG"
KILL_AT = "LICENCE_AUDIT_KILL_AT"

_begun = itertools.count(1)


def witnessed(found: Found) -> Row:
    """Audit *found* and note it; or die, in the middle of whatever else this process does."""
    number = next(_begun)
    if os.environ.get(KILL_AT) == str(number):
        os.kill(os.getpid(), signal.SIGKILL)
    row = audit(found)
    log = os.environ.get(LOG)
    if log:
        _append(log, f"{row.key} {os.getpid()}\n")
    return row


def read_log(path: Path) -> list[tuple[str, int]]:
    """Give the key and the process of every audit that came to its end, in order."""
    if not path.exists():
        return []
    return list(_pairs(path.read_text(encoding="utf-8").splitlines()))


def _pairs(lines: Iterable[str]) -> Iterable[tuple[str, int]]:
    for line in lines:
        key, pid = line.split()
        yield key, int(pid)


def _append(path: str, line: str) -> None:
    """One write at the end of the file, on disk before we go on: as durable as a step is."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(handle, line.encode())
        os.fsync(handle)
    finally:
        os.close(handle)


flow = flow_style.flow.set_runtime_resource("audit", witnessed)
workflow = workflow_style.build(witnessed)
