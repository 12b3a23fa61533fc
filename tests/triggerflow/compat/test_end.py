# SPDX-License-Identifier: Apache-2.0
"""`end` and `set_result` keep one value of a run under "$final_result"."""

from __future__ import annotations

import json
import warnings
from typing import Any

import pytest

from holdfast import MemoryStore, TriggerFlow
from tests.triggerflow.handlers import add_one, ask, double, keep, same

pytestmark = pytest.mark.filterwarnings("ignore:.* is deprecated:DeprecationWarning")


async def test_end_keeps_what_arrives_and_neither_seals_nor_closes():
    """The run goes on; the snapshot has the value under the reserved key."""
    flow = TriggerFlow()
    flow.to(add_one).end().to(double).to(keep)
    execution = flow.create_execution(auto_close=False)
    await execution.async_start(1)

    assert execution.is_open()
    assert await execution.async_close() == {"$final_result": 2, "kept": 4}


async def test_the_first_value_to_arrive_at_an_end_stays():
    """Another end, another pass, and a result that was set before do not replace it."""

    async def early(data: Any) -> Any:
        if data.input == "set":
            data.set_result("explicit")
        return data.input

    flow = TriggerFlow()
    flow.to(early).end()
    flow.when("More").end()
    execution = flow.create_execution(auto_close=False)
    await execution.async_start(None)
    await execution.async_emit("More", 2)
    assert execution.get_state("$final_result", "none") is None
    assert await execution.async_close() == {"$final_result": None}

    assert await flow.async_start("set") == {"$final_result": "explicit"}


async def test_an_end_at_one_place_is_one_end():
    """Running the definition again adds nothing."""
    flow = TriggerFlow()
    chain = flow.to(same)
    assert chain.end() is chain
    chain.end()

    sinks = [node for node in flow.save_blueprint()["operators"] if node["kind"] == "result_sink"]
    assert len(sinks) == 1
    assert sinks[0]["listens"] == [["event", "chunk:same"]]


async def test_set_result_replaces_and_says_so():
    """Each time; from a handler and from outside."""
    execution = TriggerFlow().create_execution(auto_close=False)
    execution.set_result(None)
    for value in (1, 2):
        with pytest.warns(RuntimeWarning, match="replaced") as caught:
            execution.set_result(value)
        assert caught[0].filename == __file__
    assert await execution.async_close() == {"$final_result": 2}


def test_set_result_in_a_plain_handler():
    """As blocking code."""

    def step(data: Any) -> None:
        data.set_result({"answer": "done"})

    flow = TriggerFlow()
    flow.to(step)
    assert flow.start() == {"$final_result": {"answer": "done"}}


async def test_a_result_is_a_state_key_like_others():
    """It may be watched, it is saved, and a kept run keeps it."""
    seen: list[Any] = []
    flow = TriggerFlow(name="watched")
    flow.to(same).end()
    flow.when({"runtime_data": "$final_result"}).to(("watch", lambda data: seen.append(data.input)))
    store = MemoryStore()
    execution = flow.create_execution(auto_close=False, store=store, run_id="r")
    await execution.async_start("v")
    saved = json.loads(json.dumps(execution.save()))
    await execution.async_release()
    again = flow.create_execution(auto_close=False, store=store, run_id="r")
    assert await again.async_close() == {"$final_result": "v"}
    restored = flow.create_execution(auto_close=False)
    restored.load(saved)

    assert await restored.async_close() == {"$final_result": "v"}
    assert seen == ["v"]


async def test_an_end_survives_a_blueprint_and_a_load():
    """A flow with an end, paused in one object and answered in another."""
    flow = TriggerFlow(name="ends")
    flow.to(ask).end()
    execution = flow.create_execution(auto_close=False)
    await execution.async_start(1)
    other = TriggerFlow(name="other").register_chunk_handler(ask)
    other.load_blueprint(json.dumps(flow.save_blueprint()))
    restored = other.create_execution(auto_close=False)
    restored.load(json.dumps(execution.save()), strict=True)
    await restored.async_continue_with("q-1", "yes")

    assert await restored.async_close() == {"$final_result": "yes"}


async def test_a_flow_that_uses_end_warns_of_end_alone():
    """The sink writes the result without using the old name itself."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        flow = TriggerFlow()
        flow.to(same).end()
        await flow.async_start(1)

    assert [str(one.message).partition(" ")[0] for one in caught] == ["end"]
