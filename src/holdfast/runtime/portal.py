# SPDX-License-Identifier: Apache-2.0
"""The way from blocking code into async code: one loop for callers who have none.

A sync handler runs in a thread and reaches its run through the loop that drives it; a caller
without any loop uses the portal's own. On a running loop a blocking call could never end, so it
is refused before anything is done.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

from holdfast.errors import BlockedLoop, InternalError

T = TypeVar("T")
P = ParamSpec("P")

#: The loop that waits for the handler this thread runs; set around sync handlers.
HOME: contextvars.ContextVar[asyncio.AbstractEventLoop | None] = contextvars.ContextVar(
    "holdfast_home", default=None
)

#: The thread that waits in a blocking call for the work under way; 0 for none.
CALLER: contextvars.ContextVar[int] = contextvars.ContextVar("holdfast_caller", default=0)

#: So many threads may be blocked in twins at once; each holds a thread while it waits.
MOST_BLOCKED = 256


class _Portal:
    """One loop in one daemon thread, started by the first caller."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    def loop(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None or self._loop.is_closed():
                self._loop = asyncio.new_event_loop()
                thread = threading.Thread(
                    target=self._loop.run_forever, name="holdfast-portal", daemon=True
                )
                thread.start()
            return self._loop


class _Blocked:
    """Counts the handler threads that wait in a twin, and names them when there are too many."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._names: list[str] = []

    def enter(self) -> str:
        name = threading.current_thread().name
        with self._lock:
            if len(self._names) >= MOST_BLOCKED:
                waiting = ", ".join(self._names[:8])
                raise BlockedLoop(
                    f"{len(self._names)} sync handlers are blocked in blocking calls: "
                    f"{waiting}, ...",
                    hint="Make the handlers async, or let fewer of them run at once.",
                )
            self._names.append(name)
        return name

    def leave(self, name: str) -> None:
        with self._lock:
            self._names.remove(name)


_PORTAL = _Portal()
_BLOCKED = _Blocked()


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def blocking(call: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine from blocking code and return what it returns.

    Raises: BlockedLoop on the thread of a running loop, and when too many handlers are blocked.
    """
    if _running_loop() is not None:
        name = getattr(call, "__qualname__", "this method")
        call.close()
        raise BlockedLoop(f"a blocking call on a running event loop; await {name}() instead")
    home = HOME.get()
    known = CALLER.set(threading.get_ident())
    try:
        if home is None:
            return asyncio.run_coroutine_threadsafe(call, _PORTAL.loop()).result()
        try:
            entered = _BLOCKED.enter()
        except BlockedLoop:
            call.close()
            raise
        try:
            return asyncio.run_coroutine_threadsafe(call, home).result()
        finally:
            _BLOCKED.leave(entered)
    finally:
        CALLER.reset(known)


def awaited_or_blocking(call: Coroutine[Any, Any, T]) -> Any:
    """The call itself on a running loop, to be awaited there; elsewhere what it returns.

    Raises: BlockedLoop, as `blocking`.
    """
    return blocking(call) if _running_loop() is None else call


def without_waiting(call: Coroutine[Any, Any, T], *, waits: bool) -> T:
    """Run a coroutine from blocking code, on a running loop too if there is nothing to wait for.

    waits: whether it may have to wait. Raises: BlockedLoop, as `blocking`.
    """
    if waits or _running_loop() is None:
        return blocking(call)
    try:
        call.send(None)
    except StopIteration as ended:
        value: T = ended.value
        return value
    call.close()
    raise InternalError("a call that has nothing to wait for waited")


def apart(call: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that has nothing to do with the loop of this thread, if there is one.

    That loop stands still meanwhile. Raises: BlockedLoop on the portal's own loop.
    """
    running = _running_loop()
    if running is None or running is _PORTAL.loop():
        return blocking(call)
    return asyncio.run_coroutine_threadsafe(call, _PORTAL.loop()).result()


def at_home(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a quick sync function on the thread of the loop that drives this handler's run.

    Outside a handler thread it is simply called.
    """
    home = HOME.get()
    if home is None or _running_loop() is not None:
        return function(*args, **kwargs)
    return on_loop(home, function, *args, **kwargs)


def on_loop(
    loop: asyncio.AbstractEventLoop | None,
    function: Callable[P, T],
    /,
    *args: P.args,
    **kwargs: P.kwargs,
) -> T:
    """Call a quick sync function on the thread of a loop, between two turns of it.

    Where the loop is this thread's own, or runs no more, it is simply called.
    """
    if loop is None or not loop.is_running() or loop is _running_loop():
        return function(*args, **kwargs)

    async def call() -> T:
        return function(*args, **kwargs)

    return asyncio.run_coroutine_threadsafe(call(), loop).result()
