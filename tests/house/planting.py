# SPDX-License-Identifier: Apache-2.0
"""Small source trees for tests of the readers, and what the readers found in one."""

from __future__ import annotations

from pathlib import Path


def plant(root: Path, files: dict[str, str]) -> Path:
    """Write the files below *root*, with an empty face for every folder, and give back the root."""
    for place, text in files.items():
        path = root / place
        path.parent.mkdir(parents=True, exist_ok=True)
        for folder in path.relative_to(root).parents[:-1]:
            (root / folder / "__init__.py").touch()
        path.write_text(text, "utf-8")
    return root


def shown(findings: list[str]) -> str:
    """All findings as text, so that a failing assertion shows every one of them."""
    return "\n".join(findings)
