# SPDX-License-Identifier: Apache-2.0
"""How large a document may be, and a check of its bytes before any of them is parsed.

The check never recurses and makes no Python step per byte: what lies outside strings is cut out
with `bytes.split`, and the depth is a running sum over the brackets that are left.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate

from holdfast.errors import Damaged, DefinitionError, TooLarge

#: Python's stack holds about 1,000 calls; the walks need up to two for each level.
DEEPEST = 250

_STEPS = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


@dataclass(frozen=True, slots=True)
class Limits:
    """What encoding and decoding accept.

    size_bytes: of the JSON. depth: brackets inside brackets, the envelopes of tagged values
    included; 250 at most. nodes: JSON values, keys not counted.
    """

    size_bytes: int = 64 * 1024 * 1024
    depth: int = 100
    nodes: int = 1_000_000

    def __post_init__(self) -> None:
        if self.size_bytes < 1 or self.nodes < 1 or not 1 <= self.depth <= DEEPEST:
            raise DefinitionError(
                f"limits must be positive, and depth at most {DEEPEST}",
                hint="Choose limits in these bounds.",
            )


def check_size(size: int, limits: Limits, place: str) -> None:
    """Raises: TooLarge."""
    if size > limits.size_bytes:
        raise too_large(place, "bytes", limits.size_bytes, size)


def check_shape(data: bytes, limits: Limits, place: str) -> None:
    """Check size, count of values and depth of JSON that nobody has parsed yet.

    Brackets and commas are first counted as if none stood in a string: an overestimate, and for
    most documents the end of it. Raises: TooLarge, Damaged.
    """
    check_size(len(data), limits, place)
    opened = data.count(b"[") + data.count(b"{")
    nodes = data.count(b",") + opened + 1
    if opened <= limits.depth and nodes <= limits.nodes:
        return
    bare = _outside_strings(data, limits, place)
    nodes = bare.count(b",") + bare.count(b"[") + bare.count(b"{") + 1
    if nodes > limits.nodes:
        raise too_large(place, "values", limits.nodes, nodes)
    steps = bare.translate(_STEPS, _NOT_BRACKETS)
    if len(steps) > 2 * limits.nodes:
        raise Damaged(f"{place} is not JSON: its brackets do not match")
    depth = max(accumulate(memoryview(steps).cast("b")), default=0)
    if depth > limits.depth:
        raise too_large(place, "levels", limits.depth, depth)


def _outside_strings(data: bytes, limits: Limits, place: str) -> bytes:
    if b"\\" in data:
        # A run of backslashes starts inside a string, so pairs from the left are whole escapes.
        data = data.replace(b"\\\\", b"").replace(b'\\"', b"")
    quotes = data.count(b'"')
    if quotes > 4 * limits.nodes:  # two for each key and two for each value
        raise too_large(place, "values", limits.nodes, quotes // 4)
    return b"".join(data.split(b'"')[::2])


def too_large(place: str, unit: str, limit: int, found: int) -> TooLarge:
    """The error for a count that is over its limit."""
    return TooLarge(
        f"{place} is too large: {found} {unit}, at most {limit} are allowed",
        limit=limit,
        found=found,
        place=place,
    )


def no_stack(place: str) -> TooLarge:
    """The error for a walk that the caller's own recursion left too little stack for."""
    return TooLarge(
        f"{place} is nested deeper than the stack that is left",
        hint="Call from a place that is less deep.",
        limit=None,
        found=None,
        place=place,
    )
