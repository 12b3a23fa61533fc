# SPDX-License-Identifier: Apache-2.0
"""Every check of `make check`, each run to its end; the exit code is 1 if one failed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

CHECKS = {
    "lint": ("-m", "ruff", "check", "."),
    "format": ("-m", "ruff", "format", "--check", "."),
    "types": ("-m", "mypy"),
    "twins": ("scripts/make_twins.py", "--check"),
    "floors and sizes": ("-m", "pytest", "-q", "tests/test_floors.py", "tests/test_sizes.py"),
}


def main() -> int:
    """Run the checks and say which failed."""
    failed = []
    for name, arguments in CHECKS.items():
        print(f"== {name}: {' '.join(arguments)}", flush=True)
        if subprocess.run([sys.executable, *arguments], cwd=ROOT, check=False).returncode:
            failed.append(name)
    print(f"failed: {', '.join(failed)}" if failed else f"all {len(CHECKS)} checks passed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
