# SPDX-License-Identifier: Apache-2.0
"""Documents that become runs of a store: a save of a flow, or a whole checkpoint of a workflow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from holdfast.errors import DefinitionError, NotASave, RunExists, RunNotFound
from holdfast.persistence.checkpoint import WorkflowCheckpoint, parse_json
from holdfast.persistence.document import open_document
from holdfast.persistence.store import check_run_id
from holdfast.runtime.driven import Definition
from holdfast.runtime.following import Following
from holdfast.runtime.handle import RunHandle
from holdfast.runtime.reopening import FLOW_SAVE

#: A field that checkpoints of workflows have, and no save of a flow.
_OF_CHECKPOINT = "graph_signature_hash"


class Adopting(Following):
    """The part of an engine that takes documents in."""

    async def adopt(
        self, saved: Any, *, definition: Definition | None = None, run_id: str | None = None
    ) -> RunHandle:
        """A document becomes a run of this store, as a copy with a run id of its own.

        saved: a save of a flow, or a `WorkflowCheckpoint`; or what `to_dict` gave of one; each of
        them as JSON too. definition: which it goes on with; by default the one of its name.
        Answers are once per store, not per document. A refused document leaves nothing behind.
        Raises: NotASave, Damaged, WrongDefinition, UnknownVersion, MigrationFailed, TypeNotAllowed,
        WorkflowCheckpointException, DefinitionNotFound, DefinitionError for a document of the other
        front, RunExists, ResourcesNotReady.
        """
        checkpoint = _checkpoint_of(saved)
        if checkpoint is not None:
            front, name, document = "workflow", checkpoint.workflow_name, checkpoint
        else:
            front, name, document = "flow", "", saved
            name = open_document(saved, kind=FLOW_SAVE).definition
        known = definition if definition is not None else self._known(name)
        if known.front != front:
            raise DefinitionError(
                f"{known.name!r} is a {known.front}; the document holds a run of a {front}"
            )
        chosen = check_run_id(run_id) if run_id is not None else self._ids.new()
        adopted = known.execution_in(self._home, chosen, self._resources)
        async with self._opening_of(chosen):
            await self._refuse_known(chosen)
            async with self._taking_in(chosen, adopted):
                await adopted.adopt(document)
        return RunHandle(self, chosen, adopted)

    async def _refuse_known(self, run_id: str) -> None:
        """Before anything of the document is made or called. Raises: RunExists."""
        try:
            await self.store.row(run_id)
        except RunNotFound:
            return
        raise RunExists(
            f"run id {run_id!r} is in use",
            hint="Leave run_id= out, or choose another one.",
            run_id=run_id,
        )


def _checkpoint_of(saved: Any) -> WorkflowCheckpoint | None:
    """The checkpoint that a document is; None for what is none, or cannot be read at all."""
    if isinstance(saved, WorkflowCheckpoint):
        return saved
    if isinstance(saved, str | bytes):
        data = saved.encode("utf-8", "surrogatepass") if isinstance(saved, str) else saved
        if _OF_CHECKPOINT.encode() not in data:
            return None
        saved = parse_json(data)
    if isinstance(saved, Mapping) and _OF_CHECKPOINT in saved:
        return WorkflowCheckpoint.from_dict(saved)
    if isinstance(saved, Mapping | str | bytes):
        return None
    raise NotASave(f"a document is text, bytes or a mapping, not a {type(saved).__name__}")
