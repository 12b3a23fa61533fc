# SPDX-License-Identifier: Apache-2.0
"""What can happen to a run, and what a machine then asks for.

A machine takes one input and answers with a list of effects. A `Delivery` in that list is an
effect too: it is due now. The runtime performs effects only after the commit that holds them.
"""

from __future__ import annotations

from typing import Any

import msgspec

from holdfast.machine.run import Delivery, Unsent, Wait

# --- inputs -----------------------------------------------------------------------------------


class Emitted(msgspec.Struct, gc=False):
    """A signal came, from outside (emitter 0) or from a delivery under way.

    scope: the scope of the sender; 0 from outside. entry: the sender's ledger line, or -1.
    wants_results: somebody will read what the handlers return.
    """

    type: str
    event: str
    value: Any
    data: bytes | None = None
    emitter: int = 0
    scope: int = 0
    entry: int = -1
    wants_results: bool = False


class Finished(msgspec.Struct, gc=False):
    """A handler ended. Flows use value; graphs use sends, writes and outputs.

    paused: it opened a wait that stands for its continuation. sends: (value, data, targets).
    hooks: encoded executor state. answers: to requests of sub-workflows, which the graph around
    them was offered. halt: stop at the barrier.
    """

    delivery: Delivery
    value: Any = None
    data: bytes | None = None
    paused: bool = False
    sends: tuple[Sent, ...] = ()
    writes: tuple[Written, ...] = ()
    outputs: tuple[tuple[str, Any, bytes | None], ...] = ()
    hooks: bytes | None = None
    answers: tuple[AnsweredInside, ...] = ()
    halt: bool = False


class Unrouted(msgspec.Struct, gc=False):
    """A handler ended, and who takes these of its messages could not be told."""

    done: Finished
    messages: tuple[Unsent, ...]
    error: str


class Sent(msgspec.Struct, frozen=True, gc=False):
    """A message for the next superstep, with the targets that take it, and the fan-ins.

    source: the sub-workflow that it comes from, "" for the executor that sent it.
    """

    value: Any
    data: bytes | None
    targets: tuple[str, ...]
    source: str = ""
    gathers: tuple[str, ...] = ()


class Written(msgspec.Struct, frozen=True, gc=False):
    """A staged write: a value, MISSING for a key that goes, or Grown for an append."""

    key: str
    value: Any
    data: bytes | None


class Entered(msgspec.Struct, gc=False):
    """A delivery at a sub-flow has read what the sub-flow is given: its frame opens.

    value: the input. state: what its state begins with: key, value, bytes. bound, given: see Visit.
    """

    delivery: Delivery
    value: Any
    data: bytes | None
    at: float
    state: tuple[tuple[str, Any, bytes | None], ...] = ()
    bound: dict[str, str] = {}
    given: dict[str, dict[str, Any]] = {}


class Left(msgspec.Struct, gc=False):
    """A delivery has written back what a sub-flow gave: its frame goes, the value goes on."""

    delivery: Delivery
    value: Any
    data: bytes | None
    at: float


class FrameCancelled(msgspec.Struct, gc=False):
    """Somebody decided that a sub-flow ends now, and gives nothing."""

    frame: int
    at: float
    reason: str


class Failed(msgspec.Struct, gc=False):
    """A handler raised, and will not be tried again by itself."""

    delivery: Delivery
    error: str
    at: float = 0.0


class Faltered(msgspec.Struct, gc=False):
    """A handler raised, and is to be called again. again_at: not before then; 0 for at once."""

    delivery: Delivery
    error: str
    again_at: float = 0.0


class CameDue(msgspec.Struct, gc=False):
    """The time has come at which a delivery is to be called again."""

    delivery: Delivery


class Answered(msgspec.Struct, gc=False):
    """A wait was settled with a value. data: its bytes when the run is kept."""

    wait_id: str
    value: Any
    data: bytes | None
    digest: str | None
    at: float
    request_id: str | None = None
    actor: str | None = None


class Expired(msgspec.Struct, gc=False):
    """The deadline of a wait has passed, and nobody was quicker."""

    wait_id: str
    at: float


class Cancelled(msgspec.Struct, gc=False):
    """Somebody decided that a wait is asked no more."""

    wait_id: str


class AnsweredInside(msgspec.Struct, frozen=True, gc=False):
    """A handler answered a request of a sub-workflow. via: the node of that."""

    answer: Answered
    via: str


class Retried(msgspec.Struct, gc=False):
    """Somebody decided that a parked delivery runs again."""

    delivery: Delivery


class Skipped(msgspec.Struct, gc=False):
    """Somebody decided that a parked delivery counts as done, with this value."""

    delivery: Delivery
    value: Any
    data: bytes | None = None
    at: float = 0.0


class Ended(msgspec.Struct, gc=False):
    """The run is to end. waits and deliveries that are left are dropped."""

    status: str
    error: str | None = None
    at: float = 0.0


Input = (
    Emitted
    | Finished
    | Unrouted
    | Entered
    | Left
    | FrameCancelled
    | Failed
    | Faltered
    | CameDue
    | Answered
    | Expired
    | Cancelled
    | Retried
    | Skipped
    | Ended
)

# --- effects ----------------------------------------------------------------------------------


class Done(msgspec.Struct, gc=False):
    """A group has nothing left to do. results: what its listeners returned, or None."""

    group: int
    results: list[Any] | None


class Broken(msgspec.Struct, gc=False):
    """A delivery of the group failed; whoever awaits the group is told."""

    group: int
    delivery: int


class Cancel(msgspec.Struct, gc=False):
    """Stop these deliveries if they are under way; the record still holds them."""

    deliveries: tuple[int, ...]


class Warn(msgspec.Struct, gc=False):
    """Something was dropped or could not be done; a watcher is told."""

    code: str
    text: str


class Retrying(msgspec.Struct, gc=False):
    """A failure of a delivery was counted, and it is called again; see `Faltered`."""

    delivery: Delivery
    failures: int
    error: str
    again_at: float


class Withdrawn(msgspec.Struct, gc=False):
    """A wait is asked no more."""

    wait: Wait


class AskedOutside(msgspec.Struct, gc=False):
    """A request that was offered to the graph, and not answered there, is asked of the outside."""

    wait: Wait


class Resumed(msgspec.Struct, gc=False):
    """A wait was answered by a signal that it waited for."""

    wait: Wait


class Lapsed(msgspec.Struct, gc=False):
    """A wait was settled by its deadline."""

    wait: Wait


class FrameEnded(msgspec.Struct, gc=False):
    """A sub-flow's frame is no more."""

    frame: int


class Barrier(msgspec.Struct, gc=False):
    """A superstep ended: its messages and writes are visible. idle: nothing is sent on."""

    iteration: int
    activated: tuple[str, ...]
    wrote: bool
    idle: bool


class Began(msgspec.Struct, gc=False):
    """A superstep begins. senders: who sent the messages it delivers."""

    iteration: int
    senders: tuple[str, ...]


class Stuck(msgspec.Struct, gc=False):
    """The limit of supersteps was reached with messages waiting. path: of a sub-workflow, or ""."""

    limit: int
    path: str = ""


class Refused(msgspec.Struct, gc=False):
    """What would be a warning stopped the run, because its definition is strict."""

    code: str
    text: str


Effect = (
    Delivery
    | Done
    | Broken
    | Cancel
    | Warn
    | Retrying
    | Withdrawn
    | Resumed
    | Lapsed
    | AskedOutside
    | FrameEnded
    | Barrier
    | Began
    | Stuck
    | Refused
)
