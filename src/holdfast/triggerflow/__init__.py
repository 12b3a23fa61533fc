# SPDX-License-Identifier: Apache-2.0
"""Event flows: chunks, events, loops, joins and pauses; a signal reaches its handlers at once."""

from holdfast.triggerflow.chunk import Chunk
from holdfast.triggerflow.data import TriggerFlowEventData, TriggerFlowRuntimeData
from holdfast.triggerflow.execution import Execution
from holdfast.triggerflow.flow import TriggerFlow
from holdfast.triggerflow.process import Process

__all__ = [
    "Chunk",
    "Execution",
    "Process",
    "TriggerFlow",
    "TriggerFlowEventData",
    "TriggerFlowRuntimeData",
]
