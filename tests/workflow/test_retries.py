# SPDX-License-Identifier: Apache-2.0
"""Handlers of executors that are called again, or have a timeout."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from holdfast import (
    Executor,
    FunctionExecutor,
    HandlerTimeout,
    InMemoryCheckpointStorage,
    Retry,
    WorkflowBuilder,
    WorkflowContext,
    WorkflowExecutor,
    executor,
    handler,
    response_handler,
)
from holdfast.errors import DefinitionError
from holdfast.workflow import AgentExecutor


class Flaky(Executor):
    """Fails so often, then sends and yields the number of the call that ended."""

    def __init__(self, id: str, failures: int, **how: Any) -> None:
        super().__init__(id, **how)
        self.left = failures
        self.calls: list[tuple[int, int]] = []

    @handler
    async def take(self, message: int, ctx: WorkflowContext[int, int]) -> None:
        """Write, send and yield, and then perhaps fail."""
        self.calls.append((ctx.attempt, ctx.failures))
        ctx.append_state("tried", len(self.calls))
        await ctx.send_message(message + 1)
        if self.left:
            self.left -= 1
            raise ConnectionError(f"call {len(self.calls)}")
        await ctx.yield_output(len(self.calls))


class Tells(Executor):
    """Yields what it takes, and the state."""

    @handler
    async def take(self, message: int, ctx: WorkflowContext[None, Any]) -> None:
        """Yield."""
        await ctx.yield_output((message, ctx.get_state("tried")))


def flaky_then_tells(flaky: Executor, **options: Any) -> Any:
    """A workflow of the two."""
    tells = Tells("tells")
    return WorkflowBuilder(start_executor=flaky, **options).add_edge(flaky, tells).build()


@pytest.fixture(params=["memory", "storage"])
def options(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Kept nowhere, or in a checkpoint storage."""
    if request.param == "memory":
        return {}
    return {"checkpoint_storage": InMemoryCheckpointStorage()}


async def test_a_handler_is_called_until_it_ends_well(options: dict[str, Any]) -> None:
    """What the failed calls sent and wrote is in no superstep."""
    flaky = Flaky("flaky", 2, retry=Retry(3))
    result = await flaky_then_tells(flaky, **options).run(1)
    assert result.get_outputs() == [3, (2, [3])]
    assert flaky.calls == [(0, 0), (1, 1), (2, 2)]


async def test_after_the_last_call_the_run_stands_and_goes_on_by_decision() -> None:
    """With the error of the last call; going on gives a fresh count."""
    flaky = Flaky("flaky", 3, retry=Retry(3))
    workflow = flaky_then_tells(flaky)
    with pytest.raises(ConnectionError, match="call 3"):
        await workflow.run(1)
    result = await workflow.run(resume=True)
    assert result.get_outputs() == [4, (2, [4])]
    assert flaky.calls[-1] == (3, 0)


async def test_a_handler_says_more_than_its_executor() -> None:
    """Each of the two that it says; the executor says the rest."""

    class Both(Executor):
        calls = 0

        @handler(retry=Retry(2))
        async def take(self, message: int, ctx: WorkflowContext[None, int]) -> None:
            """Hang."""
            self.calls += 1
            await asyncio.Event().wait()

    both = Both("both", retry=Retry(9), timeout_s=0.01)
    with pytest.raises(HandlerTimeout, match=r"'both' took longer than 0\.01 s") as raised:
        await WorkflowBuilder(start_executor=both).build().run(1)
    assert both.calls == 2
    assert (raised.value.node, raised.value.timeout_s) == ("both", 0.01)


@pytest.mark.parametrize("how", ["decorator", "class", "sync"])
async def test_function_executors_take_both(how: str) -> None:
    """As keywords of the decorator and of the class; a sync function runs in its thread."""
    calls: list[int] = []

    async def flaky(message: int, ctx: WorkflowContext[None, int]) -> None:
        calls.append(ctx.attempt)
        if len(calls) < 3:
            raise ConnectionError
        await ctx.yield_output(message)

    def blocking(message: int) -> None:
        calls.append(message)
        if len(calls) < 3:
            raise ConnectionError

    made: Any
    if how == "decorator":
        made = executor(retry=Retry(3), timeout_s=60.0)(flaky)
    elif how == "class":
        made = FunctionExecutor(flaky, retry=Retry(3), timeout_s=60.0)
    else:
        made = executor(retry=Retry(3), timeout_s=60.0)(blocking)
    result = await WorkflowBuilder(start_executor=made).build().run(1)
    assert len(calls) == 3
    assert result.get_outputs() == ([] if how == "sync" else [1])


async def test_a_response_handler_is_called_again_with_its_answer() -> None:
    """The request stays answered."""
    calls: list[str] = []

    class Asks(Executor):
        @handler
        async def take(self, message: str, ctx: WorkflowContext[None, str]) -> None:
            """Ask."""
            await ctx.request_info(message, str, request_id="q")

        @response_handler(retry=Retry(2))
        async def answered(self, asked: str, answer: str, ctx: WorkflowContext[None, str]) -> None:
            """Fail once."""
            calls.append(answer)
            if len(calls) == 1:
                raise ConnectionError
            await ctx.yield_output(f"{asked} {answer}")

    workflow = WorkflowBuilder(start_executor=Asks("asks")).build()
    await workflow.run("sure?")
    result = await workflow.run(responses={"q": "yes"})
    assert result.get_outputs() == ["sure? yes"]
    assert calls == ["yes", "yes"]


async def test_a_request_of_a_failed_call_is_asked_once() -> None:
    """Its repeat finds the question that is open; one that is not asked again is withdrawn."""
    calls: list[int] = []

    class Asks(Executor):
        @handler(retry=Retry(2))
        async def take(self, message: str, ctx: WorkflowContext[None, str]) -> None:
            """Ask, and fail the first time."""
            calls.append(ctx.attempt)
            await ctx.request_info(message, str, request_id="q")
            if len(calls) == 1:
                await ctx.request_info(message, str, request_id="stale")
                raise ConnectionError

        @response_handler
        async def answered(self, asked: str, answer: str, ctx: WorkflowContext[None, str]) -> None:
            """Yield."""
            await ctx.yield_output(answer)

    workflow = WorkflowBuilder(start_executor=Asks("asks")).build()
    result = await workflow.run("sure?")
    asked = [event.request_id for event in result if event.type == "request_info"]
    assert sorted(asked) == ["q", "stale"]
    warnings = [event.data for event in result if event.type == "warning"]
    assert "request 'stale' was withdrawn" in warnings
    assert (await workflow.run(responses={"q": "yes"})).get_outputs() == ["yes"]


async def test_an_executor_with_a_factory_is_made_anew_before_it_is_called_again() -> None:
    """Nothing that the failed call did to it is left."""
    made: list[Any] = []

    class Counts(Executor):
        def __init__(self) -> None:
            super().__init__("counts", retry=Retry(3))
            self.count = 0
            made.append(self)

        @handler
        async def take(self, message: int, ctx: WorkflowContext[None, int]) -> None:
            """Change, and then fail twice."""
            self.count += 1
            if len(made) < 4:
                raise ConnectionError
            await ctx.yield_output(self.count)

    workflow = WorkflowBuilder(start_executor="counts").register("counts", Counts).build()
    before = len(made)
    result = await workflow.run(1)
    assert result.get_outputs() == [1]
    assert len(made) > before + 1


async def test_others_of_the_superstep_end_while_one_is_tried_again() -> None:
    """Nobody sees their messages before it has ended too; a second message of it waits."""
    log: list[str] = []

    class Start(Executor):
        @handler
        async def take(self, message: int, ctx: WorkflowContext[int]) -> None:
            """To both, twice."""
            await ctx.send_message(1)
            await ctx.send_message(2)

    class Steady(Executor):
        @handler
        async def take(self, message: int, ctx: WorkflowContext[int]) -> None:
            """Send on."""
            log.append(f"steady {message}")
            await ctx.send_message(message)

    class Shaky(Executor):
        @handler(retry=Retry(3, backoff=0.01))
        async def take(self, message: int, ctx: WorkflowContext[int]) -> None:
            """Fail once for each message."""
            log.append(f"shaky {message}")
            if ctx.failures == 0:
                raise ConnectionError
            await ctx.send_message(10 * message)

    class Join(Executor):
        @handler
        async def take(self, message: int, ctx: WorkflowContext[None, int]) -> None:
            """Yield."""
            log.append(f"join {message}")
            await ctx.yield_output(message)

    start, steady, shaky, join = Start("start"), Steady("steady"), Shaky("shaky"), Join("join")
    builder = WorkflowBuilder(start_executor=start)
    builder.add_fan_out_edges(start, [steady, shaky])
    builder.add_edge(steady, join).add_edge(shaky, join)
    result = await builder.build().run(0)
    assert sorted(result.get_outputs()) == [1, 2, 10, 20]
    assert [line for line in log if "shaky" in line] == ["shaky 1"] * 2 + ["shaky 2"] * 2
    assert [line.split()[0] for line in log[-4:]] == ["join"] * 4


async def test_a_sub_workflow_retries_inside() -> None:
    """Its executors are called again like those of the graph around it."""
    flaky = Flaky("flaky", 2, retry=Retry(3))
    inner = WorkflowBuilder(start_executor=flaky, name="inner").build()
    around = WorkflowExecutor(inner, id="inner")
    tells = Tells("tells")
    workflow = WorkflowBuilder(start_executor=around).add_edge(around, tells).build()
    result = await workflow.run(1)
    assert (3, None) in result.get_outputs()
    assert flaky.calls == [(0, 0), (1, 1), (2, 2)]


async def test_watchers_see_each_failure_in_its_place() -> None:
    """Invoked, then to be tried again; the last one is a failure."""
    flaky = Flaky("flaky", 2, retry=Retry(2, backoff=0.001))
    workflow = WorkflowBuilder(start_executor=flaky).build()
    with pytest.raises(ConnectionError) as raised:
        await workflow.run(1)
    events: list[Any] = list(raised.value.workflow_result)  # type: ignore[attr-defined]
    found = [event for event in events if event.type.startswith("executor")]
    assert [event.type for event in found] == [
        "executor_invoked",
        "executor_retry",
        "executor_invoked",
        "executor_failed",
    ]
    told = found[1]
    assert (told.executor_id, told.data, told.failures) == ("flaky", "ConnectionError: call 1", 1)
    assert told.runs_again_at > 0


def test_neither_is_part_of_the_fingerprint_nor_of_the_blueprint() -> None:
    """They are the executor's own, like its code."""
    plain = flaky_then_tells(Flaky("flaky", 0), name="w")
    harder = flaky_then_tells(Flaky("flaky", 0, retry=Retry(5), timeout_s=5.0), name="w")
    assert plain.graph_signature_hash == harder.graph_signature_hash
    assert plain.save_blueprint() == harder.save_blueprint()


def test_what_is_no_retry_is_refused_where_it_is_declared() -> None:
    """By the decorators and by the executor."""
    with pytest.raises(DefinitionError, match="retry: expected a Retry"):
        handler(retry=3)  # type: ignore[call-overload]
    with pytest.raises(DefinitionError, match="timeout_s: expected more than 0"):
        response_handler(timeout_s=0)
    with pytest.raises(DefinitionError, match="timeout_s: expected more than 0"):
        Flaky("flaky", 0, timeout_s=-1)


async def test_a_caller_that_is_cancelled_while_it_waits_leaves_the_run_due() -> None:
    """It goes on where it was, and waits for the rest of the time."""
    flaky = Flaky("flaky", 1, retry=Retry(2, backoff=0.05))
    workflow = flaky_then_tells(flaky)
    call = asyncio.ensure_future(workflow.run(1))
    for _ in range(20):
        await asyncio.sleep(0)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert len(flaky.calls) == 1
    result = await workflow.run(resume=True)
    assert result.get_outputs() == [2, (2, [2])]
    assert flaky.calls == [(0, 0), (1, 1)]


async def test_an_agent_is_asked_again() -> None:
    """With what it had been told before, and nothing of the failed call."""

    class Agent:
        name = "agent"
        calls = 0

        async def run(self, messages: Any, **_: Any) -> str:
            """Fail once."""
            self.calls += 1
            if self.calls == 1:
                raise ConnectionError
            return "well"

    agent = Agent()
    node = AgentExecutor(agent, retry=Retry(2), timeout_s=60.0)
    result = await WorkflowBuilder(start_executor=node).build().run("hi")
    assert agent.calls == 2
    assert "well" in str(result.get_outputs())
