# SPDX-License-Identifier: Apache-2.0
"""A flow's run against a model of plain dicts, whatever is done to it and wherever it is killed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule, run_state_machine_as_test

from holdfast import Engine
from holdfast.errors import AnswerConflict, RunClosed, RunExists
from holdfast.machine.run import Run
from holdfast.machine.waits import id_of
from tests.amounts import MODEL_EXAMPLES
from tests.model.flow_model import FlowModel, label_of
from tests.model.flow_stage import flow
from tests.model.machine import CRASH, RunMachine
from tests.model.place import Place
from tests.model.stage import Stage
from tests.model.worker import Worker

WRITES = ["set", "list", "append", "delete", "log"]


class FlowMachine(RunMachine):
    """What can happen to a run of a flow, beside what can to any."""

    new_model = FlowModel

    def definitions(self, worker: Worker) -> list[Any]:
        return [flow(self.stage, worker)]

    def plan(self) -> Any:
        return flow(Stage(), None).create_execution()._flow.compiled.plan

    def labels_in(self, run: Run) -> Mapping[str, int]:
        by_id = run.plan.by_id
        return {
            label_of(by_id[d.node].name, d.payload, None if d.wait is None else id_of(d.wait)): d.id
            for d in run.deliveries.values()
        }

    def may_die_failing(self, label: str) -> bool:
        # What a sibling had sent waits, after a kill, until that sends it again; and if this call
        # fails first, that is after the decision. Undisturbed it goes on meanwhile.
        return not self.model.those("blocked")

    def end_plainly(self, label: str) -> None:
        value = self.model.fresh()
        self.model.end(label, value)
        self.tell(label, ("end", value))

    @initialize(crashes=CRASH)
    def start(self, crashes: tuple[Any, ...]) -> None:
        self.begin(1_000_000.0)
        self.do(lambda e: e.start(e._definitions["model"], 0, run_id=self.run_id), crashes)
        self.model.start(0)
        self.ask_of("root:0", "hold", {"resume": "next", "payload": 0})

    @precondition(lambda self: self.model.those("busy"))
    @rule(data=st.data(), kind=st.sampled_from(WRITES), crashes=CRASH)
    def write(self, data: Any, kind: str, crashes: tuple[Any, ...]) -> None:
        label = self.drawn(data, self.model.those("busy"))
        key = f"of {label}".replace(".", " ")
        number = self.model.fresh()
        if kind == "log":
            self.model.log.append(f"{label} is {number}")
            self.tell(label, ("append", "log", f"{label} is {number}"), crashes)
        elif kind == "append":
            found = self.model.state.get(key, [])
            self.model.state[key] = [*(found if isinstance(found, list) else [found]), number]
            self.tell(label, ("append", key, number), crashes)
        elif kind == "delete":
            self.model.state.pop(key, None)
            self.tell(label, ("delete", key), crashes)
        else:
            value: Any = [number] if kind == "list" else {"n": number, "more": [1, (2, 3)]}
            self.model.state[key] = value
            self.tell(label, ("set", key, value), crashes)

    @precondition(lambda self: self.model.those("busy"))
    @rule(data=st.data(), event=st.sampled_from(["Go", "Pair", "Sent"]), crashes=CRASH)
    def emit_inside(self, data: Any, event: str, crashes: tuple[Any, ...]) -> None:
        label = self.drawn(data, self.model.those("busy"))
        value = self.model.fresh()
        self.model.emit(event, value, by=(label, len(self.stage.scripts[label])))
        self.tell(label, ("emit", event, value), crashes)

    @precondition(lambda self: self.model.those("busy"))
    @rule(data=st.data(), crashes=CRASH)
    def end(self, data: Any, crashes: tuple[Any, ...]) -> None:
        label = self.drawn(data, self.model.those("busy"))
        value = self.model.fresh()
        self.model.end(label, value)
        self.tell(label, ("end", value), crashes)

    @precondition(lambda self: self.model.those("busy"))
    @rule(
        data=st.data(),
        resume=st.sampled_from(["next", "self", "event"]),
        lapse=st.sampled_from([None, "default", "event", "nothing"]),
        crashes=CRASH,
    )
    def ask(self, data: Any, resume: str, lapse: str | None, crashes: tuple[Any, ...]) -> None:
        label = self.drawn(data, self.model.those("busy"))
        call = self.model.calls[label]
        if call.inside:
            return
        if call.lane is not None:
            resume = "self" if resume == "event" else resume
            lapse = "default" if lapse == "event" else lapse
        terms = {"resume": resume, "lapse": lapse, "payload": self.model.fresh()}
        if lapse is not None:
            terms |= {"deadline_s": 95, "default": self.model.fresh()}
        self.ask_of(label, f"w{self.model.fresh()}", terms, crashes)

    def ask_of(
        self, label: str, wait_id: str, terms: dict[str, Any], crashes: tuple[Any, ...] = ()
    ) -> None:
        whole = {"deadline_s": None, "lapse": None, "default": None, **terms}
        self.model.ask(label, wait_id, whole)
        self.tell(label, ("ask", wait_id, whole), crashes)

    @precondition(lambda self: self.model.those("parked"))
    @rule(data=st.data(), crashes=CRASH)
    def skip(self, data: Any, crashes: tuple[Any, ...]) -> None:
        label = self.drawn(data, self.model.those("parked"))
        if self.model.calls[label].awaits in self.model.groups:
            return  # What it sent goes on, and with it its lane; nobody is left to look at it.
        value = self.model.fresh()
        self.model.end(label, value)
        assert self.worker is not None
        driven = self.worker.do(self.worker.engine.driven(self.run_id))
        number = self.labels_in(driven.live.run)[label]
        request = f"skip {value}"
        self.do(lambda e: e.skip(self.run_id, number, value, request_id=request), crashes)

    @precondition(lambda self: not self.is_over)
    @rule(
        event=st.sampled_from(["Go", "Pair", "L", "R", "Items", "Sent"]),
        size=st.integers(1, 4),
        crashes=CRASH,
    )
    def emit(self, event: str, size: int, crashes: tuple[Any, ...]) -> None:
        value: Any = self.model.fresh()
        if event == "Items":
            value = [self.model.fresh() for _ in range(size)]
        request = f"post {self.model.fresh()}"
        self.posts[request] = (event, value)
        self.model.emit(event, value)
        self.do(lambda e: e.emit(self.run_id, event, value, request_id=request), crashes)

    @precondition(lambda self: self.posts)
    @rule(data=st.data(), other=st.booleans(), crashes=CRASH)
    def emit_again(self, data: Any, other: bool, crashes: tuple[Any, ...]) -> None:
        """The same request is the same signal, at any later time; with another value it is not."""
        request = self.drawn(data, self.posts)
        event, value = self.posts[request]
        if other:
            with pytest.raises((AnswerConflict, RunClosed)):
                self.do(lambda e: e.emit(self.run_id, event, "x", request_id=request), crashes)
        else:
            self.do(lambda e: e.emit(self.run_id, event, value, request_id=request), crashes)

    @precondition(lambda self: not self.is_over)
    @rule(crashes=CRASH, is_killed=st.booleans())
    def move(self, crashes: tuple[Any, ...], is_killed: bool) -> None:
        """The run is saved and goes on as a copy, in another store."""
        assert self.worker is not None
        driven = self.worker.do(self.worker.engine.driven(self.run_id))

        async def saving() -> Any:
            return json.loads(json.dumps(driven.save()))

        saved = self.worker.do(saving())
        self.stage.may_begin_again |= self.model.those("busy") | self.model.those("blocked")
        self.worker.die()
        self.place.leave()
        wall = self.worker.clock.now()
        self.place = Place(self.kind)
        self.run_id = f"copy{self.model.fresh()}"
        self.worker = self.place.worker(wall)
        self.stage.enter(self.worker)
        self.worker.open(self.definitions(self.worker))
        # Answers and signals are taken once per store, not per document.
        self.posts.clear()
        self.model.settled.clear()
        self.do(lambda e: self.adopted(e, saved), crashes)
        if is_killed and self.bearable(((1, "before"),)):
            self.fall()

    async def adopted(self, engine: Engine, saved: Any) -> None:
        try:
            await engine.adopt(saved, run_id=self.run_id)
        except RunExists:
            # It was adopted before the worker died.
            return

    def compare_state(self, state: dict[str, Any]) -> None:
        log = Counter(state.pop("log", []))
        assert log.keys() == set(self.model.log)
        # An append that others have appended behind is not taken back before its repeat.
        for text, times in log.items():
            assert times <= self.stage.begun[text.partition(" is ")[0]]
        assert state == self.model.state


class InMemory(FlowMachine):
    kind = "memory"


class InAFile(FlowMachine):
    kind = "sqlite"


@pytest.mark.parametrize("machine", [InMemory, InAFile], ids=["memory", "sqlite"])
def test_a_flow_is_where_its_model_says_whatever_happens(machine: Any) -> None:
    """Signals, questions, failures, time, moves and kills in any order: nothing lost or twice."""
    run_state_machine_as_test(
        machine, settings=settings(max_examples=MODEL_EXAMPLES, stateful_step_count=30)
    )
