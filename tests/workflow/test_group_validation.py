# SPDX-License-Identifier: Apache-2.0
"""Checks of a graph with groups of edges at build, and what is only written to the log."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import Any

import pytest

from holdfast import Case, Default, WorkflowBuilder
from holdfast.errors import (
    EdgeDuplicationError,
    GraphConnectivityError,
    TypeCompatibilityError,
    WorkflowValidationError,
)
from holdfast.workflow.function_executor import FunctionExecutor


def passing(name: str, takes: Any, sends: Any = None) -> FunctionExecutor:
    """An executor with these types."""

    def take(message, ctx): ...

    return FunctionExecutor(take, name, input=takes, output=sends)


def builder(**kinds: tuple[Any, ...]) -> WorkflowBuilder:
    """A builder with executors of (takes, sends); the first one is the start."""
    made = {name: passing(name, *types) for name, types in kinds.items()}
    new = WorkflowBuilder()
    for name, one in made.items():
        new.register(name, lambda one=one: one)
    return new.set_start_executor(next(iter(made)))


@pytest.mark.parametrize(
    "takes",
    [list[int], list[int | str], list, Sequence[int], Iterable[int], Sequence, Any, object],
)
def test_a_fan_in_target_takes_a_list_of_what_its_sources_send(takes: Any) -> None:
    """Also as a sequence, or as anything that can be gone through."""
    new = builder(s=(str, int), a=(int, int), b=(int, bool), t=(takes,))
    new.add_fan_out_edges("s", ["a", "b"]).add_fan_in_edges(["a", "b"], "t").build()


@pytest.mark.parametrize("takes", [int, list[str], set[int], tuple[int, ...]])
def test_a_fan_in_target_that_takes_no_such_list_is_refused(takes: Any) -> None:
    """Single messages are not what comes; the text names the list."""
    new = builder(s=(str, int), a=(int, int), b=(int, int), t=(takes,))
    new.add_fan_out_edges("s", ["a", "b"]).add_fan_in_edges(["a", "b"], "t")
    with pytest.raises(TypeCompatibilityError, match=r"'a' sends list\[int\]"):
        new.build()


def test_each_edge_of_a_group_is_checked() -> None:
    """The second target of a fan-out, of a switch, of a selection."""
    declared = [
        lambda new: new.add_fan_out_edges("s", ["a", "b"]),
        lambda new: new.add_switch_case_edge_group("s", [Case(lambda _: True, "a"), Default("b")]),
        lambda new: new.add_multi_selection_edge_group("s", ["a", "b"], lambda _m, ids: ids),
    ]
    for declare in declared:
        with pytest.raises(TypeCompatibilityError, match="'s' sends int; 'b' takes str"):
            declare(builder(s=(str, int), a=(int,), b=(str,))).build()


def test_a_pair_is_joined_once_over_all_groups() -> None:
    """Be the first edge part of a fan-out and the second one single."""
    new = builder(s=(int, int), a=(int,), b=(int,)).add_fan_out_edges("s", ["a", "b"])
    with pytest.raises(EdgeDuplicationError, match="s->b was added 2 times") as caught:
        new.add_edge("s", "b").build()
    assert caught.value.edge_id == "s->b"

    again = builder(s=(int, int), a=(int,), b=(int,)).add_fan_out_edges("s", ["a", "b", "a"])
    with pytest.raises(EdgeDuplicationError, match="s->a was added 2 times"):
        again.build()


def test_targets_of_all_groups_are_reached() -> None:
    """And sources that nobody reaches are not."""
    new = builder(s=(int, int), a=(int, int), b=(int, int), t=(list[int],))
    new.add_edge("s", "a").add_fan_in_edges(["a", "b"], "t")
    with pytest.raises(GraphConnectivityError, match="Not reached from the start 's': b"):
        new.build()


def test_problems_are_reported_in_their_order() -> None:
    """Duplicates, types, reachability, outputs: the first one is raised."""
    new = builder(s=(int, int), a=(str,), b=(int,))
    new.add_edge("s", "a").add_edge("s", "a")
    with pytest.raises(EdgeDuplicationError):
        new.build()
    new = builder(s=(int, int), a=(str,), b=(int,)).add_edge("s", "a")
    with pytest.raises(TypeCompatibilityError):
        new.build()
    new = builder(s=(int, int), a=(int,), b=(int,)).add_edge("s", "a")
    with pytest.raises(GraphConnectivityError):
        new.build()
    alone = WorkflowBuilder(start_executor=passing("s", int), output_from=["s"])
    with pytest.raises(WorkflowValidationError, match="declares none"):
        alone.build()


def logged(caplog: pytest.LogCaptureFixture, new: WorkflowBuilder) -> list[tuple[str, str]]:
    """What a build writes to the log."""
    with caplog.at_level(logging.INFO, logger="holdfast.workflow"):
        new.build()
    return [(record.levelname, record.getMessage()) for record in caplog.records]


def test_a_loop_on_itself_is_a_warning_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """It is legal, and often a mistake."""
    assert logged(caplog, builder(s=(int, int)).add_edge("s", "s")) == [
        ("WARNING", "The edge s -> s is a loop on itself.")
    ]


def test_a_dead_end_is_a_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """Every graph that ends has one."""
    lines = logged(caplog, builder(s=(int, int), a=(int,)).add_edge("s", "a"))

    assert lines == [("INFO", "The executor 'a' has no outgoing edge.")]


def test_an_edge_that_was_not_checked_is_a_warning_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Its source declares nothing that it sends."""
    lines = logged(caplog, builder(s=(int,), a=(int, int)).add_chain(["s", "a", "s"]))

    assert [level for level, _ in lines] == ["WARNING"]
    assert "The types of the edge s -> a were not checked" in lines[0][1]


def test_a_start_that_was_replaced_is_a_warning_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The last one counts."""
    new = builder(s=(int, int), a=(int, int)).add_chain(["s", "a", "s"])
    lines = logged(caplog, new.set_start_executor("a"))

    assert lines == [("WARNING", "The start 's' was replaced by 'a'.")]
