# SPDX-License-Identifier: Apache-2.0
"""Where a workflow's checkpoints go: the journal of a store, or whole to a checkpoint storage."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

from holdfast.errors import DefinitionError, WorkflowCheckpointException
from holdfast.machine.run import Run
from holdfast.persistence.checkpoint import (
    CheckpointInfo,
    CheckpointStorage,
    WorkflowCheckpoint,
    no_run,
)
from holdfast.persistence.manager import CheckpointManager, newest_id
from holdfast.persistence.parts import joined
from holdfast.persistence.store import Commit, Store
from holdfast.runtime.clock import Ids
from holdfast.runtime.home import Home
from holdfast.runtime.saving import Saver
from holdfast.workflow.plan import WorkflowPlan

#: A store, a checkpoint storage, or nothing.
Keeping = Home | CheckpointStorage | None


def keeping_of(given: Any) -> Keeping:
    """What was given as checkpoint_storage, ready to use. Raises: DefinitionError."""
    if given is None:
        return None
    if isinstance(given, CheckpointManager):
        given = given.storage
    if isinstance(given, Store):
        return Home(given)
    missing = [name for name in ("save", "load") if not callable(getattr(given, name, None))]
    if missing:
        raise DefinitionError(
            f"checkpoint_storage is a {type(given).__name__} without {' and '.join(missing)}",
            hint="Pass a store, a checkpoint storage, or an object with the same async methods.",
        )
    storage: CheckpointStorage = given
    return storage


class StorageKeeper:
    """Hands whole checkpoints to any object with the six verbs of a checkpoint storage.

    Commits between checkpoints are not written: such a storage knows supersteps only.
    tell_lost: hears of a checkpoint that could not be saved, and the run goes on; without it, that
    is raised. is_lost: whether that happened to the newest one.
    """

    awaits_futures_only = False

    __slots__ = ("head", "ids", "is_lost", "plan", "previous", "storage", "tell_lost")

    def __init__(
        self, storage: CheckpointStorage, plan: WorkflowPlan, ids: Ids, previous: str | None = None
    ) -> None:
        self.storage = storage
        self.plan = plan
        self.ids = ids
        self.previous = previous
        self.head = 0
        self.tell_lost: Callable[[str], None] | None = None
        self.is_lost = False

    async def append(self, run: Run, commit: Commit, *, after: int) -> int:
        """Save a checkpoint, if this commit is one. Raises: WorkflowCheckpointException."""
        if commit.checkpoint is None:
            return after
        checkpoint = self._checkpoint(run, commit)
        try:
            saved = await self.storage.save(checkpoint)
        except Exception as error:
            text = f"the checkpoint of superstep {checkpoint.iteration_count} could not be saved"
            if self.tell_lost is not None:
                self.is_lost = True
                self.tell_lost(f"{text}, and the run goes on without it: {error}")
                return after
            if isinstance(error, WorkflowCheckpointException):
                raise
            raise WorkflowCheckpointException(f"{text}: {error}") from error
        self.is_lost = False
        # A storage may choose its own ids; what it gives back is what leads to the checkpoint.
        self.previous = saved if isinstance(saved, str) else checkpoint.checkpoint_id
        return after + 1

    def _checkpoint(self, run: Run, commit: Commit) -> WorkflowCheckpoint:
        assert run.journal is not None
        assert commit.checkpoint is not None
        when = dt.datetime.fromtimestamp(commit.at, dt.UTC)
        return WorkflowCheckpoint(
            workflow_name=self.plan.name,
            graph_signature_hash=self.plan.fingerprint,
            checkpoint_id=self.ids.new(),
            run_id=run.run_id,
            previous_checkpoint_id=self.previous,
            timestamp=when.isoformat(),
            iteration_count=commit.checkpoint.iteration,
            metadata={"kind": commit.checkpoint.kind},
            parts={name: joined(part) for name, part in run.journal.parts.items()},
        )

    async def release(self) -> None:
        """Nothing is held."""


async def newest_of(storage: CheckpointStorage, run_id: str) -> str:
    """The id of the newest checkpoint of a run. Raises: RunNotFound."""
    newest = await newest_id(storage, run_id)
    if newest is None:
        raise no_run(run_id)
    return newest


async def kept_checkpoints(keeping: Keeping, run_id: str) -> list[CheckpointInfo]:
    """The checkpoints of a run, in the order they were committed."""
    manager = CheckpointManager(keeping.store if isinstance(keeping, Home) else keeping)
    return await manager.index(run_id)


def last_checkpoint_id(saver: Saver) -> str | None:
    """The id of the newest checkpoint that is down."""
    if isinstance(saver.keeper, StorageKeeper):
        return saver.keeper.previous
    if saver.last_checkpoint is None:
        return None
    return f"{saver.run.run_id}@{saver.last_checkpoint}"


def taken_checkpoint_id(saver: Saver) -> str | None:
    """The id of the checkpoint that the newest superstep ended with; None if it was lost."""
    keeper = saver.keeper
    if isinstance(keeper, StorageKeeper) and keeper.is_lost:
        return None
    return last_checkpoint_id(saver)
