# SPDX-License-Identifier: Apache-2.0
"""Event flows: chunks, events, loops, joins and pauses; a signal reaches its handlers at once."""

from holdfast.definition.retry import Retry
from holdfast.errors import HandlerTimeout
from holdfast.triggerflow.blueprint_object import TriggerFlowBlueprint
from holdfast.triggerflow.chunk import Chunk
from holdfast.triggerflow.contracts import TriggerFlowContractSpec
from holdfast.triggerflow.data import TriggerFlowEventData, TriggerFlowRuntimeData
from holdfast.triggerflow.execution import Execution
from holdfast.triggerflow.flow import TriggerFlow
from holdfast.triggerflow.process import Process
from holdfast.triggerflow.stream_types import (
    TriggerFlowInterruptEvent,
    TriggerFlowIntervention,
    TriggerFlowInterventionEvent,
    TriggerFlowRetryEvent,
    TriggerFlowSystemStreamEvent,
)

__all__ = [
    "Chunk",
    "Execution",
    "HandlerTimeout",
    "Process",
    "Retry",
    "TriggerFlow",
    "TriggerFlowBlueprint",
    "TriggerFlowContractSpec",
    "TriggerFlowEventData",
    "TriggerFlowInterruptEvent",
    "TriggerFlowIntervention",
    "TriggerFlowInterventionEvent",
    "TriggerFlowRetryEvent",
    "TriggerFlowRuntimeData",
    "TriggerFlowSystemStreamEvent",
]
