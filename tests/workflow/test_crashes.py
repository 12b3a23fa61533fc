# SPDX-License-Identifier: Apache-2.0
"""A process is gone: only what had not finished runs again, to the same end."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest

from holdfast import Engine, MemoryStore, Workflow
from holdfast.persistence.parts import as_list, merge
from tests.workflow.graphs import Context, Remembers, build


class Journey:
    """A fan-out of K, then one that gathers; every call is counted."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.calls: Counter[str] = Counter()
        self.hangs: set[str] = set()
        self.hanging = 0
        self.all_hang = asyncio.Event()

    async def split(self, message: Any, ctx: Context) -> None:
        """One message to each."""
        self.calls["split"] += 1
        for number in range(self.width):
            await ctx.send_message(f"w{number}", target_id=f"w{number}")

    async def work(self, message: str, ctx: Context) -> None:
        """Write, yield and send, unless it is to hang."""
        self.calls[message] += 1
        if message in self.hangs:
            self.hanging += 1
            if self.hanging == len(self.hangs):
                self.all_hang.set()
            await asyncio.Event().wait()
        ctx.set_state(message, "done")
        await ctx.yield_output(message)
        await ctx.send_message(message)

    async def gather(self, message: str, ctx: Context) -> None:
        """Note what is in the state."""
        self.calls["gather"] += 1
        ctx.set_state("gathered", ctx.get_state("gathered", 0) + 1)
        done = sorted(key for key in ctx.export_state() if key.startswith("w"))
        if ctx.get_state("gathered") == self.width:
            await ctx.yield_output(done)

    def build(self) -> Workflow:
        """The workflow."""
        names = [f"w{number}" for number in range(self.width)]
        edges = " ".join(f"s>{name} {name}>t" for name in names)
        works = {**dict.fromkeys(names, self.work), "s": self.split, "t": self.gather}
        return build(edges, works, kind=Remembers, name="journey")


async def forsaken(engine: Engine) -> None:
    """The process is gone: its handlers end, and nothing is said to the store."""
    for driven in engine._runs.values():
        saver = driven.live.saver
        assert saver is not None
        await saver.settle()
        saver.dead = RuntimeError("the process is gone")
        await driven.live.halt()
    if engine._looking is not None:
        engine._looking.cancel()
    await engine._owner.retire()


async def saved_outputs(store: Any, count: int) -> None:
    """Wait until the store holds this many outputs of the run."""
    while True:
        stored = await store.read("r")
        parts = merge(stored.anchor, stored.deltas)
        if len(as_list(parts.get("out", b"[]"))) >= count:
            return
        await asyncio.sleep(0)


@pytest.mark.parametrize("finished", [0, 1, 9, 10])
async def test_only_unfinished_handlers_of_a_superstep_run_again(store: Any, finished: int) -> None:
    """Ten in parallel, the process gone when some were done: those never run again."""
    journey = Journey(10)
    journey.hangs = {f"w{number}" for number in range(finished, 10)}
    if finished == 10:
        journey.hangs = set()
        journey.all_hang.set()
    workflow = journey.build()
    first = Engine(store, [workflow])
    await first.__aenter__()
    await first.start(workflow, "x", run_id="r")
    if finished < 10:
        await journey.all_hang.wait()
        await saved_outputs(store, finished)
    else:
        await (await first.open("r")).result()
    await forsaken(first)
    journey.hangs = set()
    async with Engine(store, [workflow]) as second:
        outputs = await (await second.open("r")).result()

    assert sorted(outputs[:10]) == [f"w{number}" for number in range(10)]
    assert outputs[10] == [f"w{number}" for number in range(10)]
    assert journey.calls["split"] == 1
    assert journey.calls["gather"] == 10
    for number in range(10):
        assert journey.calls[f"w{number}"] == (1 if number < finished else 2)


async def test_a_run_between_two_supersteps_is_found_by_the_next_engine() -> None:
    """The commit of a barrier says that there is work."""
    seen: list[tuple[str, bool]] = []

    class Watching(MemoryStore):
        async def append(self, claim: Any, commit: Any, *, after: int) -> int:
            seen.append((commit.status, commit.due))
            return await super().append(claim, commit, after=after)

    workflow = build("a>b b>c", name="w")
    async with Engine(Watching(), [workflow]) as engine:
        await (await engine.start(workflow, "x")).result()

    assert seen == [("running", True), ("running", True), ("completed", False)]


async def test_a_question_survives_its_process(store: Any) -> None:
    """Asked once, although its handler runs again; answered in the next process."""
    asks: list[int] = []
    hang = asyncio.Event()
    asked = asyncio.Event()

    async def ask(message: Any, ctx: Context) -> None:
        asks.append(ctx.attempt)
        await ctx.request_info("?", int)
        asked.set()
        await hang.wait()

    async def hear(request: Any, response: int, ctx: Context) -> None:
        await ctx.yield_output(response)

    workflow = build("a>", {"a": (ask, hear)}, name="w")
    first = Engine(store, [workflow])
    await first.__aenter__()
    await first.start(workflow, "x", run_id="r")
    await asked.wait()
    await forsaken(first)
    hang.set()
    async with Engine(store, [workflow]) as second:
        run = await second.open("r")
        await (await second.driven("r")).live.until_quiet()
        (wait,) = await run.waits()
        await run.answer(wait.wait_id, 5)
        assert await run.result() == [5]

    assert asks == [0, 1]


async def test_a_question_that_is_not_asked_again_is_withdrawn(store: Any) -> None:
    """The repeat took another way."""
    asked = asyncio.Event()

    async def ask(message: Any, ctx: Context) -> None:
        if ctx.attempt == 0:
            await ctx.request_info("?", int)
            asked.set()
            await asyncio.Event().wait()
        await ctx.yield_output("another way")

    workflow = build("a>", {"a": ask}, name="w")
    first = Engine(store, [workflow])
    await first.__aenter__()
    await first.start(workflow, "x", run_id="r")
    await asked.wait()
    await forsaken(first)
    async with Engine(store, [workflow]) as second:
        run = await second.open("r")
        assert await run.result() == ["another way"]
        assert [wait.status for wait in await run.waits(status=None)] == ["withdrawn"]


async def test_an_answer_to_a_handler_that_was_lost_is_heard_after_its_repeat(
    store: Any,
) -> None:
    """Nothing is lost, and nobody is asked twice."""
    asked = asyncio.Event()

    async def ask(message: Any, ctx: Context) -> None:
        await ctx.request_info("?", int, request_id="q")
        if ctx.attempt == 0:
            asked.set()
            await asyncio.Event().wait()

    async def hear(request: Any, response: int, ctx: Context) -> None:
        await ctx.yield_output(response)

    workflow = build("a>", {"a": (ask, hear)}, name="w")
    first = Engine(store, [workflow])
    await first.__aenter__()
    await first.start(workflow, "x", run_id="r")
    await asked.wait()
    await first.answer("r", "q", 6)
    await forsaken(first)
    async with Engine(store, [workflow]) as second:
        assert await (await second.open("r")).result() == [6]


async def test_what_else_was_posted_is_not_lost_with_an_answer_to_a_withdrawn_question(
    store: Any,
) -> None:
    """The answer is taken in when the repeat ends without asking; a cancel waits for its time."""
    asked, repeated, go_on = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def ask(message: Any, ctx: Context) -> None:
        if ctx.attempt == 0:
            await ctx.request_info("?", int, request_id="q")
            asked.set()
            await asyncio.Event().wait()
        repeated.set()
        await go_on.wait()
        await ctx.send_message("on")

    async def rest(message: Any, ctx: Context) -> None:
        await ctx.request_info("more?", int, request_id="more")

    workflow = build("a>b", {"a": ask, "b": rest}, name="w")
    first = Engine(store, [workflow])
    await first.__aenter__()
    await first.start(workflow, "x", run_id="r")
    await asked.wait()
    await forsaken(first)
    async with Engine(store, [workflow], recover=False) as second:
        driven = await second.driven("r")
        await repeated.wait()
        async with Engine(store, recover=False) as outsider:
            await outsider.answer("r", "q", 6)
            await outsider.cancel("r")
        go_on.set()
        await driven.live.until_quiet()
        assert driven.live.run.status == "waiting"
        await driven.hear()
        assert driven.live.run.status == "cancelled"
