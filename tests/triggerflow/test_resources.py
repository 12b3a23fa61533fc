# SPDX-License-Identifier: Apache-2.0
"""Live resources: given out as they are, the execution's over the flow's, never saved."""

from __future__ import annotations

import json
from typing import Any

import pytest

from holdfast import TriggerFlow
from holdfast.errors import ResourceMissing, RunError
from tests.triggerflow.handlers import ask, keep


async def test_resources_are_given_out_by_identity():
    """A dict used as a cache keeps what handlers put in."""
    cache: dict[str, int] = {}

    async def use(data: Any) -> None:
        data.require_resource("cache")["x"] = 1
        assert data.resources["cache"] is cache
        assert data.get_resource("cache") is cache

    flow = TriggerFlow()
    flow.to(use)

    await flow.async_start(runtime_resources={"cache": cache})
    assert cache == {"x": 1}


def test_an_executions_resources_lie_over_the_flows():
    """Taking one out, or all, uncovers the flow's."""
    flow = TriggerFlow()
    flow.update_runtime_resources({"a": "flow"}, b="flow")
    execution = flow.create_execution(runtime_resources={"a": "own"})
    execution.set_runtime_resource("c", "own").update_runtime_resources(d="own")

    assert execution.get_runtime_resources() == {"a": "own", "b": "flow", "c": "own", "d": "own"}
    assert dict(execution.resources) == execution.get_runtime_resources()
    assert len(execution.resources) == 4

    execution.del_runtime_resource("a").del_runtime_resource("never")
    assert execution.get_runtime_resource("a") == "flow"
    execution.clear_runtime_resources()
    assert execution.get_runtime_resources() == {"a": "flow", "b": "flow"}
    flow.del_runtime_resource("a")
    flow.set_runtime_resource("e", "late")
    assert execution.get_runtime_resources() == {"b": "flow", "e": "late"}
    assert flow.clear_runtime_resources().get_runtime_resource("b", "none") == "none"


async def test_a_missing_resource_is_a_key_error_that_lists_what_there_is():
    """It comes out of the handler, and so out of the start."""

    async def use(data: Any) -> None:
        assert data.get_resource("db", "default") == "default"
        data.require_resource("db")

    flow = TriggerFlow()
    flow.to(use)

    with pytest.raises(ResourceMissing, match="'db'; available: cache, log") as caught:
        await flow.async_start(runtime_resources={"log": 1, "cache": 2})
    assert isinstance(caught.value, KeyError)
    with pytest.raises(KeyError, match="available: none"):
        TriggerFlow().create_execution().require_runtime_resource("db")


async def test_a_handler_changes_the_resources_of_its_own_execution():
    """Not those of the flow."""

    async def change(data: Any) -> None:
        data.set_resource("made", object())
        data.del_resource("own")
        await data.async_set_state("keys", sorted(data.resources))

    flow = TriggerFlow()
    flow.set_runtime_resource("flow", 1)
    flow.to(change)

    assert await flow.async_start(runtime_resources={"own": 2}) == {"keys": ["flow", "made"]}
    assert flow.get_runtime_resource("made") is None


async def test_a_save_names_resources_and_holds_none():
    """Whoever loads it gives them again; which are missing can be asked and checked."""
    flow = TriggerFlow(name="res")
    flow.to(ask).to(keep)
    execution = flow.create_execution(
        auto_close=False, runtime_resources={"db": open, "agent": object()}
    )
    await execution.async_start(1)
    saved = json.loads(json.dumps(execution.save()))

    assert saved["resource_keys"] == ["agent", "db"]
    restored = flow.create_execution(auto_close=False, runtime_resources={"db": open})
    assert restored.inspect_load(saved)["status"] == "missing_resources"
    assert restored.inspect_load(saved)["missing_resource_keys"] == ["agent"]
    with pytest.raises(RunError, match=r"missing resources: \['agent'\]"):
        restored.load(saved, validate_resources=True)
    assert restored.get_status() == "created"
    restored.load(saved, runtime_resources={"agent": 1}, validate_resources=True)
    assert restored.require_runtime_resource("agent") == 1
    assert restored.is_waiting()
