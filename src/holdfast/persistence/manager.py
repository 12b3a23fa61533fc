# SPDX-License-Identifier: Apache-2.0
"""`CheckpointManager`: checkpoints by run, over whatever keeps them."""

from __future__ import annotations

from typing import Any

from holdfast.errors import WorkflowCheckpointException
from holdfast.persistence.checkpoint import CheckpointInfo, CheckpointSummary, WorkflowCheckpoint
from holdfast.persistence.storages.memory import InMemoryCheckpointStorage


class CheckpointManager:
    """Finds the checkpoints of a run. Goes wherever a checkpoint storage does.

    storage: a store or any object with the six verbs of a checkpoint storage; by default one in
    memory.
    """

    def __init__(self, storage: Any = None) -> None:
        given = InMemoryCheckpointStorage() if storage is None else storage
        self.storage: Any = given.storage if isinstance(given, CheckpointManager) else given

    async def commit(self, checkpoint: WorkflowCheckpoint) -> CheckpointInfo:
        """Keep a checkpoint. Returns what leads back to it. Raises: WorkflowCheckpointException."""
        saved = await self.storage.save(checkpoint)
        # A storage may choose its own ids.
        checkpoint_id = saved if isinstance(saved, str) else checkpoint.checkpoint_id
        return CheckpointInfo(checkpoint.run_id, checkpoint_id)

    async def lookup(self, info: CheckpointInfo) -> WorkflowCheckpoint:
        """The checkpoint that an info names.

        Raises: WorkflowCheckpointException, also if it is of another run.
        """
        found: WorkflowCheckpoint = await self.storage.load(info.checkpoint_id)
        if found.run_id != info.run_id:
            raise WorkflowCheckpointException(
                f"the checkpoint belongs to run {found.run_id!r}, not to {info.run_id!r}"
            )
        return found

    async def index(
        self, run_id: str, with_parent: CheckpointInfo | None = None
    ) -> list[CheckpointInfo]:
        """The checkpoints of a run, in the order they were committed.

        with_parent: only those that follow this one; there are several after going back to it.
        """
        parent = None if with_parent is None else with_parent.checkpoint_id
        return [
            CheckpointInfo(one.run_id, one.checkpoint_id)
            for one in await summaries(self.storage, run_id)
            if parent is None or one.previous_checkpoint_id == parent
        ]

    async def latest(self, run_id: str) -> CheckpointInfo | None:
        """The checkpoint of a run that was committed last, or None.

        Raises: WorkflowCheckpointException if it is damaged; an older one is never given instead.
        """
        newest = await newest_id(self.storage, run_id)
        return None if newest is None else CheckpointInfo(run_id, newest)


async def summaries(storage: Any, run_id: str) -> list[CheckpointSummary]:
    """The checkpoints of a run, in the order they were committed."""
    if callable(getattr(storage, "list_infos", None)):
        found: list[CheckpointSummary] = await storage.list_infos(run_id=run_id)
        return found
    # Asked with nothing but what every storage takes: a user's own may know no filter by run.
    kept = await storage.list_checkpoints()
    return [checkpoint.summary() for checkpoint in kept if checkpoint.run_id == run_id]


async def newest_id(storage: Any, run_id: str) -> str | None:
    """The id of a run's newest checkpoint, or None. Raises: as `CheckpointManager.latest`."""
    if callable(getattr(storage, "list_infos", None)):
        latest: WorkflowCheckpoint | None = await storage.get_latest(run_id=run_id)
        return None if latest is None else latest.checkpoint_id
    found = await summaries(storage, run_id)
    return found[-1].checkpoint_id if found else None
