# SPDX-License-Identifier: Apache-2.0
"""What people give to a run of the audit: its input, and the answers to its questions.

Both arrive as plain JSON, from a command line or a program, and are read here once.
"""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from .records import Answer

REPORT = "licence-report"
"""The folder of the report when the input names none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What to audit, and where the report goes."""

    paths: tuple[str, ...] | None
    """Folders like ``site-packages``; None for the environment and its base interpreter."""
    report: str
    """An absolute path: the run may be resumed from another folder."""

    def folders(self) -> list[Path] | None:
        """Give the folders as ``find_distributions`` takes them."""
        return None if self.paths is None else [Path(path) for path in self.paths]


def job_of(value: Any) -> Job:
    """Give the job that the input of a run describes: ``{"paths": [...], "report": "..."}``.

    Both may be left out, and so may the input. Raises: ValueError for anything else.
    """
    given = {} if value is None else value
    if not isinstance(given, dict) or not set(given) <= {"paths", "report"}:
        raise ValueError('the input is an object that may name "paths" and "report"')
    paths, report = given.get("paths"), given.get("report", REPORT)
    if paths is not None and not _is_texts(paths):
        raise ValueError('"paths" is a list of folders')
    if not isinstance(report, str) or not report:
        raise ValueError('"report" is a folder')
    return Job(paths=None if paths is None else tuple(paths), report=str(Path(report).absolute()))


def answer_of(value: Any) -> Answer | None:
    """Give the answer that was sent, None for what is not one: the question is then asked again.

    An object with "accept" (true or false), and a "note" and a "by" if somebody likes.
    """
    names = {field.name for field in fields(Answer)}
    if not isinstance(value, dict) or not set(value) <= names:
        return None
    texts = [item for name, item in value.items() if name != "accept"]
    if not isinstance(value.get("accept"), bool) or not _is_texts(texts):
        return None
    return Answer(**value)


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)
