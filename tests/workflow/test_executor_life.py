# SPDX-License-Identifier: Apache-2.0
"""Executors get ready before their first message of a run, and forget when a run is fresh."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast import Engine, Executor, WorkflowBuilder, WorkflowContext, handler


class Ready(Executor):
    """Notes when it gets ready, and what it takes; counts over runs."""

    def __init__(self, id: str, log: list[str]) -> None:
        super().__init__(id)
        self.log = log
        self.count = 0
        self.fails = 0

    async def on_start(self) -> None:
        if self.fails:
            self.fails -= 1
            raise ConnectionError("not ready")
        self.log.append(f"start {self.id}")

    async def reset(self) -> None:
        self.log.append(f"reset {self.id}")
        self.count = 0

    @handler
    async def take(self, message: int, ctx: WorkflowContext[int, int]) -> None:
        self.log.append(f"take {message}")
        self.count += 1
        if message:
            await ctx.send_message(message - 1)
        await ctx.yield_output(self.count)


async def test_an_executor_gets_ready_once_before_its_first_message() -> None:
    """Of each run."""
    log: list[str] = []
    one = Ready("a", log)
    workflow = WorkflowBuilder(start_executor=one).add_edge(one, one).build()
    await workflow.run(1)
    await workflow.run(0)

    assert log == ["start a", "take 1", "take 0", "start a", "take 0"]


async def test_one_that_takes_nothing_does_not_get_ready() -> None:
    """Connections are opened by those who need them."""
    log: list[str] = []
    new = WorkflowBuilder(start_executor=Ready("a", log))
    new.add_edge("a", Ready("b", log), lambda message: message > 5)
    await new.build().run(1)

    assert log == ["start a", "take 1"]


async def test_what_it_raises_fails_the_delivery_and_it_is_asked_again() -> None:
    """The message is not lost."""
    log: list[str] = []
    one = Ready("a", log)
    one.fails = 1
    workflow = WorkflowBuilder(start_executor=one).build()
    with pytest.raises(ConnectionError, match="not ready"):
        await workflow.run(0)
    result = await workflow.run(resume=True)

    assert (log, result.get_outputs()) == (["start a", "take 0"], [1])


async def test_a_fresh_run_resets_instances_and_others_do_not() -> None:
    """What an instance holds goes from run to run otherwise."""
    log: list[str] = []
    workflow = WorkflowBuilder(start_executor=Ready("a", log)).build()
    outputs = []
    for fresh in (False, False, True):
        result = await workflow.run(0, fresh=fresh)
        outputs += result.get_outputs()

    assert outputs == [1, 2, 1]
    assert log.count("reset a") == 1


class Moody(Ready):
    """Fails at its first message."""

    @handler
    async def take(self, message: int, ctx: WorkflowContext[int, int]) -> None:
        self.log.append(f"take {message}")
        if self.log.count(f"take {message}") == 1:
            raise ValueError("once")


async def test_an_executor_that_is_made_anew_gets_ready_again(store: Any) -> None:
    """After its call failed, and in another process."""
    log: list[str] = []
    new = WorkflowBuilder(name="w", start_executor="a").register("a", lambda: Moody("a", log))
    workflow = new.build()
    async with Engine(store, [workflow]) as engine:
        run = await engine.start(workflow, 1, run_id="r")
        await run.until_idle()
        await engine.retry("r")
        await run.result()

    assert log == ["start a", "take 1", "start a", "take 1"]
