# SPDX-License-Identifier: Apache-2.0
"""A stream keeps its items in order, all of them or the last ones, until it ends."""

from __future__ import annotations

import asyncio

import pytest

from holdfast.runtime.stream import Stream


def test_all_items_are_kept_by_their_places():
    """Nothing is added behind the end."""
    stream: Stream[int] = Stream()
    for n in range(5):
        stream.put(n)
    stream.end()
    stream.put(5)
    stream.end(LookupError("too late"))
    stream.check()

    assert (stream.first, stream.count, stream.snapshot()) == (0, 5, [0, 1, 2, 3, 4])
    assert [stream.at(place) for place in range(5)] == stream.snapshot()
    assert stream.is_ended


@pytest.mark.parametrize("keep", [1, 2, 3, 10])
def test_a_bounded_stream_keeps_the_last_items(keep: int):
    """Exactly so many, whenever one looks."""
    stream: Stream[int] = Stream(keep)
    for n in range(30):
        stream.put(n)
        kept = list(range(max(0, n + 1 - keep), n + 1))
        assert stream.snapshot() == kept
        assert (stream.first, stream.count) == (kept[0], n + 1)
        assert [stream.at(place) for place in range(stream.first, stream.count)] == kept
        assert len(stream._items) < 2 * keep or keep == 1


async def test_readers_are_woken_by_items_and_by_the_end():
    """The error that it ended with is theirs."""
    stream: Stream[int] = Stream()
    for change in (lambda: stream.put(1), lambda: stream.end(LookupError("gone"))):
        waiting = asyncio.ensure_future(stream.bell.rung())
        await asyncio.sleep(0)
        change()
        await waiting
    with pytest.raises(LookupError):
        stream.check()
