# SPDX-License-Identifier: Apache-2.0
"""A flow changes while its runs wait: checked before the roll-out, migrated, and gone on with.

Run it as `python -m examples.changing`.
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Any

from holdfast import Engine, TriggerFlow

Data = Any
Flow = TriggerFlow[Any, None, None]


async def review(data: Data) -> Any:
    """Keep the amount, and ask."""
    await data.async_set_state("amount", data.input["amount"])
    return await data.async_pause_for(payload=data.input, interrupt_id="boss")


async def pay(data: Data) -> None:
    """Pay what the state says."""
    state = data.get_state()
    await data.async_set_state("paid", state.get("cents", state.get("amount")))


async def audit(data: Data) -> Any:
    """A step that the new version has before it pays."""
    await data.async_set_state("audited_by", "ann")
    return data.input


def to_cents(document: dict[str, Any]) -> dict[str, Any]:
    """Version 2 counts in cents."""
    body = document["body"]
    body["state/0/cents"] = body.pop("state/0/amount") * 100
    return document


def old() -> Flow:
    """What runs today."""
    flow: Flow = TriggerFlow(name="refund", version="1")
    flow.to(review).to(pay)
    return flow


def careless() -> Flow:
    """A change that strands the runs: where they wait has another name."""
    flow: Flow = TriggerFlow(name="refund", version="1")
    flow.to(review, name="review_refund").to(audit).to(pay)
    return flow


def careful() -> Flow:
    """The same change with the old name, another version, and a migration."""
    flow: Flow = TriggerFlow(name="refund", version="2", migrations={("1", "2"): to_cents})
    flow.to(review).to(audit).to(pay)
    return flow


async def main() -> None:
    """Start with the old flow; check both new ones; go on with the good one."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'runs.db'}"
        async with Engine(url, [old()]) as engine:
            run = await engine.start(old(), {"amount": 12}, run_id="R-7")
            await run.until_idle()

        async with Engine(url, recover=False) as engine:
            for flow in (careless(), careful()):
                (row,) = await engine.check(flow)
                print(f"{row.run_id}: {row.verdict}", *row.missing)

        async with Engine(url, [careful()]) as engine:
            run = await engine.resume("R-7")
            await run.answer("boss", "yes")
            print("paid:", (await run.result())["paid"])


if __name__ == "__main__":
    asyncio.run(main())
