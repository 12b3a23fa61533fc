# SPDX-License-Identifier: Apache-2.0
"""Checkpoints in the memory of one process."""

from __future__ import annotations

import copy
import threading
from dataclasses import replace

from holdfast.errors import WorkflowCheckpointException
from holdfast.persistence.checkpoint import (
    CheckpointSummary,
    WorkflowCheckpoint,
    all_but_last,
    no_run,
)
from holdfast.persistence.storages.checkpoint_file import decode, encode, file_name


class InMemoryCheckpointStorage:
    """Keeps checkpoints in the order they came. Threads and event loops may share one.

    verify: refuses what a file could not keep, so that a test fails where production would.
    """

    def __init__(self, *, verify: bool = False) -> None:
        self._verifies = verify
        self._lock = threading.Lock()
        self._kept: dict[str, WorkflowCheckpoint] = {}

    async def save(self, checkpoint: WorkflowCheckpoint) -> str:
        """Keep the checkpoint; the same id again replaces the one before, and is the newest.

        Raises: WorkflowCheckpointException, with verify=True, for what a file could not keep.
        """
        kept = _apart(checkpoint)
        if self._verifies:
            file_name(kept.checkpoint_id)
            decode(encode(kept, 0), kept.checkpoint_id)
        with self._lock:
            self._kept.pop(kept.checkpoint_id, None)
            self._kept[kept.checkpoint_id] = kept
        return kept.checkpoint_id

    async def load(self, checkpoint_id: str) -> WorkflowCheckpoint:
        """The checkpoint of this id. Raises: WorkflowCheckpointException."""
        with self._lock:
            kept = self._kept.get(checkpoint_id)
        if kept is None:
            raise WorkflowCheckpointException("no checkpoint of this id is kept here")
        return _apart(kept)

    async def list_checkpoints(
        self,
        workflow_name: str | None = None,
        *,
        run_id: str | None = None,
        limit: int | None = None,
    ) -> list[WorkflowCheckpoint]:
        """Checkpoints in the order they came, the first *limit* of them."""
        return [_apart(kept) for kept in self._found(workflow_name, run_id)[:limit]]

    async def list_checkpoint_ids(
        self,
        workflow_name: str | None = None,
        *,
        run_id: str | None = None,
        limit: int | None = None,
    ) -> list[str]:
        """Their ids, in the same order."""
        return [kept.checkpoint_id for kept in self._found(workflow_name, run_id)[:limit]]

    async def list_infos(
        self,
        workflow_name: str | None = None,
        *,
        run_id: str | None = None,
        limit: int | None = None,
    ) -> list[CheckpointSummary]:
        """Ids, parents, steps, times and sizes, in the same order."""
        return [kept.summary() for kept in self._found(workflow_name, run_id)[:limit]]

    async def delete(self, checkpoint_id: str) -> bool:
        """Drop the checkpoint; False if there was none."""
        with self._lock:
            return self._kept.pop(checkpoint_id, None) is not None

    async def prune(self, run_id: str, *, keep_last: int) -> int:
        """Drop all but the last *keep_last* checkpoints of a run. Returns how many were dropped."""
        with self._lock:
            of_run = [name for name, kept in self._kept.items() if kept.run_id == run_id]
            dropped = all_but_last(of_run, keep_last)
            for name in dropped:
                del self._kept[name]
        return len(dropped)

    async def delete_run(self, run_id: str) -> None:
        """Drop every checkpoint of a run. Raises: RunNotFound if there is none."""
        if not await self.prune(run_id, keep_last=0):
            raise no_run(run_id)

    async def get_latest(
        self, workflow_name: str | None = None, *, run_id: str | None = None
    ) -> WorkflowCheckpoint | None:
        """The checkpoint that came last, or None."""
        found = self._found(workflow_name, run_id)
        return _apart(found[-1]) if found else None

    def _found(self, workflow_name: str | None, run_id: str | None) -> list[WorkflowCheckpoint]:
        with self._lock:
            return [
                kept
                for kept in self._kept.values()
                if workflow_name in (None, kept.workflow_name) and run_id in (None, kept.run_id)
            ]


def _apart(checkpoint: WorkflowCheckpoint) -> WorkflowCheckpoint:
    """The checkpoint with dicts of its own; the bytes in them cannot change."""
    return replace(
        checkpoint, metadata=copy.deepcopy(checkpoint.metadata), parts=dict(checkpoint.parts)
    )
