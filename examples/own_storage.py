# SPDX-License-Identifier: Apache-2.0
"""A checkpoint storage of one's own: any object with six async methods.

Run it::

    python examples/own_storage.py

This one keeps each checkpoint as one JSON text under a key, as a key-value database would. There
is no class to inherit from; order is the order in which checkpoints came.
"""

from __future__ import annotations

import asyncio
import json

from holdfast import (
    Executor,
    Workflow,
    WorkflowBuilder,
    WorkflowCheckpoint,
    WorkflowContext,
    handler,
)
from holdfast.errors import WorkflowCheckpointException


class KeyValueStorage:
    """Keeps texts by key, oldest first."""

    def __init__(self) -> None:
        self.rows: dict[str, str] = {}

    async def save(self, checkpoint: WorkflowCheckpoint) -> str:
        """Write one checkpoint; give the id that leads back to it."""
        self.rows[checkpoint.checkpoint_id] = json.dumps(checkpoint.to_dict())
        return checkpoint.checkpoint_id

    async def load(self, checkpoint_id: str) -> WorkflowCheckpoint:
        """Read one checkpoint."""
        if checkpoint_id not in self.rows:
            raise WorkflowCheckpointException(f"there is no row {checkpoint_id!r}")
        return WorkflowCheckpoint.from_dict(json.loads(self.rows[checkpoint_id]))

    async def list_checkpoints(
        self,
        workflow_name: str | None = None,
        *,
        run_id: str | None = None,
        limit: int | None = None,
    ) -> list[WorkflowCheckpoint]:
        """Read checkpoints in the order they came: all, or those of one workflow or run."""
        found = [WorkflowCheckpoint.from_dict(json.loads(row)) for row in self.rows.values()]
        fitting = [
            one
            for one in found
            if workflow_name in (None, one.workflow_name) and run_id in (None, one.run_id)
        ]
        return fitting[:limit]

    async def list_checkpoint_ids(
        self,
        workflow_name: str | None = None,
        *,
        run_id: str | None = None,
        limit: int | None = None,
    ) -> list[str]:
        """Give their ids."""
        found = await self.list_checkpoints(workflow_name, run_id=run_id, limit=limit)
        return [one.checkpoint_id for one in found]

    async def delete(self, checkpoint_id: str) -> bool:
        """Drop one checkpoint; say whether there was one."""
        return self.rows.pop(checkpoint_id, None) is not None

    async def get_latest(
        self, workflow_name: str | None = None, *, run_id: str | None = None
    ) -> WorkflowCheckpoint | None:
        """Give the one that came last."""
        found = await self.list_checkpoints(workflow_name, run_id=run_id)
        return found[-1] if found else None


class Add(Executor):
    """Adds one, and remembers how often it did."""

    checkpoint_fields = ("times",)

    def __init__(self, id: str) -> None:
        super().__init__(id)
        self.times = 0

    @handler
    async def add(self, number: int, ctx: WorkflowContext[int, int]) -> None:
        """Take a number."""
        self.times += 1
        await (ctx.send_message(number + 1) if number < 4 else ctx.yield_output(number))


def build() -> Workflow:
    """Two executors that pass a number to and fro."""
    ping, pong = Add("ping"), Add("pong")
    edges = WorkflowBuilder(name="count", start_executor=ping)
    return edges.add_edge(ping, pong).add_edge(pong, ping).build()


async def main() -> list[int]:
    """Run with the storage, lose everything else, and go on from the middle."""
    storage = KeyValueStorage()
    await build().run(0, checkpoint_storage=storage)
    print(f"{len(storage.rows)} checkpoints, each one text:")
    for row in storage.rows.values():
        header = json.loads(row)
        print(f"  {header['iteration_count']} supersteps done, {header['metadata']['kind']}")

    middle = (await storage.list_checkpoints("count"))[2]
    fresh = build()
    result = await fresh.run(checkpoint_id=middle.checkpoint_id, checkpoint_storage=storage)
    ran = sum(event.type == "executor_invoked" for event in result)
    print(f"from the middle: {result.get_outputs()}, {ran} handlers ran")
    return [*result.get_outputs(), ran]


if __name__ == "__main__":
    asyncio.run(main())
