# SPDX-License-Identifier: Apache-2.0
"""How an execution ends: drain, look again, freeze, tell; and when it ends by itself."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from holdfast.errors import DefinitionError, RunFailed, RunOpen
from holdfast.runtime import inside
from holdfast.runtime.callers import warn_at_caller
from holdfast.triggerflow import intervening
from holdfast.triggerflow.draining import drain, halted
from holdfast.triggerflow.posted_closes import PostedCloses
from holdfast.triggerflow.reserved import INTERVENTIONS
from holdfast.triggerflow.running import FlowRun


class Closer:
    """The end of one execution: it happens once, whoever asks.

    Long because: it ends by itself, by its holder or by a post, and these have to know each other.

    rest: seconds of idleness after which the run closes by itself, or None; whoever waits for the
    end may ask for other ones. on_closed: called once when the run has ended. A run that a store
    keeps is not closed by itself over parked work, which could then never be retried.
    """

    __slots__ = (
        "_closing",
        "_ended",
        "_task",
        "_timer",
        "_waited",
        "flow",
        "on_closed",
        "posted",
        "rest",
        "snapshot",
    )

    def __init__(self, flow: FlowRun, rest: float | None) -> None:
        self.flow = flow
        self.rest = rest
        self._waited: list[float | None] = []
        self.snapshot: dict[str, Any] | None = None
        self.on_closed: Callable[[], None] | None = None
        self._ended: asyncio.Future[None] | None = None
        self._closing: asyncio.Future[None] | None = None
        self._timer: asyncio.Handle | None = None
        self._task: asyncio.Task[None] | None = None
        self.posted = PostedCloses(flow, self.close)

    def begin_again(self) -> None:
        """Another record was taken over."""
        self._disarm()
        self.snapshot = _snapshot(self.flow) if self._is_closed else None

    @property
    def _is_closed(self) -> bool:
        return self.flow.run.lifecycle == "closed"

    @property
    def _has_ended(self) -> bool:
        """Whether the run is closed, and that is saved: until then nobody may hear of it."""
        saver = self.flow.live.saver
        return self._is_closed and self._closing is None and (saver is None or saver.is_down)

    @property
    def is_idle(self) -> bool:
        """Whether nothing is under way and nothing is asked."""
        flow = self.flow
        return not flow.run.live and not flow.live.running and not flow.is_waiting

    @property
    def may_close(self) -> bool:
        """Whether the run may end now by itself."""
        if self._closing is not None or self._is_closed or self._is_stuck:
            return False
        return self.is_idle and self.flow.live.dead is None

    def on_quiet(self) -> None:
        """Nothing is under way: close now, or after the delay, unless something waits."""
        live = self.flow.live
        if live.dead is not None:
            self._tell(live.dead)
            self._wake_readers()
        elif self._is_closed:
            if self._has_ended:
                self._freeze()
        elif self._is_stuck:
            if self._ended is not None:
                self._tell(self._take_background() or self._failure())
            self._wake_readers()
        else:
            self.on_activity()

    @property
    def standstill(self) -> BaseException | None:
        """Why the run cannot go on by itself: the failed save, or what is parked; else None."""
        if self.flow.live.dead is not None:
            return self.flow.live.dead
        return self._failure() if self._is_stuck and not self.flow.run.live else None

    def _wake_readers(self) -> None:
        """Whoever waits for a result or an item has to look why none comes."""
        if self.flow.result_bell is not None:
            self.flow.result_bell.ring()
        if self.flow.stream is not None:
            self.flow.stream.bell.ring()

    def on_activity(self) -> None:
        """Something happened: the time of idleness begins anew."""
        self._disarm()
        delay = self._delay
        if delay is None or not self.may_close:
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            # Written from outside of any loop: the clock begins with who drives the run next.
            return
        if delay <= 0:
            self._timer = loop.call_soon(self._due)
        else:
            self._timer = loop.call_later(delay, self._due)

    @property
    def _delay(self) -> float | None:
        if not self._waited:
            return self.rest
        return min((delay for delay in self._waited if delay is not None), default=None)

    @contextlib.contextmanager
    def waited_for(self, delay: float | None) -> Iterator[None]:
        """While somebody waits for the end: close after *delay* idle seconds."""
        self._waited.append(delay)
        try:
            yield
        finally:
            self._waited.remove(delay)
            self.on_activity()

    async def finish(self) -> None:
        """If the run would close by itself now, let that happen before this returns.

        A posted close waits for work that does not begin here any more; others see to it.
        """
        self.posted.leave()
        if self.rest == 0 and self.may_close:
            self._disarm()
            await self._close_by_itself()
        elif self._closing is not None:
            await asyncio.shield(self._closing)

    def let_be(self) -> None:
        """Never close by itself from now on, nor because of a post."""
        self.posted.leave()
        self._disarm()
        self.rest = None
        self._waited = []

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    @property
    def _is_stuck(self) -> bool:
        """Whether a kept run has failed: somebody has to decide about what is parked."""
        flow = self.flow
        return flow.live.saver is not None and flow.run.status == "failed"

    def _failure(self) -> RunFailed:
        run = self.flow.run
        return RunFailed(f"run {run.run_id!r} stands failed: {run.error}", run_id=run.run_id)

    def _due(self) -> None:
        self._timer = None
        if self.may_close:
            self._task = asyncio.ensure_future(self._close_by_itself())

    async def _close_by_itself(self) -> None:
        try:
            await self.close("auto_close_idle_timeout", is_told=self._ended is not None)
        except Exception as error:  # noqa: BLE001 - told to whoever waits for the end
            self._tell(error)

    def _tell(self, error: BaseException | None) -> None:
        future, self._ended = self._ended, None
        if future is None or future.done():
            return
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)
            future.exception()

    async def until_closed(self) -> dict[str, Any]:
        """Wait for the end.

        Raises: what background work raised, the failed save, RunFailed, RunBusy inside a handler.
        """
        if self.flow.live.dead is not None:
            raise self.flow.live.dead
        if not self._is_closed:
            inside.refuse(self.flow.live.running, "wait for the end of")
            if self._is_stuck and not self.flow.run.live:
                raise self._take_background() or self._failure()
        if not self._has_ended:
            await self._until_told()
        return self.copy()

    async def _until_told(self) -> None:
        if self._ended is None:
            self._ended = asyncio.get_running_loop().create_future()
        await asyncio.shield(self._ended)

    def copy(self) -> dict[str, Any]:
        """The close snapshot, to keep."""
        copied: dict[str, Any] = self.flow.codec.copy(self.snapshot or {})
        return copied

    async def close(
        self,
        reason: str,
        *,
        timeout_s: float | None = None,
        seal: bool = True,
        pending: str = "error",
        is_told: bool = True,
        posted: int | None = None,
    ) -> dict[str, Any]:
        """End the run once; later and concurrent calls get the same snapshot.

        is_told: somebody hears what background work raised; else it is kept for who asks next.
        posted: the number of the post that asked for it; such a close leaves nothing undone.
        Raises: RunOpen, CloseTimeout, RunBusy inside a handler, the first error of background work.
        """
        if pending not in ("error", "cancel"):
            raise DefinitionError(
                f'pending_interrupts: expected "error" or "cancel"; found {pending!r}'
            )
        run = self.flow.run
        if not self._is_closed:
            inside.refuse(self.flow.live.running, "close")
        while self._closing is not None:
            await asyncio.shield(self._closing)
        if not self._is_closed:
            self._check_waits(pending)
            self._closing = asyncio.get_running_loop().create_future()
            before = run.lifecycle
            try:
                run.lifecycle = "sealed" if seal else before
                await drain(self.flow, timeout_s)
                if posted is not None and run.live:
                    # What is due does not begin here any more: this process goes out of service.
                    raise asyncio.CancelledError
                self._check_background(is_told=is_told)
                self._check_waits(pending)
                await self._end(reason, posted)
            finally:
                if not self._is_closed:
                    run.lifecycle = before
                self._closing.set_result(None)
                self._closing = None
        elif not self._has_ended:
            await self._until_told()
        self._check_background(is_told=is_told)
        return self.copy()

    async def abandon(self, reason: str) -> None:
        """End the run as cancelled, unless it has ended: what is under way is cancelled."""
        if self._is_closed:
            return
        live = self.flow.live
        self.let_be()
        deaf = await halted(self.flow)
        if deaf:
            text = f"handlers of an abandoned run ignored cancellation: {', '.join(deaf)}"
            warn_at_caller(text, RuntimeWarning)
        live.orphans = None
        await live.advance(self.flow.end("cancelled", reason), here=False)
        self._freeze()

    def _check_waits(self, pending: str) -> None:
        if pending == "cancel":
            return
        run = self.flow.run
        still = tuple(wait.id for wait in run.waits.values() if not wait.answered)
        if still:
            raise RunOpen(
                f"pending interrupts are waiting: {', '.join(still)}",
                run_id=run.run_id,
                waits=still,
            )

    def _take_background(self) -> BaseException | None:
        """The first error that nobody was told of; then none is left."""
        orphans, self.flow.live.orphans = self.flow.live.orphans, None
        return orphans[0] if orphans else None

    def _check_background(self, *, is_told: bool) -> None:
        error = self._take_background() if is_told else None
        if error is not None:
            raise error

    async def _end(self, reason: str, posted: int | None) -> None:
        """Freeze the state and end the record; then tell watchers and waiters."""
        flow = self.flow
        run = flow.run
        status = run.status if run.status in ("failed", "cancelled") else "completed"
        effects = flow.end("cancelled" if flow.is_waiting else status, reason)
        self.snapshot = _snapshot(flow)
        if posted is not None and flow.live.saver is not None:
            flow.live.saver.consumed.append(posted)
        flow.frozen = True
        try:
            await flow.live.advance(effects, here=False)
        finally:
            flow.frozen = False
        self._freeze()

    def _freeze(self) -> None:
        """The record has ended: the state is the snapshot, and nobody waits any longer."""
        flow = self.flow
        self._disarm()
        if self.snapshot is None:
            self.snapshot = _snapshot(flow)
        expired, flow.expired = flow.expired, []
        intervening.tell_expired(flow, expired)
        if flow.stream is not None:
            flow.stream.end()
        for future in list((flow.live.waiters or {}).values()):
            future.cancel()
        flow.live.waiters = None
        self._tell(None)
        flow.has_result()
        if self.on_closed is not None:
            self.on_closed()


def _snapshot(flow: FlowRun) -> dict[str, Any]:
    """What is left of a run: its state, and its interventions if there were any."""
    made: dict[str, Any] = flow.get_state(None)
    found = intervening.listed(flow)
    if found:
        made[INTERVENTIONS] = {each["id"]: each for each in found}
    return made
