# SPDX-License-Identifier: Apache-2.0
"""What both state machines do with a run, and what they compare: the rules of either front."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from holdfast import Engine
from holdfast.errors import (
    AlreadyAnswered,
    AnswerConflict,
    RunExists,
    WaitClosed,
    WaitExpired,
    WaitNotFound,
)
from holdfast.machine.run import Run
from holdfast.machine.state import whole
from holdfast.persistence.codec import Codec
from holdfast.persistence.store import Store, Stored
from holdfast.persistence.types import default_types
from holdfast.runtime.poison import MOST_DEATHS
from tests.model.place import Place, record_of
from tests.model.stage import Op, Stage
from tests.model.worker import Killed, Worker

#: At which store call from now on the worker dies, and whether its work is done; mostly it lives.
CRASHES = st.lists(
    st.tuples(st.integers(1, 5), st.sampled_from(["before", "after"])), max_size=2
).map(tuple)
LIVES = st.just(())
CRASH = LIVES | LIVES | CRASHES
REFUSALS = {"answered": AlreadyAnswered, "expired": WaitExpired, "ended": WaitClosed}


class RunMachine(RuleBasedStateMachine):
    """One run, whatever is done to it. Long because: each rule is one thing that happens.

    kind: of the store. new_model: makes the picture that the run is compared with.
    """

    kind = "memory"
    new_model: Any

    def definitions(self, worker: Worker) -> list[Any]:
        """What a worker carries."""
        raise NotImplementedError

    def plan(self) -> Any:
        """What records are read with."""
        raise NotImplementedError

    def labels_in(self, run: Run) -> Mapping[str, int]:
        """The calls that a record holds as unfinished, and their numbers."""
        raise NotImplementedError

    def compare_state(self, state: dict[str, Any]) -> None:
        """The state is that of the model."""
        raise NotImplementedError

    def end_plainly(self, label: str) -> None:
        """Let a handler return."""
        raise NotImplementedError

    def may_die_failing(self, label: str) -> bool:
        """Whether the model knows where the run is if it is killed while this call fails."""
        return True

    def state_in(self, run: Run) -> dict[str, Any]:
        """The state in a record."""
        return dict(whole(run.frames[0]))

    def __init__(self) -> None:
        super().__init__()
        self.place = Place(self.kind)
        self.stage = Stage()
        self.model: Any = self.new_model()
        self.run_id = "run"
        self.steps: dict[str, int] = {}
        self.posts: dict[str, tuple[str, Any]] = {}
        self.worker: Worker | None = None

    def begin(self, wall: float, crashes: tuple[Any, ...] = ()) -> None:
        """A new worker takes up what is there."""
        self.stage.may_begin_again |= self.unfinished()
        self.worker = self.place.worker(wall)
        self.stage.enter(self.worker)
        if crashes:
            self.worker.store.arm(*crashes[0])
        try:
            self.worker.open(self.definitions(self.worker))
            if self.exists() and not self.is_over:
                self.worker.do(self.worker.engine.driven(self.run_id))
        except Killed:
            self.fall(crashes[1:])
        self.worker.store.plan.disarm()

    def fall(self, crashes: tuple[Any, ...] = ()) -> None:
        """The worker is killed; another one follows."""
        assert self.worker is not None
        self.worker.die()
        self.begin(self.worker.clock.now(), crashes)

    def exists(self) -> bool:
        return bool(self.place.read(lambda store: store.runs()).items)

    def unfinished(self) -> set[str]:
        """The calls that the store holds as unfinished."""
        if not self.exists():
            return set()
        stored = self.place.read(lambda store: store.read(self.run_id))
        return set(self.labels_in(self.record(stored)))

    def record(self, stored: Stored) -> Run:
        """What a store holds of the run."""
        return record_of(stored, self.plan(), Codec(default_types))

    @property
    def is_over(self) -> bool:
        return self.model.status in ("completed", "cancelled")

    def do(
        self,
        call: Callable[[Engine], Coroutine[Any, Any, Any]],
        crashes: tuple[Any, ...] = (),
        *,
        again: bool = True,
    ) -> Any:
        """Do something; if the worker dies meanwhile, whoever asked for it asks once more."""
        worker = self.worker
        assert worker is not None
        crashes = self.bearable(crashes)
        if crashes:
            worker.store.arm(*crashes[0])
        try:
            done = worker.do(call(worker.engine))
        except Killed:
            self.fall(crashes[1:])
            return self.do(call) if again else None
        finally:
            worker.store.plan.disarm()
        return done

    def bearable(self, crashes: tuple[Any, ...], most: int = MOST_DEATHS - 1) -> tuple[Any, ...]:
        """So many of the crashes as a run takes in a row before it is set aside."""
        if self.exists():
            most -= self.place.read(lambda store: store.row(self.run_id)).claims
        return crashes[: max(most, 0)]

    def tell(self, label: str, op: Op, crashes: tuple[Any, ...] = ()) -> None:
        """Let a handler do something; its repeat does it by itself."""

        async def telling() -> None:
            self.stage.tell(label, op)

        self.do(lambda _engine: telling(), crashes, again=False)

    def drawn(self, data: Any, of: Any) -> Any:
        return data.draw(st.sampled_from(sorted(of)))

    @rule(value=st.sampled_from([0, 1]), crashes=CRASH)
    def start_again(self, value: int, crashes: tuple[Any, ...]) -> None:
        """The same id with the same input is the same run; with another input it is refused."""
        if self.run_id != "run":
            return

        def call(e: Engine) -> Any:
            return e.start(e._definitions["model"], value, run_id=self.run_id)

        if value:
            with pytest.raises(RunExists):
                self.do(call, crashes)
        else:
            self.do(call, crashes)

    @precondition(lambda self: self.stage.waiting)
    @rule(data=st.data(), crashes=CRASH)
    def step(self, data: Any, crashes: tuple[Any, ...]) -> None:
        """A durable step: its function is called once, and once more for each kill inside it."""
        label = self.drawn(data, self.stage.waiting)
        value = self.model.fresh()
        key = f"step {value}"
        self.model.results[(label, len(self.stage.scripts[label]))] = value
        self.tell(label, ("step", key, value), crashes)
        assert 1 <= self.stage.stepped[key] <= 1 + len(crashes)
        self.steps[key] = self.stage.stepped[key]

    @precondition(lambda self: self.stage.waiting)
    @rule(data=st.data(), crashes=CRASH)
    def fail(self, data: Any, crashes: tuple[Any, ...]) -> None:
        label = self.drawn(data, self.stage.waiting)
        crashes = crashes if self.may_die_failing(label) else ()
        self.model.fail(label)
        self.tell(label, ("fail",), crashes)

    @precondition(lambda self: self.model.those("parked"))
    @rule(crashes=CRASH)
    def retry(self, crashes: tuple[Any, ...]) -> None:
        self.retry_all(crashes)

    def retry_all(self, crashes: tuple[Any, ...] = ()) -> None:
        parked = self.model.those("parked")
        for label in parked:
            script = self.stage.scripts[label]
            if script and script[-1] == ("fail",):
                script.pop()
        self.stage.may_begin_again |= self.model.calls.keys()
        self.model.retry()
        request = f"retry {self.model.fresh()}"
        self.do(lambda e: e.retry(self.run_id, request_id=request), crashes)

    @precondition(lambda self: self.model.waits.keys() - {"hold"})
    @rule(data=st.data(), named=st.booleans(), crashes=CRASH)
    def answer(self, data: Any, named: bool, crashes: tuple[Any, ...]) -> None:
        wait_id = self.drawn(data, self.model.waits.keys() - {"hold"})
        self.answer_of(wait_id, f"r{self.model.fresh()}" if named or crashes else None, crashes)

    def answer_of(self, wait_id: str, request: str | None, crashes: tuple[Any, ...] = ()) -> None:
        value = self.model.fresh()
        self.model.answer(wait_id, value, request)
        row = self.do(lambda e: e.answer(self.run_id, wait_id, value, request_id=request), crashes)
        assert (row.status, json.loads(row.value)) == ("answered", value)

    @precondition(lambda self: self.model.settled)
    @rule(data=st.data(), change=st.sampled_from(["nothing", "value", "request", "no request"]))
    def answer_again(self, data: Any, change: str) -> None:
        """Only the same answer under the same id is taken, and it changes nothing."""
        wait_id = self.drawn(data, self.model.settled)
        settled = self.model.settled[wait_id]
        request, value = settled["request_id"], settled["value"]
        refusal = REFUSALS[settled["status"]]
        if change == "value":
            value, refusal = "other", AnswerConflict if request else refusal
        elif change == "request":
            request = "other"
        if settled["by_signal"]:
            request, change = None, "no request"
        elif change == "no request":
            request = None

        def call(e: Engine) -> Any:
            return e.answer(self.run_id, wait_id, value, request_id=request)

        if change == "nothing" and request is not None:
            assert self.do(call).status == settled["status"]
        else:
            with pytest.raises(refusal):
                self.do(call)

    @rule(data=st.data())
    def answer_what_is_not_there(self, data: Any) -> None:
        """An unknown id is told; a request id that stands for another answer, too."""
        with pytest.raises((WaitNotFound, WaitClosed)):
            self.do(lambda e: e.answer(self.run_id, "nowhere", 1, request_id="nobody"))
        used = {r for s in self.model.settled.values() if (r := s["request_id"])}
        if used and self.model.waits:
            wait_id, request = self.drawn(data, self.model.waits), self.drawn(data, used)
            with pytest.raises(AnswerConflict):
                self.do(lambda e: e.answer(self.run_id, wait_id, 1, request_id=request))

    @rule(seconds=st.sampled_from([20, 100]))
    def pass_time(self, seconds: int) -> None:
        assert self.worker is not None
        for _ in range(0, seconds, 20):
            self.model.pass_s(20)
        self.worker.pass_s(seconds)

    @rule(crashes=CRASHES)
    def kill(self, crashes: tuple[Any, ...]) -> None:
        if self.bearable(((1, "before"),)):
            self.fall(self.bearable(crashes, MOST_DEATHS - 2))

    @rule(seconds=st.sampled_from([0, 500]), crashes=CRASH)
    def restart(self, seconds: int, crashes: tuple[Any, ...]) -> None:
        """The process is ended in order; another one begins later."""
        assert self.worker is not None
        self.worker.close()
        self.model.pass_s(seconds)
        self.begin(self.worker.clock.now() + seconds, self.bearable(crashes))

    @precondition(lambda self: self.model.count > 300 and not self.is_over)
    @rule(crashes=CRASH)
    def cancel(self, crashes: tuple[Any, ...]) -> None:
        self.model.cancel()
        self.do(lambda e: e.cancel(self.run_id, request_id="cancel"), crashes)

    @invariant()
    def no_step_that_was_done_is_done_again(self) -> None:
        assert {key: self.stage.stepped[key] for key in self.steps} == self.steps

    @invariant()
    def nothing_went_wrong(self) -> None:
        assert not self.stage.wrong, self.stage.wrong

    @invariant()
    def the_same_handlers_are_under_way(self) -> None:
        if self.worker is not None:
            assert self.stage.waiting == self.model.those("busy")
            assert self.stage.playing.keys() - self.stage.waiting == self.model.those("blocked")

    @invariant()
    def emits_gave_what_their_handlers_returned(self) -> None:
        for place, found in self.stage.outcomes.items():
            assert found == self.model.results[place]

    @invariant()
    def the_row_says_how_it_stands(self) -> None:
        if self.worker is None:
            return
        row = self.worker.do(self.worker.engine.store.row(self.run_id))
        assert row.status == self.model.row_status
        assert row.due == self.model.is_due

    @invariant()
    def the_same_questions_are_open_and_settled(self) -> None:
        if self.worker is None:
            return
        rows = self.worker.do(self.worker.engine.store.waits(run_id=self.run_id, limit=1000)).items
        self.compare_waits(rows)

    def compare_waits(self, rows: Any) -> None:
        found = {row.wait_id: row for row in rows}
        assert {i for i, row in found.items() if row.status == "open"} == self.model.waits.keys()
        for wait_id, wait in self.model.waits.items():
            assert json.loads(found[wait_id].payload) == wait["payload"]
        for wait_id, settled in self.model.settled.items():
            row = found[wait_id]
            if not settled["by_signal"]:
                assert row.request_id == settled["request_id"]
            if settled["status"] != "ended":
                assert row.status == settled["status"]
                assert (None if row.value is None else json.loads(row.value)) == settled["value"]

    @invariant()
    def the_state_is_what_was_written(self) -> None:
        if self.worker is None or self.is_over:
            return
        driven = self.worker.do(self.worker.engine.driven(self.run_id))
        self.compare_state(self.state_in(driven.live.run))

    def teardown(self) -> None:
        try:
            if self.worker is not None and sys.exc_info()[0] is None:
                if not self.is_over and self.bearable(((1, "before"),)):
                    # What is under way shows here whether it knows what it had done.
                    self.fall()
                self.finish()
                self.reopen()
        finally:
            if self.worker is not None and not self.worker.is_dead:
                self.worker.die()
            self.place.leave()

    def finish(self) -> None:
        """Bring the run to its end, as whoever is there would."""
        while not self.is_over:
            if self.model.those("parked"):
                self.retry_all()
            for label in sorted(self.stage.waiting):
                self.end_plainly(label)
            if not self.model.those("busy") and self.model.waits:
                self.answer_of(min(self.model.waits), None)
            self.the_same_handlers_are_under_way()

    def reopen(self) -> None:
        """What is read by somebody else is what was there; no number is missing."""
        self.nothing_went_wrong()
        self.no_step_that_was_done_is_done_again()
        self.emits_gave_what_their_handlers_returned()
        self.the_row_says_how_it_stands()

        async def look(store: Store) -> Any:
            row = await store.row(self.run_id)
            for seq in range(1, row.seq + 1):
                assert (await store.read(self.run_id, at=seq)).seq == seq
            waits = (await store.waits(run_id=self.run_id, limit=1000)).items
            return row, await store.read(self.run_id), waits

        row, stored, waits = self.place.read(look)
        assert row.status == self.model.status
        assert max((seq for seq, _ in self.place.written), default=1) <= row.seq
        self.compare_waits(waits)
        run = self.record(stored)
        self.compare_state(self.state_in(run))
        assert not run.deliveries
        assert self.place.flaws() == []
