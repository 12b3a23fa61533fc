# SPDX-License-Identifier: Apache-2.0
"""If, elif, else: small refunds are paid, large ones need a person, odd ones are refused.

Run it as `python -m examples.operators.if_else`.
"""

from __future__ import annotations

import asyncio
from typing import Any

from holdfast import TriggerFlow

Data = Any


def is_odd(data: Data) -> bool:
    """Nothing was paid, so nothing can be paid back."""
    return bool(data.input <= 0)


def is_small(data: Data) -> bool:
    """Below the limit."""
    return bool(data.input < 100)


async def refuse(data: Data) -> str:
    """No."""
    return f"refused {data.input}"


async def pay(data: Data) -> str:
    """Yes."""
    return f"paid {data.input}"


async def ask(data: Data) -> Any:
    """Perhaps: the answer is what goes on."""
    return await data.async_pause_for(payload=data.input, interrupt_id="boss")


async def note(data: Data) -> None:
    """Keep what was decided, whichever way it came."""
    await data.async_set_state("decision", data.input)


def make_flow() -> TriggerFlow[int, None, None]:
    """One decision."""
    flow: TriggerFlow[int, None, None] = TriggerFlow(name="refund")
    flow.if_condition(is_odd).to(refuse).elif_condition(is_small).to(pay).else_condition().to(
        ask
    ).end_condition().to(note)
    return flow


async def decide(amount: int) -> str:
    """Decide about one refund; the boss is generous today."""
    execution = make_flow().create_execution(auto_close=False)
    await execution.async_start(amount)
    if execution.is_waiting():
        await execution.async_continue_with("boss", f"paid {amount} by the boss")
    snapshot = await execution.async_close()
    return str(snapshot["decision"])


async def main() -> list[str]:
    """Decide about three refunds."""
    decisions = [await decide(amount) for amount in (20, 500, -1)]
    print(decisions)
    return decisions


if __name__ == "__main__":
    asyncio.run(main())
