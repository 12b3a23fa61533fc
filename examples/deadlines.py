# SPDX-License-Identifier: Apache-2.0
"""A question that nobody answers in time: the default stands, though no process was there.

Run it as `python -m examples.deadlines`.
"""

from __future__ import annotations

import asyncio
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

from holdfast import Engine, TriggerFlow

Data = Any


async def ask(data: Data) -> Any:
    """Ask for an approval within a twentieth of a second."""
    return await data.async_pause_for(
        type="approval",
        payload={"refund": data.input},
        interrupt_id="boss",
        deadline=timedelta(seconds=0.05),
        default={"approved": False, "by": "nobody"},
    )


async def decide(data: Data) -> None:
    """Keep the decision."""
    await data.async_set_state("decision", data.input)


def make_flow() -> TriggerFlow[str, None, None]:
    """The question and what follows its answer."""
    flow: TriggerFlow[str, None, None] = TriggerFlow(name="refund")
    flow.to(ask).to(decide)
    return flow


async def main() -> None:
    """Ask in one engine and leave; another one finds the deadline passed."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'runs.db'}"
        flow = make_flow()
        async with Engine(url, [flow]) as engine:
            run = await engine.start(flow, "R-7", run_id="R-7")
            await run.until_idle()
            (wait,) = await engine.waits()
            print("asked:", wait.wait_id)
        await asyncio.sleep(0.1)  # nobody carries the run meanwhile
        async with Engine(url, [make_flow()]) as engine:
            run = await engine.open("R-7")
            print("decided:", (await run.result())["decision"])


if __name__ == "__main__":
    asyncio.run(main())
