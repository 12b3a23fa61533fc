# SPDX-License-Identifier: Apache-2.0
"""Declare what a flow takes and gives: models in, checked items out, refusals at the door.

It needs pydantic: pip install "holdfast[pydantic]". Run it as `python -m examples.contracts`.
"""

from __future__ import annotations

import asyncio
from typing import Any

from pydantic import BaseModel, Field

from holdfast import TriggerFlow, TriggerFlowRuntimeData
from holdfast.errors import ContractRefused

Data = TriggerFlowRuntimeData[Any, Any, Any]


class Order(BaseModel):
    """What a customer orders."""

    item: str
    count: int = Field(ge=1)


class Line(BaseModel):
    """A line of the bill."""

    text: str
    cents: int


PRICES = {"pen": 120, "book": 1500}


async def bill(data: Data) -> None:
    """The input is an order, whatever it came as; each line is checked on its way out."""
    order: Order = data.input
    cents = PRICES[order.item] * order.count
    await data.async_put_into_stream({"text": f"{order.count} x {order.item}", "cents": cents})
    await data.async_set_state("total", cents)


def make_flow() -> TriggerFlow[Order, Line, None]:
    """One chunk behind a contract."""
    flow: TriggerFlow[Order, Line, None] = TriggerFlow(name="bill")
    flow.set_contract(initial_input=Order, stream=Line, meta={"currency": "EUR"})
    flow.to(bill)
    return flow


async def main() -> None:
    """A wrong order burns nothing: the same execution takes the right one."""
    flow = make_flow()
    execution = flow.create_execution()
    try:
        await execution.async_start({"item": "pen", "count": 0})
    except ContractRefused as refused:
        print("refused:", refused.part, "-", refused.problems[0])
    print("started:", execution.started)
    print("total:", (await execution.async_start({"item": "pen", "count": "3"}))["total"])
    async for line in execution.get_async_runtime_stream():
        print("line:", line)

    told = flow.get_contract_metadata()
    print(
        "takes:", told["initial_input"]["label"], list(told["initial_input"]["schema"]["required"])
    )
    print("meta:", told["meta"])


if __name__ == "__main__":
    asyncio.run(main())
