# SPDX-License-Identifier: Apache-2.0
"""A handler raises: what stops, what is kept, and how the run goes on."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from holdfast import MemoryStore
from holdfast.errors import RunFailed
from holdfast.workflow import WorkflowRunState
from tests.workflow.graphs import (
    Context,
    Do,
    Gate,
    Remembers,
    build,
    events_of,
    give,
    warnings_of,
    words,
)


class Broken:
    """A fan-out s -> a, b, c: a ends, b fails until it is mended, c is slow."""

    def __init__(self) -> None:
        self.runs: list[str] = []
        self.is_mended = False
        self.a_ended = asyncio.Event()
        self.c_stopped = False

    async def a(self, message: Any, ctx: Context) -> None:
        """Ends at once."""
        self.runs.append("a")
        ctx.set_state("a", "done")
        await ctx.yield_output("from a")
        await ctx.send_message("a")
        self.a_ended.set()

    async def b(self, message: Any, ctx: Context) -> None:
        """Fails once a has ended."""
        self.runs.append("b")
        await self.a_ended.wait()
        await asyncio.sleep(0)
        if not self.is_mended:
            raise ConnectionError("the service is down")
        await ctx.send_message("b")

    async def c(self, message: Any, ctx: Context) -> None:
        """Would wait for ever."""
        self.runs.append("c")
        if self.is_mended:
            return
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.c_stopped = True
            raise

    def build(self, **how: Any) -> Any:
        """The workflow."""
        works = {"a": self.a, "b": self.b, "c": self.c, "t": give}
        return build("s>a s>b s>c a>t b>t", works, **how)


async def test_a_failure_stops_the_others_and_is_raised() -> None:
    """Trace 29.5: executor_failed, failed, FAILED, then the exception itself."""
    broken = Broken()
    workflow = broken.build()
    with pytest.raises(ConnectionError, match="the service is down") as caught:
        await workflow.run("x")

    assert broken.c_stopped
    assert workflow.status is WorkflowRunState.FAILED
    result = caught.value.workflow_result
    assert words(result)[-3:] == ["executor_failed b", "failed", "status FAILED"]
    assert result.get_outputs() == ["from a"]
    assert result.get_final_state() is WorkflowRunState.FAILED


async def test_a_failure_is_told_with_all_that_is_known() -> None:
    """Type, text, traceback and whose handler it was."""
    stream = Broken().build().run("x", stream=True)
    with pytest.raises(ConnectionError):
        await stream.get_final_response()
    told = [e.details async for e in _read(stream) if e.type in ("executor_failed", "failed")]

    for details in told:
        assert (details.error_type, details.executor_id) == ("ConnectionError", "b")
        assert details.message == "the service is down"
        assert "ConnectionError: the service is down" in details.traceback
    assert len(told) == 2


async def _read(stream: Any) -> Any:
    try:
        async for event in stream:
            yield event
    except ConnectionError:
        return


@pytest.mark.parametrize("kept", [False, True], ids=["in memory", "in a store"])
async def test_resume_runs_only_what_had_not_finished(kept: bool) -> None:
    """What a had sent, written and yielded is there; b and c run again."""
    broken = Broken()
    workflow = broken.build(checkpoint_storage=MemoryStore() if kept else None)
    with pytest.raises(ConnectionError):
        await workflow.run("x")
    assert broken.runs == ["a", "b", "c"]
    broken.is_mended = True
    result = await workflow.run(resume=True)

    assert broken.runs == ["a", "b", "c", "b", "c"]
    assert result.get_outputs() == ["from a", "a", "b"]
    assert words(result)[0] == "superstep_started 2"
    assert workflow.status is WorkflowRunState.IDLE


async def test_a_failure_may_come_again() -> None:
    """Resume fails as the run did, as often as it is tried."""
    broken = Broken()
    workflow = broken.build()
    for times in range(1, 4):
        with pytest.raises(ConnectionError):
            await (workflow.run("x") if times == 1 else workflow.run(resume=True))
        assert broken.runs.count("a") == 1
    broken.is_mended = True

    assert (await workflow.run(resume=True)).get_outputs() == ["from a", "a", "b"]


async def test_a_failed_workflow_takes_a_new_run() -> None:
    """What was pending is dropped; nothing of it shows up in the new run."""
    broken = Broken()
    workflow = broken.build()
    with pytest.raises(ConnectionError):
        await workflow.run("x")
    broken.is_mended = True
    first = workflow.run_id
    result = await workflow.run("y")

    assert result.get_outputs() == ["from a", "a", "b"]
    assert broken.runs == ["a", "b", "c", "a", "b", "c"]
    assert workflow.run_id != first


async def test_staged_state_of_a_failed_superstep_stays_out_of_a_new_run() -> None:
    """The barrier was never reached."""
    fails = [True]

    async def write(message: Any, ctx: Context) -> None:
        await ctx.yield_output(ctx.get_state("k"))
        ctx.set_state("k", "staged")

    async def fail(message: Any, ctx: Context) -> None:
        await asyncio.sleep(0)
        if fails:
            fails.pop()
            raise ValueError("no")

    workflow = build("s>a s>b", {"a": write, "b": fail})
    with pytest.raises(ValueError, match="no"):
        await workflow.run("x")

    assert (await workflow.run("y")).get_outputs() == [None]


async def test_a_sibling_that_ends_while_the_failure_is_saved_is_kept() -> None:
    """It counts as finished, and does not upset the run."""
    store = SlowStore()
    gate = Gate()
    runs: list[str] = []

    async def fail(message: Any, ctx: Context) -> None:
        runs.append("fail")
        if len(runs) < 3:
            store.hold()
            raise ValueError("no")

    async def end(message: Any, ctx: Context) -> None:
        runs.append("end")
        await store.held.wait()
        await ctx.yield_output("kept")
        asyncio.get_running_loop().call_later(0.01, store.go_on.set)
        gate.arrived.set()

    works = {"x": fail, "y": end}
    workflow = build("s>x s>y", works, checkpoint_storage=store)
    with pytest.raises(ValueError, match="no"):
        await asyncio.wait_for(workflow.run("x"), 5)
    result = await asyncio.wait_for(workflow.run(resume=True), 5)

    assert runs == ["fail", "end", "fail"]
    assert result.get_outputs() == ["kept"]


class SlowStore(MemoryStore):
    """A store whose next append waits until it is let go on."""

    def __init__(self) -> None:
        super().__init__()
        self.held = asyncio.Event()
        self.go_on = asyncio.Event()
        self._holds = False

    def hold(self) -> None:
        """Let the next append wait."""
        self._holds = True

    async def append(self, claim: Any, commit: Any, *, after: int) -> int:
        """Wait where it was asked to."""
        if self._holds:
            self._holds = False
            self.held.set()
            await self.go_on.wait()
        return await super().append(claim, commit, after=after)


async def test_two_failures_are_both_parked() -> None:
    """The first one is raised; resume runs both again."""
    runs: list[str] = []
    both = asyncio.Event()

    async def fail(message: Any, ctx: Context) -> None:
        runs.append(message)
        if len(runs) == 2:
            both.set()
        if len(runs) <= 2:
            await both.wait()
            raise ValueError(message)

    async def split(message: Any, ctx: Context) -> None:
        await ctx.send_message("a", target_id="a")
        await ctx.send_message("b", target_id="b")

    workflow = build("s>a s>b", {"s": split, "a": fail, "b": fail})
    with pytest.raises(ValueError, match=r"[ab]"):
        await workflow.run("x")
    await workflow.run(resume=True)

    assert sorted(runs) == ["a", "a", "b", "b"]


@pytest.mark.parametrize("how", ["factory", "hooks", "neither"])
async def test_an_executor_that_failed_is_brought_back_first(how: str) -> None:
    """Made anew by its factory, given back what it held, or told that neither is possible."""
    seen: list[list[Any]] = []
    fails = [True, False]

    class Half(Do):
        checkpoint_fields = ("seen",) if how == "hooks" else ()

    async def change(message: Any, ctx: Context) -> None:
        owner = workflow.executors["a"]
        assert isinstance(owner, Do)
        seen.append(list(owner.seen))
        if fails.pop(0):
            raise ValueError("half-way")

    workflow = build(
        "a>",
        {"a": change},
        kind=Half,
        instances=how != "factory",
        checkpoint_storage=MemoryStore() if how == "hooks" else None,
    )
    with pytest.raises(ValueError, match="half-way"):
        await workflow.run("x")
    result = await workflow.run(resume=True)

    assert seen == ([["x"], ["x", "x"]] if how == "neither" else [["x"], ["x"]])
    told = warnings_of(result)
    assert len(told) == (1 if how == "neither" else 0)
    assert all("'a' runs again after a call that did not end" in text for text in told)


async def test_an_executor_that_was_stopped_is_brought_back_too() -> None:
    """A sibling's failure stopped it in the middle."""
    broken = Broken()
    workflow = broken.build(instances=True)
    with pytest.raises(ConnectionError):
        await workflow.run("x")
    broken.is_mended = True
    told = warnings_of(await workflow.run(resume=True))

    assert ["'b'" in text or "'c'" in text for text in told] == [True, True]


async def test_a_new_run_on_half_changed_instances_is_told() -> None:
    """They are the same objects; what is kept of them is given back."""
    fails = [True]

    async def change(message: Any, ctx: Context) -> None:
        if fails:
            fails.pop()
            raise ValueError("no")

    plain = build("a>", {"a": change}, instances=True)
    with pytest.raises(ValueError, match="no"):
        await plain.run("x")
    assert "'a' runs again" in warnings_of(await plain.run("y"))[0]
    assert warnings_of(await plain.run("z")) == []

    fails.append(True)
    kept = build(
        "a>", {"a": change}, kind=Remembers, instances=True, checkpoint_storage=MemoryStore()
    )
    with pytest.raises(ValueError, match="no"):
        await kept.run("x")
    assert warnings_of(await kept.run("y")) == []
    assert kept.executors["a"].seen == ["y"]


async def test_a_handler_that_cancels_itself_fails() -> None:
    """Nobody stopped it, so it is an error like any other."""

    async def odd(message: Any, ctx: Context) -> None:
        raise asyncio.CancelledError("mine")

    workflow = build("a>", {"a": odd})
    with pytest.raises(RunFailed, match="a handler raised CancelledError"):
        await workflow.run("x")
    assert workflow.status is WorkflowRunState.FAILED


async def test_events_of_a_failed_superstep_end_without_a_checkpoint() -> None:
    """No superstep_completed for it."""
    broken = Broken()
    workflow = broken.build(checkpoint_storage=MemoryStore())
    stream = workflow.run("x", stream=True)
    with pytest.raises(ConnectionError):
        await stream.get_final_response()
    told = [line for line in words([e async for e in _read(stream)]) if "superstep" in line]

    assert told == ["superstep_started 1", "superstep_completed 1", "superstep_started 2"]


async def test_a_collected_failure_has_every_event() -> None:
    """`exc.workflow_result` holds the statuses as well."""
    with pytest.raises(ConnectionError) as caught:
        await Broken().build().run("x")
    with pytest.raises(ConnectionError):
        await events_of(Broken().build(), "x")

    assert [e.state for e in caught.value.workflow_result.status_timeline()] == [
        "IN_PROGRESS",
        "FAILED",
    ]
