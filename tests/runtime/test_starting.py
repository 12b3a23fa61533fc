# SPDX-License-Identifier: Apache-2.0
"""What is due when it is stepped may not be due any more when it is acted on."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast import TriggerFlow


async def held(calls: list[Any]) -> Any:
    """An execution whose chunk has run once, and the delivery that did."""

    async def note(data: Any) -> None:
        calls.append(data.input)

    flow = TriggerFlow(name="f")
    flow.when("Go").to(note)
    execution = flow.create_execution(auto_close=False)
    spent: list[Any] = []
    flow_run = execution._flow
    call = flow_run.live.front.call

    async def watched(live: Any, delivery: Any) -> Any:
        spent.append(delivery)
        return await call(live, delivery)

    flow_run.live.front = _Watched(flow_run, watched)
    await execution.async_emit("Go", 1)
    return execution, spent[0]


class _Watched:
    """The front of a run, with another call."""

    def __init__(self, front: Any, call: Any) -> None:
        self._front = front
        self.call = call

    def __getattr__(self, name: str) -> Any:
        return getattr(self._front, name)


@pytest.mark.parametrize("here", [True, False])
async def test_a_finished_delivery_is_not_started_by_a_late_effect(*, here: bool) -> None:
    """A retry that was stepped while its delivery ended makes nothing run twice."""
    calls: list[Any] = []
    execution, delivery = await held(calls)
    live = execution.live

    assert live.perform([delivery], here=here) is None
    await live.until_quiet()
    assert calls == [1]
