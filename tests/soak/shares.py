# SPDX-License-Identifier: Apache-2.0
"""A layer in processes of its own, whose shares are put together."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.soak.found import Found
from tests.soak.layers import LAYERS

ROOT = Path(__file__).parents[2]


def share_out(name: str, amount: int, seed: int, folder: Path, shares: int | None = None) -> Found:
    """Do *amount* of a layer; the first share has the seed itself, the others follow from it."""
    count = LAYERS[name].shares if shares is None else shares
    started = []
    try:
        for number in range(count):
            part = amount // count + (number < amount % count)
            started.append(_start(name, part, seed + number * 1_000_000, folder / str(number)))
        whole = Found()
        for process in started:
            said, complained = process.communicate()
            whole.add(_found(process.returncode, said, complained))
    finally:
        for process in started:
            if process.poll() is None:
                process.kill()
                process.wait()
    return whole


def _start(name: str, amount: int, seed: int, folder: Path) -> subprocess.Popen[str]:
    folder.mkdir(parents=True)
    return subprocess.Popen(
        [sys.executable, "-m", "tests.soak.share", name, str(amount), str(seed), str(folder)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _found(code: int, said: str, complained: str) -> Found:
    lines = said.strip().splitlines()
    if code not in (0, 1) or not lines:
        return Found(failures=[f"ended with {code}: {(complained or said)[-2000:]}"])
    try:
        return Found(**json.loads(lines[-1]))
    except (ValueError, TypeError):
        return Found(failures=[f"said {said[-1000:]!r}: {complained[-2000:]}"])
