# SPDX-License-Identifier: Apache-2.0
"""A handler that was stopped may go on for a while: whatever it wants of its run is refused."""

from __future__ import annotations

import asyncio

from holdfast.machine.run import DUE, Delivery
from holdfast.triggerflow.running import FlowRun


def check_wanted(flow: FlowRun, by: Delivery) -> None:
    """Before a handler writes, sends or asks.

    Raises: CancelledError in one that was stopped, and has not noticed yet; SubFlowNotActive in
    one of a sub-flow that has ended.
    """
    if by.status == DUE and flow.run.deliveries.get(by.id) is by:
        return
    if by.frame:
        flow.visit(by.frame)
    raise asyncio.CancelledError
