# SPDX-License-Identifier: Apache-2.0
"""LangGraph: StateGraph and Send; AsyncSqliteSaver with durability="sync" survives power loss."""
# mypy: ignore-errors

import asyncio
import operator
from typing import Annotated, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.types import Send

from bench.harness import Bench, item, resident_mb


class X(TypedDict):
    x: int


async def plus(state: X) -> X:
    return {"x": state["x"] + 1}


async def w1(bench: Bench) -> None:
    graph = StateGraph(X)
    for number in range(bench.n):
        graph.add_node(f"s{number}", plus)
        graph.add_edge(f"s{number - 1}" if number else START, f"s{number}")
    graph.add_edge(f"s{bench.n - 1}", END)
    await _plain(bench, graph.compile(), {"x": 0}, "x", bench.n)


async def _plain(bench: Bench, graph, given, key: str, expected: int) -> None:
    async def once(_) -> None:
        bench.start()
        result = await graph.ainvoke(given, {"recursion_limit": bench.n + 10})
        bench.stop()
        assert result[key] == expected

    await bench.repeat(once)


def looping(state: type, step, n: int, saver=None):
    def route(now):  # as the documentation writes it: under ainvoke it runs in a thread
        return "step" if now["x"] < n else END

    graph = StateGraph(state)
    graph.add_node("step", step)
    graph.add_edge(START, "step")
    graph.add_conditional_edges("step", route, ["step", END])
    return graph.compile(checkpointer=saver)


async def w2(bench: Bench) -> None:
    await _plain(bench, looping(X, plus, bench.n), {"x": 0}, "x", bench.n)


class Fan(TypedDict):
    k: int
    out: Annotated[list, operator.add]
    total: int


async def w3(bench: Bench) -> None:
    async def work(state: dict):
        return {"out": [state["i"] + 1]}

    async def join(state: Fan):
        return {"total": sum(state["out"])}

    def send(state: Fan):
        return [Send("work", {"i": number}) for number in range(state["k"])]

    graph = StateGraph(Fan)
    graph.add_node("work", work)
    graph.add_node("join", join)
    graph.add_conditional_edges(START, send, ["work"])
    graph.add_edge("work", "join")
    graph.add_edge("join", END)
    given = {"k": bench.n, "out": [], "total": 0}
    await _plain(bench, graph.compile(), given, "total", bench.n * (bench.n + 1) // 2)


async def _durable(bench: Bench, state: type, step, given, check) -> None:
    from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver  # noqa: PLC0415

    config = {"recursion_limit": bench.n + 10, "configurable": {"thread_id": "t"}}

    async def once(folder) -> None:
        async with AsyncSqliteSaver.from_conn_string(str(folder / "c.db")) as saver:
            await saver.setup()
            graph = looping(state, step, bench.n, saver)
            bench.start()
            result = await graph.ainvoke(given, config, durability="sync")
            bench.stop()
            assert check(result)

    await bench.repeat(once)


async def w4l(bench: Bench) -> None:
    await _durable(bench, X, plus, {"x": 0}, lambda result: result["x"] == bench.n)


class Items(TypedDict):
    items: Annotated[list, operator.add]
    x: int


async def w5(bench: Bench) -> None:
    if bench.n > 1000:
        bench.warm, bench.reps = 0, 1

    async def grow(state: Items):
        return {"items": [item(state["x"])], "x": state["x"] + 1}

    given = {"items": [], "x": 0}
    await _durable(bench, Items, grow, given, lambda result: len(result["items"]) == bench.n)


async def w7(bench: Bench) -> None:
    gate = asyncio.Event()
    arrived = 0

    async def wait(state: X) -> X:
        nonlocal arrived
        arrived += 1
        if arrived == bench.n:
            bench.extra["kb_per_run"] = round((resident_mb() - before) * 1024 / bench.n, 1)
            gate.set()
        await gate.wait()
        return {"x": state["x"] + 1}

    graph = StateGraph(X)
    for name, step in (("a", plus), ("b", wait), ("c", plus)):
        graph.add_node(name, step)
    for source, target in ((START, "a"), ("a", "b"), ("b", "c"), ("c", END)):
        graph.add_edge(source, target)
    compiled = graph.compile()
    before = resident_mb()

    async def once(_) -> None:
        bench.start()
        results = await asyncio.gather(*(compiled.ainvoke({"x": 0}) for _ in range(bench.n)))
        bench.stop()
        assert all(result["x"] == 3 for result in results)

    await bench.repeat(once, warm=0, reps=1)


WORKLOADS = {"W1": w1, "W2": w2, "W3": w3, "W4L": w4l, "W5": w5, "W7": w7}
