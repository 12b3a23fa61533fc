# SPDX-License-Identifier: Apache-2.0
"""What a run tells its watchers of itself: pauses, answers, interventions, warnings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from holdfast.machine.run import Run, Visit, Wait
from holdfast.runtime.callers import warn_at_caller
from holdfast.runtime.stream import Stream
from holdfast.triggerflow import insides
from holdfast.triggerflow.interrupts import interrupt_of


class Telling:
    """The stream of a run: what its handlers put in, and the engine's own items."""

    __slots__ = ("on_activity", "run", "stream", "stream_limit")

    def __init__(self, run: Run) -> None:
        self.run = run
        self.on_activity: Callable[[], None] | None = None
        self.stream: Stream[Any] | None = None
        self.stream_limit: int | None = None

    def fitted(self, part: str, value: Any, frame: int = 0) -> Any:
        """The value as the contract declares that part. Raises: ContractRefused."""
        raise NotImplementedError

    def visit(self, frame: int) -> Visit:
        """A sub-flow that has not ended. Raises: SubFlowNotActive."""
        raise NotImplementedError

    def the_stream(self) -> Stream[Any]:
        """The runtime stream, made when first asked for."""
        if self.stream is None:
            self.stream = Stream(self.stream_limit)
            if self.run.lifecycle == "closed":
                self.stream.end()
        return self.stream

    def put(self, item: Any, frame: int = 0) -> None:
        """Put an item into the stream; after its end it is dropped with a RuntimeWarning.

        One of a sub-flow is also to be what that says it streams, and each flow around it.
        Raises: ContractRefused.
        """
        stream = self.the_stream()
        if stream.is_ended:
            warn_at_caller("the runtime stream has ended: the item is dropped", RuntimeWarning)
            return
        while frame:
            item = self.fitted("stream", item, frame)
            frame = self.visit(frame).parent
        stream.put(self.fitted("stream", item))
        if self.on_activity is not None:
            self.on_activity()

    def stop_stream(self) -> None:
        """End the stream."""
        self.the_stream().end()

    def publish(self, kind: str, action: str, wait: Wait, **more: Any) -> None:
        """Put a system item into the stream."""
        interrupt = interrupt_of(self.run, wait)
        if action == "cancel":
            interrupt["status"] = "cancelled"
        elif action == "pause":
            more["signal"] = interrupt["source_signal"]
            if insides.frame_of(wait):
                action, more["value"] = "project", interrupt["payload"]
        self.tell({"type": kind, "action": action, "interrupt": interrupt, **more})

    def warn(self, code: str, text: str) -> None:
        """Tell watchers that something was dropped or could not be done."""
        self.tell({"type": "warning", "code": code, "text": text})

    def tell(self, item: dict[str, Any]) -> None:
        """Put an item of the engine's own into the stream; nobody is asked whether it fits."""
        if self.stream is None:
            # What the end of a run tells comes while it is closed already; the closer ends it.
            self.stream = Stream(self.stream_limit)
        if not self.stream.is_ended:
            self.stream.put({**item, "execution_id": self.run.run_id})
