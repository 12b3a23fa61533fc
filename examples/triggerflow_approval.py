# SPDX-License-Identifier: Apache-2.0
"""An approval that outlives its process: ask, save, restart, answer.

Run it three times, each time a new process::

    python examples/triggerflow_approval.py ask run.json
    python examples/triggerflow_approval.py show run.json
    python examples/triggerflow_approval.py answer run.json yes
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

from holdfast import TriggerFlow, TriggerFlowRuntimeData

Data = TriggerFlowRuntimeData[Any, Any, Any]


async def assess(data: Data) -> Any:
    """Small refunds are approved at once; for large ones somebody has to decide."""
    refund = data.input
    await data.async_set_state("refund", refund)
    if refund["amount"] <= 100:
        return {"approved": True, "by": "rule"}
    return await data.async_pause_for(type="approval", payload=refund, interrupt_id="decision")


async def settle(data: Data) -> None:
    """Write down what was decided, by whom."""
    await data.async_set_state("decision", data.input)


flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="refund-approval")
flow.to(assess).to(settle)


async def ask(path: Path) -> None:
    """Begin a refund, and save it where it waits."""
    execution = flow.create_execution(auto_close=False)
    await execution.async_start({"ticket": "T-1024", "amount": 480})
    execution.save(path)
    print(f"waiting for {', '.join(execution.get_pending_interrupts())}; saved to {path}")


async def show(path: Path) -> None:
    """Say what the saved run asks."""
    execution = flow.create_execution(auto_close=False).load(path)
    for interrupt in execution.get_pending_interrupts().values():
        print(f"{interrupt['id']}: {interrupt['type']} of {interrupt['payload']}")


async def answer(path: Path, word: str) -> None:
    """Go on with the saved run as if nothing had happened."""
    execution = flow.create_execution(auto_close=False).load(path)
    decision = {"approved": word == "yes", "by": "a person"}
    await execution.async_continue_with("decision", decision, resume_request_id="form-1")
    snapshot = await execution.async_close()
    execution.save(path)
    print(f"{snapshot['refund']['ticket']}: {snapshot['decision']}")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["ask", file]:
            asyncio.run(ask(Path(file)))
        case ["show", file]:
            asyncio.run(show(Path(file)))
        case ["answer", file, word]:
            asyncio.run(answer(Path(file), word))
        case _:
            sys.exit(__doc__)
