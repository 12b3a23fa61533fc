# SPDX-License-Identifier: Apache-2.0
"""Live objects come and go with processes: a run names what it needs, each process brings it.

Run it three times, each time a new process::

    python examples/resources.py ask run.json
    python examples/resources.py show run.json
    python examples/resources.py answer run.json yes

The first has a ledger at hand. The second has nothing, and learns what is missing. The third lets
a resolver open the ledger of this very run.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

from holdfast import TriggerFlow, TriggerFlowRuntimeData

Data = TriggerFlowRuntimeData[Any, Any, Any]


class Ledger:
    """Stands for a client that no save can hold: here, a file that it appends to."""

    def __init__(self, path: Path) -> None:
        self.path = path

    async def note(self, line: str) -> None:
        """Write a line."""
        with self.path.open("a") as file:
            file.write(f"{line}\n")


async def request(data: Data) -> Any:
    """Note the request, and ask."""
    await data.async_set_state("ledger", str(data.require_resource("ledger").path))
    await data.require_resource("ledger").note(f"asked: {data.input}")
    return await data.async_pause_for(payload=data.input, interrupt_id="decision")


async def settle(data: Data) -> None:
    """Note the answer."""
    await data.require_resource("ledger").note(f"answered: {data.input}")
    await data.async_set_state("answer", data.input)


def open_ledger(context: dict[str, Any]) -> dict[str, Any]:
    """Open the ledger that the saved run wrote to."""
    path = Path(context["snapshot"]["state"]["ledger"])
    return {"resource": Ledger(path), "health": "ok" if path.exists() else "missing"}


def built(*, can_open: bool) -> TriggerFlow[Any, Any, Any]:
    """The flow; what it needs is declared, and perhaps how to get it."""
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="noted")
    flow.to(request).to(settle)
    resolver = open_ledger if can_open else None
    return flow.declare_resource_requirement("ledger", provider_kind="file", resolver=resolver)


async def ask(path: Path) -> None:
    """Begin a run with a ledger beside its save."""
    ledger = Ledger(path.with_suffix(".ledger"))
    flow = built(can_open=False)
    execution = flow.create_execution(auto_close=False, runtime_resources={"ledger": ledger})
    await execution.async_start("a new chair")
    execution.save(path)
    print(f"saved; it needs {', '.join(execution.save()['resource_keys'])}")


async def show(path: Path) -> None:
    """Say what a process without the ledger would lack."""
    report = built(can_open=False).create_execution().inspect_load(path)
    print(f"{report['status']}: {', '.join(report['missing_resource_keys'])}")


def show_ledger(path: Path) -> None:
    """Print what the run wrote into its ledger, over two processes."""
    print(path.read_text(), end="")


async def answer(path: Path, word: str) -> None:
    """Let the resolver open the ledger, and go on."""
    execution = built(can_open=True).create_execution(auto_close=False)
    report = await execution.async_load(path)
    print(f"{report['status']}: {report['diagnostics'][0]['message']}")
    await execution.async_continue_with("decision", word)
    snapshot = await execution.async_close()
    show_ledger(Path(snapshot["ledger"]))


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
