# SPDX-License-Identifier: Apache-2.0
"""Time zones by key, from the time zone data of this machine and from nowhere else.

`ZoneInfo(key)` on its own would import modules below `tzdata` that the key names. Here the key
must look like one, and the file must exist in a time zone folder, or be listed by the `tzdata`
package on machines that have no such folder.
"""

from __future__ import annotations

import functools
import importlib.resources
import re
import zoneinfo
from pathlib import Path

_KEY = re.compile(r"[A-Za-z][A-Za-z0-9_+-]{0,31}(/[A-Za-z0-9_+-]{1,31}){0,3}")


class ZoneUnknown(Exception):
    """No zone of this key is known here."""


def zone_named(key: str) -> zoneinfo.ZoneInfo:
    """The zone of this key. Raises: ZoneUnknown."""
    if not _KEY.fullmatch(key):
        raise ZoneUnknown
    folders = [folder for folder in map(Path, zoneinfo.TZPATH) if folder.is_dir()]
    if not (any((folder / key).is_file() for folder in folders) if folders else key in _packaged()):
        raise ZoneUnknown
    try:
        return zoneinfo.ZoneInfo(key)
    except (ValueError, OSError) as error:  # a file, but not one of a zone
        raise ZoneUnknown from error


@functools.cache
def _packaged() -> frozenset[str]:
    try:
        listed = importlib.resources.files("tzdata").joinpath("zones").read_text("utf-8")
    except (ModuleNotFoundError, FileNotFoundError):
        return frozenset()
    return frozenset(listed.split())
