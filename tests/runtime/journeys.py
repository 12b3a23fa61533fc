# SPDX-License-Identifier: Apache-2.0
"""Runs that the crash tests kill at every store operation: one for each hard rule."""

from __future__ import annotations

import asyncio
from typing import Any

from holdfast import (
    Engine,
    Executor,
    TriggerFlow,
    WorkflowBuilder,
    WorkflowContext,
    handler,
    response_handler,
)
from holdfast.persistence.store import Store
from holdfast.runtime.clock import IDS
from holdfast.runtime.engine import RunHandle
from holdfast.testing.clock import FakeClock
from holdfast.testing.crash import Log


async def to_the_end(engine: Engine, run: RunHandle, answers: dict[str, Any]) -> Any:
    """Answer every question with the value prepared for it until the run has ended."""
    while True:
        driven = await engine.driven(run.run_id)
        await driven.live.until_quiet()
        waits = [w for w in await engine.waits(run_id=run.run_id) if w.wait_id in answers]
        if not waits:
            return await (await engine.open(run.run_id)).result()
        for wait in waits:
            value = answers[wait.wait_id]
            await engine.answer(run.run_id, wait.wait_id, value, request_id=wait.wait_id)


async def chain(store: Store, log: Log) -> Any:
    """Three chunks that write state: set, append, overwrite, delete."""

    async def first(data: Any) -> int:
        log.begin("first", data.input)
        await data.async_set_state("scratch", {"by": "first"})
        await data.async_append_state("seen", data.input)
        return data.input + 1

    async def second(data: Any) -> int:
        log.begin("second", data.input)
        await data.async_append_state("seen", data.input)
        await data.async_set_state("scratch", None)
        return data.input * 10

    async def third(data: Any) -> None:
        log.begin("third", data.input)
        await data.async_del_state("scratch")
        await data.async_append_state("seen", data.input)

    flow = TriggerFlow(name="chain")
    flow.to(first).to(second).to(third)
    async with Engine(store, [flow]) as engine:
        run = await engine.start(flow, 1, run_id="run")
        return await to_the_end(engine, run, {})


async def pause(store: Store, log: Log) -> Any:
    """A chunk asks, goes on writing after it asked, and its answer feeds the next one."""

    async def ask(data: Any) -> Any:
        log.begin("ask", data.input)
        marker = await data.async_pause_for(payload={"sum": data.input}, interrupt_id="ok")
        await data.async_append_state("seen", "asked")
        return marker

    async def use(data: Any) -> None:
        log.begin("use", data.input)
        await data.async_append_state("seen", data.input)

    flow = TriggerFlow(name="pause")
    flow.to(ask).to(use)
    async with Engine(store, [flow]) as engine:
        run = await engine.start(flow, 3, run_id="run")
        return await to_the_end(engine, run, {"ok": {"approved": True}})


async def again(store: Store, log: Log) -> Any:
    """A chunk that runs again with its answer, twice under one id."""

    async def ask(data: Any) -> Any:
        log.note(f"ask {len(data.get_state('rounds', []))} {data.resume.value}")
        if data.is_resume and data.resume.value == "enough":
            return "done"
        count = len(data.get_state("rounds", []))
        await data.async_append_state("rounds", count)
        return await data.async_pause_for(
            interrupt_id=f"round-{count}", resume_to="self", max_resumes=None
        )

    async def last(data: Any) -> None:
        log.begin("last", data.input)
        await data.async_set_state("end", data.input)

    flow = TriggerFlow(name="again")
    flow.to(ask).to(last)
    async with Engine(store, [flow]) as engine:
        run = await engine.start(flow, 0, run_id="run")
        answers = {"round-0": "more", "round-1": "enough"}
        return await to_the_end(engine, run, answers)


async def rounds(store: Store, log: Log) -> Any:
    """A chunk and an executor that ask again under one id, each from the answer to the last."""

    async def ask(data: Any) -> Any:
        log.note(f"ask {data.resume.value}")
        if data.resume.value == "enough":
            return "done"
        await data.async_append_state("asked", data.resume.value)
        return await data.async_pause_for(
            payload=data.resume.value, interrupt_id="round", resume_to="self", max_resumes=None
        )

    async def last(data: Any) -> None:
        log.begin("last", data.input)
        await data.async_set_state("end", data.input)

    flow = TriggerFlow(name="rounds")
    flow.to(ask).to(last)
    following = {b"null": "more", b'"more"': "much more", b'"much more"': "enough"}
    async with Engine(store, [flow]) as engine:
        run = await engine.start(flow, 0, run_id="run")
        while True:
            await (await engine.driven("run")).live.until_quiet()
            waits = await engine.waits(run_id="run")
            if not waits:
                return await run.result()
            (wait,) = waits
            value = following[wait.payload]
            await engine.answer("run", "round", value, request_id=f"to {value}")


async def nested(store: Store, log: Log) -> Any:
    """A chunk awaits its own emit, whose handlers emit again; results come back to it."""

    async def outer(data: Any) -> Any:
        log.begin("outer", data.input)
        await data.async_append_state("outer", "before")
        results = await data.async_emit("Inner", data.input + 1)
        await data.async_append_state("outer", sorted(results))
        return sum(results)

    async def left(data: Any) -> int:
        log.begin("left", data.input)
        deeper = await data.async_emit("Deep", data.input * 2)
        return data.input + deeper[0]

    async def right(data: Any) -> int:
        log.begin("right", data.input)
        return data.input + 100

    async def deep(data: Any) -> int:
        log.begin("deep", data.input)
        return data.input + 1000

    async def after(data: Any) -> None:
        log.begin("after", data.input)
        await data.async_set_state("sum", data.input)

    flow = TriggerFlow(name="nested")
    flow.to(outer).to(after)
    flow.when("Inner").to(left)
    flow.when("Inner").to(right)
    flow.when("Deep").to(deep)
    async with Engine(store, [flow]) as engine:
        run = await engine.start(flow, 1, run_id="run")
        return await to_the_end(engine, run, {})


async def loop(store: Store, log: Log) -> Any:
    """Items in parallel under a cap, every second one asks, the list comes back in order."""

    async def item(data: Any) -> Any:
        log.begin("item", data.input)
        await data.async_set_state(f"item-{data.input}", True)
        if data.input % 2:
            return await data.async_pause_for(interrupt_id=f"ask-{data.input}")
        return data.input * 10

    async def total(data: Any) -> None:
        log.begin("total", data.input)
        await data.async_set_state("total", data.input)

    flow = TriggerFlow(name="loop")
    flow.for_each(concurrency=3).to(item).end_for_each().to(total)
    async with Engine(store, [flow]) as engine:
        run = await engine.start(flow, [0, 1, 2, 3, 4], run_id="run")
        return await to_the_end(engine, run, {"ask-1": "one", "ask-3": "three"})


async def blocks(store: Store, log: Log) -> Any:
    """A batch under a cap, a match of all that holds in each item, and a collection of the root."""

    async def cheap(data: Any) -> list[int]:
        log.begin("cheap", data.input)
        return [data.input, data.input + 1]

    async def dear(data: Any) -> Any:
        log.begin("dear", data.input)
        await data.async_append_state("asked", "dear")
        return await data.async_pause_for(interrupt_id="price")

    async def both(data: Any) -> Any:
        log.begin("both", data.input)
        return [*data.input["cheap"], *data.input["dear"]]

    def is_even(data: Any) -> bool:
        return bool(data.input % 2 == 0)

    async def is_big(data: Any) -> bool:
        return bool(data.input > 3)

    async def even(data: Any) -> str:
        log.begin("even", data.input)
        await data.async_set_state(f"even-{data.input}", True)
        return f"even {data.input}"

    async def big(data: Any) -> Any:
        log.begin("big", data.input)
        return await data.async_pause_for(interrupt_id=f"big-{data.input}")

    async def rest(data: Any) -> str:
        log.begin("rest", data.input)
        return f"rest {data.input}"

    async def beside(data: Any) -> str:
        log.begin("beside", data.input)
        return f"beside {data.input}"

    async def total(data: Any) -> None:
        log.begin("total", data.input)
        await data.async_set_state("total", data.input)

    flow = TriggerFlow(name="blocks")
    chain = flow.batch(cheap, dear, concurrency=1).to(both).for_each(concurrency=2)
    chain = chain.match(mode="hit_all").case(is_even).to(even).case(is_big).to(big)
    chain = chain.case_else().to(rest).end_match().end_for_each()
    chain.collect("all", "items").to(total)
    flow.to(beside).collect("all", "beside")
    async with Engine(store, [flow]) as engine:
        run = await engine.start(flow, 2, run_id="run")
        answers = {"price": [4, 5], "big-4": "four", "big-5": "five"}
        return await to_the_end(engine, run, answers)


async def join(store: Store, log: Log) -> Any:
    """Two signals from outside meet at a gate; one is half-filled at most kills."""

    async def begin(data: Any) -> Any:
        log.begin("begin", data.input)
        return await data.async_pause_for(interrupt_id="hold")

    async def both(data: Any) -> None:
        log.begin("both", data.input)
        await data.async_set_state("joined", data.input)

    flow = TriggerFlow(name="join")
    flow.to(begin)
    flow.when(["A", "B"]).to(both)
    async with Engine(store, [flow]) as engine:
        run = await engine.start(flow, 0, run_id="run")
        await (await engine.driven("run")).live.until_quiet()
        if await engine.waits(run_id="run"):
            await engine.emit("run", "A", 1, request_id="a")
            await engine.emit("run", "B", 2, request_id="b")
        return await to_the_end(engine, run, {"hold": "go"})


async def parked(store: Store, log: Log) -> Any:
    """A chunk fails at its first try, is parked, and is retried by decision."""

    async def call(data: Any) -> str:
        log.begin("call", data.input)
        await data.async_append_state("tries", 1)
        if data.attempt == 0:
            raise ConnectionError("the service is down")
        return "reached"

    async def after(data: Any) -> None:
        log.begin("after", data.input)
        await data.async_set_state("end", data.input)

    flow = TriggerFlow(name="parked")
    flow.to(call).to(after)
    async with Engine(store, [flow]) as engine:
        run = await engine.start(flow, 0, run_id="run")
        driven = await engine.driven("run")
        await driven.live.until_quiet()
        if (await run.row()).status == "parked":
            await engine.resume("run")
        return await to_the_end(engine, run, {})


async def intervened(store: Store, log: Log) -> Any:
    """Somebody adds context while the run waits; a point takes it up, a chunk marks it."""

    async def ask(data: Any) -> Any:
        log.begin("ask", data.input)
        return await data.async_pause_for(interrupt_id="ok")

    async def use(data: Any) -> None:
        log.begin("use", data.input)
        await data.async_set_state("used", [each["payload"] for each in data.interventions])
        for each in data.interventions:
            await data.async_mark_intervention_consumed(each["id"], note="read")

    flow = TriggerFlow(name="intervened")
    flow.to(ask).intervention_point(name="check").to(use)
    async with Engine(store, [flow]) as engine:
        run = await engine.start(flow, 3, run_id="run")
        driven = await engine.driven("run")
        await driven.live.until_quiet()
        if driven.is_waiting():
            for payload in ("look", "closer")[len(driven.get_interventions()) :]:
                await driven.async_intervene(payload)
        end = await to_the_end(engine, run, {"ok": True})
        ledger = end.pop("$interventions").values()
        said = [{name: mark["status"] for name, mark in r["consumers"].items()} for r in ledger]
        return [end, [(r["version"], r["status"]) for r in ledger], said]


async def bound(store: Store, log: Log) -> Any:
    """Handlers bound to the run beside its definition: each process finds them by their ids."""

    async def charge(data: Any) -> str:
        log.begin("on:event:Charge:charge", data.input)
        await data.async_append_state("charged", data.input)
        if not data.is_resume:
            await data.async_pause_for(interrupt_id="ok", resume_to={"event": "Sent"})
        return f"receipt {data.input}"

    async def sent(data: Any) -> None:
        log.begin("on:event:Sent:sent", data.input)
        await data.async_set_state("sent", data.input)

    async def order(data: Any) -> Any:
        log.begin("order", data.input)
        return await data.async_emit("Charge", data.input)

    async def end(data: Any) -> None:
        log.begin("end", data.input)
        await data.async_set_state("end", data.input)

    flow = TriggerFlow(name="bound")
    flow.to(order).to(end)
    execution = flow.create_execution(auto_close=False, store=store, run_id="run")
    execution.on("Charge", charge, metadata={"by": "journey"})
    execution.on("Sent", sent, binding_id="sent")
    if (await store.runs()).items:
        await execution.async_resume()
    else:
        await execution.begin(7, "digest")
    await execution.live.until_quiet()
    if execution.is_waiting():
        await execution.async_continue_with("ok", "mail", resume_request_id="r")
        await execution.live.until_quiet()
    return await execution.async_close()


async def event(store: Store, log: Log) -> Any:
    """A pause waits for a signal that is posted; another one for what a handler emits."""

    async def ask(data: Any) -> Any:
        log.begin("ask", data.input)
        await data.async_pause_for(interrupt_id="posted", resume_event="Posted")
        return await data.async_pause_for(interrupt_id="sent", resume_event="Sent")

    async def posted(data: Any) -> None:
        log.begin("posted", data.input)
        await data.async_append_state("posted", data.input)

    async def send(data: Any) -> Any:
        log.begin("send", data.input)
        await data.async_append_state("begun", data.input)
        await data.async_emit("Sent", {"by": data.input})
        await data.async_append_state("begun", "ended")

    async def sent(data: Any) -> None:
        log.begin("sent", data.input)
        await data.async_append_state("sent", data.input)

    flow = TriggerFlow(name="event")
    flow.to(ask)
    flow.when("Posted").to(posted)
    flow.when("Send").to(send)
    flow.when("Sent").to(sent)
    async with Engine(store, [flow]) as engine:
        run = await engine.start(flow, 0, run_id="run")
        await (await engine.driven("run")).live.until_quiet()
        if await engine.waits(run_id="run"):
            await engine.emit("run", "Posted", 1, request_id="p")
            await engine.emit("run", "Send", 2, request_id="s")
        return await to_the_end(engine, run, {})


async def deadline(store: Store, log: Log) -> Any:
    """A chunk asks, nobody answers; a process that comes later finds the deadline long past."""

    async def ask(data: Any) -> Any:
        log.begin("ask", data.input)
        return await data.async_pause_for(
            payload={"sum": data.input}, interrupt_id="ok", deadline=60, default=["nobody"]
        )

    async def use(data: Any) -> None:
        log.begin("use", data.input)
        await data.async_append_state("seen", data.input)

    flow = TriggerFlow(name="deadline")
    flow.to(ask).to(use)
    known = (await store.runs()).items
    clock = FakeClock(10_000.0 if known else 1000.0)
    async with Engine(store, [flow], times=(clock, IDS)) as engine:
        run = await engine.start(flow, 3, run_id="run")
        driven = await engine.driven("run")
        await driven.live.until_quiet()
        clock.pass_s(60)
        return await to_the_end(engine, run, {})


class Split(Executor):
    """Sends one message to each worker."""

    def __init__(self, log: Log) -> None:
        super().__init__("split")
        self.log = log

    @handler
    async def go(self, message: int, ctx: WorkflowContext[int]) -> None:
        self.log.begin("split", message)
        ctx.set_state("parts", 0)
        await ctx.send_message(message)


class Worker(Executor):
    """Counts what it did in a field that its checkpoint holds."""

    checkpoint_fields = ("count",)

    def __init__(self, name: str, log: Log) -> None:
        super().__init__(name)
        self.log = log
        self.count = 0

    @handler
    async def work(self, message: int, ctx: WorkflowContext[str]) -> None:
        self.log.begin(self.id, message)
        await asyncio.sleep(0)
        self.count += 1
        ctx.set_state(f"count-{self.id}", self.count)
        await ctx.send_message(f"{self.id}={message + self.count}")


class Gather(Executor):
    """Takes one message at a time, asks about the last one, and yields what it has."""

    checkpoint_fields = ("seen",)

    def __init__(self, log: Log) -> None:
        super().__init__("gather")
        self.log = log
        self.seen: list[str] = []

    @handler
    async def take(self, message: str, ctx: WorkflowContext[None, str]) -> None:
        self.log.begin("gather", message)
        self.seen.append(message)
        ctx.set_state("parts", len(self.seen))
        if len(self.seen) == 3:
            await ctx.request_info("enough?", bool, request_id="enough")

    @response_handler
    async def answered(self, asked: str, answer: bool, ctx: WorkflowContext[None, str]) -> None:
        self.log.begin("gather", answer)
        await ctx.yield_output(",".join(sorted(self.seen)) + str(answer))


async def graph(store: Store, log: Log) -> Any:
    """A fan-out in one superstep, executor state by hooks, shared state, a question, an output."""
    builder = WorkflowBuilder(name="graph", start_executor="split")
    builder.register("split", lambda: Split(log))
    builder.register("gather", lambda: Gather(log))
    for name in ("w1", "w2", "w3"):
        builder.register(name, lambda name=name: Worker(name, log))
        builder.add_edge("split", name).add_edge(name, "gather")
    workflow = builder.build()
    async with Engine(store, [workflow]) as engine:
        run = await engine.start(workflow, 5, run_id="run")
        outputs = await to_the_end(engine, run, {"enough": True})
        driven = await engine.driven("run")
        state = {key: cell.value for key, cell in sorted(driven.live.run.frames[0].state.items())}
        return [outputs, state]


async def forgetful(store: Store, log: Log) -> Any:
    """Wrong on purpose: every process begins a new run, so the harness has a fault to find."""

    async def first(data: Any) -> int:
        log.begin("first", data.input)
        return data.input

    async def second(data: Any) -> None:
        log.begin("second", data.input)
        await data.async_set_state("end", data.input)

    flow = TriggerFlow(name="forgetful")
    flow.to(first).to(second)
    async with Engine(store, [flow], recover=False) as engine:
        known = {row.run_id for row in await engine.runs()}
        run = await engine.start(flow, 1, run_id="again" if known else "run")
        return await run.result()


async def forked(store: Store, log: Log) -> Any:
    """A run waits; a fork of it with other state is answered; both end."""

    async def count(data: Any) -> int:
        log.begin("count", data.input)
        await data.async_set_state("sum", data.input)
        return data.input + 1

    async def ask(data: Any) -> Any:
        log.begin("ask", data.input)
        return await data.async_pause_for(interrupt_id="ok")

    async def book(data: Any) -> None:
        log.note(f"book {data.input}")
        await data.async_set_state("booked", [data.get_state("sum"), data.input])

    flow = TriggerFlow(name="forked")
    flow.to(count).to(ask).to(book)
    async with Engine(store, [flow]) as engine:
        run = await engine.start(flow, 1, run_id="run")
        await run.until_idle()
        waiting = [m.seq for m in (await engine.history("run")).items if m.status == "waiting"]
        fork = await engine.fork("run", waiting[0], changes={"sum": 9}, new_run_id="fork")
        ends = [
            await to_the_end(engine, one, {"ok": name}) for one, name in ((fork, "f"), (run, "r"))
        ]
        return [*ends, (await fork.row()).head.parent == f"run@{waiting[0]}"]


async def rewound(store: Store, log: Log) -> Any:
    """A run that has ended goes back to its question, and ends another way."""

    async def ask(data: Any) -> Any:
        log.begin("ask", data.input)
        return await data.async_pause_for(interrupt_id="ok")

    async def book(data: Any) -> None:
        log.note(f"book {data.input}")
        await data.async_append_state("booked", data.input)

    flow = TriggerFlow(name="rewound")
    flow.to(ask).to(book)
    async with Engine(store, [flow]) as engine:
        run = await engine.start(flow, 1, run_id="run")
        while True:
            moments = (await engine.history("run")).items
            again = any(moment.label.startswith("rewound") for moment in moments)
            row = await run.until_idle()
            if row.status == "completed" and again:
                break
            if row.status == "completed":
                asked = next(moment.seq for moment in moments if moment.status == "waiting")
                run = await engine.rewind("run", asked)
            elif row.open_waits:
                value = "second" if again else "first"
                await engine.answer("run", "ok", value, request_id=value)
        end = await engine.result("run")
        audit = await engine.audit("run")
        what = [entry.what for entry in audit.entries]
        return [end, what.count("rewound"), what.count("answered")]
