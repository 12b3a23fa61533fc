# SPDX-License-Identifier: Apache-2.0
"""Small flows that stand inside others, and a flow around them."""

from __future__ import annotations

from typing import Any

from holdfast import TriggerFlow

Flow = TriggerFlow[Any, Any, Any]


async def note(data: Any) -> Any:
    """Keep what came, and pass it on."""
    await data.async_set_state("seen", data.value)
    return data.value


async def keep(data: Any) -> None:
    """Keep what came out."""
    await data.async_set_state("out", data.value)


def child(*handlers: Any, name: str = "child") -> Flow:
    """A flow of these handlers, one behind the other."""
    made: Flow = TriggerFlow(name=name)
    cursor = made.to(handlers[0] if handlers else note)
    for handler in handlers[1:]:
        cursor = cursor.to(handler)
    return made


def around(inner: Flow, *, before: Any = None, **links: Any) -> Flow:
    """A flow with the other as its step, and `keep` behind it."""
    flow: Flow = TriggerFlow(name="parent")
    cursor = flow if before is None else flow.to(before)
    cursor.to_sub_flow(inner, **links).to(keep)
    return flow


async def prepare(data: Any) -> Any:
    """State and flow data of the flow around, and a value with depth."""
    await data.async_set_state("order", {"id": 7, "lines": [1, 2]})
    await data.async_set_flow_data("rate", {"eur": 2}, no_warning=True)
    return {"a": {"b": 1}, "c": 2}
