# SPDX-License-Identifier: Apache-2.0
"""A process is killed between two steps of one handler: the next one charges nobody twice.

Run it as `python -m examples.steps`. It starts itself as a process that is killed, and goes on with
what that one has left in the store.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from holdfast import Engine, TriggerFlow, current_step

Data = Any

#: What the payment service has seen: one line for each request.
LEDGER = "charged.txt"


def charge(folder: str, order: str) -> str:
    """Ask the payment service; it would refuse a second request with the same key."""
    with Path(folder, LEDGER).open("a", encoding="utf-8") as seen:
        seen.write(f"{order} {current_step().key}\n")
    return f"receipt for {order}"


async def ship(order: str) -> str:
    """The first process does not survive this."""
    if "dies" in sys.argv:
        os.kill(os.getpid(), signal.SIGKILL)
    return f"{order} is on its way"


async def fulfil(data: Data) -> None:
    """Charge, wait a moment, ship; each is done once, however often this begins."""
    folder, order = data.input
    receipt = await data.step("charge", charge, folder, order)
    await data.sleep(0.05)
    sent = await data.step("ship", ship, order)
    await data.async_set_state("done", [receipt, sent])


def make_flow() -> TriggerFlow[Any, None, None]:
    """One handler."""
    flow: TriggerFlow[Any, None, None] = TriggerFlow(name="fulfilment")
    flow.to(fulfil)
    return flow


async def carry(folder: str) -> dict[str, Any]:
    """Start the run, or go on with it."""
    flow = make_flow()
    async with Engine(f"sqlite:///{Path(folder) / 'runs.db'}", [flow]) as engine:
        run = await engine.start(flow, [folder, "T-1"], run_id="T-1")
        ended: dict[str, Any] = await run.result()
        return ended


def main() -> None:
    """Let one process die, and end its run in this one."""
    with tempfile.TemporaryDirectory() as folder:
        died = subprocess.run(
            [sys.executable, "-m", "examples.steps", "dies", folder], check=False
        ).returncode
        print("the first process ended with", died)
        print("the second one ended with", asyncio.run(carry(folder))["done"])
        print("charged:", len(Path(folder, LEDGER).read_text(encoding="utf-8").splitlines()))


if __name__ == "__main__":
    if "dies" in sys.argv:
        asyncio.run(carry(sys.argv[-1]))
    else:
        main()
