# SPDX-License-Identifier: Apache-2.0
"""Graphs in supersteps: executors, typed messages, edges; a checkpoint at every barrier."""

from holdfast.definition.edges import Edge, EdgeGroup
from holdfast.definition.retry import Retry
from holdfast.errors import (
    EdgeDuplicationError,
    GraphConnectivityError,
    HandlerTimeout,
    TypeCompatibilityError,
    WorkflowBusy,
    WorkflowCheckpointException,
    WorkflowConvergenceException,
    WorkflowException,
    WorkflowRunnerException,
    WorkflowStrictException,
    WorkflowValidationError,
)
from holdfast.persistence.checkpoint import (
    CheckpointInfo,
    CheckpointStorage,
    CheckpointSummary,
    WorkflowCheckpoint,
)
from holdfast.persistence.manager import CheckpointManager
from holdfast.persistence.storages.files import FileCheckpointStorage
from holdfast.persistence.storages.memory import InMemoryCheckpointStorage
from holdfast.workflow.agent_executor import AgentExecutor
from holdfast.workflow.agent_messages import (
    AgentExecutorRequest,
    AgentExecutorResponse,
    AgentResponse,
)
from holdfast.workflow.builder import WorkflowBuilder
from holdfast.workflow.context import WorkflowContext
from holdfast.workflow.edges import Case, Default, EdgeCondition
from holdfast.workflow.event_data import (
    CompletionInfo,
    StartInfo,
    WorkflowErrorDetails,
    WorkflowRunState,
)
from holdfast.workflow.events import (
    ExecutorBypassedEvent,
    ExecutorCompletedEvent,
    ExecutorFailedEvent,
    ExecutorInvokedEvent,
    ExecutorRetryEvent,
    RequestInfoEvent,
    SuperStepCompletedEvent,
    SuperStepStartedEvent,
    WorkflowCompletedEvent,
    WorkflowErrorEvent,
    WorkflowEvent,
    WorkflowEventSource,
    WorkflowFailedEvent,
    WorkflowIntermediateEvent,
    WorkflowOutputEvent,
    WorkflowStartedEvent,
    WorkflowStatusEvent,
    WorkflowWarningEvent,
)
from holdfast.workflow.executor import Executor
from holdfast.workflow.function_executor import FunctionExecutor, executor
from holdfast.workflow.handlers import handler, response_handler
from holdfast.workflow.in_process import InProcessExecution
from holdfast.workflow.response_stream import ResponseStream
from holdfast.workflow.result import WorkflowRunResult
from holdfast.workflow.run_handle import StreamingRun
from holdfast.workflow.sub_messages import SubWorkflowRequestMessage, SubWorkflowResponseMessage
from holdfast.workflow.sub_workflow import WorkflowExecutor
from holdfast.workflow.validation import ValidationTypeEnum
from holdfast.workflow.viz import WorkflowViz
from holdfast.workflow.workflow import Workflow

__all__ = [
    "AgentExecutor",
    "AgentExecutorRequest",
    "AgentExecutorResponse",
    "AgentResponse",
    "Case",
    "CheckpointInfo",
    "CheckpointManager",
    "CheckpointStorage",
    "CheckpointSummary",
    "CompletionInfo",
    "Default",
    "Edge",
    "EdgeCondition",
    "EdgeDuplicationError",
    "EdgeGroup",
    "Executor",
    "ExecutorBypassedEvent",
    "ExecutorCompletedEvent",
    "ExecutorFailedEvent",
    "ExecutorInvokedEvent",
    "ExecutorRetryEvent",
    "FileCheckpointStorage",
    "FunctionExecutor",
    "GraphConnectivityError",
    "HandlerTimeout",
    "InMemoryCheckpointStorage",
    "InProcessExecution",
    "RequestInfoEvent",
    "ResponseStream",
    "Retry",
    "StartInfo",
    "StreamingRun",
    "SubWorkflowRequestMessage",
    "SubWorkflowResponseMessage",
    "SuperStepCompletedEvent",
    "SuperStepStartedEvent",
    "TypeCompatibilityError",
    "ValidationTypeEnum",
    "Workflow",
    "WorkflowBuilder",
    "WorkflowBusy",
    "WorkflowCheckpoint",
    "WorkflowCheckpointException",
    "WorkflowCompletedEvent",
    "WorkflowContext",
    "WorkflowConvergenceException",
    "WorkflowErrorDetails",
    "WorkflowErrorEvent",
    "WorkflowEvent",
    "WorkflowEventSource",
    "WorkflowException",
    "WorkflowExecutor",
    "WorkflowFailedEvent",
    "WorkflowIntermediateEvent",
    "WorkflowOutputEvent",
    "WorkflowRunResult",
    "WorkflowRunState",
    "WorkflowRunnerException",
    "WorkflowStartedEvent",
    "WorkflowStatusEvent",
    "WorkflowStrictException",
    "WorkflowValidationError",
    "WorkflowViz",
    "WorkflowWarningEvent",
    "executor",
    "handler",
    "response_handler",
]
