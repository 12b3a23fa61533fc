# SPDX-License-Identifier: Apache-2.0
"""One share of a layer in a process of its own, without threads when it forks.

`python -m tests.soak.share NAME AMOUNT SEED FOLDER` prints what it found as one JSON line.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

from holdfast.testing.processes import die_with_starter
from tests.soak.layers import LAYERS


def main(arguments: list[str]) -> int:
    """Do the share; 1 if anything failed."""
    die_with_starter()
    name, amount, seed, folder = arguments
    found = LAYERS[name].work(int(amount), int(seed), Path(folder))
    print(json.dumps(asdict(found)))
    return 1 if found.failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
