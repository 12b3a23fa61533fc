# SPDX-License-Identifier: Apache-2.0
"""How the work of an execution begins again: after a load, or after it was cancelled here."""

from __future__ import annotations

from holdfast.machine import ledger
from holdfast.machine.bindings import PREFIX
from holdfast.machine.run import DUE, Delivery
from holdfast.triggerflow import binding
from holdfast.triggerflow.remembering import Remembering


class Restarting(Remembering):
    """The part of an execution that runs unfinished deliveries from their top."""

    def _start_unfinished(self) -> None:
        """Run again, each from its top, what no emitter has to ask for first."""
        run = self._flow.run
        held = {d.id for waiting in run.held.values() for d in waiting}
        due = [d for d in run.deliveries.values() if d.status == DUE]
        self._begin_again(due, {d.id for d in due} - held)

    def _start_interrupted(self) -> None:
        """Run again what was cancelled here; a cancelled emitter asks for what it sent."""
        live, run = self._flow.live, self._flow.run
        stopped = live.interrupted or set()
        known = [run.deliveries[number] for number in sorted(stopped) if number in run.deliveries]
        due = [d for d in known if not binding.waits_for_handler(self._flow, d.node)]
        for delivery in due:
            if delivery.emitter in stopped:
                run.held.setdefault(delivery.emitter, []).append(delivery)
        self._begin_again(due, {d.id for d in due if d.emitter not in stopped})

    def _begin_again(self, due: list[Delivery], now: set[int]) -> None:
        """Take back what all of it wrote, the youngest first; then start what may start."""
        live, run = self._flow.live, self._flow.run
        for delivery in reversed(due):
            for effect in ledger.prepare_repeat(run, delivery):
                self._flow.perform(live, effect)
        for delivery in due:
            if delivery.id not in now:
                continue
            if binding.waits_for_handler(self._flow, delivery.node):
                self._await_handler(delivery)
            else:
                live.spawn(delivery)

    def _await_handler(self, delivery: Delivery) -> None:
        """A delivery to a binding stays due until its handler is bound here."""
        text = f"{delivery.node} has work, and its handler is not bound to this execution"
        self._flow.warn("binding.missing-handler", text)
        live = self._flow.live
        live.interrupted = {*(live.interrupted or ()), delivery.id}

    def _start_rebound(self) -> None:
        """Run what waited for a handler that is bound by now; it was made ready when read."""
        live, run = self._flow.live, self._flow.run
        for number in sorted(live.interrupted or ()):
            delivery = run.deliveries.get(number)
            if delivery is None or not delivery.node.startswith(PREFIX):
                continue
            if not binding.waits_for_handler(self._flow, delivery.node):
                live.spawn(delivery)
