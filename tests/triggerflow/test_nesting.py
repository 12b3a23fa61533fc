# SPDX-License-Identifier: Apache-2.0
"""Blocks in one another, in every combination: batches, matches, choices, loops."""

from __future__ import annotations

import json
from typing import Any

import pytest

from holdfast import MemoryStore, TriggerFlow
from tests.triggerflow.blocks import NESTINGS, expected, nested, size
from tests.triggerflow.handlers import add_one, collect, double, keep


def plain(value: Any) -> Any:
    """A value without the names of branches, which tell where they stand."""
    if isinstance(value, dict):
        return sorted(map(size, value.values()))
    return [plain(each) for each in value] if isinstance(value, list) else value


@pytest.mark.parametrize("names", NESTINGS, ids="-".join)
async def test_blocks_nest_in_any_combination(names: tuple[str, ...]):
    """Each gives what it gives alone, of what the one inside it gives."""
    flow = nested(names)
    for value in (2, 3, 17):
        kept = (await flow.async_start(value))["kept"]
        assert plain(kept) == plain(expected(names, value))


def ask_leaf() -> Any:
    """A leaf that asks about each value; its answer is the result."""

    async def ask(data: Any) -> Any:
        await data.async_append_state("asked", size(data.input))
        return await data.async_pause_for(payload=size(data.input))

    return ask


@pytest.mark.parametrize("names", NESTINGS, ids="-".join)
@pytest.mark.parametrize("reverse", [False, True])
async def test_pauses_in_nested_blocks_keep_their_place(names: tuple[str, ...], reverse: bool):
    """However they are ordered, answers land where their question was asked, also after a load."""
    execution = nested(names, ask_leaf()).create_execution(auto_close=False)
    await execution.async_start(3)
    while execution.is_waiting():
        saved = json.loads(json.dumps(execution.save()))
        execution = nested(names, ask_leaf()).create_execution(auto_close=False)
        execution.load(saved)
        await execution.async_resume()
        await execution.live.until_quiet()
        waiting = list(execution.get_pending_interrupts().values())
        interrupt = waiting[-1 if reverse else 0]
        await execution.async_continue_with(interrupt["id"], interrupt["payload"] * 100)

    answered = expected(names, 3, lambda value: size(value) * 100)
    assert plain(execution.get_state("kept")) == plain(answered)
    run = execution._flow.run
    left = (run.fans, run.scopes, run.joins, run.deliveries, run.groups, run.waits, run.ledgers)
    assert not any(left)


@pytest.mark.parametrize("names", [n for n in NESTINGS if len(n) == 2], ids="-".join)
async def test_nested_blocks_in_a_store_give_the_same(names: tuple[str, ...]):
    """Every step committed, and the run read back at its end."""
    store = MemoryStore()
    execution = nested(names).create_execution(auto_close=False, store=store, run_id="r")
    await execution.async_start(3)
    await execution.stop()
    again = nested(names).create_execution(auto_close=False, store=store, run_id="r")
    await again.async_resume()

    assert plain(again.get_state("kept")) == plain(expected(names, 3))
    assert again.get_state() == execution.get_state()


async def test_a_match_in_a_loop_in_a_match():
    """Written out once, as a reader would write it."""
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow()
    (
        flow.match()
        .case(lambda data: isinstance(data.input, list))
        .for_each()
        .match()
        .case(lambda data: data.input < 0)
        .to(("negative", lambda data: 0))
        .case_else()
        .to(double)
        .end_match()
        .end_for_each()
        .case_else()
        .batch(double, add_one)
        .end_match()
        .to(keep)
        .to(collect)
    )

    assert (await flow.async_start([1, -5, 3]))["kept"] == [2, 0, 6]
    assert (await flow.async_start(4))["kept"] == {"double": 8, "add_one": 5}
    assert (await flow.async_start([]))["kept"] == []
