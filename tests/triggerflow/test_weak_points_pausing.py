# SPDX-License-Identifier: Apache-2.0
"""Where pauses of such libraries stall, misroute or strand a run: here each is shown not to."""

from __future__ import annotations

import json
from typing import Any

import pytest

from holdfast import TriggerFlow
from holdfast.errors import AlreadyAnswered
from tests.triggerflow.handlers import Door, add_one, ask, collect, double, keep

Flow = TriggerFlow[Any, Any, Any]


def held(flow: Flow, **options: Any) -> Any:
    """An execution that closes when it is told to."""
    return flow.create_execution(auto_close=False, **options)


async def test_a_pause_withholds_only_its_own_continuation():
    """What is slower than the pause goes on behind it: a branch, a batch, a chain of events."""
    branch, lane = Door("branch"), Door("lane")
    flow: Flow = TriggerFlow()
    flow.to(branch).to(add_one).to(collect)
    flow.batch(("asked", ask), ("slow", lane)).to(keep)
    flow.when("Other").to(double, name="first").to(double, name="second").to(collect, name="last")
    execution = held(flow)
    started = await execution.async_emit_nowait("START", 1)
    await branch.reached.wait()
    await lane.reached.wait()
    assert execution.is_waiting()

    branch.opened.set()
    lane.opened.set()
    await started
    assert await execution.async_emit("Other", 5) == [10]
    assert sorted(execution.get_state("seen")) == [2, 20]
    await execution.async_continue_with("q-1", "yes")

    assert (await execution.async_close())["kept"] == {"asked": "yes", "slow": 1}


async def test_an_answer_reaches_the_chunk_that_asked_whatever_ran_since():
    """Three chunks ask after they have waited, other signals come; answers go back out of order."""
    doors = {number: Door(str(number)) for number in range(3)}

    async def asks_late(data: Any) -> Any:
        number = data.input
        await doors[number](data)
        return await data.async_pause_for(interrupt_id=f"q-{number}")

    flow: Flow = TriggerFlow()
    flow.for_each().to(asks_late).end_for_each().to(keep)
    flow.when("Noise").to(double)
    execution = held(flow)
    started = await execution.async_emit_nowait("START", [0, 1, 2])
    for number in (2, 0, 1):
        await doors[number].reached.wait()
        doors[number].opened.set()
        await execution.async_emit("Noise", number)
    await started
    for number in (1, 2, 0):
        await execution.async_emit("Noise", number)
        await execution.async_continue_with(f"q-{number}", f"answer {number}")

    assert await execution.async_close() == {"kept": ["answer 0", "answer 1", "answer 2"]}


@pytest.mark.parametrize("request_id", [None, "form-1"])
async def test_a_failure_behind_an_answer_loses_neither_the_answer_nor_the_run(
    request_id: str | None,
):
    """With a request id or without: the answer stands, and the work behind it can be run again."""
    flow: Flow = TriggerFlow()
    failing = [ConnectionError("down")]

    async def flaky(data: Any) -> Any:
        if failing:
            raise failing.pop()
        return data.input

    flow.to(ask).to(flaky).to(keep)
    execution = held(flow)
    await execution.async_start(1)
    with pytest.raises(ConnectionError):
        await execution.async_continue_with("q-1", "yes", resume_request_id=request_id)
    assert execution.get_interrupt("q-1")["response"] == "yes"
    with pytest.raises(AlreadyAnswered):
        await execution.async_continue_with("q-1", "no", resume_request_id="form-2")
    restored = held(flow).load(json.loads(json.dumps(execution.save())))
    await restored.async_retry()

    assert await restored.async_close() == {"kept": "yes"}


async def test_an_answer_to_a_chunk_itself_runs_no_other_listener_of_its_event_again():
    """Its siblings have their side effects once, however often it is resumed."""
    runs: list[str] = []

    async def sibling(data: Any) -> None:
        runs.append("sibling")

    async def asks_twice(data: Any) -> Any:
        runs.append(f"asked {data.resume.value}")
        if data.resume.value == "enough":
            return "done"
        return await data.async_pause_for(interrupt_id="q", resume_to="self", max_resumes=None)

    flow: Flow = TriggerFlow()
    flow.when("E").to(sibling, name="before")
    flow.when("E").to(asks_twice).to(keep)
    flow.when("E").to(sibling, name="after")
    execution = held(flow)
    await execution.async_emit("E")
    await execution.async_continue_with("q", "more")
    await execution.async_continue_with("q", "enough")

    assert sorted(runs) == ["asked None", "asked enough", "asked more", "sibling", "sibling"]
    assert await execution.async_close() == {"kept": "done"}
