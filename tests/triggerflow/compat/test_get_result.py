# SPDX-License-Identifier: Apache-2.0
"""`get_result` reads what `end` and `set_result` left, or the close snapshot."""

from __future__ import annotations

import asyncio
import json
import warnings
from typing import Any

import pytest

from holdfast import TriggerFlow
from holdfast.errors import BlockedLoop
from tests.triggerflow.handlers import Door, ask, keep, same

pytestmark = pytest.mark.filterwarnings("ignore:.* is deprecated:DeprecationWarning")


async def test_it_reads_the_result_and_after_the_close_the_snapshot():
    """Before the end the result that was set, None too; at the end what there is."""
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow()
    flow.to(same).end()
    execution = flow.create_execution(auto_close=False)
    await execution.async_start(None)
    assert await execution.async_get_result() is None
    assert execution.get_result() is None

    plain: TriggerFlow[Any, Any, Any] = TriggerFlow()
    plain.to(keep)
    execution = plain.create_execution(auto_close=False)
    await execution.async_start(3)
    await execution.async_close()
    assert await execution.async_get_result() == execution.get_result() == {"kept": 3}


async def test_it_waits_for_a_result_or_for_the_close():
    """Whichever comes first."""
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow()
    door = Door()
    flow.to(door, name="door").end()
    execution = flow.create_execution(auto_close=False)
    starting = asyncio.ensure_future(execution.async_start("v"))
    waiting = asyncio.ensure_future(execution.async_get_result())
    await door.reached.wait()
    assert not waiting.done()
    door.opened.set()
    await starting
    assert await waiting == "v"

    execution = TriggerFlow().create_execution(auto_close=False)
    waiting = asyncio.ensure_future(execution.async_get_result())
    await asyncio.sleep(0)
    await execution.async_close()
    assert await waiting == {}


async def test_a_wait_that_is_over_gives_none_and_says_so():
    """With a UserWarning; on a loop the blocking form is refused where it would have to wait."""
    execution = TriggerFlow().create_execution(auto_close=False)
    with pytest.warns(UserWarning, match="no result"):
        assert await execution.async_get_result(timeout=0) is None
    with pytest.raises(BlockedLoop):
        execution.get_result(timeout=0)


def test_plain_code_blocks_for_it():
    """As for every blocking form."""
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow()
    flow.to(("set", lambda data: data.set_result(data.input)))
    execution = flow.create_execution(auto_close=False)
    flow.start_execution(1)
    execution.emit("START", 2)
    assert execution.get_result(timeout=5) == 2


async def test_a_handler_reads_the_result_of_its_run():
    """One that is there; in a plain handler and in an async one."""

    async def sets(data: Any) -> Any:
        data.set_result(data.input)
        return await data.async_get_result()

    def reads(data: Any) -> Any:
        data.set_state("read", [data.input, data.get_result()])

    flow: TriggerFlow[Any, Any, Any] = TriggerFlow()
    flow.to(sets).to(reads)
    assert await flow.async_start(4) == {"$final_result": 4, "read": [4, 4]}


async def test_a_loaded_run_has_its_result():
    """It is state."""
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow()
    flow.to(ask).end()
    execution = flow.create_execution(auto_close=False)
    await execution.async_start(1)
    await execution.async_continue_with("q-1", "yes")
    restored = flow.create_execution(auto_close=False)
    restored.load(json.dumps(execution.save()))
    assert await restored.async_get_result() == "yes"


async def test_both_forms_share_one_warning():
    """And `execution.result` has none."""
    execution = TriggerFlow().create_execution(auto_close=False)
    await execution.async_close()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert await execution.result.async_get_final_result() == {}
        await execution.async_get_result()
        execution.get_result()
    assert [str(one.message).partition(" ")[0] for one in caught] == ["get_result"]
