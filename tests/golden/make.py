# SPDX-License-Identifier: Apache-2.0
"""Writes the golden documents of today's formats into a folder: `python -m tests.golden.make 0.1`.

Run it when a format has changed on purpose, with the name of a folder that there is not: what older
releases wrote stays, and has to be read for ever.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from holdfast import Engine, InMemoryCheckpointStorage
from holdfast.persistence.store import RunRow
from tests.golden import definitions

HERE = Path(__file__).parent


async def flow_at_rest(execution: Any) -> None:
    """A run of the flow where it has one answer, two questions and half a join."""
    await execution.async_start(["a", "b"])
    await execution.async_emit("Inside", "go")
    await execution.async_continue_with("a", "yes to a", resume_request_id="first")


async def flow_save() -> dict[str, Any]:
    """The save of such a run."""
    execution = definitions.flow().create_execution(auto_close=False)
    await flow_at_rest(execution)
    saved: dict[str, Any] = execution.save()
    return saved


async def checkpoint() -> dict[str, Any]:
    """The checkpoint of a run of the workflow with two questions and half a fan-in."""
    storage = InMemoryCheckpointStorage()
    await definitions.graph().run("tea", checkpoint_storage=storage)
    newest = await storage.get_latest()
    assert newest is not None
    return newest.to_dict()


async def store(path: Path) -> None:
    """A store with such runs, and one that was stopped in the middle of a handler."""
    held = [definitions.flow(), definitions.graph(), definitions.holding()]
    flow, graph, holding = held
    async with Engine(f"sqlite:///{path}", held) as engine:
        execution = flow.create_execution(store=engine.store, run_id="flow", auto_close=False)
        await flow_at_rest(execution)
        await execution.async_release()
        await (await engine.start(graph, "tea", run_id="graph")).until_idle()
        await until(engine, "graph", lambda row: row.open_waits == 2)
        await engine.start(holding, "go", run_id="holding")
        await until(engine, "holding", lambda row: row.seq >= 3)


async def until(engine: Engine, run_id: str, holds: Callable[[RunRow], bool]) -> None:
    """Return when the store says so of a run; its thread is waited for."""
    for _ in range(1000):
        if holds(await engine.store.row(run_id)):
            return
        await asyncio.sleep(0.01)
    raise TimeoutError(run_id)


def dumped(path: Path) -> str:
    """A store as SQL text."""
    con = sqlite3.connect(path)
    numbers = [con.execute(f"PRAGMA {name}").fetchone()[0] for name in PRAGMAS]
    lines = [f"PRAGMA {name} = {number};" for name, number in zip(PRAGMAS, numbers, strict=True)]
    text = "\n".join([*con.iterdump(), *lines, ""])
    con.close()
    return text


PRAGMAS = ("application_id", "user_version")


def main(name: str) -> None:
    """Write all documents. Raises: FileExistsError."""
    folder = HERE / name
    folder.mkdir()
    documents = {
        "flow_save": asyncio.run(flow_save()),
        "flow_blueprint": definitions.flow().save_blueprint(),
        "graph_checkpoint": asyncio.run(checkpoint()),
        "graph_blueprint": definitions.graph().save_blueprint(),
    }
    for word, document in documents.items():
        (folder / f"{word}.json").write_text(json.dumps(document) + "\n", encoding="utf-8")
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "runs.db"
        asyncio.run(store(path))
        (folder / "store.sql").write_text(dumped(path), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
