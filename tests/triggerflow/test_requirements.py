# SPDX-License-Identifier: Apache-2.0
"""What a run needs from outside is declared by key, kept as data, and told to whoever loads it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from holdfast import MemoryStore, TriggerFlow
from tests.triggerflow.handlers import ask, keep


def needing(**options: Any) -> TriggerFlow[Any, Any, Any]:
    """A flow that pauses, and needs a "db"."""
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="needs")
    flow.to(ask).to(keep)
    return flow.declare_resource_requirement("db", **options)


def connect(context: dict[str, Any]) -> Any:
    """A resolver."""
    return object()


def test_a_requirement_is_told_with_what_was_given():
    """Optional fields as texts, the resolver by its name, and where it was declared."""
    flow = needing(
        kind="database",
        required=False,
        metadata={"pool": 4},
        resolver=connect,
        provider_kind="postgres",
        secret_ref="vault:db",
        config_ref="cfg",
        resolver_version=3,
        resolver_fingerprint="f",
        health="ok",
        fail_policy="fail_open",
    )
    assert flow.get_resource_requirements() == [
        {
            "kind": "database",
            "key": "db",
            "required": False,
            "source": "flow",
            "metadata": {"scope": "flow", "pool": 4},
            "resolver": "connect",
            "provider_kind": "postgres",
            "secret_ref": "vault:db",
            "config_ref": "cfg",
            "resolver_version": "3",
            "resolver_fingerprint": "f",
            "health": "ok",
            "fail_policy": "fail_open",
        }
    ]
    assert needing().get_resource_requirements() == [
        {
            "kind": "runtime_resource",
            "key": "db",
            "required": True,
            "source": "flow",
            "metadata": {"scope": "flow"},
        }
    ]


def test_what_is_told_is_a_copy():
    """Changing it changes nothing."""
    flow = needing(metadata={"pool": 4})
    flow.get_resource_requirements()[0]["metadata"]["pool"] = 5
    flow.get_resource_requirements().clear()

    assert flow.get_resource_requirements()[0]["metadata"]["pool"] == 4


def test_the_same_kind_and_key_replaces_and_another_kind_does_not():
    """An execution's declaration lies over its flow's."""
    flow = needing()
    flow.declare_resource_requirement("db", required=False)
    flow.declare_resource_requirement("db", kind="replica")
    execution = flow.create_execution()
    assert execution.declare_resource_requirement("db", health="ok") is execution
    execution.declare_resource_requirement("log")

    told = [(one["kind"], one["key"], one["source"]) for one in flow.get_resource_requirements()]
    assert told == [("runtime_resource", "db", "flow"), ("replica", "db", "flow")]
    told = [
        (one["kind"], one["key"], one["source"]) for one in execution.get_resource_requirements()
    ]
    assert told == [
        ("runtime_resource", "db", "execution"),
        ("replica", "db", "flow"),
        ("runtime_resource", "log", "execution"),
    ]


@pytest.mark.parametrize(
    ("key", "options", "error"),
    [
        ("", {}, TypeError),
        (3, {}, TypeError),
        ("db", {"kind": None}, TypeError),
        ("db", {"required": 1}, TypeError),
        ("db", {"resolver": "package.module:connect"}, TypeError),
        ("db", {"metadata": [1]}, TypeError),
        ("db", {"metadata": {"live": object()}}, TypeError),
        ("db", {"metadata": {"no": float("nan")}}, ValueError),
        ("db", {"fail_policy": "maybe"}, ValueError),
        ("db", {"colour": "red"}, TypeError),
    ],
)
def test_a_requirement_that_makes_no_sense_is_refused(
    key: Any, options: dict[str, Any], error: type[Exception]
):
    """And nothing is declared. A resolver is a function in code, never a name to be imported."""
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow()
    with pytest.raises(error):
        flow.declare_resource_requirement(key, **options)
    assert flow.get_resource_requirements() == []


async def test_a_save_lists_what_was_declared_and_what_is_mounted():
    """By key; no resolver and no object is in it."""
    flow = needing(resolver=connect)
    execution = flow.create_execution(auto_close=False, runtime_resources={"log": print})
    execution.declare_resource_requirement("cache", required=False, metadata={"size": 3})
    await execution.async_start(1)
    saved = json.loads(json.dumps(execution.save()))

    assert saved["resource_keys"] == ["log"]
    report = needing().create_execution().inspect_load(saved)
    told = [(one["key"], one["source"], one["required"]) for one in report["resource_requirements"]]
    assert told == [("cache", "execution", False), ("db", "flow", True), ("log", "execution", True)]


async def test_what_an_execution_declared_is_part_of_its_run():
    """It comes back after a load, and from a store; what its flow declared is in code."""
    flow = needing()
    execution = flow.create_execution(auto_close=False)
    execution.declare_resource_requirement("cache", metadata={"size": 3})
    restored = TriggerFlow().create_execution(auto_close=False)
    with pytest.warns(RuntimeWarning, match="changed"):
        restored.load(execution.save())
    assert [one["key"] for one in restored.get_resource_requirements()] == ["cache"]
    assert restored.get_resource_requirements()[0]["metadata"] == {
        "scope": "execution",
        "size": 3,
    }

    store = MemoryStore()
    kept = flow.create_execution(auto_close=False, store=store, run_id="r")
    await kept.async_start(1)
    kept.declare_resource_requirement("cache")
    kept.declare_resource_requirement("db", required=False)
    await kept.async_set_state("k", 1)
    await kept.async_release()
    opened = flow.create_execution(auto_close=False, store=store, run_id="r")
    await opened.async_set_state("k", 2)
    told = [(one["key"], one["required"]) for one in opened.get_resource_requirements()]
    assert told == [("db", False), ("cache", True)]


async def test_what_was_declared_here_stands_over_what_comes_with_a_run():
    """It knows its resolver; and the run has it from then on."""
    saved = needing().create_execution().declare_resource_requirement("cache").save()
    execution = needing().create_execution(auto_close=False)
    execution.declare_resource_requirement("cache", resolver=lambda context: "found")
    await execution.async_load(saved, require_resources=False)
    assert execution.get_runtime_resource("cache") == "found"
    assert execution.get_resource_requirements()[-1]["resolver"] == "lambda"

    store = MemoryStore()
    kept = needing().create_execution(auto_close=False, store=store, run_id="r")
    await kept.async_start(1)
    await kept.async_release()
    opened = needing().create_execution(auto_close=False, store=store, run_id="r")
    opened.declare_resource_requirement("late")
    await opened.async_set_state("k", 1)
    await opened.async_release()
    again = needing().create_execution(auto_close=False, store=store, run_id="r")
    await again.async_set_state("k", 2)
    assert [one["key"] for one in again.get_resource_requirements()] == ["db", "late"]


async def test_nothing_is_kept_for_a_run_that_declares_nothing():
    """No fact, no bytes."""
    execution = TriggerFlow().create_execution()
    assert list(execution.save()["body"]["facts"]) == ["created_at"]
