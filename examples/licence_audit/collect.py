# SPDX-License-Identifier: Apache-2.0
"""Find the distributions that are installed on this machine.

The order is the same every time (name, version, place), so two audits of one environment can be
compared line by line, and a run that is resumed meets the distributions it knows.
"""

import hashlib
import os
import re
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path

from .metadata import header, printable, read_headers
from .records import Found

SUFFIXES = (".dist-info", ".egg-info")
"""Kinds of metadata, best first: where both are present for one version, the first one counts."""
NAME_LIMIT = 120


def find_distributions(paths: list[Path] | None = None) -> list[Found]:
    """Give every distribution below *paths*, sorted by name, version and location.

    paths: folders like ``site-packages``; None for the environment that runs this and the base
    interpreter's. Folders that do not exist or cannot be read hold no distributions.
    """
    found: dict[tuple[str, str, str], Found] = {}
    for folder in _distinct(environment_paths() if paths is None else paths):
        for metadata in _metadata_in(folder):
            one = look_at(metadata)
            found.setdefault((normalised(one.name), one.version, one.location), one)
    return [found[key] for key in sorted(found)]


def environment_paths() -> list[Path]:
    """Give the folders Python imports from, then those of the base interpreter of a venv."""
    base = {"base": sys.base_prefix, "platbase": sys.base_prefix}
    schemes = [name for name in sysconfig.get_scheme_names() if not name.endswith("_user")]
    installed = [
        sysconfig.get_path(kind, scheme, vars=base)
        for scheme in sorted(schemes)
        for kind in ("purelib", "platlib")
    ]
    return [Path(entry) for entry in [*sys.path, *installed] if entry]


def look_at(metadata: Path) -> Found:
    """Give the distribution whose metadata is at *metadata*; a broken one has ``problems``."""
    headers, problems = read_headers(metadata)
    stem = printable(metadata.name.removesuffix(metadata.suffix))
    guessed_name, _, guessed_version = stem.partition("-")
    name, version = header(headers, "Name"), header(headers, "Version")
    if name is None:
        problems += ("no Name: taken from the folder's name",)
    if version is None:
        problems += ("no Version: taken from the folder's name",)
    name = (name or guessed_name or "unnamed")[:NAME_LIMIT]
    version = (version or guessed_version or "unknown")[:NAME_LIMIT]
    return Found(
        key=_key(name, version, metadata),
        name=name,
        version=version,
        location=str(metadata.parent),
        metadata=str(metadata),
        problems=problems,
    )


def normalised(name: str) -> str:
    """Give the name under which an index knows the distribution: ``Foo.Bar`` is ``foo-bar``."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _key(name: str, version: str, metadata: Path) -> str:
    """Give an id of letters, digits, dots and dashes: the place decides between equal names."""
    place = hashlib.sha256(os.fsencode(metadata)).hexdigest()[:8]
    plain = re.sub(r"[^A-Za-z0-9.]+", "-", f"{normalised(name)}-{version}").strip("-.")
    return f"{plain[:60] or 'unnamed'}-{place}"


def _distinct(paths: Iterable[Path]) -> Iterator[Path]:
    """Give each folder once: ``lib64`` is often a link to ``lib``."""
    seen: set[str] = set()
    for path in paths:
        real = os.path.realpath(path)
        if real not in seen:
            seen.add(real)
            yield Path(real)


def _metadata_in(folder: Path) -> list[Path]:
    """Give the metadata folders (and old single files) right inside *folder*, in a fixed order."""
    try:
        names = [entry.name for entry in folder.iterdir()]
    except OSError:
        return []
    ranked = [(SUFFIXES.index(Path(name).suffix), name) for name in names if _is_metadata(name)]
    return [folder / name for _, name in sorted(ranked)]


def _is_metadata(name: str) -> bool:
    return Path(name).suffix in SUFFIXES
