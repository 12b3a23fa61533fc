# SPDX-License-Identifier: Apache-2.0
"""The soak: every layer of the proof with its full figures, one after the other.

`python -m tests.soak` takes some twenty minutes on two idle cores and ends with a table; `--only
NAME` runs one layer, `--scale 0.01` a hundredth of each, `--json FILE` writes the results down. A
failure prints what repeats it and keeps its folder; the exit code is then 1.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from tests.amounts import SOAK
from tests.soak.found import Found
from tests.soak.layers import LAYERS, Layer
from tests.soak.shares import share_out

#: A failure is shown once; the others of its layer are in the JSON file.
SHOWN = 10


Row = tuple[Layer, Found, float]


def main(arguments: list[str] | None = None) -> int:
    """Run the layers asked for; 1 if one failed."""
    options = _options(arguments)
    if not SOAK:
        os.environ.update(HOLDFAST_SOAK="1", HOLDFAST_SCALE=str(options.scale))
        os.execv(sys.executable, [sys.executable, "-m", "tests.soak", *sys.argv[1:]])
    chosen = [LAYERS[name] for name in options.only or LAYERS]
    folder = Path(tempfile.mkdtemp(prefix="holdfast-soak-"))
    print(f"seed {options.seed}, stores in {folder}", flush=True)
    do = partial(_do, folder, options.seed)
    began = time.monotonic()
    rows = [do(layer) for layer in chosen if layer.cores > 1]
    with ThreadPoolExecutor(2) as both:
        rows += both.map(do, [layer for layer in chosen if layer.cores == 1])
    print("\n" + _table(rows, time.monotonic() - began))
    if options.json:
        options.json.write_text(json.dumps([_as_json(*row) for row in rows], indent=2) + "\n")
    failed = any(found.failures for _, found, _ in rows)
    if not failed:
        shutil.rmtree(folder)
    return 1 if failed else 0


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--only", action="append", choices=LAYERS, help="one layer; may repeat")
    parser.add_argument("--scale", type=float, default=1.0, help="a part of each amount")
    parser.add_argument("--seed", type=int, default=random.randrange(1, 1_000_000))
    parser.add_argument("--json", type=Path, help="where the results are written")
    return parser.parse_args(arguments)


def _do(folder: Path, seed: int, layer: Layer) -> Row:
    print(f"{layer.what}: {f'{layer.amount:,}' if layer.amount else 'all'} ...", flush=True)
    began = time.monotonic()
    found = share_out(layer.name, layer.amount, seed, folder / layer.name)
    row = (layer, found, time.monotonic() - began)
    _tell(*row, seed)
    return row


def _tell(layer: Layer, found: Found, seconds: float, seed: int) -> None:
    word = "FAILED" if found.failures else "ok"
    print(f"  {layer.what}: {word}, {found.tried:,} in {seconds:.0f} s; {found.seen}", flush=True)
    for text in found.failures[:SHOWN]:
        print(f"    {text}")
    if found.failures:
        print(f"  again: python -m tests.soak --only {layer.name} --seed {seed}", flush=True)


def _table(rows: list[Row], took: float) -> str:
    lines = ["| what | how many | failures | seconds | seen |", "|---|---:|---:|---:|---|"]
    for layer, found, seconds in rows:
        count = len(found.failures)
        lines.append(f"| {layer.what} | {found.tried:,} | {count} | {seconds:.0f} | {found.seen} |")
    failures = sum(len(found.failures) for _, found, _ in rows)
    lines.append(f"| all | | {failures} | {took:.0f} | |")
    return "\n".join(lines)


def _as_json(layer: Layer, found: Found, seconds: float) -> dict[str, object]:
    return {
        "name": layer.name,
        "what": layer.what,
        "tried": found.tried,
        "failures": found.failures,
        "facts": found.facts,
        "seconds": round(seconds, 1),
    }


if __name__ == "__main__":
    sys.exit(main())
