# SPDX-License-Identifier: Apache-2.0
"""What keeps a graph from running, as a list; and what is only noticed."""

from __future__ import annotations

from typing import Any

from holdfast.definition.edges import single_edge
from holdfast.definition.graph import Graph, Node
from holdfast.errors import (
    EdgeDuplicationError,
    GraphConnectivityError,
    TypeCompatibilityError,
    WorkflowValidationError,
)
from holdfast.workflow.function_executor import FunctionExecutor
from holdfast.workflow.validation import ValidationTypeEnum, check, notices


def passing(name: str, takes: Any, sends: Any = None) -> FunctionExecutor:
    """An executor with these types."""

    def take(message, ctx): ...

    return FunctionExecutor(take, name, input=takes, output=sends)


EXECUTORS = {
    one.id: one
    for one in (
        passing("text", str, str),
        passing("number", int, int | float),
        passing("either", int | str, str),
        passing("anything", Any, Any),
        passing("leaf", str),
    )
}


def problems(
    *edges: tuple[str, str], start: str = "text", nodes: tuple[str, ...] = ()
) -> list[WorkflowValidationError]:
    """The problems of a graph of these edges."""
    return check(graph(*edges, start=start, nodes=nodes), EXECUTORS)


def graph(*edges: tuple[str, str], start: str = "text", nodes: tuple[str, ...] = ()) -> Graph:
    """A graph of these edges and their nodes."""
    names = dict.fromkeys([start, *(name for edge in edges for name in edge), *nodes])
    return Graph(
        name="g",
        start=start,
        nodes=tuple(Node(id=name, type="T") for name in names),
        groups=tuple(single_edge(*edge) for edge in edges),
        max_iterations=10,
    )


def test_sound_graphs_have_no_problem() -> None:
    """Chains, loops and self-loops are legal, and one fitting pair of types suffices."""
    assert problems() == []
    assert problems(("text", "either"), ("either", "text"), ("text", "text")) == []
    assert problems(("number", "either"), start="number") == []
    assert problems(("text", "anything"), ("anything", "number")) == []


def test_a_second_edge_between_a_pair_is_refused() -> None:
    """An edge may occur once in a workflow."""
    (problem,) = problems(("text", "either"), ("text", "leaf"), ("text", "either"))

    assert isinstance(problem, EdgeDuplicationError)
    assert problem.facts["edge_id"] == "text->either"
    assert str(problem).startswith("[EDGE_DUPLICATION] The edge text->either was added 2 times")


def test_an_edge_whose_types_do_not_fit_is_refused() -> None:
    """No sent type fits any taken one: the text names both."""
    (problem,) = problems(("number", "text"), start="number")

    assert isinstance(problem, TypeCompatibilityError)
    assert problem.facts["source_id"] == "number"
    assert problem.facts["source_types"] == (int, float)
    assert problem.facts["target_types"] == (str,)
    assert "'number' sends int, float; 'text' takes str" in str(problem)
    assert problem.validation_type == ValidationTypeEnum.TYPE_COMPATIBILITY


def test_executors_that_are_not_reached_are_listed() -> None:
    """Reachability follows the edges from the start; what is lost is named in order."""
    (problem,) = problems(("text", "text"), ("number", "either"), nodes=("leaf",))

    assert isinstance(problem, GraphConnectivityError)
    assert problem.facts["executor_ids"] == ("either", "leaf", "number")
    assert "either, leaf, number" in str(problem)


def test_a_start_on_no_edge_is_refused() -> None:
    """When there are edges, the start is on one of them."""
    (problem,) = problems(("number", "either"))

    assert isinstance(problem, GraphConnectivityError)
    assert "The start 'text' is on no edge" in str(problem)


def test_all_problems_are_listed_in_the_order_to_report_them() -> None:
    """Duplicates come before types, types before reachability."""
    found = problems(("text", "either"), ("text", "either"), ("either", "number"), nodes=("leaf",))

    assert [problem.validation_type for problem in found] == [
        "EDGE_DUPLICATION",
        "TYPE_COMPATIBILITY",
        "GRAPH_CONNECTIVITY",
    ]


def test_an_edge_that_could_not_be_checked_is_noticed() -> None:
    """A source that declares nothing it sends skips the check of types, and that is said."""
    made = graph(("text", "leaf"), ("leaf", "number"))

    assert check(made, EXECUTORS) == []
    (notice,) = notices(made, {name: EXECUTORS[name] for name in ("text", "leaf", "number")})
    assert "leaf -> number were not checked" in notice


def test_a_return_value_that_nobody_gets_is_noticed() -> None:
    """A function without a context whose annotation promises a value probably expects a sending."""

    def returning(message: str) -> str: ...

    (notice,) = notices(graph(), {"text": FunctionExecutor(returning, "text")})
    assert "What the function of 'text' returns is ignored" in notice
