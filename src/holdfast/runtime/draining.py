# SPDX-License-Identifier: Apache-2.0
"""Going out of service in order: what is under way ends, nothing new begins, all runs are let go.

Whatever asks a process to end gives it some seconds. An engine that drains in that time repeats
nothing: another process goes on at once, from what is kept.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import signal
from dataclasses import dataclass

from holdfast.errors import EngineStopped, SignalsUnavailable
from holdfast.machine.run import DUE
from holdfast.persistence.store import TERMINAL
from holdfast.runtime import inside
from holdfast.runtime.driven import Driven
from holdfast.runtime.halting import hold_back, names_of
from holdfast.runtime.looking import Looking
from holdfast.runtime.saving import store_status

#: Handlers under way get this long to end; the usual orchestrators kill after ten seconds.
DRAIN_S = 8.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """A run that was given up before its end.

    cancelled: nodes whose handlers had to be stopped; they run again, from their top. due: nodes
    of all that somebody has to run next. A run that only waits has neither.
    """

    run_id: str
    cancelled: tuple[str, ...] = ()
    due: tuple[str, ...] = ()


class Draining(Looking):
    """The part of an engine that goes out of service."""

    _drained: asyncio.Task[tuple[Left, ...]] | None
    _signals: dict[signal.Signals, asyncio.Future[tuple[Left, ...]]]
    _signal_tasks: set[asyncio.Task[tuple[Left, ...]]]

    async def drain(self, *, timeout_s: float = DRAIN_S) -> tuple[Left, ...]:
        """Go out of service: let handlers under way end, start no others, give every run up.

        Handlers that have not ended after *timeout_s* are cancelled; they run again elsewhere. From
        the call on, runs are neither started nor taken over here. Another process takes each run
        over as soon as this returns. A second call waits for the first. The engine is still to be
        closed. Returns the runs that had not ended.
        Raises: RunBusy inside a handler of a run that it carries; what the store raised.
        """
        for driven in self._runs.values():
            inside.refuse(driven.live.running, "drain the engine of")
        if self._drained is None:
            self._is_stopping = True
            for driven in self._runs.values():
                hold_back(driven.live)
            self._drained = asyncio.ensure_future(self._drain(timeout_s))
        return await asyncio.shield(self._drained)

    async def _drain(self, timeout_s: float) -> tuple[Left, ...]:
        await self._look_no_more()
        for lock, _ in tuple(self._opening.values()):
            # A run that is on its way in; from now on none begins to come.
            async with lock:
                pass
        runs = list(self._runs.values())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await asyncio.gather(*(driven.wind_up() for driven in runs))
        left = await asyncio.gather(*map(_given_up, runs), return_exceptions=True)
        self._runs.clear()
        self._gone.set()
        await self._owner.retire()
        for outcome in left:
            if isinstance(outcome, BaseException):
                raise outcome
        return tuple(one for one in left if isinstance(one, Left))

    def drain_on(
        self, *signals: signal.Signals, timeout_s: float = DRAIN_S
    ) -> asyncio.Future[tuple[Left, ...]]:
        """Drain when one of these signals comes; without any, SIGTERM. Until the engine is closed.

        Await what it returns to wait for the signal: it ends with what `drain` gives.
        Raises: SignalsUnavailable outside of the main thread, or where the system has no signals.
        """
        loop = asyncio.get_running_loop()
        drained: asyncio.Future[tuple[Left, ...]] = loop.create_future()
        chosen = signals or (signal.SIGTERM,)
        for one in chosen:
            try:
                loop.add_signal_handler(one, self._signalled, drained, timeout_s)
            except (NotImplementedError, RuntimeError, ValueError) as error:
                self._hear_no_signals()
                raise SignalsUnavailable(f"signal {one.name} cannot be heard here") from error
            self._signals[one] = drained
        return drained

    def _signalled(self, drained: asyncio.Future[tuple[Left, ...]], timeout_s: float) -> None:
        task = asyncio.ensure_future(self.drain(timeout_s=timeout_s))
        task.add_done_callback(functools.partial(_pass_on, drained))
        self._signal_tasks.add(task)

    async def _out_of_service(self) -> None:
        """Take nothing more in: whatever looks, drains or waits for signals ends."""
        self._is_stopping = True
        self._hear_no_signals()
        await self._look_no_more()
        if self._drained is not None and not self._drained.done():
            self._drained.cancel()
            await asyncio.wait({self._drained})

    def _hear_no_signals(self) -> None:
        """Leave the signals to whoever had them; nobody waits for them any more."""
        for one, drained in self._signals.items():
            asyncio.get_running_loop().remove_signal_handler(one)
            if not drained.done() and not self._signal_tasks:
                drained.set_exception(EngineStopped("the engine was closed before a signal came"))
                drained.exception()
        self._signals.clear()


def _pass_on(
    drained: asyncio.Future[tuple[Left, ...]], task: asyncio.Task[tuple[Left, ...]]
) -> None:
    if drained.done():
        return
    if task.cancelled():
        drained.cancel()
        return
    error = task.exception()
    if error is None:
        drained.set_result(task.result())
    else:
        drained.set_exception(error)
        drained.exception()


async def _given_up(driven: Driven) -> Left | None:
    """Stop carrying a run; None if it has ended."""
    live = driven.live
    cancelled = names_of(live.run, live.running)
    await driven.stop()
    run = live.run
    if store_status(run) in TERMINAL:
        return None
    due = [d.id for d in run.deliveries.values() if d.status == DUE]
    return Left(run_id=driven.run_id, cancelled=cancelled, due=names_of(run, due))
