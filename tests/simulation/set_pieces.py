# SPDX-License-Identifier: Apache-2.0
"""Programs with a part for somebody outside: signals, interventions, the end of a run."""

from __future__ import annotations

import asyncio
import random
from typing import Any

from holdfast import Engine, TriggerFlow
from holdfast.errors import DefinitionNotFound
from holdfast.testing.simulation import RUN_ID, UNANSWERED, World
from tests.simulation.drawn import Drawn, number
from tests.simulation.flow_programs import keep


class Signalled(Drawn):
    """Signals from outside fill a gate and settle a pause, each sent by everybody, again and again.

    The run stays until its last question is answered, which nobody does before all are posted.
    """

    name = "signalled"
    signals = (("A", 1), ("B", 2))

    def answer(self, wait_id: str) -> Any:
        """The pause that waits for a signal is left to it."""
        return UNANSWERED if wait_id == "posted" else True

    async def visit(self, engine: Engine, _world: World) -> bool:
        """A signal finds the pauses that are open, so it is sent when that one is."""
        if any(wait.wait_id == "posted" for wait in await engine.waits(run_id=RUN_ID)):
            await engine.emit(RUN_ID, "Posted", 3, request_id="Posted")
        return True

    def drawn(self, rng: random.Random, world: World) -> Any:
        """A gate, a pause for a posted signal, a pause for an emitted one."""
        waits_s = rng.random()

        async def hold(data: Any) -> Any:
            world.begin("hold", data.input)
            await data.async_pause_for(interrupt_id="posted", resume_event="Posted")
            await asyncio.sleep(waits_s)
            return await data.async_pause_for(interrupt_id="hold")

        async def heard(data: Any) -> None:
            world.begin("heard", data.input)
            await data.async_append_state("heard", number(data.input))
            await asyncio.sleep(waits_s)
            await data.async_append_state("heard", "to the end")

        flow: Any = TriggerFlow(name="signalled")
        flow.to(hold).to(("end", keep(world, "end")))
        flow.when(["A", "B"]).to(("both", keep(world, "both")))
        flow.when("Posted").to(heard)
        if rng.random() < 0.5:
            flow.when("A").to(("alone", keep(world, "alone")))
        return flow


class Intervened(Drawn):
    """Whoever has the run at hand adds context while it waits; a point takes it up."""

    name = "intervened"

    def answer(self, wait_id: str) -> Any:
        """Nothing depends on it."""
        return True

    async def visit(self, engine: Engine, world: World) -> bool:
        """Nothing is answered before the context is there."""
        if any(name.startswith("intervene/") for name in world.record()):
            return True
        try:
            driven: Any = await engine.driven(RUN_ID)
        except DefinitionNotFound:
            pass
        else:
            if driven.is_waiting() and not driven.get_interventions():
                await driven.async_intervene("look")
        return False

    def drawn(self, rng: random.Random, world: World) -> Any:
        """A question, a point, and a chunk that says what it made of the context."""

        async def ask(data: Any) -> Any:
            world.begin("ask", data.input)
            return await data.async_pause_for(interrupt_id="ok")

        async def use(data: Any) -> None:
            world.begin("use", data.input)
            await data.async_set_state("used", [each["payload"] for each in data.interventions])
            await asyncio.sleep(rng.random())
            for each in data.interventions:
                await data.async_mark_intervention_consumed(each["id"], note="read")

        flow: Any = TriggerFlow(name="intervened")
        flow.to(ask).intervention_point(name="check").to(use)
        return flow


class Cancelled(Drawn):
    """A flow that somebody ends as cancelled, at any moment and more than once."""

    name = "flow"
    value = (1, 2, 3)
    compares = False

    def drawn(self, rng: random.Random, world: World) -> Any:
        """Chunks that take their time; the second one asks."""

        async def ask(data: Any) -> Any:
            world.begin("ask", data.input)
            await asyncio.sleep(rng.random())
            return await data.async_pause_for(interrupt_id="ok-1", deadline=30, default=2)

        flow: Any = TriggerFlow(name="flow")
        flow.for_each().to(("item", keep(world, "item"))).end_for_each().to(ask)
        return flow

    async def visit(self, engine: Engine, world: World) -> bool:
        """Perhaps now."""
        if world.rng.random() < 0.3:
            await engine.cancel(RUN_ID, request_id="enough")
        return True


PIECES: tuple[type[Drawn], ...] = (Signalled, Intervened, Cancelled)
