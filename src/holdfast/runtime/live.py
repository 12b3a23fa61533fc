# SPDX-License-Identifier: Apache-2.0
"""A run under way: whoever finishes a delivery steps the machine and carries on.

There is no resident loop. A finished handler's task steps the machine, saves, performs the
effects, goes on with one newly due delivery itself and starts tasks for the rest. So a chain of
single steps needs no task and no turn of the loop, and an idle run has no task at all.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, Protocol

from holdfast.machine import timers
from holdfast.machine.effects import Broken, Cancel, Done, Effect, Failed, Input
from holdfast.machine.run import DUE, Delivery, Run
from holdfast.runtime.clock import Clock, Ids
from holdfast.runtime.postponing import Postponing
from holdfast.runtime.saving import Saver
from holdfast.runtime.timers import Alarm
from holdfast.runtime.waiting import tell

#: Shared by all runs that have taken nothing in; never added to.
NOTHING_SEEN: set[int] = set()

#: A stopped handler gets this long to go before its delivery runs again.
LEAVE_S = 0.5

#: A long chain gives way to the loop this often.
GIVE_WAY_S = 0.001


class Front(Protocol):
    """What a front adds to a run: how a handler is called and what watchers are told."""

    def step(self, run: Run, happened: Input) -> list[Effect]:
        """The machine of this front."""

    async def call(self, live: LiveRun, delivery: Delivery) -> Input:
        """Call the handler of a delivery; what it raises fails the delivery."""

    def failed(self, live: LiveRun, delivery: Delivery, error: BaseException) -> Input | None:
        """A handler raised; the delivery is about to be parked, unless another input is given."""

    def perform(self, live: LiveRun, effect: Effect) -> list[Effect] | None:
        """An effect that only this front knows; what it returns is performed too."""

    def quiet(self, live: LiveRun) -> None:
        """Nothing of the run is under way any more."""


class LiveRun(Postponing):
    """One run in this process: its record, who drives it, and who waits for what.

    Long because: carrying, waiting and stopping change the same few fields, and have to agree.

    interrupted: deliveries that were cancelled here and stay due. gone: told when no handler runs
    any more.
    holds_back: says which due deliveries do not start now; None: all start.
    deciding: marks of signals that settle waits just now and will tell the machine themselves.
    stepping: ends of the step functions under way, by delivery and ledger line.
    on_time: called with the time once the record's earliest has come; None: nobody keeps its time.
    dead: set once the record may not be trusted any more (a failed save, lost ownership);
    everyone who waits gets it.
    """

    __slots__ = (
        "__weakref__",
        "alarm",
        "clock",
        "dead",
        "deciding",
        "flush_due",
        "front",
        "give_way_at",
        "gone",
        "holds_back",
        "ids",
        "interrupted",
        "leaving",
        "on_time",
        "quiet_waiters",
        "run",
        "running",
        "saver",
        "seen",
        "soon",
        "stepping",
        "stopped",
        "tasks",
    )

    def __init__(self, run: Run, front: Front, clock: Clock, ids: Ids) -> None:
        super().__init__()
        self.run = run
        self.front = front
        self.clock = clock
        self.ids = ids
        self.saver: Saver | None = None
        self.dead: BaseException | None = None
        self.give_way_at = 0.0
        self.running: dict[int, asyncio.Task[Any] | None] = {}
        self.stopped: dict[int, Any] | None = None
        self.leaving: dict[int, asyncio.Future[None]] | None = None
        self.tasks: set[asyncio.Task[None]] | None = None
        self.quiet_waiters: list[asyncio.Future[None]] | None = None
        self.interrupted: set[int] | None = None
        self.gone: asyncio.Future[None] | None = None
        self.holds_back: Callable[[Delivery], bool] | None = None
        self.soon: list[Effect] = []
        self.stepping: dict[tuple[int, int], asyncio.Future[None]] | None = None
        self.flush_due = False
        self.seen: set[int] = NOTHING_SEEN
        self.alarm: Alarm | None = None
        self.deciding: list[str] | None = None
        self.on_time: Callable[[float], Coroutine[Any, Any, None]] | None = None

    async def carry(self, delivery: Delivery | None, *, own: bool = False) -> None:
        """Run a delivery, then what becomes due from it, until nothing is left for this task.

        own: the task is one of ours, so it may go on with what its handlers emitted and did not
        wait for; a caller's task must come back when its own work has ended.
        """
        front, run, running = self.front, self.run, self.running
        here = asyncio.current_task()
        while delivery is not None and delivery.status == DUE:
            number = delivery.id
            if self.holds_back is not None and self.holds_back(delivery):
                self.interrupt(delivery)
                return
            if self.interrupted:
                self.interrupted.discard(number)
            running[number] = here
            try:
                happened = await front.call(self, delivery)
            except BaseException as error:
                found = self._caught(delivery, error)
                if found is None:
                    return
                happened = found
            finally:
                if running.get(number) is here:
                    del running[number]
                    if self.leaving is not None:
                        self._has_left(number)
                if self.gone is not None and not running and not self.gone.done():
                    self.gone.set_result(None)
                if self.quiet_waiters and not running and self.is_quiet:
                    self._tell_quiet()
            if self.dead is not None:
                raise self.dead
            if delivery.status != DUE or self.stopped:
                stopped = self._let_go(number)
                if stopped:
                    self.interrupt(delivery)
                if stopped or delivery.status != DUE:
                    return
            failed = type(happened) is Failed
            effects = self._failed(happened) if failed else front.step(run, happened)
            if own and self.soon:
                effects.extend(self.soon)
                self.soon = []
            delivery = await self.advance(effects)

    def defer(self, effects: list[Effect]) -> None:
        """Act on effects that no one waits for: with the end of the handler, or in the next turn.

        A handler that emits as its last act then costs one commit, and no task.
        """
        self.soon.extend(effects)
        if not self.flush_due:
            self.flush_due = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        self.flush_due = False
        effects, self.soon = self.soon, []
        if not effects or self.dead is not None:
            return
        if self.saver is None:
            self.perform(effects, here=False)
        else:
            self._act_later(effects)

    def _caught(self, delivery: Delivery, error: BaseException) -> Input | None:
        """What an exception out of a handler means: a failure, our stop, or the end of the task."""
        if isinstance(error, asyncio.CancelledError):
            task = asyncio.current_task()
            if self._let_go(delivery.id):
                self.interrupt(delivery)
                return None
            if task is not None and task.cancelling():
                self.interrupt(delivery)
                raise error
        if self.dead is not None:
            raise self.dead
        if self.errors is None:
            self.errors = {}
        self.errors[delivery.id] = error
        instead = self.front.failed(self, delivery, error)
        if instead is not None:
            return instead
        return Failed(delivery, f"{type(error).__name__}: {error}", self.clock.now())

    def _let_go(self, number: int) -> bool:
        """Whether we stopped this delivery; its task is then free of our cancellation."""
        task = asyncio.current_task()
        if not self.stopped or self.stopped.get(number) is not task:
            return False
        del self.stopped[number]
        if task is not None and task.cancelling():
            task.uncancel()
        return True

    def interrupt(self, delivery: Delivery) -> None:
        """Its handler was cancelled here; what is due stays due."""
        if delivery.status != DUE:
            return
        if self.interrupted is None:
            self.interrupted = set()
        self.interrupted.add(delivery.id)
        if self.is_quiet:
            self._quiet()

    @property
    def is_quiet(self) -> bool:
        """Whether nothing is under way; what was interrupted is not."""
        if not self.run.live or not self.interrupted:
            return not self.run.live
        if self.run.live > len(self.interrupted):
            return False
        found = [self.run.deliveries.get(number) for number in self.interrupted]
        return self.run.live <= sum(d is not None and d.status == DUE for d in found)

    async def advance(self, effects: list[Effect], *, here: bool = True) -> Delivery | None:
        """Save what was stepped, then act on it. Returns the delivery this task goes on with."""
        if self.saver is not None:
            try:
                await self.saver.commit()
            except asyncio.CancelledError:
                # What was stepped will be down, and then others act on it.
                self._act_later(effects)
                raise
            except BaseException as error:
                self.die(error)
                raise
        following = self.perform(effects, here=here)
        if following is not None:
            now = self.clock.monotonic()
            if now > self.give_way_at:
                if self.give_way_at:
                    await asyncio.sleep(0)
                    if self.dead is not None:
                        # Another save failed meanwhile: nothing starts after it.
                        raise self.dead
                self.give_way_at = now + GIVE_WAY_S
        return following

    def _act_later(self, effects: list[Effect]) -> None:
        self._begin(self._act_when_saved(effects))

    def _begin(self, call: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(call)
        if self.tasks is None:
            self.tasks = set()
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _act_when_saved(self, effects: list[Effect]) -> None:
        if self.saver is not None:
            try:
                await self.saver.commit()
            except Exception as error:
                self.die(error)
                return
        self.perform(effects, here=False)

    def perform(self, effects: list[Effect], *, here: bool) -> Delivery | None:
        """Act on effects: start what is due, wake who waits, tell the front the rest."""
        mine: Delivery | None = None
        for effect in effects:
            kind = type(effect)
            if kind is Delivery:
                if not self.is_to_start(effect):  # type: ignore[arg-type]
                    continue
                if here and mine is None:
                    mine = effect  # type: ignore[assignment]
                else:
                    self.spawn(effect)  # type: ignore[arg-type]
            elif kind is Done:
                if self.waiters:
                    self.wake(effect.group, effect.results)  # type: ignore[union-attr]
            elif kind is Broken:
                self.break_off(effect)  # type: ignore[arg-type]
            elif kind is Cancel:
                self.stop(effect.deliveries)  # type: ignore[union-attr]
            else:
                more = self.front.perform(self, effect)
                if more:
                    effects.extend(more)
        if not self.run.live or (self.interrupted and self.is_quiet):
            self._quiet()
        if self.run.agenda or self.alarm is not None:
            self.arm()
        return mine

    def is_to_start(self, delivery: Delivery) -> bool:
        """Whether what was due when it was stepped is due still, and does not run already.

        While the commit was on its way a sibling may have failed, or a retry made it due again.
        """
        number = delivery.id
        if delivery.status != DUE or self.run.deliveries.get(number) is not delivery:
            return False
        task = self.running.get(number)
        if task is not None and (self.stopped is None or self.stopped.get(number) is not task):
            return False
        return not ((delivery.again_at or self.late) and self.has_to_wait(delivery))

    def arm(self, *, soonest_s: float = 0.0) -> None:
        """Have the clock ring for the earliest time in the record, if somebody keeps its time."""
        wanted = None
        if self.on_time is not None and self.dead is None:
            wanted = timers.earliest(self.run)
        if self.alarm is None:
            if wanted is None:
                return
            self.alarm = Alarm(self.clock, self._rings)
        self.alarm.set(wanted, soonest_s=soonest_s)

    def disarm(self) -> None:
        """Let the clock be."""
        if self.alarm is not None:
            self.alarm.stop()

    def _rings(self, now: float) -> None:
        if self.on_time is not None and self.dead is None:
            self._begin(self._time_came(self.on_time(now)))

    async def _time_came(self, call: Coroutine[Any, Any, None]) -> None:
        try:
            await call
        except Exception as error:
            self.die(error)

    def spawn(self, delivery: Delivery) -> None:
        """Run a delivery in a task of its own, now or when it may."""
        if (delivery.again_at or self.late) and self.has_to_wait(delivery):
            return
        if self.holds_back is not None and self.holds_back(delivery):
            self.interrupt(delivery)
            return
        if self.interrupted:
            self.interrupted.discard(delivery.id)
        task = asyncio.create_task(self._carry_alone(delivery))
        self.running[delivery.id] = task
        if self.tasks is None:
            self.tasks = set()
        self.tasks.add(task)
        task.add_done_callback(functools.partial(self._task_over, delivery.id))

    def _task_over(self, number: int, task: asyncio.Task[None]) -> None:
        if self.tasks is not None:
            self.tasks.discard(task)
        if self.running.get(number) is task:
            # Cancelled before its first step: nothing in `carry` saw it.
            del self.running[number]
            if self.leaving is not None:
                self._has_left(number)
            if self.stopped is not None and self.stopped.get(number) is task:
                del self.stopped[number]
            delivery = self.run.deliveries.get(number)
            if delivery is not None and self.dead is None:
                self.interrupt(delivery)
            if self.quiet_waiters and not self.running and self.is_quiet:
                self._tell_quiet()

    async def _carry_alone(self, delivery: Delivery) -> None:
        try:
            await self.carry(delivery, own=True)
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            # A failed handler never comes here: this is a failed save, or a fault of ours.
            self.die(error)
            if not isinstance(error, Exception):
                raise

    async def until_quiet(self) -> None:
        """Return when nothing of the run is under way."""
        if self.is_quiet and not self.running:
            return
        if self.dead is not None:
            raise self.dead
        if self.quiet_waiters is None:
            self.quiet_waiters = []
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.quiet_waiters.append(future)
        await future

    def _quiet(self) -> None:
        if self.quiet_waiters:
            self._tell_quiet()
        self.front.quiet(self)

    def _tell_quiet(self) -> None:
        waiting, self.quiet_waiters = self.quiet_waiters, None
        for future in waiting or ():
            if not future.done():
                future.set_result(None)

    def stop(self, deliveries: tuple[int, ...]) -> None:
        """Cancel handlers that are under way; the record decides what becomes of them."""
        here = asyncio.current_task()
        for number in deliveries:
            task = self.running.get(number)
            if task is None:
                self.set_aside(number)
            if task is None or task.done():
                continue
            if self.stopped is None:
                self.stopped = {}
            self.stopped[number] = task
            if task is not here:
                task.cancel()

    def _failed(self, failed: Input) -> list[Effect]:
        """Step a failure, and stop siblings that it parked: a retry must find them gone.

        To stop a handler tells nobody anything, so it need not wait for the commit. Those that
        stay due may still end while the failure is saved, and then that is kept.
        """
        effects = self.front.step(self.run, failed)
        for index, effect in enumerate(effects):
            if type(effect) is Cancel:
                due = self.run.deliveries
                parked = [n for n in effect.deliveries if due[n].status != DUE]
                self.stop(tuple(parked))
                rest = tuple(n for n in effect.deliveries if due[n].status == DUE)
                effects[index] = Cancel(rest)
        return effects

    async def left(self, numbers: Iterable[int]) -> None:
        """Return when no handler of these deliveries runs here, or when it had time to go."""
        here = asyncio.current_task()
        waiting: list[asyncio.Future[None]] = []
        for number in numbers:
            if number in self.running and self.running[number] is not here:
                if self.leaving is None:
                    self.leaving = {}
                if number not in self.leaving:
                    self.leaving[number] = asyncio.get_running_loop().create_future()
                waiting.append(self.leaving[number])
            elif self.late and number in self.late:
                waiting.append(self.late[number])
        if waiting:
            await asyncio.wait(waiting, timeout=LEAVE_S)

    def _has_left(self, number: int) -> None:
        """Tell whoever waits for this handler, or for all of them, to be gone."""
        if self.leaving is not None and number not in self.running:
            future = self.leaving.pop(number, None)
            if future is not None and not future.done():
                future.set_result(None)
            self.leaving = self.leaving or None
        if self.gone is not None and not self.running and not self.gone.done():
            self.gone.set_result(None)

    def die(self, error: BaseException) -> None:
        """The record in memory can be trusted no more: tell everyone who waits, start nothing."""
        if self.dead is not None:
            return
        self.dead = error
        if self.saver is not None:
            self.saver.fail(error)
        for future in [*(self.waiters or {}).values(), *(self.quiet_waiters or [])]:
            if not future.done():
                tell(future, error)
        self.waiters = None
        self.quiet_waiters = None
        self.disarm()
        self.stop(tuple(self.running))
        self.front.quiet(self)

    async def settled(self) -> None:
        """Return when the tasks of handlers that were stopped have gone."""
        here = asyncio.current_task()
        waiting = {task for task in list(self.tasks or ()) if task is not here}
        if waiting:
            await asyncio.wait(waiting)

    async def halt(self) -> list[int]:
        """Cancel every handler under way and wait until all have gone; deliveries stay due.

        What a commit under way makes due meanwhile does not start either.
        """
        numbers = [*self.running, *self.postponed()]
        before, self.holds_back = self.holds_back, _everything
        try:
            self.stop(tuple(numbers))
            await self.settled()
            if self.running and asyncio.current_task() not in self.running.values():
                # Those are handlers in the tasks of callers, which then go on to other things.
                self.gone = asyncio.get_running_loop().create_future()
                await self.gone
                self.gone = None
        finally:
            self.holds_back = before
        return numbers


def _everything(_delivery: Delivery) -> bool:
    """What starts while all is being stopped."""
    return True
