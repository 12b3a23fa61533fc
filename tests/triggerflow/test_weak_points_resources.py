# SPDX-License-Identifier: Apache-2.0
"""Resources that are containers are the containers themselves: what is put in stays in."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast import TriggerFlow


@pytest.mark.parametrize("level", ["flow", "execution", "load"])
async def test_a_dict_a_list_or_a_set_given_as_a_resource_is_not_copied(level: str):
    """Whoever gave it, at whatever time, sees what handlers wrote into it."""
    given: dict[str, Any] = {"cache": {}, "log": [], "seen": set()}

    async def write(data: Any) -> None:
        data.require_resource("cache")["key"] = data.input
        data.get_resource("log").append(data.input)
        data.resources["seen"].add(data.input)

    flow: TriggerFlow[Any, Any, Any] = TriggerFlow()
    flow.to(write)
    if level == "flow":
        flow.update_runtime_resources(given)
    execution = flow.create_execution(runtime_resources=given if level == "execution" else None)
    if level == "load":
        saved = execution.save()
        execution = flow.create_execution()
        execution.load(saved, runtime_resources=given)
    await execution.async_start(7)

    assert given == {"cache": {"key": 7}, "log": [7], "seen": {7}}
    assert execution.get_runtime_resource("cache") is given["cache"]
    assert execution.get_runtime_resources()["log"] is given["log"]
