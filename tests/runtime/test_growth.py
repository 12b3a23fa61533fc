# SPDX-License-Identifier: Apache-2.0
"""A thousand questions one after the other: what is saved and written does not grow with them."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from holdfast import (
    Engine,
    Executor,
    MemoryStore,
    SQLiteStore,
    TriggerFlow,
    WorkflowBuilder,
    WorkflowContext,
    handler,
    response_handler,
)
from holdfast.persistence.parts import merge
from holdfast.persistence.store import Claim, Commit, Store
from holdfast.testing.faults import FaultPlan, FaultyStore

ROUNDS = 1000
#: What the run holds all the time, as a run of a service would.
STATE = {"customer": "Ann", "lines": [{"item": number, "text": "x" * 80} for number in range(300)]}


class Weighed(FaultyStore):
    """Adds up the bytes that appends bring."""

    def __init__(self, inner: Store) -> None:
        super().__init__(inner, FaultPlan())
        self.bytes = 0

    async def append(self, claim: Claim, commit: Commit, *, after: int) -> int:
        """As the store inside; weighed."""
        self.bytes += len(commit.delta) + sum(map(len, commit.anchor or ()))
        return await super().append(claim, commit, after=after)


async def ask_again(data: Any) -> Any:
    """A loop: the chunk runs again with each answer, and asks again."""
    if data.resume.value is None:
        await data.async_set_state("held", STATE)
    number = 0 if data.resume.value is None else data.resume.value + 1
    return await data.async_pause_for(
        interrupt_id=f"q{number}", payload=number, resume_to="self", max_resumes=None
    )


async def ask_next(data: Any) -> Any:
    """A chain: each answer is an event, whose chunk asks the next question."""
    if data.input == -1:
        await data.async_set_state("held", STATE)
    number = data.input + 1
    return await data.async_pause_for(
        interrupt_id=f"q{number}", payload=number, resume_to={"event": "Next"}
    )


def loop() -> Any:
    """A flow that asks in a loop."""
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="growing")
    flow.to(ask_again)
    return flow


def chain() -> Any:
    """A flow whose questions follow from one another."""
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="growing")
    flow.to(ask_next)
    flow.when("Next").to(ask_next)
    return flow


class Asks(Executor):
    """Asks again whenever it is answered."""

    def __init__(self) -> None:
        super().__init__("asks")

    @handler
    async def start(self, message: int, ctx: WorkflowContext[None, None]) -> None:
        ctx.set_state("held", STATE)
        await ctx.request_info(0, int, request_id="q0")

    @response_handler
    async def answered(self, asked: int, answer: int, ctx: WorkflowContext[None, None]) -> None:
        await ctx.request_info(answer + 1, int, request_id=f"q{answer + 1}")


def graph() -> Any:
    """A workflow that asks in a loop."""
    builder = WorkflowBuilder(name="growing", start_executor="asks")
    return builder.register("asks", Asks).build()


def _size(folder: Path) -> int:
    """Of the database and its log."""
    return sum(file.stat().st_size for file in folder.glob("runs.db*"))


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
@pytest.mark.parametrize("made", [loop, chain, graph])
async def test_a_thousand_questions_leave_no_more_than_the_first(
    made: Callable[[], Any], kind: str, tmp_path: Path
) -> None:
    """The record stays as it is, a round writes as much as ever, and takes as long as ever."""
    path = tmp_path / "runs.db"
    inner: Store = MemoryStore()
    if kind == "sqlite":
        inner = SQLiteStore(path, durability="relaxed")
    store = Weighed(inner)
    definition = made()
    held, written, files, took = {}, {}, {}, []
    async with Engine(store, [definition]) as engine:
        await engine.start(definition, -1, run_id="r")
        driven = await engine.driven("r")
        await driven.live.until_quiet()
        for number in range(ROUNDS):
            began = time.perf_counter()
            await engine.answer("r", f"q{number}", number, request_id=f"answer {number}")
            await driven.live.until_quiet()
            took.append(time.perf_counter() - began)
            if number + 1 in (1, 100, 550, ROUNDS):
                stored = await store.read("r")
                parts = merge(stored.anchor, stored.deltas)
                held[number + 1] = sum(len(json.dumps(str(part))) for part in parts.values())
                written[number + 1] = store.bytes
                files[number + 1] = _size(tmp_path)
        (wait,) = await engine.waits(run_id="r")
        assert wait.wait_id == f"q{ROUNDS}"
    await inner.close()

    assert held[ROUNDS] <= 1.2 * held[1]
    early, late = (written[550] - written[100]) / 450, (written[ROUNDS] - written[550]) / 450
    assert late <= 1.2 * early
    if kind == "sqlite":
        # A file grows by pages, and its log is folded in now and then.
        assert files[ROUNDS] - files[100] <= 2.5 * (files[550] - files[100]) + 2_000_000
    # Times say little on a machine that is busy: only what grows with the past shows here.
    assert statistics.median(took[-200:]) <= 3 * statistics.median(took[:200])


@pytest.mark.parametrize("made", [loop, chain])
async def test_a_save_after_a_thousand_questions_is_the_size_of_the_first(made: Any) -> None:
    """A save without a store: live state, and a line for each of the last answers."""
    execution = made().create_execution(auto_close=False)
    await execution.async_start(-1)
    sizes = {}
    for number in range(ROUNDS):
        await execution.async_continue_with(f"q{number}", number)
        if number + 1 in (1, ROUNDS):
            sizes[number + 1] = len(json.dumps(execution.save()))

    assert sizes[ROUNDS] <= 1.2 * sizes[1]
