# SPDX-License-Identifier: Apache-2.0
"""A chunk that asks again under one id: a question of its own, and the old answer at hand."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from holdfast import TriggerFlow
from tests.triggerflow.handlers import Door, ask, collect, keep


@pytest.mark.parametrize("how", ["retry", "the same answer again"])
async def test_a_chunk_that_asks_again_under_one_id_keeps_the_answer_it_runs_with(
    opened: Any, how: str
):
    """Also its repeat does, after it had asked again and failed."""
    told = []

    async def counts(data: Any) -> Any:
        told.append((data.attempt, data.resume.value))
        if data.resume.value == "enough":
            return "end"
        marker = await data.async_pause_for(
            interrupt_id="q", payload=data.resume.value, resume_to="self", max_resumes=None
        )
        assert data.resume.value == marker["interrupt"]["payload"]
        if data.resume.value == "more" and not data.attempt:
            raise ConnectionError
        return marker

    flow = TriggerFlow()
    flow.to(counts).to(keep)
    execution = opened(flow)
    await execution.async_start()
    with pytest.raises(ConnectionError):
        await execution.async_continue_with("q", "more", resume_request_id="1")
    assert execution.get_pending_interrupts()["q"]["payload"] == "more"
    if how == "retry":
        await execution.async_retry()
    for _ in range(2):
        again = await execution.async_continue_with("q", "more", resume_request_id="1")
        assert (again["status"], again["resume_count"]) == ("waiting", 1)
    await execution.async_continue_with("q", "enough", resume_request_id="2")
    stream = execution._flow.the_stream()
    stream.end()
    actions = [item["action"] async for item in execution.get_async_runtime_stream()]
    assert actions == ["pause", "resume", "pause", "resume"]

    assert told == [(0, None), (0, "more"), (1, "more"), (0, "enough")]
    assert await execution.async_close() == {"kept": "end"}


async def test_an_id_may_be_asked_again_and_again(opened: Any):
    """By the chunk that was resumed and by others later; each is a question of its own."""
    flow = TriggerFlow()

    async def twice(data: Any) -> Any:
        if data.is_resume:
            if data.resume.value == "end":
                return data.resume.value
            return await data.async_pause_for(interrupt_id="q", resume_to="self", max_resumes=None)
        return await data.async_pause_for(interrupt_id="q", resume_to="self", max_resumes=None)

    flow.when("Ask").to(twice).to(collect)
    execution = opened(flow)
    for _ in range(20):
        await execution.async_emit("Ask")
        for answer in ("again", "again", "end"):
            await execution.async_continue_with("q", answer)

    run = execution._flow.run
    generations = [line.generation for line in run.settled]
    assert generations == sorted(set(generations))
    assert not run.waits
    assert await execution.async_close() == {"seen": ["end"] * 20}


async def test_who_works_on_an_answer_keeps_it_when_its_id_is_asked_again(opened: Any):
    """Two chunks got the answer; one asks again under its id, the other still looks at it."""
    door = Door()

    async def looks(data: Any) -> None:
        await door(data)
        await data.async_append_state("seen", [data.resume.value, data.resume.interrupt_id])

    async def asks_again(data: Any) -> Any:
        return await data.async_pause_for(interrupt_id="q-1", payload="again")

    flow = TriggerFlow()
    first = flow.to(ask)
    first.to(looks)
    first.to(asks_again).to(collect)
    execution = opened(flow)
    await execution.async_start(1)
    answer = asyncio.ensure_future(execution.async_continue_with("q-1", "first"))
    await door.reached.wait()
    while "q-1" not in execution.get_pending_interrupts():  # noqa: ASYNC110 - by another task
        await asyncio.sleep(0)
    await execution.async_continue_with("q-1", "second")
    door.opened.set()
    await answer

    assert await execution.async_close() == {"seen": ["second", ["first", "q-1"]]}


async def test_a_save_in_the_middle_of_asking_again_holds_both_answers(opened: Any):
    """The repeat runs with the old one; the new question is answered as any other."""
    door = Door()

    async def counts(data: Any) -> Any:
        if data.resume.value == "enough":
            return "end"
        marker = await data.async_pause_for(
            interrupt_id="q", payload=data.resume.value, resume_to="self", max_resumes=None
        )
        if data.resume.value == "more" and not data.attempt:
            await door(data)
        return marker

    flow = TriggerFlow(name="counts")
    flow.to(counts).to(keep)
    execution = opened(flow)
    await execution.async_start()
    answer = asyncio.ensure_future(execution.async_continue_with("q", "more"))
    await door.reached.wait()
    saved = json.loads(json.dumps(execution.save()))
    door.opened.set()
    await answer

    restored = flow.create_execution(auto_close=False).load(saved)
    await restored.async_resume()
    await restored.live.until_quiet()
    assert restored.get_pending_interrupts()["q"]["payload"] == "more"
    assert list(restored._flow.run.waits) == ["q"]
    await restored.async_continue_with("q", "enough")
    assert await restored.async_close() == {"kept": "end"}
