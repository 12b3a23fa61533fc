# SPDX-License-Identifier: Apache-2.0
"""Workflows as nodes of workflows: messages in, results out, one run for all."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast import Workflow, WorkflowBuilder, WorkflowContext, executor
from holdfast.errors import (
    DefinitionError,
    InputRefused,
    TypeCompatibilityError,
    WorkflowConvergenceException,
    WorkflowValidationError,
)
from holdfast.machine.frames import OUTSIDE
from holdfast.workflow import WorkflowExecutor, WorkflowRunState
from tests.workflow.graphs import (
    Context,
    Do,
    Remembers,
    events_of,
    forward,
    give,
    warnings_of,
    words,
)
from tests.workflow.subs import Passes, Shows, inner, outer


async def upper(message: Any, ctx: Context) -> None:
    """Send in capitals."""
    await ctx.send_message(message.upper())


async def test_a_message_goes_in_and_a_result_comes_out() -> None:
    """What the inner executors yield are messages of the node, along its edges."""
    child = inner("x>y", {"x": upper, "y": give})
    workflow = outer("a>s s>b", {"s": child, "b": give})

    assert (await workflow.run("hi")).get_outputs() == ["HI"]


async def test_the_run_is_one_and_events_carry_paths() -> None:
    """Inner supersteps are supersteps of the run; the node itself is never called."""
    workflow = outer("a>s s>b", {"s": inner("x>y", {"y": give}), "b": give})
    lines = words(await events_of(workflow, "hi"))

    assert lines == [
        "started",
        "status IN_PROGRESS",
        "superstep_started 1",
        "executor_invoked a 'hi'",
        "executor_completed a ['hi']",
        "superstep_completed 1",
        "superstep_started 2",
        "executor_invoked s/x 'hi'",
        "executor_completed s/x ['hi']",
        "superstep_completed 2",
        "superstep_started 3",
        "executor_invoked s/y 'hi'",
        "executor_completed s/y ['hi']",
        "superstep_completed 3",
        "superstep_started 4",
        "executor_invoked b 'hi'",
        "output b 'hi'",
        "executor_completed b ['hi']",
        "superstep_completed 4",
        "status IDLE",
    ]


async def test_several_results_are_several_messages() -> None:
    """Each in the superstep after its yield; the graph around does not wait for the rest."""

    async def twice(message: Any, ctx: Context) -> None:
        await ctx.yield_output(f"{message} 1")
        await ctx.send_message(message)

    async def late(message: Any, ctx: Context) -> None:
        await ctx.yield_output(f"{message} 2")

    workflow = outer("s>b", {"s": inner("x>y", {"x": twice, "y": late}), "b": give})
    result = await workflow.run("r")

    assert result.get_outputs() == ["r 1", "r 2"]
    done = [
        e.completion_info.activated_executors for e in result if e.type == "superstep_completed"
    ]
    assert done == [("s/x",), ("b", "s/y"), ("b",)]


async def test_direct_output_leaves_the_run_itself() -> None:
    """No message is sent; the event says which inner executor yielded."""
    child = inner("x>", {"x": give})
    workflow = outer("a>s s>b", {"s": (child, {"allow_direct_output": True}), "b": give})
    result = await workflow.run("hi")

    assert [(e.executor_id, e.data) for e in result if e.type == "output"] == [("s/x", "hi")]
    assert not any(e.executor_id == "b" for e in result)


async def test_direct_output_is_what_the_graph_around_designates() -> None:
    """As if its node had yielded it."""
    typed = inner("x>", {"x": give}, kind=_Yields)
    workflow = outer(
        "a>s",
        {"s": (typed, {"allow_direct_output": True})},
        output_from=[],
        intermediate_output_from=["s"],
    )
    result = await workflow.run("hi")

    assert (result.get_outputs(), result.get_intermediate_outputs()) == ([], ["hi"])


class _Yields(Remembers):
    """Declares that it yields text."""

    @property
    def workflow_output_types(self) -> list[Any]:
        return [str]


async def test_progress_of_a_sub_workflow_is_progress_of_the_run() -> None:
    """It surfaces under its path, and is no message; what is hidden inside stays so."""
    child = inner(
        "x>y y>z",
        {"x": _both, "y": _both, "z": give},
        kind=_Yields,
        output_from=["z"],
        intermediate_output_from=["x"],
    )
    result = await outer("s>b", {"s": child, "b": give}).run("hi")

    shown = [(e.executor_id, e.data) for e in result if e.type == "intermediate"]
    assert shown == [("s/x", "hi")]
    assert result.get_outputs() == ["hi"]


async def _both(message: Any, ctx: Context) -> None:
    await ctx.yield_output(message)
    await ctx.send_message(message)


async def test_workflows_nest_three_deep() -> None:
    """Messages go in to the innermost start at once, results come out step by step."""

    async def tag(message: Any, ctx: Context) -> None:
        await ctx.yield_output(f"{message}!")

    lowest = inner("x>", {"x": tag})
    middle = outer("m>", {"m": (lowest, {"allow_direct_output": True})})
    upper_one = outer("n>p", {"n": middle, "p": tag})
    top = outer("a>o o>b", {"o": upper_one, "b": tag})
    result = await top.run("hi")

    called = [e.executor_id for e in result if e.type == "executor_invoked"]
    assert called == ["a", "o/n/m/x", "o/p", "b"]
    assert result.get_outputs() == ["hi!!!"]


async def test_inner_state_is_its_own() -> None:
    """One key in two workflows and at two nodes is three values."""

    async def note(message: Any, ctx: Context) -> None:
        ctx.append_state("seen", message)
        await ctx.send_message(f"{message}{len(ctx.export_state()['seen'])}")
        await ctx.yield_output(f"{message}-{','.join(ctx.get_state('seen'))}")

    child = inner("x>", {"x": note})
    workflow = outer("a>s a>t s>b t>b", {"a": note, "s": child, "t": child, "b": give})

    first = await workflow.run("m")
    assert sorted(first.get_outputs()) == ["m-m", "m1-m1", "m1-m1"]
    second = await workflow.run("n")
    assert sorted(second.get_outputs()) == ["n-m,n", "n2-m1,n2", "n2-m1,n2"]
    third = await workflow.run("o", fresh=True)
    assert sorted(third.get_outputs()) == ["o-o", "o1-o1", "o1-o1"]


async def test_scopes_of_state_are_those_of_one_workflow() -> None:
    """A named one too: executors share it within their own graph."""

    async def note(message: Any, ctx: Context) -> None:
        await ctx.queue_state_update("seen", message, scope="team")
        await ctx.send_message(f"{message}.")

    async def tell(message: Any, ctx: Context) -> None:
        await ctx.yield_output(await ctx.read_state("seen", scope="team"))

    child = inner("x>y", {"x": note, "y": tell})
    both = {"a": note, "s": (child, {"allow_direct_output": True}), "b": tell}
    result = await outer("a>s a>b", both).run("m")

    assert sorted(result.get_outputs()) == ["m", "m."]


async def test_an_inner_executor_may_ask_the_whole_run_to_rest() -> None:
    """At the barrier, which is that of all."""

    async def halt(message: Any, ctx: Context) -> None:
        ctx.request_halt()
        await ctx.yield_output(message)

    workflow = outer("s>b", {"s": inner("x>", {"x": halt}), "b": give})
    assert (await workflow.run("m")).get_outputs() == []
    assert (await workflow.run(resume=True)).get_outputs() == ["m"]


async def test_inner_executors_know_only_their_own_graph() -> None:
    """They address by the ids they were declared with; what came from around is their input."""
    sources: list[Any] = []

    async def start(message: Any, ctx: Context) -> None:
        sources.append(ctx.source_executor_ids)
        await ctx.send_message("for y", target_id="y")
        await ctx.send_message("for b", target_id="b")

    async def end(message: Any, ctx: Context) -> None:
        sources.append(ctx.get_source_executor_id())
        await ctx.yield_output(message)

    child = inner("x>y x>z", {"x": start, "y": end, "z": end})
    workflow = outer("a>s s>b", {"s": child, "b": give})
    result = await workflow.run("hi")

    assert sources == [[f"{OUTSIDE}x"], "x"]
    assert result.get_outputs() == ["for y"]
    assert any("sent to 's/b'" in text for text in warnings_of(result))


async def test_a_sub_workflow_may_be_the_start() -> None:
    """What it takes is what its own start takes; that is what an error names."""
    workflow = outer("s>show", {"s": outer("p>", {"p": Passes}), "show": Shows})

    with pytest.raises(InputRefused, match="takes str; found int"):
        await workflow.run(1)
    assert (await workflow.run("x")).get_final_state() is WorkflowRunState.IDLE


async def test_types_of_edges_are_checked_at_the_border() -> None:
    """The node takes what the inner start takes and sends what the inner workflow yields."""

    @executor
    async def numbers(message: int, ctx: WorkflowContext[int]) -> None:
        await ctx.send_message(message)

    shows = WorkflowBuilder(start_executor=Shows()).build()
    node = WorkflowExecutor(shows, "s")
    assert node.output_types == [str]
    with pytest.raises(TypeCompatibilityError, match="'numbers' sends int; 's' takes str"):
        WorkflowBuilder(start_executor=numbers).add_edge(numbers, node).build()
    with pytest.raises(TypeCompatibilityError, match="'s' sends str; 'numbers' takes int"):
        WorkflowBuilder(start_executor=node).add_edge(node, numbers).build()


async def test_direct_output_declares_yields_instead_of_messages() -> None:
    """So that its node may be designated."""
    shows = WorkflowBuilder(start_executor=Shows()).build()
    node = WorkflowExecutor(shows, "s", allow_direct_output=True)

    assert (node.output_types, node.workflow_output_types) == ([], [str])


async def test_a_failing_sub_workflow_fails_the_run_with_its_exception() -> None:
    """The event names the path; only what had not ended runs again."""
    fails = [True]

    async def break_once(message: Any, ctx: Context) -> None:
        if fails.pop() if fails else False:
            raise ConnectionError("down")
        await ctx.yield_output(message)

    workflow = outer("a>s s>b", {"s": inner("x>y", {"y": break_once}), "b": give})
    with pytest.raises(ConnectionError) as caught:
        await workflow.run("hi")
    events = caught.value.workflow_result  # type: ignore[attr-defined]
    failed = next(e for e in events if e.type == "failed")
    assert failed.details.executor_id == "s/y"

    result = await workflow.run(resume=True)
    assert [e.executor_id for e in result if e.type == "executor_invoked"] == ["s/y", "b"]
    assert result.get_outputs() == ["hi"]


async def test_the_limit_of_a_sub_workflow_is_its_own() -> None:
    """A long one does not use up the limit around it; one without end is named."""

    async def count(message: int, ctx: Context) -> None:
        if message:
            await ctx.send_message(message - 1)
        else:
            await ctx.yield_output("done")

    patient = inner("x>x", {"x": count}, max_iterations=50)
    workflow = outer("a>s s>b", {"s": patient, "b": give}, max_iterations=3)
    assert (await workflow.run(40)).get_outputs() == ["done"]
    with pytest.raises(WorkflowConvergenceException, match="sub-workflow 's': 50 supersteps"):
        await workflow.run(90)
    assert (await workflow.run(resume=True)).get_outputs() == ["done"]


async def test_one_instance_at_two_nodes_is_refused() -> None:
    """Its messages and its saved state would be those of both."""
    shared = inner("x>")()
    with pytest.raises(DefinitionError, match="'t/x' is the same instance as the one at 's/x'"):
        outer("s>t", {"s": shared, "t": shared})

    one = Do("x", forward)
    inside = WorkflowBuilder(start_executor=one).build()
    with pytest.raises(DefinitionError, match="same instance"):
        WorkflowBuilder(start_executor=one).add_edge(one, WorkflowExecutor(inside, "s")).build()


async def test_one_definition_from_factories_may_stand_at_two_nodes() -> None:
    """Each node has executors and state of its own."""
    made = WorkflowBuilder().register("x", lambda: Remembers("x", give))
    child = made.set_start_executor("x").build()
    workflow = outer("a>s a>t s>b t>b", {"s": child, "t": child, "b": give})
    await workflow.run("hi")

    assert workflow.executors["s/x"] is not workflow.executors["t/x"]
    assert [e.seen for p, e in workflow.executors.items() if p.endswith("/x")] == [["hi"], ["hi"]]


async def test_a_builder_stands_for_what_it_builds_then() -> None:
    """And goes on without changing it."""
    made = WorkflowBuilder().register("x", lambda: Do("x", give)).set_start_executor("x")
    node = WorkflowExecutor(made, "s")
    made.register("y", lambda: Do("y", give)).add_edge("x", "y")
    workflow = WorkflowBuilder(start_executor=node).build()

    assert list(workflow.executors) == ["s", "s/x"]


async def test_a_factory_gives_each_run_executors_of_its_own() -> None:
    """What its executors share, they share within a run."""

    def make() -> Workflow:
        log: list[str] = []

        async def first(message: Any, ctx: Context) -> None:
            log.append(message)
            await ctx.send_message(message)

        async def last(message: Any, ctx: Context) -> None:
            await ctx.yield_output(",".join(log))

        x, y = Do("x", first), Do("y", last)
        return WorkflowBuilder(start_executor=x).add_edge(x, y).build()

    node = WorkflowExecutor(make, "s")
    show = Shows()
    workflow = WorkflowBuilder(start_executor=node).add_edge(node, show).build()

    assert (await workflow.run("one")).get_outputs() == ["one"]
    assert (await workflow.run("two")).get_outputs() == ["two"]
    assert workflow.plan.shared_instances == ("show",)


@pytest.mark.parametrize("is_factory", [True, False])
async def test_an_inner_executor_whose_call_did_not_end_is_made_anew(is_factory: bool) -> None:
    """By the factory of its workflow, or by its own."""
    fails = [True]

    async def break_once(message: Any, ctx: Context) -> None:
        if fails:
            fails.pop()
            raise ConnectionError("down")
        await ctx.yield_output(message)

    def one() -> Workflow:
        made = WorkflowBuilder().register("x", lambda: Do("x", break_once))
        return made.set_start_executor("x").build()

    node = WorkflowExecutor(one if is_factory else one(), "s", allow_direct_output=True)
    workflow = WorkflowBuilder(start_executor=node).build()
    with pytest.raises(ConnectionError):
        await workflow.run("hi")
    broken = workflow.executors["s/x"]
    result = await workflow.run(resume=True)

    renewed: Any = workflow.executors["s/x"]
    assert (renewed is not broken, renewed.seen) == (True, ["hi"])
    assert warnings_of(result) == []
    (ended,) = [e.completion_info for e in result if e.type == "superstep_completed"]
    assert ended is not None
    assert ended.instantiated_executors[-1] == "s/x"


async def test_a_node_may_come_from_a_factory_too() -> None:
    """Registered under its id, like any executor."""
    made: list[int] = []

    def node() -> WorkflowExecutor:
        made.append(1)
        return WorkflowExecutor(inner("x>", {"x": give})(), "s")

    workflow = (
        WorkflowBuilder()
        .register("s", node)
        .register("show", Shows)
        .set_start_executor("s")
        .add_edge("s", "show")
        .build()
    )
    before = len(made)
    assert (await workflow.run("hi")).get_outputs() == ["hi"]
    assert (await workflow.run("ho")).get_outputs() == ["ho"]
    assert (workflow.plan.shared_instances, len(made) - before) == ((), 2)


@pytest.mark.parametrize("made", [None, 7, "x"])
def test_what_gives_no_workflow_is_refused(made: Any) -> None:
    """With what was found and what is expected."""
    with pytest.raises(DefinitionError, match=r"gave .*, not a workflow"):
        WorkflowExecutor(lambda: made, "s")


def test_what_is_no_workflow_is_refused() -> None:
    """A TypeError, as for executors."""
    with pytest.raises(TypeError, match="expected a workflow, a builder or a factory, not int"):
        WorkflowExecutor(7, "s")  # type: ignore[arg-type]


def test_a_factory_that_changes_the_structure_is_refused() -> None:
    """A run follows the structure that its fingerprint names."""
    calls: list[int] = []

    def make() -> Workflow:
        calls.append(1)
        return inner("x>" if len(calls) < 3 else "x>y")()

    workflow = WorkflowBuilder(start_executor=WorkflowExecutor(make, "s")).build()
    workflow.plan.make_executors()
    with pytest.raises(DefinitionError, match="gave another structure than before"):
        workflow.plan.make_executors()


def test_a_factory_that_gives_another_node_is_refused() -> None:
    """What stood at the node was a sub-workflow."""
    calls: list[int] = []

    def node() -> Any:
        calls.append(1)
        return WorkflowExecutor(inner("x>"), "s") if len(calls) == 1 else Do("s", give)

    workflow = WorkflowBuilder().register("s", node).set_start_executor("s").build()
    with pytest.raises(DefinitionError, match="gave a Do, and a sub-workflow before"):
        workflow.plan.make_executors()


def test_the_fingerprint_holds_the_inner_structure() -> None:
    """Another inner graph, another fingerprint; the same one built anew, the same."""
    one = outer("a>s", {"s": inner("x>y")})
    same = outer("a>s", {"s": inner("x>y")})
    other = outer("a>s", {"s": inner("x>z")})

    assert one.fingerprint == same.fingerprint != other.fingerprint


async def test_what_is_probably_not_meant_is_told_once() -> None:
    """A storage that is not used, and results that go nowhere."""
    child = WorkflowBuilder(start_executor=Shows(), checkpoint_storage=_Never()).build()
    workflow = WorkflowBuilder(start_executor=WorkflowExecutor(child, "s")).build()
    told = warnings_of(await workflow.run("hi"))

    assert [text for text in told if "checkpoint storage of sub-workflow 's'" in text]
    assert [text for text in told if "'s' yields goes nowhere" in text]
    assert not warnings_of(await workflow.run("hi"))


class _Never:
    """A storage that nobody may ask."""

    async def save(self, _checkpoint: Any) -> str:
        raise AssertionError

    async def load(self, _checkpoint_id: str) -> Any:
        raise AssertionError


def test_an_inner_graph_is_checked_like_any_other() -> None:
    """When it is built, before anybody puts it into another."""
    with pytest.raises(WorkflowValidationError):
        inner("x>y x>y")()


def test_executors_are_listed_by_path() -> None:
    """Each node, and after a sub-workflow its own."""
    workflow = outer("a>s s>b", {"s": inner("x>y")})
    assert list(workflow.executors) == ["a", "s", "s/x", "s/y", "b"]
    assert [one.id for one in workflow.executors.values()] == ["a", "s", "x", "y", "b"]


def test_a_workflow_says_of_itself_what_its_sub_workflows_are() -> None:
    """Who yields results and progress is told by path; what comes in, by the innermost start."""
    child = inner("x>y", kind=_Yields, output_from=["y"], intermediate_output_from=["x"])
    parts = {"s": (child, {"allow_direct_output": True}), "b": give}
    workflow = outer("s>b", parts)

    assert workflow.is_terminal_executor("s/y")
    assert workflow.is_intermediate_executor("s/x")
    assert [one.id for one in workflow.get_output_executors()] == ["s", "y", "b"]
    assert [one.id for one in workflow.get_intermediate_executors()] == ["x"]
    assert workflow.output_types == [str, Any]
    assert workflow.input_types == [Any]
    with pytest.raises(KeyError):
        workflow.is_terminal_executor("x")
