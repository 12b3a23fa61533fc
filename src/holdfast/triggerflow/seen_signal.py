# SPDX-License-Identifier: Apache-2.0
"""What reached a handler, and how: its value, its signal, and the answer if it continues one."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

from holdfast.machine.run import Delivery
from holdfast.triggerflow import interrupts
from holdfast.triggerflow.running import FlowRun
from holdfast.triggerflow.signal import Signal, signal_of


@dataclass(frozen=True, slots=True)
class Resume:
    """How a handler came to run again: the answer, the interrupt it answers, and what led to it.

    origin_signal: what had reached the chunk that paused, as plain data.
    """

    value: Any = None
    interrupt_id: str | None = None
    interrupt: Mapping[str, Any] | None = None
    origin_signal: Mapping[str, Any] | None = None

    def to_dict(self) -> dict[str, Any]:
        """The fields by name."""
        return {
            "value": self.value,
            "interrupt_id": self.interrupt_id,
            "interrupt": self.interrupt,
            "origin_signal": self.origin_signal,
        }


_NO_RESUME = Resume()


class SeenSignal:
    """The value that reached a handler is one slot under three names; the rest is to be read."""

    __slots__ = ()
    value: Any

    def _access(self) -> tuple[FlowRun, Delivery]:
        raise NotImplementedError

    @property
    def input(self) -> Any:
        """The value that reached this handler; another name of `value`."""
        return self.value

    @input.setter
    def input(self, value: Any) -> None:
        self.value = value

    @property
    def inputs(self) -> Any:
        """Another name of `value`."""
        return self.value

    @inputs.setter
    def inputs(self, value: Any) -> None:
        self.value = value

    @property
    def event(self) -> str:
        """The event that reached this handler."""
        return self._access()[1].event

    @property
    def trigger_event(self) -> str:
        """Another name of `event`."""
        return self._access()[1].event

    @property
    def type(self) -> str:
        """The kind of the signal: "event", "runtime_data" or "flow_data"."""
        return self._access()[1].kind

    @property
    def trigger_type(self) -> str:
        """Another name of `type`."""
        return self._access()[1].kind

    @property
    def signal_info(self) -> Signal:
        """The signal that reached this handler: id, event, type, value, source, meta."""
        flow, delivery = self._access()
        return signal_of(flow.run, delivery)

    @property
    def signal(self) -> dict[str, Any]:
        """The same as plain data, as it stands in stream items."""
        return self.signal_info.to_dict()

    @property
    def signal_id(self) -> str:
        """The id of the signal; the same when the handler runs again."""
        return self.signal_info.id

    @property
    def signal_source(self) -> str:
        """The chunk that sent it or is done by it; "external"; "resume" behind an answer."""
        return self.signal_info.source

    @property
    def signal_meta(self) -> dict[str, Any]:
        """What else is known of it: behind an answer, the id of the interrupt."""
        return self.signal_info.meta

    def get_last_signal(self) -> dict[str, Any] | None:
        """The signal that a handler of this execution was called with last."""
        flow = self._access()[0]
        return None if flow.last is None else signal_of(flow.run, flow.last).to_dict()

    @property
    def attempt(self) -> int:
        """How often this delivery was begun before; 0 the first time."""
        return self._access()[1].attempt

    @property
    def failures(self) -> int:
        """How many calls of this delivery have failed; with `retry=`, more than one can."""
        return self._access()[1].failures

    @property
    def settings(self) -> MutableMapping[str, Any]:
        """The settings of the execution."""
        return self._access()[0].settings

    @property
    def is_resume(self) -> bool:
        """Whether this call continues an answered pause."""
        return self._access()[1].wait is not None

    @property
    def resume(self) -> Resume:
        """The answer, if this call continues an answered pause; all None otherwise."""
        flow, delivery = self._access()
        wait = flow.answered(delivery)
        if wait is None:
            return _NO_RESUME
        found = interrupts.interrupt_of(flow.run, wait)
        return Resume(found["resume_value"], wait.id, found, found["source_signal"])
