# SPDX-License-Identifier: Apache-2.0
"""The record of a run: everything the engine remembers.

What is not here does not survive; what is here is in every save. Two machines read and change
it, `dispatch` for event flows and `superstep` for graphs. One owner changes it, in place.

Words. A *delivery* is one handler call that is due, under way, or parked with its error. A
*group* counts the deliveries that an awaited emit stands for, so that the emitter can be told
when all is done. A *scope* is the home of joins: it counts the deliveries, waits and inner scopes
that can still reach them; at zero its joins are dropped. A *fan* is one pass through a block whose
*lanes* run side by side and whose results come together: a `for_each`, a `batch`, the hits of a
`match`. A *visit* is one pass through a sub-flow: a *frame* of the record with a state of its own,
and a scope that ends when nothing of it is under way or waiting. A *ledger* is what an unfinished
delivery has already made, for its repeat.
"""

from __future__ import annotations

from collections import deque
from typing import Any

import msgspec

from holdfast.machine.bindings import Binding
from holdfast.machine.interventions import Intervening
from holdfast.machine.journal import Journal

DUE, PARKED = 0, 1

#: No value: a key that is not there, or that goes.
MISSING: Any = object()


class Delivery(msgspec.Struct, gc=False):
    """One handler call.

    node: where. payload: the live value; data: its bytes when the run is kept. step: the
    superstep it belongs to (graphs). emitter: the unfinished delivery whose emit made it.
    slot: its place among the results of its group, or -1. sources: who sent it (flows: if a
    handler did). wait: the answered wait that it continues. error: why it is parked, or what its
    last call failed with. failures: how many of its calls failed since somebody last decided
    about it; again_at: the wall-clock time before which it is not called again, 0 for none.
    kind: "event" (flows); "message", "response", "gathered" (the list of a fan-in), or "routing":
    the handler has ended, and the payload is what it sent and nobody could say for whom (graphs).
    shared: the number of the `Payload` that its bytes are kept in, 0 for bytes of its own.
    """

    id: int
    node: str
    payload: Any
    data: bytes | None = None
    frame: int = 0
    scope: int = 0
    group: int = 0
    slot: int = -1
    emitter: int = 0
    step: int = 0
    kind: str = "event"
    event: str = ""
    sources: tuple[str, ...] = ()
    wait: str | None = None
    attempt: int = 0
    status: int = DUE
    error: str | None = None
    shared: int = 0
    failures: int = 0
    again_at: float = 0.0


class Payload(msgspec.Struct):
    """The bytes of a message that went to several nodes, kept once. users: deliveries of it.

    It has the number of the first of them.
    """

    data: bytes
    users: int


class Group(msgspec.Struct):
    """The deliveries that one emit stands for. results: one per listener, where somebody waits.

    emitter, entry: whose ledger entry the outcome belongs to, if a handler made the emit.
    """

    live: int = 0
    results: list[Any] | None = None
    emitter: int = 0
    entry: int = -1


class Scope(msgspec.Struct, gc=False):
    """The home of joins. index: for a lane of a fan, its place; its parent is then the pass.

    joins: the joins that were filled here, as keys. resting: how many of the live things only
    wait: open waits, and inner scopes that rest. rests: all of them do, and the parent knows.
    frame: the frame whose work this is.
    """

    parent: int = 0
    live: int = 0
    index: int = -1
    joins: dict[str, None] | None = None
    resting: int = 0
    rests: bool = False
    frame: int = 0


class Fan(msgspec.Struct):
    """One pass through a block with lanes, keyed by the scope that is the parent of all lanes'.

    node: what opened it. scope: where the joined value goes on. items: what each lane is given,
    or the key of the branch it is, and then value is what all are given. cap: how many lanes at
    once, 0 for all. active: lanes under way that do not rest. group, emitter: of the signal that
    the pass belongs to; a pass with lanes that have not started counts as one of its group.
    """

    node: str
    scope: int
    items: list[Any]
    cap: int = 0
    started: int = 0
    results: dict[int, Any] = {}
    active: int = 0
    value: Any = None
    data: bytes | None = None
    group: int = 0
    emitter: int = 0


class Visit(msgspec.Struct):
    """One pass through a sub-flow, keyed by the number of its frame.

    node: the node of the sub-flow. parent: the frame around it. scope: where it was reached, and
    where what it gives goes on. value, data: what reached it. inner: the scope of all its work; 0
    when that has ended, and what it gives is being written back. group: whose waiter waits for it;
    0 when its work has come to rest. emitter: as of the delivery that reached it. bound: the
    resources it was given, by key, under their keys outside. given: values it was given that are
    no state, by "resources", "flow_data".
    """

    node: str
    parent: int
    scope: int
    value: Any
    data: bytes | None
    began_at: float
    emitter: int = 0
    bound: dict[str, str] = {}
    given: dict[str, dict[str, Any]] = {}
    inner: int = 0
    group: int = 0
    failed_at: float = 0.0
    error: str | None = None


class Passed(msgspec.Struct, frozen=True, gc=False):
    """What is left of a visit that has ended: a line of constant size.

    status: "completed", "cancelled" or "failed". reason: why, for the last two.
    """

    number: int
    node: str
    parent: int
    status: str
    began_at: float
    ended_at: float
    reason: str | None = None


class Wait(msgspec.Struct, kw_only=True):
    """An open question, or one answered whose opener has not ended yet.

    origin: what to run on an answer: the paused delivery, as it was when it paused.
    resume: "next", "self" or "event:<name>" (flows), "response" (graphs), "none".
    resumes, limit: how often "self" was resumed, and how often it may be.
    expects: the name of the type a graph's response is turned into. users: deliveries that
    continue it; an answered wait stays in the record until they have ended.
    asked: its opener has asked it in this attempt; a repeat that does not ask again withdraws it.
    told: watchers in this process have heard of it; not written.
    group: what an answer made due, for whoever waits for it; not written.
    deadline: the wall-clock time after which nobody is asked any more. lapse: what follows then:
    "default" (the default counts as the answer), "event:<name>", or "" (its branch ends).
    expired: it was settled by its deadline; `answered` says that it is settled at all.
    exchange_kind: a label of the asker's, for whoever carries the question outside.
    aside: where it is kept when its id was asked again by what its answer made due.
    via: the sub-workflow whose graph around was offered the request; "" for the outside world.
    """

    id: str
    type: str
    payload: Any
    opener: int
    resume: str
    origin: Delivery | None
    data: bytes | None = None
    scope: int = 0
    generation: int = 1
    opened_at: float = 0.0
    schema: dict[str, Any] | None = None
    deadline: float | None = None
    lapse: str = ""
    default: Any = None
    default_data: bytes | None = None
    resumes: int = 0
    limit: int | None = 1
    answered: bool = False
    expired: bool = False
    value: Any = None
    request_id: str | None = None
    digest: str | None = None
    actor: str | None = None
    settled_at: float | None = None
    expects: str | None = None
    asked: bool = True
    users: int = 0
    group: int = 0
    via: str = ""
    exchange_kind: str | None = None
    aside: str = ""
    told: bool = False

    @property
    def key(self) -> str:
        """Where the record keeps it: under its id, unless that is asked again."""
        return self.aside or self.id


class Timer(msgspec.Struct, frozen=True, order=True, gc=False):
    """Something that is to happen at a time; see `machine.timers`. number: the order of setting."""

    due_at: float
    number: int
    what: str
    key: str


class Settled(msgspec.Struct, frozen=True, gc=False):
    """What is left of an answered wait: a line of constant size."""

    id: str
    generation: int
    status: str
    request_id: str | None
    digest: str | None
    actor: str | None
    at: float


class Entry(msgspec.Struct):
    """A line of a ledger: what was made, under which key, and what came of it.

    kind: "emit", "nowait", "pause", "step" or "sleep". group: the deliveries it made. wait: the
    wait it opened. outcome: of a sleep, the time at which it ends. data: of a step, the bytes of
    its result, which stand for the outcome; every repeat is given a value of its own.
    occurrence: of a step, how many of the same name and arguments were begun before it. begun:
    how often it may have been begun, -1 until it is here; not written.
    """

    kind: str
    name: str
    digest: str | None
    payload: Any = None
    group: int = 0
    wait: str | None = None
    done: bool = False
    outcome: Any = None
    matched: bool = True
    data: bytes | None = None
    occurrence: int = 0
    begun: int = -1


class Again(msgspec.Struct):
    """The entries of one kind and name that a repeat may still make again, in their order.

    digested: by digest. plain: those that had no digest when this was made.
    """

    digested: dict[str, deque[int]] = {}
    plain: deque[int] = msgspec.field(default_factory=deque)


class Ledger(msgspec.Struct):
    """What an unfinished delivery has made and written. saved: entries that are committed.

    asked: the waits it has opened, by id. unmatched: how many entries a repeat may still make
    again; again: which, by kind and name, made when first asked for. steps: how many there are of
    a name and digest. All these follow from the rest and are not written.
    """

    entries: list[Entry] = []
    undo: list[Undo] = []
    saved: int = 0
    undo_saved: int = 0
    asked: list[str] = []
    unmatched: int = 0
    again: dict[tuple[str, str], Again] | None = None
    steps: dict[tuple[str, str | None], int] = {}


class Cell(msgspec.Struct):
    """One state key. Its identity tells whether the key still holds what a handler wrote."""

    value: Any


class Undo(msgspec.Struct):
    """How to take one write back: where the key still holds `wrote`, put `before` there.

    length: for appends, the lengths of the list before and after; `before` is then `wrote`. size:
    of a list, how long it was when it was written; -1 for anything else; not written.
    """

    key: str
    wrote: Cell | None
    before: Cell | None
    length: tuple[int, int] | None = None
    frame: int = 0
    size: int = -1


class Grown(msgspec.Struct):
    """A staged append: items that go to the end of the list under a key, with their bytes."""

    items: list[Any]
    data: list[bytes | None]


class Own(msgspec.Struct):
    """What an executor staged under one key: a value, MISSING for gone; then items at its end.

    base: Ellipsis where only items were added, to whatever is in the state.
    """

    base: Any = ...
    more: list[Any] = []


class Unsent(msgspec.Struct, frozen=True, gc=False):
    """A message that is not routed yet. target: the one node it is for, if any.

    source: the sub-workflow it comes from, "" for the executor that sent it.
    """

    value: Any
    data: bytes | None
    target: str | None = None
    source: str = ""


class Gather(msgspec.Struct):
    """A fan-in that has some of its messages: (source, value, bytes), as they came."""

    lines: list[tuple[str, Any, bytes | None]] = []
    sources: set[str] = set()


class Output(msgspec.Struct, frozen=True, gc=False):
    """A value that a workflow gave out: by whom, and whether as "output" or "intermediate"."""

    node: str
    kind: str
    value: Any


class Frame(msgspec.Struct):
    """A place where state lives: the root, or one sub-flow's.

    Graphs: lap counts supersteps begun since the last input from outside of the frame; staged
    holds the writes that become visible at the barrier; own, the same by executor and
    key, for whoever reads what he wrote. Only the root frame has the rest, for all
    frames: iteration counts completed supersteps; queues holds, per executor, what it still has
    to do in this superstep; upcoming, what is sent for the next one; arrived, the fan-ins that
    got a message in this superstep; halting: an executor asked to stop at the barrier.
    """

    state: dict[str, Cell] = {}
    iteration: int = 0
    lap: int = 0
    open: int = 0
    queues: dict[str, list[Delivery]] = {}
    upcoming: list[Delivery] = []
    staged: list[tuple[str, str, Any, bytes | None]] = []
    own: dict[str, dict[str, Own]] = {}
    arrived: set[str] = set()
    halting: bool = False


class Run(msgspec.Struct, weakref=True):
    """One journey through a definition. plan: the frozen definition it follows.

    status and lifecycle are words of the fronts; `live` counts due deliveries; `version` rises
    with each change that a user could see. timers, agenda: the times in the record by key, and as
    a heap; they follow from the rest and are not written. known_from: deliveries of lower numbers
    were read back, and what they began last before that may not have been written.
    """

    run_id: str
    front: str
    plan: Any
    status: str = "created"
    lifecycle: str = "open"
    error: str | None = None
    next_delivery: int = 1
    next_group: int = 1
    next_scope: int = 1
    next_settled: int = 0
    version: int = 0
    next_frame: int = 1
    next_passed: int = 0
    live: int = 0
    frames: dict[int, Frame] = {}
    visits: dict[int, Visit] = {}
    passed: list[Passed] = []
    deliveries: dict[int, Delivery] = {}
    groups: dict[int, Group] = {}
    scopes: dict[int, Scope] = {}
    joins: dict[tuple[int, str], dict[str, Any]] = {}
    fans: dict[int, Fan] = {}
    gathers: dict[str, Gather] = {}
    payloads: dict[int, Payload] = {}
    waits: dict[str, Wait] = {}
    settled: list[Settled] = []
    ledgers: dict[int, Ledger] = {}
    held: dict[int, list[Delivery]] = {}
    executors: dict[str, Any] = {}
    outputs: list[Output] = []
    intervening: Intervening | None = None
    bindings: dict[int, Binding] = {}
    timers: dict[tuple[str, str], Timer] = {}
    agenda: list[Timer] = []
    next_timer: int = 0
    known_from: int = 0
    facts: dict[str, Any] = {}
    journal: Journal | None = None


def new_run(run_id: str, front: str, plan: Any) -> Run:
    """An empty record with its root frame."""
    run = Run(run_id, front, plan)
    run.frames[0] = Frame()
    return run
