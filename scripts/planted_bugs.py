# SPDX-License-Identifier: Apache-2.0
"""Plant each bug of `tests/planted/bugs.py` in a copy of the tree and see the tests go red.

A suite that stays green over a bug is the finding. Run it as
`.venv/bin/python scripts/planted_bugs.py`, or with the beginnings of some names.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.planted.bugs import BUGS, Bug  # noqa: E402 - the tree is not installed

#: A planted bug may make a test wait for ever.
PATIENCE_S = 300
PARTS = ("src", "tests", "examples", "scripts", "bench", "docs", "pyproject.toml", "README.md")


def planted(bug: Bug, folder: Path) -> None:
    """Copy the tree and make the edit. Raises: LookupError if its place is not there once."""
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        elif source.exists():
            shutil.copy(source, folder / part)
    path = folder / bug.file
    text = path.read_text(encoding="utf-8")
    if text.count(bug.find) != 1:
        raise LookupError(
            f"{bug.name}: its place stands {text.count(bug.find)} times in {bug.file}"
        )
    path.write_text(text.replace(bug.find, bug.replace), encoding="utf-8")


def is_caught(bug: Bug) -> bool:
    """Whether the tests of a bug fail, or hang, in a tree that has it."""
    with tempfile.TemporaryDirectory(prefix="planted-") as name:
        folder = Path(name)
        planted(bug, folder)
        environment = {**os.environ, "PYTHONPATH": f"{folder / 'src'}{os.pathsep}{folder}"}
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *bug.tests]
        try:
            done = subprocess.run(
                command,
                cwd=folder,
                env=environment,
                capture_output=True,
                timeout=PATIENCE_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return True
        if done.returncode not in (0, 1):
            raise RuntimeError(f"{bug.name}: pytest ended with {done.returncode}\n{done.stdout!r}")
        return done.returncode == 1


def main(arguments: list[str] | None = None) -> int:
    """Plant the bugs asked for, all by default; 1 if one was not caught."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="beginnings of names; all by default")
    names = parser.parse_args(arguments).names
    chosen = [bug for bug in BUGS if not names or any(bug.name.startswith(n) for n in names)]
    missed = 0
    for bug in chosen:
        began = time.monotonic()
        caught = is_caught(bug)
        missed += not caught
        word = "caught" if caught else "MISSED"
        sys.stdout.write(f"{word}  {bug.name}  ({time.monotonic() - began:.0f} s)\n")
        sys.stdout.flush()
    sys.stdout.write(f"{len(chosen) - missed} of {len(chosen)} caught\n")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
