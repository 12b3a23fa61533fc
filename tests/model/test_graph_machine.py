# SPDX-License-Identifier: Apache-2.0
"""A graph's run against a model of plain dicts, whatever is done to it, killed wherever it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from holdfast.machine.run import Run
from holdfast.persistence.parts import joined, merge
from tests.amounts import MODEL_EXAMPLES
from tests.model.graph_model import GraphModel, label_of
from tests.model.graph_stage import graph
from tests.model.machine import CRASH, RunMachine
from tests.model.stage import Stage
from tests.model.worker import Worker

SILENT: dict[str, Any] = {"sends": [], "asks": {}, "outputs": []}


class GraphMachine(RunMachine):
    """What can happen to a run of a graph, beside what can to any."""

    new_model = GraphModel

    def definitions(self, worker: Worker) -> list[Any]:
        return [graph(self.stage, worker)]

    def plan(self) -> Any:
        return graph(Stage(), None).plan.graph

    def labels_in(self, run: Run) -> Mapping[str, int]:
        found = {}
        for delivery in run.deliveries.values():
            payload = delivery.payload
            if delivery.kind == "response":
                wait = run.waits[delivery.wait]
                payload = [wait.payload, payload]
            found[label_of(delivery.node, payload, delivery.kind)] = delivery.id
        return found

    def end_plainly(self, label: str) -> None:
        self.end_of(label, SILENT)

    @initialize(crashes=CRASH)
    def start(self, crashes: tuple[Any, ...]) -> None:
        self.begin(1_000_000.0)
        self.do(lambda e: e.start(e._definitions["model"], 0, run_id=self.run_id), crashes)
        self.model.start(0)
        hold = {"payload": 0, "deadline_s": None, "default": None}
        self.end_of("a:0", {"sends": [1], "asks": {"hold": hold}, "outputs": []})

    @precondition(lambda self: self.stage.waiting)
    @rule(data=st.data(), how=st.sampled_from(["set", "append", "delete"]), crashes=CRASH)
    def write(self, data: Any, how: str, crashes: tuple[Any, ...]) -> None:
        label = self.drawn(data, self.stage.waiting)
        key = "log" if how == "append" else f"of {label}"
        value = self.model.fresh()
        before = [each for each, k, _ in self.model.staged.get(label, ()) if k == key]
        if how == "delete" and before[-1:] != ["set"]:
            return
        self.model.write(label, how, key, value)
        self.tell(label, (how, key, value), crashes)

    @precondition(lambda self: self.stage.waiting and self.model.state)
    @rule(data=st.data())
    def read(self, data: Any) -> None:
        """A handler sees what earlier supersteps wrote, and what its executor had counted."""
        label = self.drawn(data, self.stage.waiting)
        key = self.drawn(data, self.model.state)
        found = list(self.model.state[key]) if key == "log" else self.model.state[key]
        if key == "log":
            found += [v for _, k, v in self.model.staged.get(label, ()) if k == "log"]
        place = (label, len(self.stage.scripts[label]))
        self.model.results[place] = [found, self.model.counts[self.model.calls[label].node]]
        self.tell(label, ("read", key))

    @precondition(lambda self: self.stage.waiting)
    @rule(
        data=st.data(),
        sends=st.integers(0, 2),
        asks=st.sampled_from([None, None, "open", "default", "nothing"]),
        gives=st.booleans(),
        crashes=CRASH,
    )
    def end(
        self, data: Any, sends: int, asks: str | None, gives: bool, crashes: tuple[Any, ...]
    ) -> None:
        label = self.drawn(data, self.stage.waiting)
        told: dict[str, Any] = {
            "sends": [self.model.fresh() for _ in range(sends)],
            "outputs": [self.model.fresh()] if gives else [],
            "asks": {},
        }
        if any(wait["deadline"] is not None for wait in self.model.waits.values()):
            # Two that pass together begin one superstep, or two if the engine looks in between.
            asks = asks and "open"
        if asks is not None:
            told["asks"][f"w{self.model.fresh()}"] = {
                "payload": self.model.fresh(),
                "deadline_s": None if asks == "open" else 95,
                "default": self.model.fresh() if asks == "default" else None,
            }
        self.end_of(label, told, crashes)

    def end_of(self, label: str, told: dict[str, Any], crashes: tuple[Any, ...] = ()) -> None:
        self.model.end(label, told)
        self.tell(label, ("end", told), crashes)

    @invariant()
    def the_same_handlers_are_under_way(self) -> None:
        """Of each executor with something to do, one call."""
        if self.worker is None:
            return
        busy = self.model.those("busy")
        assert self.stage.waiting == self.stage.playing.keys()
        assert self.stage.waiting <= busy
        nodes = [self.model.calls[label].node for label in self.stage.waiting]
        assert len(set(nodes)) == len(nodes)
        assert set(nodes) == {self.model.calls[label].node for label in busy}

    @invariant()
    def what_was_given_out_is_kept_once(self) -> None:
        if self.worker is None:
            return
        stored = self.worker.do(self.worker.engine.store.read(self.run_id))
        parts = merge(stored.anchor, stored.deltas)
        lines = msgspec.json.decode(joined(parts["out"])) if "out" in parts else []
        assert sorted(line[2] for line in lines) == sorted(self.model.outputs)

    def compare_state(self, state: dict[str, Any]) -> None:
        expected = dict(self.model.state)
        assert sorted(state.pop("log", [])) == sorted(expected.pop("log", []))
        assert state == expected


class InMemory(GraphMachine):
    kind = "memory"


class InAFile(GraphMachine):
    kind = "sqlite"


@pytest.mark.parametrize("machine", [InMemory, InAFile], ids=["memory", "sqlite"])
def test_a_graph_is_where_its_model_says_whatever_happens(machine: Any) -> None:
    """Messages, requests, failures, time and kills in any order: nothing lost or twice."""
    run_state_machine_as_test(
        machine, settings=settings(max_examples=MODEL_EXAMPLES, stateful_step_count=30)
    )
