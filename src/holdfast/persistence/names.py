# SPDX-License-Identifier: Apache-2.0
"""Which registered names stand in encoded values, told without making anything of them."""

from __future__ import annotations

from typing import Any

import msgspec

from holdfast.errors import Damaged

_parse = msgspec.json.Decoder().decode
#: How the tag of a registered class begins; a dict of a user that looks so has one more "$".
_TAG = "$:"


def names_in(data: bytes) -> set[str]:
    """The names under which instances of registered classes are written in a JSON text.

    Nothing is called or built. Raises: Damaged.
    """
    if b"$:" not in data and b"\\u" not in data:
        return set()
    try:
        waiting: list[Any] = [_parse(data)]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Damaged("a part of the record is not whole JSON") from error
    found: set[str] = set()
    while waiting:
        value = waiting.pop()
        if type(value) is list:
            waiting.extend(value)
        elif type(value) is dict:
            if len(value) == 1:
                found.update(key[len(_TAG) :] for key in value if key.startswith(_TAG))
            waiting.extend(value.values())
    return found
