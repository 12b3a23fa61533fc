# SPDX-License-Identifier: Apache-2.0
"""A run that needs live objects and sets a result, for the tests that kill it."""

from __future__ import annotations

from typing import Any

from holdfast import Engine, TriggerFlow, settings
from holdfast.persistence.store import Store
from holdfast.runtime.settings import SHOW_DEPRECATIONS
from holdfast.testing.crash import Log
from tests.runtime.journeys import to_the_end


async def connect(context: dict[str, Any]) -> Any:
    """Give the bank again where a process took the run over, by what the run's state says."""
    return Bank(context["snapshot"]["state"].get("account", "none yet"))


class Bank:
    """A live object."""

    def __init__(self, account: str) -> None:
        self.account = account

    def pay(self, amount: int) -> str:
        """A receipt."""
        return f"{amount} from {self.account}"


async def needs(store: Store, log: Log) -> Any:
    """A resource given by a handler, by a resolver after a crash; what is declared on the way."""

    async def opens(data: Any) -> Any:
        log.begin("opens", data.input)
        data.set_resource("bank", Bank("A-1"))
        await data.async_set_state("account", "A-1")
        data.execution.declare_resource_requirement("auditor", required=False)
        return await data.async_pause_for(interrupt_id="amount")

    async def pays(data: Any) -> Any:
        log.begin("pays", data.input)
        bank = data.get_resource("bank")
        if bank.account == "none yet":
            bank = Bank(data.get_state("account"))
        await data.set_runtime_data("receipt", bank.pay(data.input))
        return data.input

    async def tells(data: Any) -> None:
        log.begin("tells", data.input)
        told = data.execution.get_resource_requirements()
        await data.async_set_state("needs", sorted(one["key"] for one in told))

    flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="needs")
    flow.declare_resource_requirement("bank", resolver=connect)
    settings[SHOW_DEPRECATIONS] = False
    try:
        flow.to(opens).to(pays).end().to(tells)
        async with Engine(store, [flow]) as engine:
            run = await engine.start(flow, 1, run_id="run")
            return await to_the_end(engine, run, {"amount": 30})
    finally:
        del settings[SHOW_DEPRECATIONS]
