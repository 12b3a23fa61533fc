# SPDX-License-Identifier: Apache-2.0
"""`InProcessExecution`: runs of a workflow in this process, by the names its users know."""

from __future__ import annotations

from typing import Any

from holdfast.persistence.checkpoint import CheckpointInfo
from holdfast.workflow.request import Storage
from holdfast.workflow.run_handle import StreamingRun
from holdfast.workflow.workflow import Workflow


class InProcessExecution:
    """Begins runs and takes them up again; `workflow.start` and `workflow.resume` do the same."""

    @staticmethod
    async def stream(
        workflow: Workflow, input: Any, manager: Storage | None = None
    ) -> StreamingRun:
        """`workflow.start(input, checkpoint_manager=manager)`."""
        return await workflow.start(input, checkpoint_manager=manager)

    @staticmethod
    async def resume_stream(
        workflow: Workflow, info: CheckpointInfo, manager: Storage | None = None
    ) -> StreamingRun:
        """`workflow.resume(info, checkpoint_manager=manager)`."""
        return await workflow.resume(info, checkpoint_manager=manager)

    @staticmethod
    async def run(workflow: Workflow, input: Any, manager: Storage | None = None) -> StreamingRun:
        """The same as `stream`, back when the run rests. Raises: what the run raised."""
        handle = await workflow.start(input, checkpoint_manager=manager)
        await handle.until_idle()
        return handle

    @staticmethod
    async def resume(
        workflow: Workflow, info: CheckpointInfo, manager: Storage | None = None
    ) -> StreamingRun:
        """The same as `resume_stream`, back when the run rests. Raises: what the run raised."""
        handle = await workflow.resume(info, checkpoint_manager=manager)
        await handle.until_idle()
        return handle
