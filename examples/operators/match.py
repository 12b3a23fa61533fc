# SPDX-License-Identifier: Apache-2.0
"""A match: a parcel takes the first route that fits; a second match finds every label it needs.

Run it as `python -m examples.operators.match`.
"""

from __future__ import annotations

import asyncio
from typing import Any

from holdfast import TriggerFlow

Data = Any
Parcel = dict[str, Any]


def is_abroad(data: Data) -> bool:
    """A condition reads the input, the state or a resource, and does not block."""
    return bool(data.input["to"] != "here")


async def is_heavy(data: Data) -> bool:
    """It may be async, too; what counts is whether the result is true."""
    return bool(data.input["weight"] > 20)


def by(route: str) -> tuple[str, Any]:
    """A handler that sends a parcel by a route."""

    async def send(data: Data) -> Parcel:
        return {**data.input, "route": route}

    return f"by {route}", send


def label(text: str) -> tuple[str, Any]:
    """A handler that gives a label."""

    async def write(_: Data) -> str:
        return text

    return f"label {text}", write


async def note(data: Data) -> None:
    """Keep the labels; without a label the parcel itself came through."""
    labels = data.input if isinstance(data.input, list) else []
    await data.async_append_state("sent", labels)


async def keep_route(data: Data) -> Parcel:
    """Keep the route."""
    await data.async_append_state("routes", data.input["route"])
    parcel: Parcel = data.input
    return parcel


def make_flow() -> TriggerFlow[list[Parcel], None, None]:
    """For each parcel: one route, then all labels that apply."""
    flow: TriggerFlow[list[Parcel], None, None] = TriggerFlow(name="parcels")
    routed = flow.for_each(concurrency=1)
    routed = routed.match().case(is_abroad).to(by("ship")).case(is_heavy).to(by("lorry"))
    routed = routed.case_else().to(by("bicycle")).end_match().to(keep_route)
    labelled = routed.match(mode="hit_all").case(is_abroad).to(label("customs"))
    labelled.case(is_heavy).to(label("two people")).end_match().to(note)
    return flow


async def main() -> dict[str, Any]:
    """Send three parcels."""
    parcels = [
        {"to": "there", "weight": 30},
        {"to": "here", "weight": 25},
        {"to": "here", "weight": 1},
    ]
    snapshot = await make_flow().async_start(parcels)
    print(snapshot)
    return snapshot


if __name__ == "__main__":
    asyncio.run(main())
