# SPDX-License-Identifier: Apache-2.0
"""Durable steps in the handlers of a workflow: what finished is not called again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from holdfast import (
    Engine,
    FileCheckpointStorage,
    Step,
    WorkflowBuilder,
    WorkflowContext,
    WorkflowExecutor,
    current_step,
    executor,
)
from holdfast.errors import StepRefused, ValueRefused
from tests.workflow.graphs import Context, Do, Gate, build, give


class Shop:
    """A function for steps, and what called it."""

    def __init__(self) -> None:
        self.calls: list[Any] = []
        self.steps: list[Step] = []

    async def charge(self, order: Any) -> Any:
        """Take note."""
        self.calls.append(order)
        self.steps.append(current_step())
        return {"order": order, "number": len(self.calls)}

    def book(self, order: Any) -> Any:
        """The same, in a thread."""
        self.calls.append(order)
        self.steps.append(current_step())
        return len(self.calls)


class Breaks:
    """Raises the first time."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        self.count += 1
        if self.count == 1:
            raise RuntimeError("the handler broke")


async def test_a_finished_step_is_not_called_again_when_the_run_goes_on(place: Any) -> None:
    """Wherever the run is kept; the repeat is given what the first call returned."""
    shop, breaks = Shop(), Breaks()

    async def work(message: Any, ctx: Context) -> None:
        charged = await ctx.step("charge", shop.charge, message)
        booked = await asyncio.gather(*(ctx.step("book", shop.book, 7) for _ in range(2)))
        breaks()
        await ctx.yield_output([charged["number"], sorted(booked)])

    workflow = build("a>", {"a": work}, checkpoint_storage=place)
    with pytest.raises(RuntimeError, match="the handler broke"):
        await workflow.run("x")
    result = await workflow.run(resume=True)

    assert result.get_outputs() == [[1, [2, 3]]]
    assert shop.calls == ["x", 7, 7]
    assert len({step.key for step in shop.steps}) == 3


async def test_a_run_that_nothing_keeps_has_steps_too() -> None:
    """Its ledger is in memory as long as the handler has not ended."""
    shop, breaks = Shop(), Breaks()

    async def work(message: Any, ctx: Context) -> None:
        result = await ctx.step("charge", shop.charge, message)
        result["mine"] = True
        breaks()
        await ctx.yield_output(await ctx.step("charge", shop.charge, message))

    workflow = build("a>", {"a": work})
    with pytest.raises(RuntimeError, match="the handler broke"):
        await workflow.run("x")
    result = await workflow.run(resume=True)

    assert result.get_outputs() == [{"order": "x", "number": 2}]
    assert [step.attempt for step in shop.steps] == [0, 0]


async def test_a_sync_executor_blocks_in_a_step(store: Any) -> None:
    """In its thread `ctx.step` gives the result itself, and a repeat finds it."""
    shop, breaks = Shop(), Breaks()
    keys: list[str] = []

    @executor
    def work(message: str, ctx: WorkflowContext[None, list]) -> None:
        keys.append(ctx.step_key)
        ctx.set_state("end", [ctx.step("charge", shop.charge, message)["number"]])
        ctx.set_state("booked", ctx.step("book", shop.book, 7))
        ctx.sleep(0)
        breaks()

    workflow = WorkflowBuilder(name="w", start_executor=work, checkpoint_storage=store).build()
    with pytest.raises(RuntimeError, match="the handler broke"):
        await workflow.run("x")
    await workflow.run(resume=True)

    assert shop.calls == ["x", 7]
    assert keys[0] == keys[1]
    assert shop.steps[0].key.startswith(keys[0] + "/")


async def test_another_process_finds_what_was_done(store: Any) -> None:
    """A run that was stopped in the middle of a handler goes on with the results it has."""
    shop, gate = Shop(), Gate()

    async def work(message: Any, ctx: Context) -> None:
        await ctx.step("charge", shop.charge, message)
        await ctx.step("wait", gate.wait)
        await ctx.yield_output(await ctx.step("charge", shop.charge, "last"))

    workflow = build("a>", {"a": work}, name="w")
    async with Engine(store, [workflow]) as engine:
        await engine.start(workflow, "x", run_id="r")
        await gate.arrived.wait()
    gate.opened.set()
    async with Engine(store, [workflow]) as engine:
        run = await engine.open("r")
        assert await run.result() == [{"order": "last", "number": 2}]

    assert shop.calls == ["x", "last"]
    assert [step.attempt for step in shop.steps] == [0, 1]


async def test_a_checkpoint_storage_knows_nothing_of_an_unfinished_superstep(
    tmp_path: Path,
) -> None:
    """So after a restart its steps are called again, with the keys that they had."""
    shop, breaks = Shop(), Breaks()

    async def work(message: Any, ctx: Context) -> None:
        charged = await ctx.step("charge", shop.charge, message)
        breaks()
        await ctx.yield_output(charged["number"])

    storage = FileCheckpointStorage(tmp_path)
    with pytest.raises(RuntimeError, match="the handler broke"):
        await build("a>", {"a": work}, name="w", checkpoint_storage=storage).run("x")
    (checkpoint,) = await storage.list_checkpoint_ids("w")
    again = build("a>", {"a": work}, name="w", checkpoint_storage=storage)
    result = await again.run(checkpoint_id=checkpoint)

    assert result.get_outputs() == [2]
    first, second = shop.steps
    assert (first.key, first.attempt) == (second.key, 0)
    assert second.attempt >= 1


async def test_steps_of_a_sub_workflow_are_kept_in_its_run(store: Any) -> None:
    """Handlers inside have deliveries, and so keys, of their own."""
    shop, breaks = Shop(), Breaks()

    async def work(message: Any, ctx: Context) -> None:
        charged = await ctx.step("charge", shop.charge, "same")
        breaks()
        await ctx.yield_output(charged["number"])

    inner = build("in>", {"in": work}, name="inner")
    workflow = (
        WorkflowBuilder(name="outer", checkpoint_storage=store)
        .register("one", lambda: WorkflowExecutor(inner, id="one"))
        .register("end", lambda: Do("end", give))
        .add_edge("one", "end")
        .set_start_executor("one")
        .build()
    )
    with pytest.raises(RuntimeError, match="the handler broke"):
        await workflow.run("x")
    result = await workflow.run(resume=True)

    assert result.get_outputs() == [1]
    assert shop.calls == ["same"]


async def test_the_function_of_a_step_cannot_change_the_run() -> None:
    """A repeat would not do it again: every change is refused, and what is read is not."""

    async def work(message: Any, ctx: Context) -> None:
        ctx.set_state("was", "here")

        async def init() -> Any:
            return await ctx.read_or_init_state("k", lambda: 1)

        changes: tuple[Callable[[], Any], ...] = (
            lambda: ctx.set_state("k", 1),
            lambda: ctx.append_state("k", 1),
            lambda: ctx.delete_state("was"),
            ctx.state.clear,
            lambda: ctx.state.import_state({"k": 1}),
            lambda: ctx.queue_state_update("k", 1),
            lambda: ctx.queue_state_update("was", None, ""),
            lambda: ctx.queue_clear_scope(""),
            init,
            lambda: ctx.send_message(1),
            lambda: ctx.yield_output(1),
            lambda: ctx.request_info("?", int),
            ctx.request_halt,
            lambda: ctx.async_step("inner", asyncio.sleep, 0),
            lambda: ctx.async_sleep(0),
        )
        for number, change in enumerate(changes):
            with pytest.raises(StepRefused, match="the function of step 'change' cannot"):
                await ctx.step("change", change, key=str(number))
        assert await ctx.step("reads", lambda: ctx.get_state("was")) == "here"
        await ctx.yield_output(ctx.export_state())

    result = await build("a>", {"a": work}).run("x")
    assert result.get_outputs() == [{"was": "here"}]


async def test_what_cannot_be_kept_is_refused(place: Any) -> None:
    """Arguments without a key, and results, each with its place."""

    async def work(message: Any, ctx: Context) -> None:
        with pytest.raises(ValueRefused, match=r"arguments of step charge\[0\]") as refused:
            await ctx.step("charge", give, object())
        assert "key=" in refused.value.hint
        with pytest.raises(ValueRefused, match=r"result of step make\[0\]"):
            await ctx.step("make", lambda: [object()])
        await ctx.yield_output(await ctx.step("fine", lambda _: 5, object(), key="5"))

    workflow = build("a>", {"a": work}, checkpoint_storage=place)
    assert (await workflow.run("x")).get_outputs() == [5]
