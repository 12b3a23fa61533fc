# SPDX-License-Identifier: Apache-2.0
"""What a durable step costs: one small commit, however many there were. Nothing is timed here."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from holdfast import Engine, MemoryStore, TriggerFlow
from holdfast.persistence.store import Claim, Commit
from tests.triggerflow.test_costs import counted
from tests.workflow.graphs import Context, build


class Weighing(MemoryStore):
    """Takes note of what every append weighs."""

    def __init__(self) -> None:
        super().__init__()
        self.deltas: list[int] = []
        self.anchors: list[int] = []

    async def append(self, claim: Claim, commit: Commit, *, after: int) -> int:
        """One more."""
        self.deltas.append(len(commit.delta))
        self.anchors.append(0 if commit.anchor is None else sum(map(len, commit.anchor)))
        return await super().append(claim, commit, after=after)


async def nothing(number: int) -> int:
    """The function of every step."""
    return number


def stepping(front: str, count: int, *, breaks: bool = False) -> Any:
    """A definition whose one handler makes so many steps, in a row; the first time, it fails."""
    calls: list[int] = []

    async def work(data: Any) -> None:
        for number in range(count):
            await data.step("nothing", nothing, number)
        calls.append(count)
        if breaks and len(calls) == 1:
            raise RuntimeError("once")

    if front == "workflow":

        async def take(message: Any, ctx: Context) -> None:
            await work(ctx)

        return build("a>", {"a": take}, name="steps")
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="steps")
    flow.to(work)
    return flow


@pytest.mark.parametrize("front", ["flow", "workflow"])
async def test_a_step_costs_one_commit_of_a_hundred_odd_bytes(front: str) -> None:
    """The thousandth as much as the first; the anchors in between weigh a few times all of them."""
    store = Weighing()
    definition = stepping(front, 1_000)
    async with Engine(store, [definition]) as engine:
        run = await engine.start(definition, "x", run_id="r")
        await run.result()
    steps = store.deltas[:1_000]
    assert len(store.deltas) <= 1_003
    assert max(steps) < 160
    assert max(steps[500:]) <= max(steps[:500]) + 8
    assert sum(store.anchors) < 4 * sum(store.deltas)


async def test_a_repeat_of_many_steps_writes_each_line_once_more() -> None:
    """One commit brings the repeat under way; finding the results costs none."""
    store = Weighing()
    definition = stepping("flow", 1_000, breaks=True)
    async with Engine(store, [definition]) as engine:
        run = await engine.start(definition, "x", run_id="r")
        with pytest.raises(RuntimeError, match="once"):
            await run.result()
        before = len(store.deltas)
        await engine.retry("r")
        await run.result()
    again = store.deltas[before:]
    assert len(again) <= 4
    assert sum(again) < 2 * sum(store.deltas[:before])


async def test_a_step_of_an_async_function_costs_no_task_copy_or_thread(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In memory; the handler goes on in its own task."""
    flow = stepping("flow", 100)
    execution = flow.create_execution(auto_close=False)
    with counted(monkeypatch) as counts:
        await execution.async_start("x")
    assert (counts.tasks, counts.turns, counts.copies, counts.threads) == (0, 0, 0, 0)


async def test_a_handler_without_steps_leaves_no_line_and_no_mark() -> None:
    """Nothing of it is in the record, nor in what carries the run."""
    seen: list[Any] = []

    async def work(data: Any) -> None:
        flow_run: Any = data._run
        seen.append((dict(flow_run.run.ledgers), flow_run.live.stepping))
        await asyncio.sleep(0)

    flow: TriggerFlow[Any, Any, Any] = TriggerFlow()
    flow.to(work)
    await flow.async_start("x")
    assert seen == [({}, None)]
