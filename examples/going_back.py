# SPDX-License-Identifier: Apache-2.0
"""A wrong approval: look at what happened, try another way beside it, then take the run back.

Run it as `python -m examples.going_back`.
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Any

from holdfast import Engine, TriggerFlow

Data = Any


async def quote(data: Data) -> Any:
    """Say what the refund comes to."""
    await data.async_set_state("refund", {"sum": data.input, "fee": 10})
    return data.input


async def ask(data: Data) -> Any:
    """Ask whether it may be paid."""
    return await data.async_pause_for(payload={"sum": data.input}, interrupt_id="approve")


async def pay(data: Data) -> None:
    """Pay what was approved, less the fee."""
    refund = data.get_state("refund")
    paid = refund["sum"] - refund["fee"] if data.input["approved"] else 0
    await data.async_set_state("paid", paid)


def make_flow() -> TriggerFlow[int, None, None]:
    """Quote, ask, pay."""
    flow: TriggerFlow[int, None, None] = TriggerFlow(name="refund")
    flow.to(quote).to(ask).to(pay)
    return flow


async def main() -> None:
    """Approve by mistake, and mend it."""
    with tempfile.TemporaryDirectory() as folder:
        flow = make_flow()
        async with Engine(f"sqlite:///{Path(folder) / 'runs.db'}", [flow]) as engine:
            run = await engine.start(flow, 250, run_id="T-1")
            await run.until_idle()
            await run.answer("approve", {"approved": True}, actor="ann")
            print("paid:", (await run.result())["paid"])

            moments = (await engine.history("T-1")).items
            asked = next(moment.seq for moment in moments if moment.label == "ask ended")
            print(await engine.diff("T-1", asked))

            # What would it have come to without the fee? The run itself does not change.
            fork = await engine.fork("T-1", asked, changes={"refund.fee": 0})
            await fork.answer("approve", {"approved": True})
            print("without the fee:", (await fork.result())["paid"])

            # The approval was a mistake: the question is open again.
            back = await engine.rewind("T-1", asked)
            await back.answer("approve", {"approved": False}, actor="bob")
            print("paid in the end:", (await back.result())["paid"])

            for entry in (await engine.audit("T-1")).entries:
                print(entry.seq, entry.what, entry.actor or "-")


if __name__ == "__main__":
    asyncio.run(main())
