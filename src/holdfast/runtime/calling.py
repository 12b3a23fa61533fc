# SPDX-License-Identifier: Apache-2.0
"""How user code is called: in a context of its own, async in place, sync in a thread."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import functools
import inspect
import types
from collections.abc import Awaitable, Callable, Coroutine, Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from holdfast.runtime import inside, stepping
from holdfast.runtime.portal import HOME, MOST_BLOCKED

#: Threads for sync handlers, beside those that may be blocked in twins (see `portal`).
HANDLER_THREADS = 32


@types.coroutine
def in_context(
    context: contextvars.Context, call: Coroutine[Any, Any, Any]
) -> Generator[Any, Any, Any]:
    """Await a coroutine so that what it sets in context variables stays its own.

    A task would do the same, at the price of a task and two turns of the loop.
    """
    run = context.run
    try:
        waiting = run(call.send, None)
        while True:
            try:
                sent = yield waiting
            except GeneratorExit:
                run(call.close)
                raise
            except BaseException as error:
                waiting = run(call.throw, error)
            else:
                waiting = run(call.send, sent)
    except StopIteration as ended:
        return ended.value


def is_async(function: Callable[..., Any]) -> bool:
    """Whether calling it gives a coroutine: for functions, methods, partials, callable objects."""
    while isinstance(function, functools.partial):
        function = function.func
    if inspect.iscoroutinefunction(function):
        return True
    return not inspect.isfunction(function) and inspect.iscoroutinefunction(
        getattr(type(function), "__call__", None)  # noqa: B004 - the method is what we look at
    )


class Threads:
    """The threads in which sync handlers run; made when the first one is called."""

    __slots__ = ("_pool",)

    def __init__(self) -> None:
        self._pool: ThreadPoolExecutor | None = None

    async def call(
        self,
        function: Callable[..., Any],
        *args: Any,
        under: tuple[Mapping[int, Any], int] | None = None,
        left: asyncio.Future[None] | None = None,
    ) -> Any:
        """Call a sync function in a thread, in a copy of the current context.

        under: for a handler, the deliveries under way in its run, and its own. left: ends when
        the thread has come back, which a caller that was cancelled does not wait for.
        """
        if self._pool is None:
            most = HANDLER_THREADS + MOST_BLOCKED
            self._pool = ThreadPoolExecutor(most, thread_name_prefix="holdfast-handler")
        loop = asyncio.get_running_loop()
        context = contextvars.copy_context()
        context.run(HOME.set, loop)
        if under is not None:
            inside.enter(context, *under)
            step = context.get(stepping.HERE)
            if step is not None and not step.is_of(*under):
                context.run(stepping.HERE.set, None)
        call = self._pool.submit(context.run, _carried, function, *args)
        if left is not None:
            call.add_done_callback(functools.partial(_came_back, loop, left))
        value = await asyncio.wrap_future(call)
        if isinstance(value, Awaitable):
            return await value
        return value


def _carried(function: Callable[..., Any], *args: Any) -> Any:
    """Call, and turn what no future can carry into an error, as Python does in a coroutine."""
    try:
        return function(*args)
    except (StopIteration, GeneratorExit) as error:
        raise RuntimeError(f"a sync handler raised {type(error).__name__}") from error


def _came_back(loop: asyncio.AbstractEventLoop, left: asyncio.Future[None], _call: Any) -> None:
    # A loop that has ended has nobody left who waits.
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(_end, left)


def _end(left: asyncio.Future[None]) -> None:
    if not left.done():
        left.set_result(None)


THREADS = Threads()
