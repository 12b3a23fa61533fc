# SPDX-License-Identifier: Apache-2.0
"""What executors hold between calls: asked for at checkpoints, given back at a restore."""

from __future__ import annotations

from typing import Any

from holdfast.errors import WorkflowCheckpointException
from holdfast.persistence.codec import Codec
from holdfast.workflow.executor import Executor


class HookContext:
    """What `on_checkpointing` and `on_checkpoint_restored` are given: a scope of their own."""

    __slots__ = ("_codec", "values")

    def __init__(self, codec: Codec, values: dict[str, Any] | None = None) -> None:
        self._codec = codec
        self.values: dict[str, Any] = {} if values is None else values

    async def queue_state_update(self, key: str, value: Any) -> None:
        """Keep a value under a key; None takes it away."""
        if value is None:
            self.values.pop(key, None)
        else:
            self.values[key] = self._codec.copy(value)

    async def read_state(self, key: str, default: Any = None) -> Any:
        """The value under a key, as a copy."""
        return self._codec.copy(self.values.get(key, default))


async def collect(executor: Executor, codec: Codec) -> bytes:
    """What an executor's hooks and declared fields hold, encoded now.

    Raises: WorkflowCheckpointException if a hook raises or gives something else than a dict with
    text keys, or if a value cannot be kept.
    """
    try:
        context = HookContext(codec)
        await executor.on_checkpointing(context)
        saved = await executor.on_checkpoint_save()
        if not isinstance(saved, dict) or not all(isinstance(key, str) for key in saved):
            raise TypeError("on_checkpoint_save() must return a dict with text keys")
        fields = {name: getattr(executor, name) for name in executor.checkpoint_fields}
        held = {"save": saved, "fields": fields, "scope": context.values}
        return codec.encode(held, f"state of executor {executor.id}")
    except Exception as error:
        raise WorkflowCheckpointException(
            f"the state of executor {executor.id!r} could not be saved: {error}"
        ) from error


async def give_back(executor: Executor, data: bytes, codec: Codec) -> None:
    """Put back into an executor what `collect` took. Raises: WorkflowCheckpointException."""
    try:
        held = codec.decode(data, f"state of executor {executor.id}")
        for name, value in held["fields"].items():
            setattr(executor, name, value)
        await executor.on_checkpoint_restore(held["save"])
        await executor.on_checkpoint_restored(HookContext(codec, held["scope"]))
    except Exception as error:
        raise WorkflowCheckpointException(
            f"the state of executor {executor.id!r} could not be restored: {error}"
        ) from error
