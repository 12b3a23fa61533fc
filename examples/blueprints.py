# SPDX-License-Identifier: Apache-2.0
"""A flow as data: designed and begun in one process, gone on with in another that built none of it.

Run it twice, each time a new process::

    python examples/blueprints.py design folder
    python examples/blueprints.py work folder yes

The first writes flow.json, the structure, and run.json, a run of it that waits for an answer. The
second knows the handlers by name, and learns from the files what to do with them.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

from holdfast import TriggerFlow, TriggerFlowRuntimeData

Data = TriggerFlowRuntimeData[Any, Any, Any]


async def split(data: Data) -> list[dict[str, Any]]:
    """An order's lines."""
    await data.async_set_state("order", data.input["number"])
    lines: list[dict[str, Any]] = data.input["lines"]
    return lines


def is_costly(data: Data) -> bool:
    """Whether somebody has to look at a line."""
    return bool(data.input["price"] > 100)


async def ask(data: Data) -> Any:
    """Let a person decide about a line."""
    line = data.input
    return await data.async_pause_for(type="line", payload=line, interrupt_id=line["item"])


async def accept(data: Data) -> str:
    """A line that needs nobody."""
    return f"{data.input['item']}: ok"


async def total(data: Data) -> None:
    """Write down what came of the lines, in their order."""
    await data.async_set_state("lines", data.input)


def design() -> TriggerFlow[Any, Any, Any]:
    """The flow, as code builds it: one pass for each line, costly ones are asked about."""
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="orders")
    lines = flow.to(split).for_each().if_condition(is_costly).to(ask)
    lines.else_condition().to(accept).end_condition().end_for_each().to(total)
    return flow


def known() -> TriggerFlow[Any, Any, Any]:
    """A flow that knows the handlers, and no structure."""
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="worker")
    for handler in (split, ask, accept, total):
        flow.register_chunk_handler(handler)
    return flow.register_condition_handler(is_costly)


async def begin(folder: Path) -> None:
    """Write the structure, begin a run, and write it down where it waits."""
    flow = design()
    flow.get_json_flow(folder / "flow.json")
    execution = flow.create_execution(auto_close=False)
    lines = [{"item": "pen", "price": 2}, {"item": "chair", "price": 180}]
    await execution.async_start({"number": "O-7", "lines": lines})
    execution.save(folder / "run.json")
    print(f"written; somebody is asked about {', '.join(execution.get_pending_interrupts())}")


async def go_on(folder: Path, word: str) -> None:
    """Go on with the run, by the structure that was written."""
    flow = known().load_json_flow_file(folder / "flow.json")
    execution = flow.create_execution(auto_close=False)
    report = execution.inspect_load(folder / "run.json")
    print(f"{flow.name}: the run of {report['snapshot']['flow_name']} is {report['status']}")
    execution.load(folder / "run.json", strict=True)
    for item in execution.get_pending_interrupts():
        await execution.async_continue_with(item, f"{item}: {word}")
    print(await execution.async_close())


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["design", where]:
            asyncio.run(begin(Path(where)))
        case ["work", where, word]:
            asyncio.run(go_on(Path(where), word))
        case _:
            sys.exit(__doc__)
