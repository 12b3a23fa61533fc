# SPDX-License-Identifier: Apache-2.0
"""The cursor that every builder call returns; calling twice on one cursor makes a fan-out."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from holdfast.definition.retry import Retry, tries
from holdfast.triggerflow.compat.end import EndOperator
from holdfast.triggerflow.operators import batch, collect, for_each, match, note, sub_flow, to, when
from holdfast.triggerflow.operators import intervention_point as points
from holdfast.triggerflow.operators.options import cap_option
from holdfast.triggerflow.place import Place
from holdfast.triggerflow.wiring import Wiring


class Process(EndOperator):
    """A place in a flow: the signal behind which the next operator stands. Immutable.

    A call that raises leaves the flow as it was.
    """

    __slots__ = ("_place", "_wiring")

    def __init__(self, wiring: Wiring, place: Place | None = None) -> None:
        self._wiring = wiring
        self._place = place if place is not None else Place()

    @property
    def trigger_event(self) -> str:
        """The event behind which the next operator stands."""
        return self._place.signal[1]

    @property
    def trigger_type(self) -> str:
        """The kind of that signal: "event", "runtime_data", "flow_data" or "collect"."""
        return self._place.signal[0]

    def _then(self, declare: Any, *arguments: Any) -> Process:
        """The cursor behind an operator, which is declared as a whole or not at all."""
        place = self._place.standing()
        with self._wiring.building(place.replayed):
            return Process(self._wiring, declare(self._wiring, place, *arguments))

    def _in_block(self, declare: Any, *arguments: Any) -> Process:
        """As `_then`, for the calls that end a branch or body: nothing stands behind it."""
        with self._wiring.building(self._place.replayed):
            return Process(self._wiring, declare(self._wiring, self._place, *arguments))

    def to(
        self,
        target: Any,
        side_branch: bool = False,  # noqa: FBT002 - the documented order
        name: str | None = None,
        *,
        retry: Retry | None = None,
        timeout_s: float | None = None,
    ) -> Process:
        """Put a handler behind the cursor; the new cursor stands behind it.

        target: a callable, a chunk, a chunk's name, (name, callable), or a flow: see
        `to_sub_flow`. side_branch: leave the cursor where it was. retry: call it again when it
        fails. timeout_s: fail a call that takes longer, with HandlerTimeout.
        Raises: DefinitionError, TypeError.
        """
        declare = partial(to.attach, tries=tries(retry, timeout_s))
        return self._then(declare, target, name, side_branch)

    def side_branch(
        self,
        target: Any,
        *,
        name: str | None = None,
        retry: Retry | None = None,
        timeout_s: float | None = None,
    ) -> Process:
        """Put a handler beside the chain; the cursor stays. retry, timeout_s: see `to`."""
        return self.to(target, side_branch=True, name=name, retry=retry, timeout_s=timeout_s)

    def to_sub_flow(
        self,
        flow: Any,
        *,
        side_branch: bool = False,
        name: str | None = None,
        capture: Mapping[str, Any] | None = None,
        write_back: Mapping[str, Any] | None = None,
        concurrency: int | None = None,
    ) -> Process:
        """Run a whole flow as one step: apart from this one, but in the same record.

        name: of the step, by default the flow's. capture: what the flow is given, target: source;
        by default its input is the value here. write_back: what comes back, target: source; by
        default the value is the flow's result. concurrency: how many handlers of each visit work
        at once. side_branch: leave the cursor where it was.
        Raises: TypeError, DefinitionError (a ValueError).
        """
        # Many parameters because: they are the documented keywords of a sub-flow.
        declare = partial(
            sub_flow.attach, capture=capture, write_back=write_back, concurrency=concurrency
        )
        return self._then(declare, flow, name, side_branch)

    def when(self, trigger: Any, *, mode: str = "and") -> Process:
        """Begin a new chain at a signal, or where several signals join.

        trigger: an event or chunk, a list of them, or a dict of "event", "runtime_data",
        "flow_data" and "collect" with a name or a list each. mode: "and" joins what came in one
        scope; "or" gives (kind, name, value) for each; "simple_or" gives the bare value.
        Raises: DefinitionError, TypeError.
        """
        with self._wiring.building():
            return Process(self._wiring, when.begin(self._wiring, trigger, mode))

    def batch(
        self,
        *targets: Any,
        side_branch: bool = False,
        concurrency: int | None = None,
        name: str | None = None,
    ) -> Process:
        """Run several handlers at once on one value; what follows gets their results by name.

        targets: as for `to`; each has a name of its own. concurrency: how many at once.
        name: makes a second batch at the same place another. Raises: DefinitionError, TypeError.
        """
        options = cap_option("batch", concurrency)
        declare = partial(batch.attach, options=options, name=name, side_branch=side_branch)
        return self._then(declare, targets)

    def intervention_point(self, *, name: str, target: str | None = None) -> Process:
        """Take up the interventions for *target*, or those without one; the value goes on.

        The same name stands for the same point. Raises: DefinitionError, a ValueError.
        """
        return self._then(points.attach, name, target)

    def for_each(self, *, concurrency: int | None = None, name: str | None = None) -> Process:
        """Run what follows once for each item; sequences but text and bytes are expanded.

        concurrency: how many items at once. name: makes a second loop at the same place another.
        """
        return self._then(for_each.open_loop, concurrency, name)

    def end_for_each(self) -> Process:
        """Gather the items' results into one list, in the order of the items."""
        return self._in_block(for_each.close_loop)

    def match(self, *, mode: str = "hit_first", name: str | None = None) -> Process:
        """Open a choice between cases. mode: "hit_first" takes the first, "hit_all" all that hold.

        name: makes a second match at the same place another.
        """
        return self._then(match.open_match, mode, name)

    def case(self, condition: Any) -> Process:
        """Begin the branch for what a condition holds of, or for what equals a value.

        condition: called with the data of the run if it is callable, sync or async; sync ones
        are called in place and must not block. Raises: DefinitionError.
        """
        return self._in_block(match.add_case, condition)

    def case_else(self) -> Process:
        """Begin the branch for what no case has taken; without it the value passes unchanged."""
        return self._in_block(match.add_else)

    def end_match(self) -> Process:
        """Let the branches meet: "hit_all" gives the list of their results, in case order."""
        return self._in_block(match.close_match)

    def if_condition(self, condition: Any, *, name: str | None = None) -> Process:
        """Open a choice with its first case: `match(name=name).case(condition)`."""
        place = self._place.standing()
        with self._wiring.building(place.replayed):
            return self.match(name=name).case(condition)

    def elif_condition(self, condition: Any) -> Process:
        """Another name of `case`."""
        return self.case(condition)

    def else_condition(self) -> Process:
        """Another name of `case_else`."""
        return self.case_else()

    def end_condition(self) -> Process:
        """Another name of `end_match`."""
        return self.end_match()

    def collect(
        self, name: str, branch_id: str | None = None, *, mode: str = "filled_and_update"
    ) -> Process:
        """Give the value into a collection that several branches of one root fill.

        Once all have, the event "Collect-<name>" carries {branch_id: value}. mode:
        "filled_and_update" sends it again at each later value; "filled_then_empty" starts over.
        branch_id: by default the chunk's name. Raises: DefinitionError.
        """
        return self._then(collect.attach, name, branch_id, mode)

    def ____(
        self,
        *notes: Any,
        log_info: bool = False,
        print_info: bool = False,
        show_value: bool = False,
        **named: Any,
    ) -> Process:
        """Draw a line in the program text; the cursor stays.

        print_info and show_value print the notes, and the value, each time one passes; log_info
        logs them.
        """
        options = {
            **named,
            "log_info": log_info,
            "print_info": print_info,
            "show_value": show_value,
        }
        place = self._place.standing()
        with self._wiring.building(place.replayed):
            note.attach(self._wiring, place, notes, options)
        return self
