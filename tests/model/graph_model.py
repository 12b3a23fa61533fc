# SPDX-License-Identifier: Apache-2.0
"""What a user may expect of one run of a graph, in plain dicts.

The graph (`graph_stage.graph`): `a` sends to `left` and `right`, what both sent comes to `join` as
a list, and that sends back to `a`. Anybody may ask. Messages and writes become visible together,
when all calls of a superstep have ended; an executor takes one message at a time.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

TARGETS = {"a": ["left", "right"], "join": ["a"]}
SOURCES = ["left", "right"]


def label_of(node: str, payload: Any, kind: str = "message") -> str:
    """One handler call: with a message, or with the response to what it asked."""
    return f"{node}{'?' if kind == 'response' else ':'}{json.dumps(payload)}"


@dataclass
class Call:
    """A call of the superstep at hand. state: "open", or "parked" because it failed."""

    node: str
    state: str = "open"


@dataclass
class GraphModel:
    """The run: its superstep, what waits for the next one, its questions and its state."""

    now: float = 0.0
    status: str = "running"
    state: dict[str, Any] = field(default_factory=dict)
    staged: dict[str, list[tuple[str, str, Any]]] = field(default_factory=dict)
    calls: dict[str, Call] = field(default_factory=dict)
    ended: list[tuple[str, tuple[str, str, Any]]] = field(default_factory=list)
    upcoming: dict[str, Call] = field(default_factory=dict)
    gathered: list[tuple[str, int]] = field(default_factory=list)
    outputs: list[int] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    waits: dict[str, dict[str, Any]] = field(default_factory=dict)
    settled: dict[str, dict[str, Any]] = field(default_factory=dict)
    results: dict[tuple[str, int], Any] = field(default_factory=dict)
    count: int = 0

    def fresh(self) -> int:
        """A number that nothing else has."""
        self.count += 1
        return self.count * 10

    def start(self, payload: int) -> None:
        """The first superstep: the start executor and the input."""
        self.calls[label_of("a", payload)] = Call("a")

    def write(self, label: str, how: str, key: str, value: Any) -> None:
        """A handler writes; the others see it behind the barrier, if it ends."""
        self.staged.setdefault(label, []).append((how, key, value))

    def end(self, label: str, told: dict[str, Any]) -> None:
        """A handler returns. told: what it sent, asked and gave out before."""
        call = self.calls.pop(label)
        self.counts[call.node] += 1
        self.ended.extend((call.node, write) for write in self.staged.pop(label, []))
        self.outputs.extend(told["outputs"])
        for value in told["sends"]:
            for target in TARGETS.get(call.node, ()):
                self.upcoming[label_of(target, value)] = Call(target)
            if call.node in SOURCES:
                self.gathered.append((call.node, value))
        for wait_id, terms in told["asks"].items():
            deadline = None if terms["deadline_s"] is None else self.now + terms["deadline_s"]
            self.waits[wait_id] = {**terms, "node": call.node, "deadline": deadline}
        self._barrier()

    def answer(self, wait_id: str, value: Any, request_id: str | None) -> None:
        """An open question is answered: the response comes with the next superstep."""
        self._settle(wait_id, "answered", value, request_id)

        self._barrier(ended=False)

    def _settle(self, wait_id: str, status: str, value: Any, request_id: str | None = None) -> None:
        wait = self.waits.pop(wait_id)
        self.settled[wait_id] = {
            "status": status,
            "value": value,
            "request_id": request_id,
            "by_signal": False,
        }
        if value is not None:
            label = label_of(wait["node"], [wait["payload"], value], "response")
            self.upcoming[label] = Call(wait["node"])

    def pass_s(self, seconds: float) -> None:
        """Time passes, and with it deadlines; those that passed together are taken together."""
        self.now += seconds
        due = [(w["deadline"], i) for i, w in self.waits.items() if w["deadline"] is not None]
        for deadline, wait_id in sorted(due):
            if deadline <= self.now:
                self._settle(wait_id, "expired", self.waits[wait_id]["default"])
        self._barrier(ended=False)

    def fail(self, label: str) -> None:
        """A handler raises: the run stands, and what else was under way is stopped."""
        self.calls[label].state = "parked"

    def retry(self) -> None:
        """All that is unfinished in the superstep runs again."""
        for call in self.calls.values():
            call.state = "open"

    def cancel(self) -> None:
        """Somebody ends the run."""
        for wait_id in list(self.waits):
            del self.waits[wait_id]
            self.settled[wait_id] = {
                "status": "ended",
                "value": None,
                "request_id": None,
                "by_signal": False,
            }
        self.calls.clear()
        self.upcoming.clear()
        self.status = "cancelled"

    def _barrier(self, *, ended: bool = True) -> None:
        """If nothing of the superstep is left: writes are seen, and the next one begins."""
        if self.calls:
            return
        if ended:
            # Whoever ended first: what executors wrote is applied in the order of their ids.
            for _, (how, key, value) in sorted(self.ended, key=lambda line: line[0]):
                if how == "append":
                    self.state[key] = [*self.state.get(key, []), value]
                elif how == "delete":
                    self.state.pop(key, None)
                else:
                    self.state[key] = value
            self.ended = []
            if {source for source, _ in self.gathered} == set(SOURCES):
                by_source = sorted(self.gathered, key=lambda line: SOURCES.index(line[0]))
                values = [value for _, value in by_source]
                self.upcoming[label_of("join", values)] = Call("join")
                self.gathered = []
        self.calls, self.upcoming = self.upcoming, {}
        if not self.calls and not self.waits:
            self.status = "completed"

    def those(self, state: str) -> set[str]:
        """The labels of calls: "busy", if any runs; "parked"."""
        if state == "parked":
            return {label for label, call in self.calls.items() if call.state == "parked"}
        return set() if self.those("parked") else set(self.calls)

    @property
    def is_due(self) -> bool:
        """Whether a handler should run."""
        return bool(self.those("busy"))

    @property
    def row_status(self) -> str:
        """The word under which a store lists the run."""
        if self.status != "running":
            return self.status
        if self.those("parked"):
            return "parked"
        return "running" if self.calls else "waiting"
