# SPDX-License-Identifier: Apache-2.0
"""Drawn values in the state, payloads and answers of runs: they come back, or are refused."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given, settings

from holdfast import MemoryStore, TriggerFlow
from holdfast.errors import ValueRefused
from tests.amounts import VALUES
from tests.persistence.drawn import VALUES_DRAWN, spoiled
from tests.persistence.values import Level, Order, Spot, same

#: A save and a load cost twenty times what a pass through the codec does.
SHARE = 20


def asking() -> TriggerFlow[Any, Any, Any]:
    """A flow that keeps what it is given, asks with it, and keeps the answer."""

    async def ask(data: Any) -> Any:
        await data.async_set_state("given", data.input)
        return await data.async_pause_for(interrupt_id="q", payload=data.input)

    async def keep(data: Any) -> None:
        await data.async_set_state("answer", data.input)

    flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="drawn")
    for cls in (Order, Spot, Level):
        flow.register_type(cls)
    flow.to(ask).to(keep)
    return flow


@settings(max_examples=max(VALUES // SHARE, 200))
@given(VALUES_DRAWN)
def test_a_value_goes_through_the_life_of_a_run_unchanged(value: Any) -> None:
    """Input, state, question, save, load, answer and store: the very same, wherever it is read."""

    async def living() -> None:
        flow = asking()
        execution = flow.create_execution(auto_close=False, store=MemoryStore(), run_id="r")
        await execution.async_start(value)
        text = json.dumps(execution.save())
        await execution.async_release()

        restored = flow.create_execution(auto_close=False)
        restored.load(text)
        assert same(restored.get_state("given"), value)
        assert same(restored.get_pending_interrupts()["q"]["payload"], value)
        await restored.async_continue_with("q", value)
        assert same(restored.get_state("answer"), value)
        again = flow.create_execution(auto_close=False)
        again.load(json.dumps(restored.save()))
        assert same(await again.async_close(), {"given": value, "answer": value})

    asyncio.run(living())


@settings(max_examples=max(VALUES // SHARE, 200))
@given(spoiled())
def test_what_cannot_come_back_is_refused_at_the_call_with_its_place(drawn: Any) -> None:
    """A run that is kept takes nothing that it could not give back; its state is as it was."""
    value, place = drawn

    async def trying() -> None:
        flow = asking()
        execution = flow.create_execution(auto_close=False, store=MemoryStore(), run_id="r")
        await execution.async_set_state("kept", 1)
        with pytest.raises(ValueRefused) as caught:
            await execution.async_set_state("value", value)
        assert caught.value.place == f"state.value{place}"
        assert execution.get_state() == {"kept": 1}
        await execution.async_close()

    asyncio.run(trying())
