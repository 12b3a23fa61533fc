# SPDX-License-Identifier: Apache-2.0
"""The values that workflow events carry: run states, error details, what a superstep was about."""

from __future__ import annotations

import traceback as tracebacks
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import msgspec

from holdfast.persistence.checkpoint import CheckpointInfo


class WorkflowRunState(StrEnum):
    """Where a run stands."""

    STARTED = "STARTED"
    IN_PROGRESS = "IN_PROGRESS"
    IN_PROGRESS_PENDING_REQUESTS = "IN_PROGRESS_PENDING_REQUESTS"
    IDLE = "IDLE"
    IDLE_WITH_PENDING_REQUESTS = "IDLE_WITH_PENDING_REQUESTS"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


@dataclass(frozen=True, slots=True)
class WorkflowErrorDetails:
    """An exception as data: what it was, where it came from, whose handler raised it."""

    error_type: str
    message: str
    traceback: str | None = None
    executor_id: str | None = None
    extra: Mapping[str, Any] | None = None

    @classmethod
    def from_exception(
        cls,
        exception: BaseException,
        *,
        executor_id: str | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> WorkflowErrorDetails:
        """Describe an exception with its message and its traceback."""
        return cls(
            error_type=type(exception).__name__,
            message=str(exception),
            traceback="".join(tracebacks.format_exception(exception)),
            executor_id=executor_id,
            extra=extra,
        )


class StartInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What a superstep begins with: who sent the messages it delivers.

    has_external_messages: the input or an answer from outside is among them.
    """

    sending_executors: tuple[str, ...] = ()
    has_external_messages: bool = False


class CompletionInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What a superstep ended with.

    checkpoint: None when nothing is saved. activated_executors: those whose handlers ran.
    instantiated_executors: those made from their factories in this superstep.
    """

    checkpoint: CheckpointInfo | None = None
    activated_executors: tuple[str, ...] = ()
    instantiated_executors: tuple[str, ...] = ()
    state_updated: bool = False
    has_pending_messages: bool = False
    has_pending_requests: bool = False
