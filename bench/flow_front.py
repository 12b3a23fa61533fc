# SPDX-License-Identifier: Apache-2.0
"""The workloads for event flows."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from bench import cold
from bench.harness import Bench, Workload, item, resident_mb
from bench.keeping import opened
from bench.two_phase import two_phase
from holdfast import TriggerFlow, TriggerFlowEventData
from holdfast.persistence.store import Store

Data = TriggerFlowEventData[Any, Any, Any]


async def plus(data: Data) -> Any:
    return data.value + 1


async def keep(data: Data) -> None:
    await data.async_set_state("result", data.value)


def chain(n: int) -> TriggerFlow[Any, Any, Any]:
    flow = TriggerFlow[Any, Any, Any](name="chain")
    end = flow.to(plus, name="s0")
    for number in range(1, n):
        end = end.to(plus, name=f"s{number}")
    end.to(keep, name="end")
    return flow


async def w1(bench: Bench) -> None:
    flow = chain(bench.n)

    async def once(_: Path) -> None:
        bench.start()
        result = await flow.async_start(0)
        bench.stop()
        assert result == {"result": bench.n}

    await bench.repeat(once)


def loop(n: int) -> TriggerFlow[Any, Any, Any]:
    async def count(data: Data) -> None:
        number = data.value + 1
        if number < n:
            await data.async_emit_nowait("Next", number)
        else:
            await data.async_set_state("result", number)

    flow = TriggerFlow[Any, Any, Any](name="loop")
    flow.to(count, name="first")
    flow.when("Next").to(count, name="next")
    return flow


async def w2(bench: Bench) -> None:
    flow = loop(bench.n)

    async def once(_: Path) -> None:
        bench.start()
        result = await flow.async_start(0)
        bench.stop()
        assert result == {"result": bench.n}

    await bench.repeat(once)


async def total(data: Data) -> None:
    await data.async_set_state("result", sum(data.value))


async def w3(bench: Bench) -> None:
    flow = TriggerFlow[Any, Any, Any](name="fan")
    flow.for_each().to(plus, name="work").end_for_each().to(total, name="join")

    async def once(_: Path) -> None:
        bench.start()
        result = await flow.async_start(list(range(bench.n)))
        bench.stop()
        assert result == {"result": bench.n * (bench.n + 1) // 2}

    await bench.repeat(once)


async def _kept(flow: TriggerFlow[Any, Any, Any], store: Store, run_id: str) -> dict[str, Any]:
    """Start a kept run, and end it; every finished chunk is committed before the next."""
    execution = flow.create_execution(auto_close=False, store=store, run_id=run_id)
    await execution.async_start(0)
    snapshot: dict[str, Any] = await execution.async_close()
    return snapshot


async def _durable(bench: Bench, flow: TriggerFlow[Any, Any, Any], expected: Any) -> None:
    async def once(folder: Path) -> None:
        store = opened(bench.place, folder)
        assert await _kept(chain(1), store, "first") == {"result": 1}  # makes the tables
        bench.start()
        result = await _kept(flow, store, "timed")
        bench.stop()
        assert result == expected
        await store.close()

    await bench.repeat(once)


async def w4(bench: Bench) -> None:
    await _durable(bench, chain(bench.n), {"result": bench.n})


async def w4l(bench: Bench) -> None:
    await _durable(bench, loop(bench.n), {"result": bench.n})


async def w5(bench: Bench) -> None:
    async def grow(data: Data) -> None:
        await data.async_append_state("items", item(data.value))
        if data.value + 1 < bench.n:
            await data.async_emit_nowait("Next", data.value + 1)

    flow = TriggerFlow[Any, Any, Any](name="grow")
    flow.to(grow, name="first")
    flow.when("Next").to(grow, name="next")
    await _durable(bench, flow, {"items": [item(number) for number in range(bench.n)]})


async def w7(bench: Bench) -> None:
    gate = asyncio.Event()
    arrived = 0

    async def wait(data: Data) -> Any:
        nonlocal arrived
        arrived += 1
        if arrived == bench.n:
            bench.extra["kb_per_run"] = round((resident_mb() - before) * 1024 / bench.n, 1)
            gate.set()
        await gate.wait()
        return data.value + 1

    flow = TriggerFlow[Any, Any, Any](name="many")
    flow.to(plus, name="a").to(wait, name="b").to(plus, name="c").to(keep, name="end")
    before = resident_mb()

    async def once(_: Path) -> None:
        bench.start()
        results = await asyncio.gather(*(flow.async_start(0) for _ in range(bench.n)))
        bench.stop()
        assert all(result == {"result": 3} for result in results)

    await bench.repeat(once, warm=0, reps=1)


async def draft(data: Data) -> None:
    await data.async_set_state("doc", item(0))


async def ask(data: Data) -> Any:
    return await data.async_pause_for(resume_to="next", interrupt_id="ask")


async def done(data: Data) -> None:
    await data.async_set_state("answer", data.value + "!")


async def w8(bench: Bench) -> None:
    flow = TriggerFlow[Any, Any, Any](name="ask")
    flow.to(draft, name="draft").to(ask, name="ask").to(done, name="done")

    async def save(store: Store) -> None:
        for number in range(bench.n):
            execution = flow.create_execution(auto_close=False, store=store, run_id=f"r{number}")
            await execution.async_start()
            assert execution.is_waiting()
            await execution.stop()

    async def load(store: Store) -> None:
        for number in range(bench.n):
            execution = flow.create_execution(auto_close=False, store=store, run_id=f"r{number}")
            await execution.async_continue_with("ask", "yes")
            result = await execution.async_close()
            assert result == {"doc": item(0), "answer": "yes!"}

    await two_phase(bench, "bench.flow_front", save, load)


WORKLOADS: dict[str, Workload] = {
    "W1": w1,
    "W2": w2,
    "W3": w3,
    "W4": w4,
    "W4L": w4l,
    "W5": w5,
    "W7": w7,
    "W8": w8,
    "W9": cold.first_run(cold.FLOW),
}
