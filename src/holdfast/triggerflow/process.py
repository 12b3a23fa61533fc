# SPDX-License-Identifier: Apache-2.0
"""The cursor that every builder call returns; calling twice on one cursor makes a fan-out."""

from __future__ import annotations

from typing import Any

from holdfast.definition.blueprint import START, Signal
from holdfast.triggerflow.operators import for_each, to, when
from holdfast.triggerflow.operators import intervention_point as points
from holdfast.triggerflow.wiring import Wiring


class Process:
    """A place in a flow: the signal behind which the next operator stands. Immutable."""

    __slots__ = ("_before", "_loops", "_signal", "_wiring")

    def __init__(
        self,
        wiring: Wiring,
        signal: Signal = START,
        loops: tuple[str, ...] = (),
        before: tuple[str, ...] = (),
    ) -> None:
        self._wiring = wiring
        self._signal = signal
        self._loops = loops
        self._before = before

    @property
    def trigger_event(self) -> str:
        """The event behind which the next operator stands."""
        return self._signal[1]

    @property
    def trigger_type(self) -> str:
        """The kind of that signal: "event" or "runtime_data"."""
        return self._signal[0]

    def to(self, target: Any, side_branch: bool = False, name: str | None = None) -> Process:  # noqa: FBT002
        """Put a handler behind the cursor; the new cursor stands behind it.

        target: a callable, a chunk, a chunk's name or (name, callable). side_branch: leave the
        cursor where it was. Raises: DefinitionError, TypeError.
        """
        chunk = to.attach(self._wiring, self._signal, target, name, self._before)
        if side_branch:
            return self
        before = (*self._before, chunk.id)
        return Process(self._wiring, ("event", chunk.trigger), self._loops, before)

    def side_branch(self, target: Any, *, name: str | None = None) -> Process:
        """Put a handler beside the chain; the cursor stays."""
        return self.to(target, side_branch=True, name=name)

    def when(self, trigger: Any, *, mode: str = "and") -> Process:
        """Begin a new chain at a signal, or where several signals join.

        trigger: an event or chunk, a list of them, or {"event": ..., "runtime_data": ...}.
        mode: "and" joins what came in one scope; "or" gives (kind, name, value) for each;
        "simple_or" gives the bare value.
        """
        return Process(self._wiring, when.listen(self._wiring, trigger, mode))

    def intervention_point(self, *, name: str, target: str | None = None) -> Process:
        """Take up the interventions for *target*, or those without one; the value goes on.

        The same name stands for the same point. Raises: DefinitionError, a ValueError.
        """
        node = points.attach(self._wiring, self._signal, name, target, self._before)
        before = (*self._before, node.id)
        return Process(self._wiring, ("event", node.emits), self._loops, before)

    def for_each(self, *, concurrency: int | None = None, name: str | None = None) -> Process:
        """Run what follows once for each item; sequences but text and bytes are expanded.

        concurrency: how many items at once. name: makes a second loop at the same place another.
        """
        node = for_each.open_loop(self._wiring, self._signal, concurrency, name)
        return Process(self._wiring, ("event", node.emits), (*self._loops, node.id))

    def end_for_each(self) -> Process:
        """Gather the items' results into one list, in the order of the items."""
        node = for_each.close_loop(self._wiring, self._signal, self._loops)
        return Process(self._wiring, ("event", node.emits), self._loops[:-1])
