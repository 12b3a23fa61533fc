# SPDX-License-Identifier: Apache-2.0
"""The command line: start runs, look at them, answer their questions, carry them on.

It needs the extra `cli` (click and rich); nothing is imported before `main` is called.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.util import find_spec

__all__ = ["main"]

EXTRA = ("click", "rich")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit: 0 done, 1 failed, 2 wrongly asked, 130 stopped by the user."""
    if not all(map(find_spec, EXTRA)):
        needed = "the command line needs click and rich"
        print(f'error: {needed}: pip install "holdfast[cli]"', file=sys.stderr)  # noqa: T201
        sys.exit(1)
    from holdfast.cli.app import app  # noqa: PLC0415 - the extra may not be installed

    app.main(arguments, prog_name="holdfast")
