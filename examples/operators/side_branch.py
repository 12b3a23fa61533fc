# SPDX-License-Identifier: Apache-2.0
"""Side branches: what runs beside the chain, and what a separator tells of it.

Run it as `python -m examples.operators.side_branch`.
"""

from __future__ import annotations

import asyncio
from typing import Any

from holdfast import TriggerFlow

Data = Any


async def add_tax(data: Data) -> float:
    """A fifth more."""
    return float(data.input) * 1.2


async def audit(data: Data) -> str:
    """Writes down what passed; what it returns goes nowhere."""
    await data.async_append_state("audit", data.input)
    return "nobody reads this"


async def invoice(data: Data) -> None:
    """The value of the chain is what it was before the side branch."""
    await data.async_set_state("invoice", data.input)


def make_flow() -> TriggerFlow[float, None, None]:
    """The audit sees the price before and after; the separator prints it on its way."""
    flow: TriggerFlow[float, None, None] = TriggerFlow(name="invoice")
    chain = flow.side_branch(audit).to(add_tax).____("with tax", show_value=True)
    chain.side_branch(audit, name="audit again").to(invoice)
    return flow


async def main() -> dict[str, Any]:
    """Write one invoice."""
    snapshot = await make_flow().async_start(100.0)
    print(snapshot)
    return snapshot


if __name__ == "__main__":
    asyncio.run(main())
