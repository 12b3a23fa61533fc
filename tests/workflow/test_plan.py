# SPDX-License-Identifier: Apache-2.0
"""Plans: executors for each run, and what the yields of each are."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace
from itertools import count

import pytest

from holdfast.definition.graph import Graph, Node
from holdfast.errors import DefinitionError
from holdfast.workflow.context_types import ContextAnnotations
from holdfast.workflow.executor import Executor
from holdfast.workflow.handlers import handler
from holdfast.workflow.plan import Factory, WorkflowPlan


class Step(Executor):
    @handler
    async def take(self, message: str, ctx: ContextAnnotations[str]) -> None: ...


def plan(factory: Factory) -> WorkflowPlan:
    """A plan of one node, made by this factory."""
    graph = Graph(
        name="p", start="a", nodes=(Node(id="a", type="Step"),), groups=(), max_iterations=5
    )
    return WorkflowPlan(
        graph=graph,
        fingerprint="sha256:0",
        description=None,
        checkpoint_storage=None,
        executors={},
        factories={"a": factory},
        shared_instances=(),
        annotations=(),
        warnings=(),
    )


def test_name_and_limit_are_those_of_the_graph() -> None:
    """A fact has one home."""
    made = plan(lambda: Step("a"))

    assert (made.name, made.max_iterations) == ("p", 5)


def test_a_factory_that_changes_its_mind_is_refused() -> None:
    """A run's executors are of the types that the fingerprint was made of."""
    numbers = count()
    made = plan(lambda: Step("a", type="Step" if next(numbers) == 0 else "Other"))

    assert made.make_executors()["a"].type == "Step"
    with pytest.raises(DefinitionError, match="gave the type 'Other', and 'Step' before"):
        made.make_executors()


@pytest.mark.parametrize(
    ("outputs", "intermediates", "expected"),
    [
        (None, None, "output"),
        (("a",), None, "output"),
        ((), ("a",), "intermediate"),
        ((), (), "hidden"),
        (None, (), "hidden"),
    ],
)
def test_the_yields_of_an_executor_are_of_one_kind(
    outputs: tuple[str, ...] | None, intermediates: tuple[str, ...] | None, expected: str
) -> None:
    """Looked up by id, for every node of the graph; an unknown id is a KeyError."""
    made = plan(lambda: Step("a"))
    made = replace(made, graph=replace(made.graph, outputs=outputs, intermediates=intermediates))

    assert made.output_kind("a") == expected
    with pytest.raises(KeyError):
        made.output_kind("z")


def test_a_plan_cannot_be_changed() -> None:
    """Plans are shared by runs."""
    with pytest.raises(FrozenInstanceError):
        plan(lambda: Step("a")).fingerprint = "sha256:1"
