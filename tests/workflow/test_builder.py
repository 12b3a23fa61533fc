# SPDX-License-Identifier: Apache-2.0
"""The builder: the calls of the published examples, factories, and what each call refuses."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from holdfast.errors import DefinitionError, GraphConnectivityError, WorkflowValidationError
from holdfast.workflow.builder import WorkflowBuilder
from holdfast.workflow.context_types import ContextAnnotations
from holdfast.workflow.executor import Executor
from holdfast.workflow.function_executor import executor
from holdfast.workflow.handlers import handler, response_handler

Context = ContextAnnotations


class Step(Executor):
    @handler
    async def take(self, message: str, ctx: Context[str, str]) -> None: ...


class Fixed(Step):
    def __init__(self) -> None:
        super().__init__("fixed")


class Order: ...


class Answer: ...


@executor
async def echo(message: str, ctx: Context[str]) -> None:
    """Send it on."""


def edges(builder: WorkflowBuilder) -> list[str]:
    """The names of the edges of what was built."""
    return [group.name for group in builder.plan().graph.groups]


def test_the_fluent_form_gives_the_graph() -> None:
    """Every call returns the builder; several edges out of one executor are edges of their own."""
    start, b, c, end = (Step(name) for name in ("start", "b", "c", "end"))
    storage = object()
    builder = WorkflowBuilder()
    builder.set_start_executor(start)
    builder.add_edge(start, b)
    builder.add_edge(b, c)
    builder.add_edge(b, end)
    plan = builder.with_checkpointing(storage).set_max_iterations(7).plan()

    assert plan.graph.start == "start"
    assert [node.id for node in plan.graph.nodes] == ["start", "b", "c", "end"]
    assert [group.name for group in plan.graph.out_groups("b")] == ["b->c", "b->end"]
    assert {group.kind for group in plan.graph.groups} == {"single"}
    assert plan.checkpoint_storage is storage
    assert plan.max_iterations == 7


def test_keywords_say_the_same_as_the_calls() -> None:
    """Everything a setter sets can be given to the constructor, by keyword only."""
    start, storage = Step("start"), object()
    plan = WorkflowBuilder(
        name="orders",
        description="Takes orders.",
        max_iterations=3,
        start_executor=start,
        checkpoint_storage=storage,
    ).plan()

    assert (plan.name, plan.description, plan.max_iterations) == ("orders", "Takes orders.", 3)
    assert plan.checkpoint_storage is storage
    assert plan.graph.start == "start"
    with pytest.raises(TypeError):
        WorkflowBuilder(100)


def test_a_chain_is_successive_edges() -> None:
    """A chain may come back to an executor: that is a loop."""
    a, b = Step("a"), Step("b")

    assert edges(WorkflowBuilder(start_executor=a).add_chain([a, b, a])) == ["a->b", "b->a"]
    for chain in ([a], [], "ab"):
        with pytest.raises(ValueError, match="two or more"):
            WorkflowBuilder().add_chain(chain)


def test_an_executor_may_be_named_by_its_id() -> None:
    """The id of one that was given, or will be, stands for it."""
    a, b = Step("a"), Step("b")

    assert edges(WorkflowBuilder(start_executor="a").add_edge(a, b).add_edge("b", "a")) == [
        "a->b",
        "b->a",
    ]


def test_an_unnamed_workflow_is_named_by_its_structure() -> None:
    """The name is the same for each build of the same graph, in every process."""
    first, second = (WorkflowBuilder(start_executor=Step("a")).plan() for _ in range(2))

    assert first.name == second.name
    assert first.name == f"workflow-{first.fingerprint.removeprefix('sha256:')[:12]}"
    assert WorkflowBuilder(start_executor=Step("b")).plan().name != first.name


def test_the_fingerprint_does_not_depend_on_name_and_limit() -> None:
    """Renaming a workflow or raising its limit leaves its checkpoints usable."""
    named = WorkflowBuilder(start_executor=Step("a"), name="x", max_iterations=5).plan()

    assert named.fingerprint == WorkflowBuilder(start_executor=Step("a")).plan().fingerprint


def test_instances_are_shared_and_factories_make_new_ones() -> None:
    """A factory gives each run an executor of its own; a function holds nothing and is shared."""
    a = Step("a")
    plan = (
        WorkflowBuilder(start_executor=a)
        .register("made", partial(Step, "made"))
        .register("fixed", Fixed)
        .add_chain([a, "made", "fixed", echo])
        .plan()
    )
    first, second = plan.make_executors(), plan.make_executors()

    assert list(first) == ["a", "made", "fixed", "echo"]
    assert first["a"] is second["a"] is a
    assert first["echo"] is second["echo"] is echo
    assert first["made"] is not second["made"]
    assert isinstance(first["fixed"], Fixed)
    assert plan.shared_instances == ("a",)
    assert list(plan.executors) == ["a", "echo"]
    assert list(plan.factories) == ["made", "fixed"]
    assert [node.is_function for node in plan.graph.nodes] == [False, False, False, True]


def test_the_types_that_handlers_name_are_listed() -> None:
    """Messages, requests, answers and outputs, each once: what a codec has to know."""

    class Asking(Executor):
        @handler
        async def take(self, message: Order | str, ctx: Context[list[Order], Answer]) -> None: ...

        @response_handler
        async def answer(self, original_request: Order, response: Answer, ctx: Context): ...

    plan = WorkflowBuilder(start_executor=Asking("a")).plan()

    assert plan.annotations == (Order | str, list[Order], Answer, Order)


def test_a_builder_can_go_on_after_a_plan() -> None:
    """A plan is frozen; what is added later is in the next one only."""
    a, b = Step("a"), Step("b")
    builder = WorkflowBuilder(start_executor=a)
    first = builder.plan()
    second = builder.add_edge(a, b).plan()

    assert (len(first.graph.nodes), len(second.graph.nodes)) == (1, 2)


def test_a_start_set_again_replaces_the_first_with_a_notice() -> None:
    """The last start counts; the executor set before is not part of the graph by that alone."""
    plan = WorkflowBuilder(start_executor=Step("a")).set_start_executor(Step("b")).plan()

    assert [node.id for node in plan.graph.nodes] == ["b"]
    assert plan.warnings == ("The start 'a' was replaced by 'b'.",)


def test_what_is_only_noticed_is_on_the_plan() -> None:
    """A builder does not log."""

    @executor
    def returning(message: str) -> str:
        return message

    (notice,) = WorkflowBuilder(start_executor=returning).plan().warnings
    assert "'returning' returns is ignored" in notice


@pytest.mark.parametrize("limit", [0, -1, True, 1.5, "3", None])
def test_a_limit_is_a_positive_number(limit: Any) -> None:
    """A limit that stops every run, or none, is a mistake."""
    with pytest.raises(ValueError, match="max_iterations"):
        WorkflowBuilder(max_iterations=limit)
    with pytest.raises(ValueError, match="max_iterations"):
        WorkflowBuilder().set_max_iterations(limit)


def test_a_workflow_needs_a_start() -> None:
    """Without a start nothing takes the input."""
    with pytest.raises(ValueError, match="no start"):
        WorkflowBuilder().add_edge(Step("a"), Step("b")).plan()


@pytest.mark.parametrize("wrong", [3, None, Step, lambda: Step("a"), object()])
def test_only_executors_and_ids_can_be_joined(wrong: Any) -> None:
    """Anything else is a TypeError that names the type; a factory is registered first."""
    with pytest.raises(TypeError, match="Expected an executor or the id of one"):
        WorkflowBuilder().add_edge(Step("a"), wrong)


def test_two_executors_cannot_have_one_id() -> None:
    """The second object under an id is refused at the call; the same one again is fine."""
    a = Step("a")
    builder = WorkflowBuilder(start_executor=a).add_edge(a, a)

    with pytest.raises(WorkflowValidationError, match="Two executors have the id 'a'") as caught:
        builder.add_edge(a, Step("a"))
    assert isinstance(caught.value, ValueError)
    assert caught.value.validation_type == "EXECUTOR_DUPLICATION"
    with pytest.raises(ValueError, match="Two executors"):
        builder.register("a", Fixed)
    with pytest.raises(ValueError, match="Two executors"):
        builder.register("fixed", Fixed).add_edge(a, Fixed())


def test_an_id_without_an_executor_is_refused_at_build() -> None:
    """The error names those there are."""
    with pytest.raises(GraphConnectivityError, match="no executor 'z'; known: a"):
        WorkflowBuilder(start_executor=Step("a")).add_edge("a", "z").plan()


def test_a_factory_that_nobody_reaches_is_refused() -> None:
    """A registered factory is part of the graph."""
    with pytest.raises(GraphConnectivityError, match="fixed"):
        WorkflowBuilder(start_executor=Step("a")).register("fixed", Fixed).plan()


@pytest.mark.parametrize(
    ("factory", "error", "text"),
    [
        (lambda: Step("other"), DefinitionError, "an executor with the id 'other'"),
        (lambda: 3, DefinitionError, "gave 3, not an executor"),
        (Step, TypeError, "id"),
    ],
)
def test_a_factory_gives_an_executor_of_its_id(factory: Any, error: Any, text: str) -> None:
    """It takes no argument, and what it gives is an executor of the registered id."""
    with pytest.raises(error, match=text):
        WorkflowBuilder(start_executor="made").register("made", factory).plan()


@pytest.mark.parametrize("wrong", [3, Step("made"), None])
def test_a_factory_can_be_called(wrong: Any) -> None:
    """An instance is given to the calls that join; register takes what makes instances."""
    with pytest.raises(TypeError, match="A factory makes executors"):
        WorkflowBuilder().register("made", wrong)


def test_build_gives_a_workflow_of_the_plan() -> None:
    """What is built may be built again; each workflow has the graph that was declared."""
    builder = WorkflowBuilder(start_executor="fixed", name="one").register("fixed", Fixed)
    first, second = builder.build(), builder.build()

    assert first is not second
    assert first.name == second.name == "one"
