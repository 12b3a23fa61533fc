# SPDX-License-Identifier: Apache-2.0
"""Flows that take interventions, for the tests of them."""

from __future__ import annotations

from typing import Any

from holdfast import TriggerFlow
from tests.triggerflow.handlers import keep


async def see(data: Any) -> Any:
    """Note the payloads that this call may see, then pass the input on."""
    await data.async_append_state("seen", [each["payload"] for each in data.interventions])
    return data.input


def planned() -> TriggerFlow[Any, Any, Any]:
    """Look, pass a point for anything, look, pass one for reviewers, look."""
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="planned")
    chain = flow.when("Go").to(see, name="first").intervention_point(name="any")
    chain = chain.to(see, name="second").intervention_point(name="review", target="reviewer")
    chain.to(see, name="third").to(keep)
    return flow


def automatic() -> TriggerFlow[Any, Any, Any]:
    """Two chunks in a row, a loop, and a join, all of which look."""
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="automatic")
    flow.when("Go").to(see, name="one").to(see, name="two")
    flow.when("Each").for_each(name="loop").to(see, name="item").end_for_each().to(see, name="end")
    flow.when(["A", "B"]).to(see, name="both")
    return flow


async def items_of(execution: Any) -> list[Any]:
    """What the stream told of interventions: action and version."""
    await execution.async_stop_stream()
    items = [item async for item in execution.get_async_runtime_stream()]
    return [
        (item["action"], item["intervention"]["version"])
        for item in items
        if item["type"] == "intervention"
    ]
