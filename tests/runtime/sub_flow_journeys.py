# SPDX-License-Identifier: Apache-2.0
"""A run with flows in flows, for the crash tests to kill at every store operation."""

from __future__ import annotations

import asyncio
from typing import Any

from holdfast import Engine, TriggerFlow
from holdfast.persistence.store import Store
from holdfast.testing.crash import Log
from tests.runtime.journeys import to_the_end

Flow = TriggerFlow[Any, Any, Any]


class Answers(dict[str, Any]):
    """Answers by the ids that the asking flow gave: which frame a lane gets depends on turns."""

    def __contains__(self, wait_id: object) -> bool:
        """Whether there is an answer to an interrupt of a sub-flow."""
        return super().__contains__(str(wait_id).rpartition(":")[2])

    def __missing__(self, wait_id: str) -> Any:
        """The answer to an interrupt of a sub-flow."""
        return self[wait_id.rpartition(":")[2]]


#: Where the nodes of the two inner sub-flows stand.
WORKS = "sub_flow:line/sub_flow:works"
ASKS = "sub_flow:line/sub_flow:asks"


class Handlers:
    """What the flows call, each call noted under the path of its node."""

    def __init__(self, log: Log) -> None:
        self.log = log

    async def price(self, data: Any) -> int:
        """Work for a moment, write, and go on."""
        self.log.begin(f"{WORKS}/price", data.value)
        await data.async_append_state("prices", data.value)
        await asyncio.sleep(0)
        await data.async_set_state("total", data.value * 10)
        return int(data.value) * 10

    async def ask(self, data: Any) -> Any:
        """Ask somebody, after a write."""
        self.log.begin(f"{ASKS}/ask", data.value)
        await data.async_set_state("asked", data.value)
        return await data.async_pause_for(payload=data.value, interrupt_id=f"ok-{data.value}")

    async def said(self, data: Any) -> Any:
        """Keep the answer, and tell the flow's own listeners."""
        self.log.begin(f"{ASKS}/said", data.value)
        await data.async_set_state("said", data.value)
        await data.async_emit("Said", data.value)
        return data.value

    async def heard(self, data: Any) -> None:
        """Hear what was said inside the same flow."""
        self.log.begin(f"{ASKS}/heard", data.value)
        await data.async_append_state("heard", data.value)

    async def keep(self, data: Any) -> None:
        """Keep what came out."""
        self.log.begin("keep", data.value)
        await data.async_set_state("out", data.value)


def order(log: Log) -> Flow:
    """A sub-flow that works and one that asks, in one that stands in every lane of a loop."""
    does = Handlers(log)
    works: Flow = TriggerFlow(name="works")
    works.to(does.price)
    asks: Flow = TriggerFlow(name="asks")
    asks.to(does.ask).to(does.said)
    asks.when("Said").to(does.heard)
    line: Flow = TriggerFlow(name="line")
    back = {"value": {"price": "snapshot.total"}, "state.prices": "snapshot.prices"}
    line.to_sub_flow(works, capture={"input": "value.n"}, write_back=back).to_sub_flow(
        asks, capture={"input": "value.n"}, write_back={"state.answer": "snapshot.said"}
    )
    flow: Flow = TriggerFlow(name="order")
    flow.for_each().to_sub_flow(line).end_for_each().to(does.keep)
    return flow


async def order_lines(store: Store, log: Log) -> Any:
    """Two lanes with sub-flows two deep: some run, some wait, and are answered one by one."""
    flow = order(log)
    async with Engine(store, [flow]) as engine:
        run = await engine.start(flow, [{"n": 1}, {"n": 2}], run_id="run")
        return await to_the_end(engine, run, Answers({"ok-1": "yes", "ok-2": "no"}))
