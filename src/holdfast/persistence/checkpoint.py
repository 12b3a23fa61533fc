# SPDX-License-Identifier: Apache-2.0
"""A workflow checkpoint as a whole value, and the protocol of whatever keeps such values.

A store keeps runs as deltas; a checkpoint storage is handed whole checkpoints, one after another.
The named parts of a checkpoint are JSON bytes; whoever holds the codec gives them their meaning.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn, Protocol, TypeVar, runtime_checkable

import msgspec

from holdfast.errors import RunNotFound, WorkflowCheckpointException

T = TypeVar("T")

#: Metadata kinds: before the first superstep, after one, after an answer; "save" is by hand.
KINDS = frozenset({"entry", "superstep", "response", "save", "fork", "rewind"})

_TEXTS = (
    "workflow_name",
    "graph_signature_hash",
    "checkpoint_id",
    "run_id",
    "timestamp",
    "version",
)


class CheckpointInfo(msgspec.Struct, frozen=True, gc=False):
    """The identity of a checkpoint: the run it belongs to and its own id."""

    run_id: str
    checkpoint_id: str


class CheckpointSummary(CheckpointInfo, frozen=True, kw_only=True, gc=False):
    """A checkpoint as a list shows it: what can be told without reading what it holds.

    kind: one of `KINDS`, or "" where the storage does not know. size_bytes: of what was written for
    it; a store writes what changed since the one before.
    """

    workflow_name: str
    previous_checkpoint_id: str | None
    iteration_count: int
    timestamp: str
    kind: str
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowCheckpoint:
    """A workflow between two supersteps.

    checkpoint_id: "<run_id>@<seq>" where a store made it. timestamp: ISO-8601 in UTC, for people.
    iteration_count: completed supersteps. metadata: plain JSON, with "kind" (`KINDS`).
    parts: the record by part name, each value one JSON text.
    """

    workflow_name: str
    graph_signature_hash: str
    checkpoint_id: str
    run_id: str
    timestamp: str
    previous_checkpoint_id: str | None = None
    iteration_count: int = 0
    metadata: dict[str, Any] = field(default_factory=dict)
    version: str = "1.0"
    parts: dict[str, bytes] = field(default_factory=dict)

    @property
    def info(self) -> CheckpointInfo:
        """What `workflow.resume(...)` and a run handle take."""
        return CheckpointInfo(self.run_id, self.checkpoint_id)

    def summary(self) -> CheckpointSummary:
        """The checkpoint as a list shows it."""
        kind = self.metadata.get("kind")
        return CheckpointSummary(
            self.run_id,
            self.checkpoint_id,
            workflow_name=self.workflow_name,
            previous_checkpoint_id=self.previous_checkpoint_id,
            iteration_count=self.iteration_count,
            timestamp=self.timestamp,
            kind=kind if isinstance(kind, str) else "",
            size_bytes=sum(map(len, self.parts.values())),
        )

    def to_dict(self) -> dict[str, Any]:
        """The header fields and, under "parts", each part as parsed JSON.

        Raises: WorkflowCheckpointException if a part is not JSON.
        """
        shown: dict[str, Any] = {name: getattr(self, name) for name in _TEXTS}
        shown["previous_checkpoint_id"] = self.previous_checkpoint_id
        shown["iteration_count"] = self.iteration_count
        shown["metadata"] = dict(self.metadata)
        shown["parts"] = {name: parse_json(raw) for name, raw in self.parts.items()}
        return shown

    @classmethod
    def from_dict(cls, mapping: Mapping[str, Any]) -> WorkflowCheckpoint:
        """Build a checkpoint from what `to_dict` gave. Raises: WorkflowCheckpointException."""
        if not isinstance(mapping, Mapping):
            raise WorkflowCheckpointException(
                f"checkpoint: expected a mapping, found {type(mapping).__name__}"
            )
        fields = dict(mapping)
        for name in _TEXTS:
            if name != "version" or name in fields:
                _expect(fields, name, str)
        _expect(fields, "parts", dict)
        if fields.get("previous_checkpoint_id") is not None:
            _expect(fields, "previous_checkpoint_id", str)
        if "iteration_count" in fields:
            _expect(fields, "iteration_count", int)
        if "metadata" in fields:
            _expect(fields, "metadata", dict)
        fields["parts"] = {str(name): write_json(value) for name, value in fields["parts"].items()}
        try:
            return cls(**fields)
        except TypeError as error:
            raise WorkflowCheckpointException(
                f"checkpoint: unknown fields {sorted(set(fields) - set(cls.__slots__))}"
            ) from error


def _expect(fields: Mapping[str, Any], name: str, kind: type) -> None:
    found = fields.get(name)
    if not isinstance(found, kind) or (kind is int and isinstance(found, bool)):
        raise WorkflowCheckpointException(
            f"checkpoint: {name}: expected {kind.__name__}, found {type(found).__name__}"
        )


def all_but_last(found: list[T], keep_last: int) -> list[T]:
    """What pruning drops. Raises: ValueError for fewer than none."""
    if keep_last < 0:
        raise ValueError("keep_last: expected 0 or more")
    return found[: max(len(found) - keep_last, 0)]


def no_run(run_id: str) -> RunNotFound:
    """Tell that no checkpoint of a run is kept."""
    return RunNotFound(f"no checkpoint of run {run_id!r} is kept", run_id=run_id)


def parse_json(raw: bytes) -> Any:
    """Read one JSON text, every integer exact. Raises: WorkflowCheckpointException."""
    try:
        return json.loads(raw, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise WorkflowCheckpointException("a part of the checkpoint is not JSON") from error


def write_json(value: Any, *, indent: int | None = None, sort_keys: bool = False) -> bytes:
    """Write one JSON text: UTF-8, escaped only where UTF-8 cannot hold the text (surrogates).

    Raises: WorkflowCheckpointException.
    """
    separators = (",", ":") if indent is None else (",", ": ")
    try:
        for ascii_only in (False, True):
            text = json.dumps(
                value,
                ensure_ascii=ascii_only,
                allow_nan=False,
                indent=indent,
                sort_keys=sort_keys,
                separators=separators,
            )
            try:
                return text.encode()
            except UnicodeEncodeError:
                continue
    except (TypeError, ValueError, RecursionError) as error:
        raise WorkflowCheckpointException("a part of the checkpoint is not plain JSON") from error
    raise AssertionError


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


@runtime_checkable
class CheckpointStorage(Protocol):
    """Keeps whole checkpoints. Any object with these six methods is one.

    Order is the order of creation, as the storage itself saw it; never that of timestamps.
    What cannot be saved, loaded or found is a WorkflowCheckpointException.
    """

    async def save(self, checkpoint: WorkflowCheckpoint) -> str:
        """Keep the checkpoint and return the id that leads back to it."""

    async def load(self, checkpoint_id: str) -> WorkflowCheckpoint:
        """The checkpoint of this id."""

    async def list_checkpoints(
        self,
        workflow_name: str | None = None,
        *,
        run_id: str | None = None,
        limit: int | None = None,
    ) -> list[WorkflowCheckpoint]:
        """Checkpoints in the order they were created, the first *limit* of them."""

    async def list_checkpoint_ids(
        self,
        workflow_name: str | None = None,
        *,
        run_id: str | None = None,
        limit: int | None = None,
    ) -> list[str]:
        """Their ids, in the same order."""

    async def delete(self, checkpoint_id: str) -> bool:
        """Drop the checkpoint; False if there was none."""

    async def get_latest(
        self, workflow_name: str | None = None, *, run_id: str | None = None
    ) -> WorkflowCheckpoint | None:
        """The checkpoint created last, or None. A damaged newest checkpoint is an error."""
