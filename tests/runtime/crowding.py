# SPDX-License-Identifier: Apache-2.0
"""One process of several that write one store at once.

`python -m tests.runtime.crowding PATH NUMBER`: starts runs that ask, answers those of the process
before it, and waits for the results of its own.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from holdfast import Engine, SQLiteStore, TriggerFlow
from holdfast.errors import RunNotFound, WaitNotFound

PROCESSES = 8
RUNS = 4


async def ask(data: Any) -> Any:
    """Ask whoever comes."""
    return await data.async_pause_for(interrupt_id="q")


async def keep(data: Any) -> None:
    """Keep the answer."""
    await data.async_set_state("end", data.input)


flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="crowd")
flow.to(ask).to(keep)


async def answer(engine: Engine, run_id: str, value: int) -> None:
    """Answer a run that another process is about to start."""
    while True:
        try:
            await engine.answer(run_id, "q", value)
        except (RunNotFound, WaitNotFound):
            await asyncio.sleep(0.02)
        else:
            return


async def main(path: str, number: str) -> None:
    """Start, answer, wait."""
    mine, before = int(number), (int(number) - 1) % PROCESSES
    async with Engine(SQLiteStore(path), [flow]) as engine:
        runs = [await engine.start(flow, n, run_id=f"r-{mine}-{n}") for n in range(RUNS)]
        await asyncio.gather(*(answer(engine, f"r-{before}-{n}", n) for n in range(RUNS)))
        results = await asyncio.gather(*(run.result() for run in runs))
    assert results == [{"end": n} for n in range(RUNS)], results
    sys.stdout.write("done")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
