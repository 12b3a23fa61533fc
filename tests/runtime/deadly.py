# SPDX-License-Identifier: Apache-2.0
"""A process whose first handler ends in a bad way: `python -m tests.runtime.deadly FRONT HOW DB`.

It retries what is parked and says, one JSON value a line, what the store holds before and after.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import time
import warnings
from typing import Any

from holdfast import Engine, Executor, TriggerFlow, WorkflowBuilder, WorkflowContext, handler
from holdfast.machine.run import PARKED

RAISED: dict[str, BaseException] = {
    "SystemExit": SystemExit(3),
    "KeyboardInterrupt": KeyboardInterrupt(),
    "GeneratorExit": GeneratorExit(),
    "BaseException": BaseException("of its own"),
    "StopIteration": StopIteration(5),
}


def end(how: str) -> None:
    """End badly."""
    if how == "os._exit":
        os._exit(3)
    raise RAISED[how]


async def stay(how: str) -> None:
    """Swallow every cancellation for five seconds."""
    began = time.monotonic()
    while how == "stays" and time.monotonic() < began + 5:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(5)


def flow(how: str, *, sync: bool) -> Any:
    """A bad step and one after it."""

    async def bad(data: Any) -> int:
        await stay(how)
        if data.attempt == 0:
            end(how)
        return 1

    def bad_sync(data: Any) -> int:
        if how == "stays":
            time.sleep(5)
        if data.attempt == 0:
            end(how)
        return 1

    async def after(data: Any) -> None:
        await data.async_set_state("end", data.input)

    made: Any = TriggerFlow(name="deadly")
    made.to(("bad", bad_sync if sync else bad)).to(after)
    return made


class Bad(Executor):
    def __init__(self, how: str) -> None:
        super().__init__("bad")
        self.how = how

    @handler
    async def take(self, message: int, ctx: WorkflowContext[int]) -> None:
        await stay(self.how)
        if ctx.attempt == 0:
            end(self.how)
        await ctx.send_message(1)


class After(Executor):
    @handler
    async def take(self, message: int, ctx: WorkflowContext[None, dict[str, int]]) -> None:
        await ctx.yield_output({"end": message})


def graph(how: str) -> Any:
    """The same as a workflow."""
    builder = WorkflowBuilder(name="deadly", start_executor="bad")
    builder.register("bad", lambda: Bad(how)).register("after", lambda: After("after"))
    return builder.add_edge("bad", "after").build()


def say(value: Any) -> None:
    """One line."""
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


async def main(front: str, how: str, path: str) -> None:
    """Start or go on, look, retry, end, and close."""
    made = graph(how) if front == "workflow" else flow(how, sync=front == "sync")
    engine = Engine(f"sqlite:///{path}", [made])
    async with engine:
        run = await engine.start(made, 0, run_id="r")
        row = await run.until_idle()
        live = (await engine.driven("r")).live
        parked = [one.node for one in live.run.deliveries.values() if one.status == PARKED]
        say([row.status, row.error, parked])
        if row.status == "parked":
            await engine.retry("r", request_id="again")
        end = await run.result()
        say(end)
        began = time.monotonic()
    say(time.monotonic() - began)


async def leave(front: str, how: str, path: str) -> None:
    """Close while the handler is under way; say how long that took, and who was named."""
    made = graph(how) if front == "workflow" else flow(how, sync=front == "sync")
    engine = Engine(f"sqlite:///{path}", [made])
    await engine.__aenter__()
    await engine.start(made, 0, run_id="r")
    await asyncio.sleep(0.1)
    began = time.monotonic()
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        await engine.close()
    say([time.monotonic() - began, [str(one.message) for one in told]])
    os._exit(0)


if __name__ == "__main__":
    asyncio.run((leave if sys.argv[2] == "stays" else main)(*sys.argv[1:]))
