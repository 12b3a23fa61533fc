# SPDX-License-Identifier: Apache-2.0
"""Runs whose definition changes on the way, for the tests that kill them: migrated, then moved."""

from __future__ import annotations

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
from holdfast.errors import RunNotFound
from holdfast.persistence.store import TERMINAL, Store
from holdfast.testing.crash import Log
from tests.runtime.journeys import to_the_end


def to_cents(doc: dict[str, Any]) -> dict[str, Any]:
    """Version 2 counts in cents."""
    doc["body"]["state/0/cents"] = doc["body"].pop("state/0/amount") * 100
    return doc


MIGRATIONS = {("1", "2"): to_cents}


async def through(store: Store, before: Any, after: Any) -> Any:
    """Start with one definition, wait for the question, and go on with the other."""
    try:
        row = await store.row("run")
        is_new = row.status in TERMINAL or row.fingerprint == after.fingerprint
    except RunNotFound:
        is_new = False
    if not is_new:
        async with Engine(store, [before]) as engine:
            run = await engine.start(before, "in", run_id="run")
            while not await run.waits(status=None):
                await (await engine.driven("run")).live.until_quiet()
    async with Engine(store, [after]) as engine:
        row = await store.row("run")
        if row.status not in TERMINAL and row.fingerprint != after.fingerprint:
            await engine.resume("run")
        return await to_the_end(engine, await engine.open("run"), {"q": "yes"})


async def moved(store: Store, log: Log) -> Any:
    """A flow gets a chunk and another version while it waits."""

    async def ask(data: Any) -> Any:
        log.begin("ask", data.input)
        await data.async_set_state("amount", 12)
        return await data.async_pause_for(payload="?", interrupt_id="q")

    async def check(data: Any) -> Any:
        log.begin("check", data.input)
        await data.async_set_state("checked", data.get_state("cents"))
        return data.input

    async def keep(data: Any) -> None:
        log.begin("keep", data.input)
        await data.async_set_state("end", data.input)

    before: TriggerFlow[Any, Any, Any] = TriggerFlow(name="moved", version="1")
    before.to(ask).to(keep)
    after: TriggerFlow[Any, Any, Any] = TriggerFlow(
        name="moved", version="2", migrations=MIGRATIONS
    )
    after.to(ask).to(check).to(keep)
    return await through(store, before, after)


async def moved_graph(store: Store, log: Log) -> Any:
    """A workflow gets an executor and another version while it waits."""

    class Asker(Executor):
        @handler
        async def ask(self, message: str, ctx: WorkflowContext[str]) -> None:
            log.begin(self.id, message)
            ctx.set_state("amount", 12)
            await ctx.request_info("?", str, request_id="q")

        @response_handler
        async def answered(
            self, original_request: str, response: str, ctx: WorkflowContext[str]
        ) -> None:
            log.begin(self.id, response)
            await ctx.send_message(response)

    class Teller(Executor):
        @handler
        async def tell(self, message: str, ctx: WorkflowContext[str, Any]) -> None:
            log.begin(self.id, message)
            if self.id == "check":
                await ctx.send_message(message)
            else:
                await ctx.yield_output([message, ctx.get_state("cents")])

    def build(*names: str, **options: Any) -> Any:
        builder = WorkflowBuilder(name="moved", **options)
        builder.register("ask", lambda: Asker("ask"))
        for name in names[1:]:
            builder.register(name, lambda name=name: Teller(name))
        return builder.set_start_executor("ask").add_chain(names).build()

    after = build("ask", "check", "tell", version="2", migrations=MIGRATIONS)
    return await through(store, build("ask", "tell", version="1"), after)
