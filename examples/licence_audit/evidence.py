# SPDX-License-Identifier: Apache-2.0
"""Read what a distribution says about its licence; the only step that opens licence files.

Everything is bounded: a distribution may carry thousands of files and very long ones. Files are
looked for among those that its RECORD lists, and in its metadata folder, where ``licenses/`` has
been the place for them since metadata version 2.4.
"""

import hashlib
import os
import posixpath
import re
from pathlib import Path

from .metadata import header, printable, read_headers, recorded_files
from .records import Evidence, Found, LicenceFile

TEXT_LIMIT = 64_000
"""Characters kept of one file: the longest common licence, the GPL, has 35,000."""
FILE_LIMIT = 4_000_000
"""Bytes read of one file; the digest of a longer one covers this much and says so by its size."""
FILES_LIMIT = 40
"""Files kept of one distribution, its own ones first."""
DECLARED_LIMIT = 40_000
CLASSIFIERS_LIMIT = 20

_LICENCE = re.compile(
    r"(?:(?:mit|bsd|apache|gpl|lgpl)[-_.])?(?:un)?(?:licen[cs]e|copying|notice)s?(?:[-_. ].*)?",
    re.IGNORECASE,
)
_PEOPLE = re.compile(r"(?:authors?|contributors?|maintainers?|thanks)(?:[-_. ].*)?", re.IGNORECASE)
_NOTICE = re.compile(r"(?:notice|third[-_ ]?part).*", re.IGNORECASE)
_CODE = (".py", ".pyc", ".pyi", ".json", ".html", ".js", ".c", ".h", ".so", ".toml", ".yaml")
_FOLDERS = ("licenses", "license_files")


def read_evidence(found: Found) -> Evidence:
    """Give the declarations and the licence texts of *found*; what cannot be read is a problem."""
    folder = Path(found.metadata)
    headers, header_problems = read_headers(folder)
    recorded, record_problems = recorded_files(folder)
    files, file_problems = _licence_files(found, recorded)
    declared = headers.get_all("License", [])
    text = str(declared[0]).strip()[:DECLARED_LIMIT] if declared else ""
    return Evidence(
        found=found,
        expression=header(headers, "License-Expression"),
        declared=None if text.upper() in {"", "UNKNOWN", "NONE"} else text,
        classifiers=tuple(
            printable(str(line)[:200])
            for line in headers.get_all("Classifier", [])
            if str(line).startswith("License ::")
        )[:CLASSIFIERS_LIMIT],
        files=files,
        problems=tuple(
            dict.fromkeys(found.problems + header_problems + record_problems + file_problems)
        ),
    )


def is_licence_name(path: str, metadata_name: str) -> bool:
    """Tell whether *path* (relative to the location) is a licence file by its name and place."""
    name = posixpath.basename(path)
    if _PEOPLE.fullmatch(name) or name.lower().endswith(_CODE):
        return False
    in_folder = path.startswith(tuple(f"{metadata_name}/{folder}/" for folder in _FOLDERS))
    return in_folder or _LICENCE.fullmatch(name) is not None


def is_own(path: str, metadata_name: str) -> bool:
    """Tell whether the file speaks for the distribution itself: not for a part, not a notice."""
    folder, name = posixpath.split(path)
    own_folders = {metadata_name, *(f"{metadata_name}/{sub}" for sub in _FOLDERS)}
    return folder in own_folders and _NOTICE.fullmatch(name) is None


def _licence_files(
    found: Found, recorded: tuple[str, ...]
) -> tuple[tuple[LicenceFile, ...], tuple[str, ...]]:
    folder = Path(found.metadata)
    problems: list[str] = []
    wanted: dict[str, bool] = {}
    for path in (*recorded, *_inside(folder)):
        if not is_licence_name(path, folder.name):
            continue
        if path.startswith(("/", "../")) or posixpath.normpath(path) != path:
            problems.append(f"RECORD points outside the distribution: {path[:200]}")
        else:
            wanted[path] = is_own(path, folder.name)
    ordered = sorted(wanted, key=lambda path: (not wanted[path], path))
    if len(ordered) > FILES_LIMIT:
        problems.append(f"{len(ordered)} licence files: only {FILES_LIMIT} were read")
    files = []
    for path in ordered[:FILES_LIMIT]:
        read = _read(Path(found.location), path, own=wanted[path])
        if isinstance(read, str):
            problems.append(read)
        else:
            files.append(read)
    return tuple(files), tuple(dict.fromkeys(problems))


def _inside(folder: Path) -> list[str]:
    """Give the files in the metadata folder, relative to the location; links are not followed."""
    paths = []
    for place, folders, names in os.walk(folder):
        folders.sort()
        inner = Path(place).relative_to(folder.parent).as_posix()
        paths += [f"{inner}/{name}" for name in sorted(names)]
    return paths


def _read(location: Path, path: str, *, own: bool) -> LicenceFile | str:
    """Give the licence file at *path*, or the problem with it."""
    try:
        target = location / path
        if not target.is_file():
            return f"{path} is listed and not there"
        with target.open("rb") as stream:
            content = stream.read(FILE_LIMIT)
        size = target.stat().st_size
    except (OSError, ValueError) as error:
        return f"{path} cannot be read: {type(error).__name__}"
    return LicenceFile(
        path=path,
        own=own,
        size_bytes=size,
        sha256=hashlib.sha256(content).hexdigest(),
        text=decode(content)[:TEXT_LIMIT],
    )


def decode(content: bytes) -> str:
    """Give *content* as text in the first encoding that fits; Latin-1 always does."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", errors="replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")
