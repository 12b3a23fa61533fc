# SPDX-License-Identifier: Apache-2.0
"""A condition raises: the handler it judged has ended all the same, and only the routing waits."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from holdfast import Case, Default, Engine, Executor, WorkflowContext, handler
from holdfast.errors import RunFailed
from holdfast.workflow import WorkflowBuilder
from tests.workflow.graphs import Context, Remembers, builder, give, words


class Judged:
    """s -> a, c; a yields, writes and sends along a condition that fails until it is mended."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.is_mended = False
        self.c_waits = False
        self.c_began = asyncio.Event()

    async def a(self, message: Any, ctx: Context) -> None:
        """All that a handler can do."""
        self.calls.append("a")
        ctx.set_state("a", "written")
        await ctx.yield_output("yielded")
        await ctx.send_message("first")
        await ctx.send_message("second")
        await self.c_began.wait()

    async def c(self, message: Any, ctx: Context) -> None:
        """A sibling."""
        self.calls.append("c")
        self.c_began.set()
        if self.c_waits:
            await asyncio.Event().wait()

    async def t(self, message: Any, ctx: Context) -> None:
        """Takes what the condition lets through."""
        await ctx.yield_output((message, ctx.get_state("a")))

    def condition(self, message: str) -> bool:
        """Raises on the second message."""
        self.calls.append(f"asked {message}")
        if message == "second" and not self.is_mended:
            raise LookupError("the rates are not there")
        return True

    def builder(self, **how: Any) -> WorkflowBuilder:
        """The workflow."""
        works = {"a": self.a, "c": self.c, "t": self.t}
        new = builder("s>a s>c", works, kind=Remembers, name="judged", **how)
        new.register("t", lambda: Remembers("t", self.t))
        return new.add_edge("a", "t", self.condition)


async def test_the_error_is_raised_and_the_handler_does_not_run_again() -> None:
    """What it wrote, yielded and sent is there after the condition was mended."""
    judged = Judged()
    workflow = judged.builder().build()
    with pytest.raises(LookupError, match="the rates are not there") as caught:
        await workflow.run("x")
    lines = words(caught.value.workflow_result)
    judged.is_mended = True
    result = await workflow.run(resume=True)

    assert judged.calls.count("a") == 1
    assert result.get_outputs() == ["yielded", ("first", "written"), ("second", "written")]
    assert "executor_completed a ['first', 'second', 'yielded']" in lines
    assert not any(line.startswith("executor_failed") for line in lines)
    assert lines[-2:] == ["failed", "status FAILED"]
    assert caught.value.__notes__ == ["It was asked about a message along a->t."]


async def test_the_failed_event_names_whose_messages_they_were() -> None:
    """Like the one of a handler that raised."""
    with pytest.raises(LookupError) as caught:
        await Judged().builder().build().run("x")
    (details,) = (e.details for e in caught.value.workflow_result if e.type == "failed")

    assert (details.executor_id, details.error_type) == ("a", "LookupError")


async def test_siblings_are_stopped_and_run_again() -> None:
    """As when a handler fails."""
    judged = Judged()
    judged.c_waits = True
    workflow = judged.builder().build()
    with pytest.raises(LookupError):
        await workflow.run("x")
    judged.is_mended, judged.c_waits = True, False
    await workflow.run(resume=True)

    assert (judged.calls.count("a"), judged.calls.count("c")) == (1, 2)


async def test_parked_routing_is_retried_by_decision(store: Any) -> None:
    """In another process too: what the handler did is in the store."""
    judged = Judged()
    workflow = judged.builder().build()
    async with Engine(store, [workflow]) as engine:
        run = await engine.start(workflow, "x", run_id="r")
        with pytest.raises(RunFailed, match="the rates are not there"):
            await run.result()
        assert (await run.row()).status == "parked"
    judged.is_mended = True
    async with Engine(store, [workflow]) as engine:
        await engine.retry("r")
        outputs = await (await engine.open("r")).result()

    assert outputs == ["yielded", ("first", "written"), ("second", "written")]
    assert judged.calls.count("a") == 1


async def test_parked_routing_is_skipped_by_decision(store: Any) -> None:
    """Then its messages go nowhere; all else that the handler did stays."""
    judged = Judged()
    workflow = judged.builder().build()
    async with Engine(store, [workflow]) as engine:
        run = await engine.start(workflow, "x", run_id="r")
        with pytest.raises(RunFailed):
            await run.result()
        driven = await engine.driven("r")
        (parked,) = driven.graph.parked()  # type: ignore[attr-defined]
        await engine.skip("r", parked.id)

        assert await run.result() == ["yielded"]
        assert driven.live.run.frames[0].state["a"].value == "written"


async def test_a_retry_may_fail_again() -> None:
    """Nothing is lost by it."""
    judged = Judged()
    workflow = judged.builder().build()
    for resume in (False, True, True):
        call = workflow.run(resume=True) if resume else workflow.run("x")
        with pytest.raises(LookupError):
            await call
    judged.is_mended = True

    assert len((await workflow.run(resume=True)).get_outputs()) == 3


async def test_a_raising_case_does_not_lead_to_the_default() -> None:
    """A predicate that cannot answer has not said no."""

    def broken(message: Any) -> bool:
        raise ZeroDivisionError

    async def send(message: Any, ctx: Context) -> None:
        await ctx.send_message(1)

    new = builder("a>", {"a": send})
    for name in "bc":
        new.register(name, lambda name=name: Remembers(name, give))
    new.add_switch_case_edge_group("a", [Case(broken, "b"), Default("c")])
    with pytest.raises(ZeroDivisionError) as caught:
        await new.build().run("x")

    assert caught.value.workflow_result.get_outputs() == []


async def test_an_answer_that_was_asked_for_before_a_condition_failed_is_kept() -> None:
    """The request of a handler that has ended is open, whatever became of its messages."""

    async def ask(message: Any, ctx: Context) -> None:
        await ctx.request_info("?", int, request_id="q")
        await ctx.send_message("m")

    async def hear(request: Any, response: int, ctx: Context) -> None:
        await ctx.yield_output(response)

    fails = [True]

    def condition(message: Any) -> bool:
        if fails:
            raise LookupError(fails.pop())
        return True

    new = builder("a>", {"a": (ask, hear)}).register("b", lambda: Remembers("b", give))
    workflow = new.add_edge("a", "b", condition).build()
    with pytest.raises(LookupError):
        await workflow.run("x")
    assert (await workflow.run(resume=True)).get_outputs() == ["m"]
    assert (await workflow.run(responses={"q": 5})).get_outputs() == [5]


class Counts(Executor):
    """Counts its calls in a field that is kept with the run."""

    checkpoint_fields = ("count",)

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.count = 0

    @handler
    async def take(self, message: str, ctx: WorkflowContext[str, int]) -> None:
        self.count += 1
        await ctx.yield_output(self.count)
        await ctx.send_message(message)


async def test_an_executor_stopped_while_its_messages_are_routed_is_put_back() -> None:
    """Its call is made again from its top, so what the first one changed in it is taken back."""
    asked, mended = asyncio.Event(), False

    async def condition(_: str) -> bool:
        asked.set()
        await asyncio.sleep(0 if mended else 3600)
        return True

    async def fails(_message: Any, _ctx: Context) -> None:
        await asked.wait()
        if not mended:
            raise LookupError("not yet")

    async def passes(message: Any, ctx: Context) -> None:
        await ctx.send_message(message)

    new = builder("s>f", {"f": fails, "s": passes}, kind=Remembers, name="stopped")
    new.register("c", lambda: Counts("c")).register("t", lambda: Remembers("t", fails))
    new.add_edge("s", "c").add_edge("c", "t", condition)
    workflow = new.build()
    async with Engine("memory://", [workflow]) as engine:
        run = await engine.start(workflow, "go", run_id="run")
        assert (await run.until_idle()).status == "parked"
        mended = True
        await engine.retry("run")
        assert await run.result() == [1]
