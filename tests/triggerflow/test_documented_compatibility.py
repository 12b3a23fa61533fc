# SPDX-License-Identifier: Apache-2.0
"""Programs of an older style run with another import line, beside what replaces each of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from holdfast import TriggerFlow, settings
from holdfast.triggerflow.compat import deprecation


@pytest.fixture(autouse=True)
def _told_anew() -> Iterator[None]:
    deprecation.reset()
    yield
    deprecation.reset()
    settings.reset()


def step_a(data):
    """The first stage of the programs."""
    return data.input.upper()


def do_work(value):
    """What the second stage does."""
    return f"{value}!"


def test_end_writes_the_result_and_start_returns_the_snapshot():
    """The old line: the value that flows into end() is in the snapshot under its reserved key."""

    def step_b(data):
        return do_work(data.input)

    flow = TriggerFlow()
    with pytest.warns(DeprecationWarning, match="end is deprecated"):
        flow.to(step_a).to(step_b).end()

    result = flow.start("input")

    assert result == {"$final_result": "INPUT!"}


async def test_in_place_of_end_the_value_gets_a_key_of_its_own():
    """The new line."""

    async def step_b(data):
        answer = do_work(data.input)
        await data.async_set_state("answer", answer)
        return answer

    flow = TriggerFlow()
    flow.to(step_a).to(step_b)
    snapshot = await flow.async_start("input")
    answer = snapshot["answer"]

    assert answer == "INPUT!"


async def test_in_place_of_set_result_a_handler_sets_state():
    """The new line."""

    async def worker(data):
        await data.async_set_state("answer", {"status": "done"})

    flow = TriggerFlow()
    flow.to(worker)
    execution = flow.create_execution(auto_close=False)
    await execution.async_start()
    snapshot = await execution.async_close()
    answer = snapshot["answer"]

    assert answer == {"status": "done"}


def test_wait_for_result_is_ignored_with_a_warning():
    """The old line; the snapshot comes either way."""
    flow = TriggerFlow()
    flow.to(step_a).to(("keep", lambda data: data.set_state("kept", data.input)))
    with pytest.warns(DeprecationWarning, match="wait_for_result"):
        result = flow.start("input", wait_for_result=True)

    assert result == {"kept": "INPUT"}
    assert flow.start("input", wait_for_result=False) == {"kept": "INPUT"}  # told once


async def test_in_place_of_wait_for_result_one_chooses_the_call():
    """Enter once and wait, or hold the execution."""
    flow = TriggerFlow()
    flow.to(step_a).to(("keep", lambda data: data.set_state("kept", data.input)))
    snapshot = await flow.async_start("input")
    assert snapshot == {"kept": "INPUT"}

    execution = flow.create_execution(auto_close=False)
    await execution.async_start("input")
    snapshot = await execution.async_close()
    assert snapshot == {"kept": "INPUT"}


async def test_runtime_data_is_state():
    """The old lines and the new ones do the same."""

    async def old_step(data):
        await data.set_runtime_data("count", 1)
        n = data.get_runtime_data("count")
        assert n == 1

    async def step(data):
        await data.async_set_state("count", 1)
        n = data.get_state("count")
        assert n == 1

    old, new = TriggerFlow(), TriggerFlow()
    old.to(old_step)
    new.to(step)
    with pytest.warns(DeprecationWarning, match="runtime_data is deprecated") as caught:
        told = await old.async_start()
    assert told == await new.async_start() == {"count": 1}
    assert sorted(str(one.message).partition(" ")[0] for one in caught) == [
        "get_runtime_data",
        "set_runtime_data",
    ]


def test_flow_data_is_shared_on_purpose_without_a_warning():
    """It is not deprecated; by default it warns, each time."""
    flow = TriggerFlow()
    flow.set_flow_data("shared_config", {"mode": "strict"}, no_warning=True)
    assert flow.get_flow_data("shared_config", no_warning=True) == {"mode": "strict"}
    for _ in range(2):
        with pytest.warns(RuntimeWarning, match="flow data"):
            flow.set_flow_data("shared_config", {"mode": "strict"})


def test_a_service_silences_all_of_it_with_one_setting():
    """Nothing is told then, and nothing counts as told."""
    settings["runtime.show_deprecation_warnings"] = False
    flow = TriggerFlow()
    flow.to(step_a).end()
    assert flow.start("input", wait_for_result=True) == {"$final_result": "INPUT"}

    settings["runtime.show_deprecation_warnings"] = True
    with pytest.warns(DeprecationWarning, match="end is deprecated"):
        flow.to(step_a).end()


async def test_end_neither_seals_nor_closes():
    """An execution that has passed its end takes more events, and its first result stays."""
    flow = TriggerFlow()
    with pytest.warns(DeprecationWarning, match="end is deprecated"):
        flow.to(step_a).end()
    flow.when("More").to(("more", lambda data: data.set_state("more", data.input)))
    execution = flow.create_execution(auto_close=False)
    await execution.async_start("input")
    assert execution.get_lifecycle_state() == "open"
    await execution.async_emit("More", 1)
    snapshot = await execution.async_close()

    assert snapshot == {"$final_result": "INPUT", "more": 1}


async def test_set_result_and_get_result_bridge_what_is_not_moved_yet():
    """The old lines; and the reader that says what it is there for."""

    async def worker(data):
        data.set_result({"answer": "done"})

    flow = TriggerFlow()
    flow.to(worker)
    execution = flow.create_execution(auto_close=False)
    with pytest.warns(DeprecationWarning, match="set_result is deprecated"):
        await execution.async_start()
    with pytest.warns(DeprecationWarning, match="get_result is deprecated"):
        result = execution.get_result()
    final = await execution.result.async_get_final_result()
    snapshot = await execution.async_close()

    assert result == final == {"answer": "done"}
    assert snapshot == {"$final_result": {"answer": "done"}}


async def test_without_a_result_the_reader_gives_the_snapshot_once_the_run_has_ended():
    """And single keys by name."""

    async def worker(data):
        await data.async_set_state("meaningful_key", 3)

    flow = TriggerFlow()
    flow.to(worker)
    execution = flow.create_execution(auto_close=False)
    await execution.async_start()
    await execution.async_close()

    assert await execution.result.async_get_final_result() == {"meaningful_key": 3}
    assert execution.result.get_state("meaningful_key") == 3
