# SPDX-License-Identifier: Apache-2.0
"""Apache Burr: actions, transitions, MapStates; AsyncSQLitePersister, which survives power loss."""
# mypy: ignore-errors

from __future__ import annotations

import asyncio

from burr.core import ApplicationBuilder, GraphBuilder, State, action, default, when

from bench.harness import Bench, item, resident_mb


def chain(n: int):
    actions, transitions = {}, []
    for number in range(n):

        @action(reads=["x"], writes=["x"])
        async def step(state: State) -> State:
            return state.update(x=state["x"] + 1)

        actions[f"s{number}"] = step
        if number:
            transitions.append((f"s{number - 1}", f"s{number}"))
    graph = GraphBuilder().with_actions(**actions)
    return (graph.with_transitions(*transitions) if transitions else graph).build()


@action(reads=["x"], writes=["x", "more"])
async def count(state: State, n: int) -> State:
    return state.update(x=state["x"] + 1, more=state["x"] + 1 < n)


@action(reads=["x"], writes=["x"])
async def end(state: State) -> State:
    return state


def looping(**step):
    (name,) = step
    transitions = ((name, name, when(more=True)), (name, "end", default))
    return GraphBuilder().with_actions(**step, end=end).with_transitions(*transitions).build()


async def _plain(bench: Bench, graph, state, entry: str, last: str) -> None:
    async def once(_) -> None:
        builder = ApplicationBuilder().with_graph(graph).with_state(**state)
        application = await builder.with_entrypoint(entry).abuild()
        bench.start()
        _, _, state_at_end = await application.arun(halt_after=[last])
        bench.stop()
        assert state_at_end["x"] == bench.n

    await bench.repeat(once)


async def w1(bench: Bench) -> None:
    await _plain(bench, chain(bench.n), {"x": 0}, "s0", f"s{bench.n - 1}")


async def w2(bench: Bench) -> None:
    await _plain(
        bench, looping(count=count.bind(n=bench.n)), {"x": 0, "more": True}, "count", "end"
    )


def fan_of(n: int):
    from burr.core.parallelism import MapStates  # noqa: PLC0415 - needs the tracking extra

    @action(reads=["i"], writes=["y"])
    async def work(state: State) -> State:
        return state.update(y=state["i"] + 1)

    class Fan(MapStates):
        def action(self, state, inputs):
            return work

        def is_async(self):
            return True

        async def states(self, state, context, inputs):
            for number in range(n):
                yield state.update(i=number)

        async def reduce(self, state, states):
            total = 0
            async for one in states:
                total += one["y"]
            return state.update(total=total)

        @property
        def writes(self):
            return ["total"]

        @property
        def reads(self):
            return ["k"]

    return Fan()


@action(reads=["total"], writes=[])
async def join(state: State) -> State:
    return state


async def w3(bench: Bench) -> None:
    async def once(_) -> None:
        builder = ApplicationBuilder().with_actions(fan=fan_of(bench.n), join=join)
        builder = builder.with_transitions(("fan", "join")).with_state(k=bench.n, x=0, i=0)
        application = await builder.with_entrypoint("fan").abuild()
        bench.start()
        _, _, state = await application.arun(halt_after=["join"])
        bench.stop()
        assert state["total"] == bench.n * (bench.n + 1) // 2

    await bench.repeat(once)


async def _durable(bench: Bench, graph, state, entry: str, check) -> None:
    from burr.integrations.persisters.b_aiosqlite import AsyncSQLitePersister  # noqa: PLC0415

    async def once(folder) -> None:
        async with AsyncSQLitePersister.from_values(db_path=str(folder / "c.db")) as persister:
            await persister.initialize()
            builder = ApplicationBuilder().with_graph(graph).with_state(**state)
            builder = builder.with_entrypoint(entry).with_state_persister(persister)
            application = await builder.with_identifiers(app_id="t", partition_key="p").abuild()
            bench.start()
            _, _, state_at_end = await application.arun(halt_after=["end"])
            bench.stop()
            assert check(state_at_end)

    await bench.repeat(once)


async def w4l(bench: Bench) -> None:
    graph = looping(count=count.bind(n=bench.n))
    await _durable(bench, graph, {"x": 0, "more": True}, "count", lambda s: s["x"] == bench.n)


async def w5(bench: Bench) -> None:
    if bench.n > 1000:
        bench.warm, bench.reps = 0, 1

    @action(reads=["x", "items"], writes=["x", "more", "items"])
    async def grow(state: State) -> State:
        number = state["x"]
        return state.append(items=item(number)).update(x=number + 1, more=number + 1 < bench.n)

    state = {"x": 0, "more": True, "items": []}
    await _durable(bench, looping(grow=grow), state, "grow", lambda s: len(s["items"]) == bench.n)


async def w7(bench: Bench) -> None:
    gate = asyncio.Event()
    arrived = 0

    @action(reads=["x"], writes=["x"])
    async def plus(state: State) -> State:
        return state.update(x=state["x"] + 1)

    @action(reads=["x"], writes=["x"])
    async def wait(state: State) -> State:
        nonlocal arrived
        arrived += 1
        if arrived == bench.n:
            bench.extra["kb_per_run"] = round((resident_mb() - before) * 1024 / bench.n, 1)
            gate.set()
        await gate.wait()
        return state.update(x=state["x"] + 1)

    builder = GraphBuilder().with_actions(a=plus, b=wait, c=plus)
    graph = builder.with_transitions(("a", "b"), ("b", "c")).build()
    before = resident_mb()

    async def one() -> State:
        builder = ApplicationBuilder().with_graph(graph).with_state(x=0).with_entrypoint("a")
        application = await builder.abuild()
        return (await application.arun(halt_after=["c"]))[2]

    async def once(_) -> None:
        bench.start()
        states = await asyncio.gather(*(one() for _ in range(bench.n)))
        bench.stop()
        assert all(state["x"] == 3 for state in states)

    await bench.repeat(once, warm=0, reps=1)


WORKLOADS = {"W1": w1, "W2": w2, "W3": w3, "W4L": w4l, "W5": w5, "W7": w7}
