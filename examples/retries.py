# SPDX-License-Identifier: Apache-2.0
"""A service that fails twice, while the process that asks it stops: the third answer counts.

Run it as `python -m examples.retries`.
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Any

from holdfast import Engine, Retry, TriggerFlow

Data = Any

#: What the service says, one after the other.
ANSWERS = [ConnectionError("down"), TimeoutError("slow"), "42"]


async def ask(data: Data) -> str:
    """Ask the service."""
    answer: Exception | str = ANSWERS[data.failures]
    print(f"call {data.failures + 1}: {answer}")
    if isinstance(answer, Exception):
        raise answer
    return answer


async def keep(data: Data) -> None:
    """Keep the answer."""
    await data.async_set_state("answer", data.input)


def make_flow() -> TriggerFlow[str, None, None]:
    """Three calls at most, each within ten seconds: one at once, one a little later."""
    flow: TriggerFlow[str, None, None] = TriggerFlow(name="ask")
    retry = Retry(3, backoff=(0, 0.2), on=(ConnectionError, TimeoutError))
    flow.to(ask, retry=retry, timeout_s=10.0).to(keep)
    return flow


async def main() -> None:
    """Begin in one engine and leave while the last call waits; another one makes it."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'runs.db'}"
        flow = make_flow()
        async with Engine(url, [flow]) as engine:
            await engine.start(flow, "what?", run_id="Q-1")
            await asyncio.sleep(0.1)
            row = await engine.store.row("Q-1")
            print("due:", row.due)
        async with Engine(url, [make_flow()]) as engine:
            run = await engine.open("Q-1")
            print("answer:", (await run.result())["answer"])


if __name__ == "__main__":
    asyncio.run(main())
