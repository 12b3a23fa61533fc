# SPDX-License-Identifier: Apache-2.0
"""What a user may expect of one run of a flow, in plain dicts.

The flow (`flow_stage.flow`): a start; `Go`, a chain of two; `Pair`, two listeners; `L` and `R`,
which join; `Items`, a loop of two lanes at once, and its total; `Late`, what a deadline sends;
`Sent`, which questions may wait for.
Nothing here knows of stores, tasks, commits or crashes: whatever happens, the run has to be where
this says.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

LISTENERS = {"Go": ["first"], "Pair": ["left", "right"], "Late": ["late"], "Sent": ["sent"]}
CAP = 2


def label_of(node: str, payload: Any, via: str | None) -> str:
    """One handler call. via: the wait whose answer it was given."""
    text = f"{node}:{json.dumps(payload, sort_keys=True)}"
    return text if via is None else f"{text}/{via}"


@dataclass
class Call:
    """A handler call that has not ended. state: "busy", "blocked" (in an emit) or "parked".

    awaits: the group it waits for. lane: its loop, and its place there. inside: a lane emitted it.
    """

    node: str
    payload: Any
    group: int
    slot: int = -1
    lane: tuple[int, int] | None = None
    inside: bool = False
    state: str = "busy"
    awaits: int | None = None


@dataclass
class Group:
    """What follows from one emit. awaited: who waits for it, and by which of its ops."""

    live: int = 1
    results: list[Any] = field(default_factory=list)
    awaited: tuple[str, int] | None = None


@dataclass
class Loop:
    """A pass over items. resting: lanes of which only a question is left."""

    items: list[Any]
    group: int
    started: int = 0
    active: int = 0
    over: int = 0
    results: dict[int, Any] = field(default_factory=dict)


@dataclass
class FlowModel:
    """The run: its calls, questions and state, and what its emits have to give.

    Long because: it is the one picture that everything is compared with.
    """

    now: float = 0.0
    status: str = "running"
    state: dict[str, Any] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)
    calls: dict[str, Call] = field(default_factory=dict)
    groups: dict[int, Group] = field(default_factory=dict)
    loops: dict[int, Loop] = field(default_factory=dict)
    join: dict[str, Any] = field(default_factory=dict)
    waits: dict[str, dict[str, Any]] = field(default_factory=dict)
    settled: dict[str, dict[str, Any]] = field(default_factory=dict)
    results: dict[tuple[str, int], Any] = field(default_factory=dict)
    finished: list[str] = field(default_factory=list)
    count: int = 0

    def fresh(self) -> int:
        """A number that nothing else has."""
        self.count += 1
        return self.count * 10

    # What comes from outside, or from a handler.

    def start(self, payload: Any) -> None:
        """The first handler is called."""
        group = self._group()
        self._begin("root", payload, group)
        self._leave(group)

    def emit(self, event: str, value: Any, by: tuple[str, int] | None = None) -> None:
        """A signal. by: the handler that waits for all that follows, and by which of its ops."""
        group = self._group(by)
        inside = False
        if by is not None:
            call = self.calls[by[0]]
            call.state, call.awaits = "blocked", group
            inside = call.inside or call.lane is not None
        if event == "Sent":
            for wait_id in [i for i, wait in self.waits.items() if wait["resume"] == "event"]:
                del self.waits[wait_id]
                self._note_settled(wait_id, "answered", value, by_signal=True)
        self._arrive(event, value, group, inside=inside)
        self._leave(group)
        self._rest()

    def _arrive(
        self, event: str, value: Any, group: int, *, inside: bool = False, via: str | None = None
    ) -> None:
        if event in ("L", "R"):
            self.join[event] = value
            if len(self.join) == len("LR"):
                self._begin("both", {"event": self.join}, group, via=via)
                self.join = {}
        elif event == "Items":
            number = self.fresh()
            self.loops[number] = Loop(list(value), group)
            self.groups[group].live += 1
            self._start_lanes(number)
        else:
            for node in LISTENERS[event]:
                slot = len(self.groups[group].results)
                self.groups[group].results.append(None)
                self._begin(node, value, group, slot=slot, inside=inside, via=via)

    def end(self, label: str, value: Any, *, asked: bool = False) -> None:
        """A handler has returned; with a question, its continuation waits."""
        call = self.calls.pop(label)
        self.finished.append(label)
        if call.slot >= 0 and call.group in self.groups:
            self.groups[call.group].results[call.slot] = "asked" if asked else value
        if not asked:
            self._follow(call, value, call.group)
        if call.lane is not None:
            self._leave_lane(call.lane, rests=asked)
        self._leave(call.group)
        self._rest()

    def ask(self, label: str, wait_id: str, terms: dict[str, Any]) -> None:
        """A handler ends with a question. terms: resume, deadline_s, lapse, default."""
        call = self.calls[label]
        deadline = None if terms["deadline_s"] is None else self.now + terms["deadline_s"]
        self.waits[wait_id] = {**terms, "call": call, "deadline": deadline}
        self.end(label, None, asked=True)

    def answer(self, wait_id: str, value: Any, request_id: str | None) -> None:
        """An open question is answered."""
        self._settle(wait_id, "answered", value, request_id)

    def _settle(self, wait_id: str, status: str, value: Any, request_id: str | None = None) -> None:
        wait = self.waits.pop(wait_id)
        self._note_settled(wait_id, status, value, request_id)
        call: Call = wait["call"]
        group = self._group()
        if status == "expired" and wait["lapse"] != "default":
            if wait["lapse"] == "event":
                self._arrive("Late", wait["payload"], group)
            self._over_without(call)
        elif wait["resume"] == "next":
            self._follow(call, value, group, via=wait_id)
            if call.lane is not None:
                self.loops[call.lane[0]].over += 1
                self._end_loop(call.lane[0])
        elif wait["resume"] == "self":
            self._begin(
                call.node, call.payload, group, lane=call.lane, inside=call.inside, via=wait_id
            )
            if call.lane is not None:
                self.loops[call.lane[0]].active += 1
        else:
            self._arrive("Sent", value, group, via=wait_id)
            self._over_without(call)
        self._leave(group)
        self._rest()

    def _note_settled(
        self,
        wait_id: str,
        status: str,
        value: Any,
        request_id: str | None = None,
        *,
        by_signal: bool = False,
    ) -> None:
        self.settled[wait_id] = {
            "status": status,
            "value": value,
            "request_id": request_id,
            "by_signal": by_signal,
        }

    def _over_without(self, call: Call) -> None:
        """A question that leads nowhere: its lane ends without a result."""
        if call.lane is not None:
            self.loops[call.lane[0]].over += 1
            self._end_loop(call.lane[0])

    def pass_s(self, seconds: float) -> None:
        """Time passes, and with it deadlines."""
        self.now += seconds
        due = [(w["deadline"], i) for i, w in self.waits.items() if w["deadline"] is not None]
        for deadline, wait_id in sorted(due):
            if deadline <= self.now:
                wait = self.waits[wait_id]
                value = wait["default"] if wait["lapse"] == "default" else None
                self._settle(wait_id, "expired", value)

    def fail(self, label: str) -> None:
        """A handler raises: it is parked with its siblings, and whoever awaits it fails too."""
        call = self.calls[label]
        call.state = "parked"
        stopped = [call, *(other for other in self.calls.values() if self._stops(other, call))]
        for other in stopped:
            other.state = "parked"
        for number in dict.fromkeys(each.group for each in stopped):
            awaited = self.groups[number].awaited
            parent = self.calls.get(awaited[0]) if awaited is not None else None
            if parent is not None and awaited is not None and parent.state == "blocked":
                self.fail(awaited[0])

    def _stops(self, other: Call, call: Call) -> bool:
        if other.state == "parked":
            return False
        same = other.lane is not None and call.lane is not None and other.lane[0] == call.lane[0]
        return same or other.group == call.group

    def retry(self) -> None:
        """All that is parked runs again."""
        for call in self.calls.values():
            if call.state == "parked":
                call.state = "blocked" if call.awaits in self.groups else "busy"

    def cancel(self) -> None:
        """Somebody ends the run: nothing of its work is left."""
        for wait_id in list(self.waits):
            del self.waits[wait_id]
            self._note_settled(wait_id, "ended", None)
        self.calls.clear()
        self.status = "cancelled"

    # What follows.

    def _group(self, awaited: tuple[str, int] | None = None) -> int:
        number = self.fresh()
        self.groups[number] = Group(awaited=awaited)
        return number

    def _begin(
        self, node: str, payload: Any, group: int, *, via: str | None = None, **at: Any
    ) -> None:
        self.calls[label_of(node, payload, via)] = Call(node, payload, group, **at)
        self.groups[group].live += 1

    def _follow(self, call: Call, value: Any, group: int, via: str | None = None) -> None:
        if call.node == "first":
            self._begin("second", value, group, inside=call.inside, via=via)
        elif call.lane is not None:
            number, index = call.lane
            loop = self.loops[number]
            loop.results[index] = value
            if len(loop.results) == len(loop.items):
                total = [loop.results[i] for i in range(len(loop.items))]
                self._begin("total", total, group, via=via)

    def _start_lanes(self, number: int) -> None:
        loop = self.loops[number]
        while loop.started < len(loop.items) and loop.active < CAP:
            place = (number, loop.started)
            self._begin("item", loop.items[loop.started], loop.group, lane=place)
            loop.started += 1
            loop.active += 1
            if loop.started == len(loop.items):
                self._leave(loop.group)

    def _leave_lane(self, lane: tuple[int, int], *, rests: bool) -> None:
        loop = self.loops[lane[0]]
        loop.active -= 1
        loop.over += not rests
        self._start_lanes(lane[0])
        self._end_loop(lane[0])

    def _end_loop(self, number: int) -> None:
        if self.loops[number].over == len(self.loops[number].items):
            del self.loops[number]

    def _leave(self, number: int) -> None:
        group = self.groups[number]
        group.live -= 1
        if group.live:
            return
        del self.groups[number]
        if group.awaited is not None and group.awaited[0] in self.calls:
            call = self.calls[group.awaited[0]]
            self.results[group.awaited] = group.results
            if call.state == "blocked":
                call.state = "busy"

    def _rest(self) -> None:
        if self.status == "running" and not self.calls and not self.waits:
            self.status = "completed"

    # What is compared.

    def those(self, state: str) -> set[str]:
        """The labels of the calls in that state."""
        return {label for label, call in self.calls.items() if call.state == state}

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
