# SPDX-License-Identifier: Apache-2.0
"""Driving one call to its end without a task, whoever stops waiting for it.

An append must not be torn in two when its caller is cancelled, so somebody else has to drive it.
A task does that for any coroutine. A store that awaits nothing but plain futures can be driven by
their callbacks alone, at a fifth of the price; one that awaits nothing at all ends at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

Over = Callable[[BaseException | None], None]


def drive(call: Coroutine[Any, Any, None], over: Over) -> None:
    """Run a coroutine that awaits only futures; `over` hears how it ended."""
    try:
        waits_for = call.send(None)
    except StopIteration:
        over(None)
    except BaseException as error:
        over(error)
    else:
        _go_on(call, over, waits_for)


def drive_in_task(call: Coroutine[Any, Any, None], over: Over) -> None:
    """Run any coroutine in a task of its own; `over` hears how it ended."""
    task = asyncio.ensure_future(call)
    task.add_done_callback(lambda done: over(_error_of(done)))


def _go_on(call: Coroutine[Any, Any, None], over: Over, waits_for: Any) -> None:
    if isinstance(waits_for, asyncio.Future):
        # As a task does: the future was handed over, so it may be awaited again.
        waits_for._asyncio_future_blocking = False  # noqa: SLF001 - the protocol of awaiting
        waits_for.add_done_callback(lambda _done: drive(call, over))
    else:
        # A bare yield: give way to the loop once.
        asyncio.get_running_loop().call_soon(drive, call, over)


def _error_of(task: asyncio.Future[None]) -> BaseException | None:
    if task.cancelled():
        return asyncio.CancelledError()
    return task.exception()
