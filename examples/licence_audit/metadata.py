# SPDX-License-Identifier: Apache-2.0
"""Read the metadata of a distribution without ever failing on it.

``importlib.metadata`` raises on a missing METADATA, on bytes that are not UTF-8 and on a malformed
RECORD. An audit has to go on and say so, hence this thin layer: every function gives what could be
read together with a list of problems.
"""

import csv
from email.message import Message
from email.parser import HeaderParser
from importlib.metadata import Distribution
from pathlib import Path

HEADERS = ("METADATA", "PKG-INFO")
METADATA_LIMIT = 1_000_000
"""Characters of a METADATA file that are parsed: the headers come first, a README may follow."""
HEADER_LIMIT = 4_000


def read_headers(folder: Path) -> tuple[Message, tuple[str, ...]]:
    """Give the headers of the distribution whose metadata is in *folder*, and what went wrong."""
    for name in HEADERS if folder.is_dir() else ("",):
        text, problem = _read_text(folder, name)
        if text is not None:
            return HeaderParser().parsestr(text[:METADATA_LIMIT]), (problem,) if problem else ()
        if problem:
            return Message(), (problem,)
    return Message(), ("no METADATA and no PKG-INFO",)


def header(headers: Message, name: str) -> str | None:
    """Give the first header *name* on one line, or None if it is absent, empty or ``UNKNOWN``."""
    values = headers.get_all(name, [])
    text = printable(str(values[0]))[:HEADER_LIMIT] if values else ""
    return None if text.upper() in {"", "UNKNOWN", "NONE"} else text


def printable(text: str) -> str:
    """Give *text* with control characters and runs of white space turned into single spaces."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def recorded_files(folder: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Give the paths that the distribution lists as its own, relative to its location."""
    if not folder.is_dir():
        return (), ()
    text, problem = _read_text(folder, "RECORD")
    if text is None:
        return (), (problem,) if problem else ()
    try:
        lines = csv.reader(text.splitlines())
        paths = tuple(line[0].replace("\\", "/") for line in lines if line and line[0])
    except csv.Error as error:
        return (), (f"RECORD cannot be read: {error}",)
    return paths, (problem,) if problem else ()


def _read_text(folder: Path, name: str) -> tuple[str | None, str]:
    """Give a metadata file as text (None if absent) and a problem ("" if there is none)."""
    label = name or folder.name
    try:
        return Distribution.at(folder).read_text(name), ""
    except UnicodeDecodeError:
        pass
    except (OSError, ValueError) as error:
        return None, f"{label} cannot be read: {type(error).__name__}"
    try:
        return (folder / name if name else folder).read_bytes().decode("latin-1"), (
            f"{label} is not UTF-8: read as Latin-1"
        )
    except OSError as error:
        return None, f"{label} cannot be read: {type(error).__name__}"
