# SPDX-License-Identifier: Apache-2.0
"""How an execution ends: drain, look again, freeze, tell; and when it ends by itself."""

from __future__ import annotations

import asyncio
import warnings
from typing import Any

from holdfast.errors import CloseTimeout, DefinitionError, RunOpen
from holdfast.machine import waits
from holdfast.machine.effects import Ended
from holdfast.triggerflow.running import FlowRun

#: Handlers that were cancelled by a close get this long to settle.
GRACE_S = 0.5


class Closer:
    """The end of one execution: it happens once, whoever asks.

    delay: seconds of idleness after which the run closes by itself, or None. kept_parked: runs
    that a store keeps are not closed over parked work, which could then never be retried.
    """

    __slots__ = ("_closing", "_task", "_timer", "delay", "flow", "snapshot", "watched")

    def __init__(self, flow: FlowRun, delay: float | None) -> None:
        self.flow = flow
        self.delay = delay
        self.snapshot: dict[str, Any] | None = None
        self.watched: asyncio.Future[None] | None = None
        self._closing: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def is_idle(self) -> bool:
        """Whether nothing is under way and nothing is asked."""
        flow = self.flow
        return not flow.run.live and not flow.live.running and not flow.is_waiting

    def on_quiet(self) -> None:
        """Nothing is under way: close now, or after the delay, unless something waits."""
        if self.flow.live.dead is not None:
            self._tell(self.flow.live.dead)
            return
        if self.delay is None or self.flow.run.lifecycle == "closed" or not self._may_close():
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._closing is not None:
            return
        loop = asyncio.get_running_loop()
        if self.delay <= 0:
            if self.watched is None or self.watched.done():
                self._timer = loop.call_soon(self._due)  # type: ignore[assignment]
            else:
                self._due()
        else:
            self._timer = loop.call_later(self.delay, self._due)

    def _may_close(self) -> bool:
        flow = self.flow
        if flow.is_waiting:
            return False
        return flow.live.saver is None or flow.run.status != "failed"

    def _due(self) -> None:
        self._timer = None
        if self._closing is None and self.is_idle and self._may_close():
            self._task = asyncio.ensure_future(self._close_by_itself())

    async def _close_by_itself(self) -> None:
        try:
            await self.close("auto_close_idle_timeout")
        except Exception as error:  # noqa: BLE001 - told to whoever waits for the end
            self._tell(error)

    def _tell(self, error: BaseException | None) -> None:
        future, self.watched = self.watched, None
        if future is None or future.done():
            return
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)

    async def until_closed(self) -> dict[str, Any]:
        """Wait for the end. Raises: what background work raised, or the failed save."""
        if self.flow.live.dead is not None:
            raise self.flow.live.dead
        if self.flow.run.lifecycle != "closed":
            if self.watched is None:
                self.watched = asyncio.get_running_loop().create_future()
            await self.watched
        return self.copy()

    def copy(self) -> dict[str, Any]:
        """The close snapshot, to keep."""
        if self.snapshot is None:
            return {}
        copied: dict[str, Any] = self.flow.codec.copy(self.snapshot)
        return copied

    async def close(
        self,
        reason: str,
        *,
        timeout_s: float | None = None,
        seal: bool = True,
        pending: str = "error",
    ) -> dict[str, Any]:
        """End the run once; later and concurrent calls get the same snapshot.

        Raises: RunOpen, CloseTimeout, the first error of background work.
        """
        if pending not in ("error", "cancel"):
            raise DefinitionError(
                f'pending_interrupts: expected "error" or "cancel"; found {pending!r}'
            )
        if self.flow.run.lifecycle == "closed":
            return self.copy()
        if self._closing is not None:
            await asyncio.shield(self._closing)
            return self.copy()
        self._check_waits(pending)
        self._closing = asyncio.get_running_loop().create_future()
        try:
            await self._close(reason, timeout_s, pending, seal=seal)
        except BaseException as error:
            closing, self._closing = self._closing, None
            closing.set_exception(error)
            closing.exception()
            raise
        self._closing.set_result(None)
        self._tell(None)
        return self.copy()

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

    async def _close(
        self, reason: str, timeout_s: float | None, pending: str, *, seal: bool
    ) -> None:
        flow = self.flow
        run = flow.run
        before = run.lifecycle
        if seal:
            run.lifecycle = "sealed"
        try:
            await self._drain(timeout_s)
            if flow.live.orphans:
                raise flow.live.orphans.pop(0)
            self._check_waits(pending)
        except BaseException:
            run.lifecycle = before
            raise
        had_waits = flow.is_waiting
        status = run.status if run.status in ("failed", "cancelled") else "completed"
        run.facts["close_reason"] = reason
        run.facts["closed_at"] = flow.live.clock.now()
        self.snapshot = flow.get_state(None)
        if run.journal is not None:
            run.journal.put("facts", flow.codec.encode(run.facts, "facts"))
        for wait in [w for w in run.waits.values() if pending == "cancel"]:
            flow.publish("interrupt", "cancel", wait)
            waits.cancel(run, wait)
        ended = Ended("cancelled" if had_waits else status)
        await flow.live.advance(flow.step(run, ended), here=False)
        if flow.stream is not None:
            flow.stream.end()

    async def _drain(self, timeout_s: float | None) -> None:
        live = self.flow.live
        if not self.flow.run.live and not live.running:
            return
        if timeout_s is None:
            await live.until_quiet()
            return
        try:
            await asyncio.wait_for(live.until_quiet(), timeout_s)
        except TimeoutError:
            names = [self.flow.run.deliveries[n].node for n in live.running]
            text = f"close: {len(names)} handlers were still running and are cancelled"
            warnings.warn(text, RuntimeWarning, stacklevel=6)
            try:
                await asyncio.wait_for(live.halt(), GRACE_S)
            except TimeoutError:
                raise CloseTimeout(
                    f"handlers ignored cancellation: {', '.join(names)}",
                    run_id=self.flow.run.run_id,
                    handlers=tuple(names),
                ) from None
