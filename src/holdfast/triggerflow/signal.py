# SPDX-License-Identifier: Apache-2.0
"""A signal as users see it: one delivery of an event, with what it carries and where it is from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from holdfast.machine.run import Delivery, Run
from holdfast.machine.waits import id_of
from holdfast.persistence.copies import isolated

#: Where a signal is from that no handler sent.
OUTSIDE = "external"
RESUMED = "resume"


@dataclass(frozen=True, slots=True)
class Signal:
    """One delivery of an event.

    source: the chunk that sent it or that is done by it, "external", or "resume" for what an
    answer made due. meta: the id of the interrupt, for the last of these.
    """

    id: str
    event: str
    type: str
    value: Any
    source: str
    meta: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The signal as plain data, as it stands in stream items and interrupts."""
        return {
            "id": self.id,
            "trigger_event": self.event,
            "trigger_type": self.type,
            "value": isolated(self.value),
            "source": self.source,
            "meta": dict(self.meta),
        }


def signal_of(run: Run, delivery: Delivery) -> Signal:
    """The signal that reached a handler."""
    meta = {} if delivery.wait is None else {"interrupt_id": id_of(delivery.wait)}
    return Signal(
        f"{run.run_id}:{delivery.id}",
        delivery.event,
        delivery.kind,
        delivery.payload,
        _source(delivery),
        meta,
    )


def _source(delivery: Delivery) -> str:
    if delivery.sources:
        return delivery.sources[0]
    if delivery.wait is not None:
        return RESUMED
    if delivery.kind == "event" and delivery.event.startswith("chunk:"):
        return delivery.event.removeprefix("chunk:")
    return OUTSIDE
