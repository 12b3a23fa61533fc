# SPDX-License-Identifier: Apache-2.0
"""Which program a seed stands for: mostly drawn flows and graphs, now and then a set piece."""

from __future__ import annotations

import asyncio
from typing import Any

from holdfast import TriggerFlow
from holdfast.testing.simulation import Program, World
from tests.simulation.flow_programs import DrawnFlow
from tests.simulation.graph_programs import DrawnGraph
from tests.simulation.set_pieces import PIECES


def program(seed: int) -> Program:
    """The program of a seed."""
    if seed % 5 == 4:
        return PIECES[seed // 5 % len(PIECES)](seed)
    return DrawnFlow(seed) if seed % 2 else DrawnGraph(seed)


class Forgetful(Program):
    """Wrong on purpose: its state tells how often its handler was begun."""

    name = "flow"
    tries = 0

    def definitions(self, world: World) -> list[Any]:
        """One chunk that counts outside its run."""

        async def count(data: Any) -> None:
            world.begin("count", data.input)
            self.tries += 1
            await asyncio.sleep(1.0)
            await data.async_set_state("tries", self.tries)

        flow: TriggerFlow = TriggerFlow(name="flow")
        flow.to(count)
        return [flow]


def forgetful(_seed: int) -> Forgetful:
    """The program that the simulation has to find fault with."""
    return Forgetful()
