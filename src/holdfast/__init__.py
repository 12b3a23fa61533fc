# SPDX-License-Identifier: Apache-2.0
"""Durable, resumable workflows, embedded: finished work stays finished."""

from holdfast.definition.retry import Retry
from holdfast.errors import HandlerTimeout, HoldfastError
from holdfast.persistence.checkpoint import (
    CheckpointInfo,
    CheckpointStorage,
    WorkflowCheckpoint,
)
from holdfast.persistence.manager import CheckpointManager
from holdfast.persistence.storages.files import FileCheckpointStorage
from holdfast.persistence.storages.memory import InMemoryCheckpointStorage
from holdfast.persistence.stores.memory import MemoryStore
from holdfast.persistence.stores.sqlite import SQLiteStore
from holdfast.persistence.stores.url import open_store
from holdfast.persistence.types import checkpoint_type, register_type
from holdfast.runtime.branching import DELETE
from holdfast.runtime.engine import Engine
from holdfast.runtime.settings import settings
from holdfast.runtime.stepping import Step, current_step
from holdfast.triggerflow import TriggerFlow, TriggerFlowEventData, TriggerFlowRuntimeData
from holdfast.workflow import (
    Case,
    Default,
    Executor,
    FunctionExecutor,
    InProcessExecution,
    RequestInfoEvent,
    SuperStepCompletedEvent,
    Workflow,
    WorkflowBuilder,
    WorkflowCompletedEvent,
    WorkflowContext,
    WorkflowEvent,
    WorkflowExecutor,
    WorkflowOutputEvent,
    WorkflowRunResult,
    WorkflowRunState,
    executor,
    handler,
    response_handler,
)

__all__ = [
    "DELETE",
    "Case",
    "CheckpointInfo",
    "CheckpointManager",
    "CheckpointStorage",
    "Default",
    "Engine",
    "Executor",
    "FileCheckpointStorage",
    "FunctionExecutor",
    "HandlerTimeout",
    "HoldfastError",
    "InMemoryCheckpointStorage",
    "InProcessExecution",
    "MemoryStore",
    "RequestInfoEvent",
    "Retry",
    "SQLiteStore",
    "Step",
    "SuperStepCompletedEvent",
    "TriggerFlow",
    "TriggerFlowEventData",
    "TriggerFlowRuntimeData",
    "Workflow",
    "WorkflowBuilder",
    "WorkflowCheckpoint",
    "WorkflowCompletedEvent",
    "WorkflowContext",
    "WorkflowEvent",
    "WorkflowExecutor",
    "WorkflowOutputEvent",
    "WorkflowRunResult",
    "WorkflowRunState",
    "checkpoint_type",
    "current_step",
    "executor",
    "handler",
    "open_store",
    "register_type",
    "response_handler",
    "settings",
]
