# SPDX-License-Identifier: Apache-2.0
"""What a sub-flow needs is told by the flow around it, and what it is made of is told apart."""

from __future__ import annotations

import json
from typing import Any

import pytest

from holdfast import Engine, MemoryStore
from holdfast.errors import DefinitionError, ResourcesNotReady, WrongDefinition
from tests.triggerflow.sub_flows import Flow, around, child, keep, note

PATH = "sub_flow:child"


async def use(data: Any) -> Any:
    """Ask, then give what the resource is."""
    if not data.is_resume:
        return await data.async_pause_for(payload="?", interrupt_id="q", resume_to="self")
    return data.require_resource("db")


def needing(resolver: Any = None, **links: Any) -> Flow:
    """A flow around one that needs "db"."""
    inner = child(use)
    inner.declare_resource_requirement("db", resolver=resolver)
    return around(inner, **links)


async def saved(flow: Flow, **resources: Any) -> Any:
    """A save of a run that waits inside."""
    execution = flow.create_execution(auto_close=False, runtime_resources=resources)
    await execution.async_start(1)
    return json.loads(json.dumps(execution.save()))


async def test_a_need_of_a_sub_flow_is_in_the_report_of_the_flow_around():
    """Under its path; it blocks a load that asks for all, and only that."""
    document = await saved(needing())
    fresh = needing().create_execution(auto_close=False)
    report = fresh.inspect_load(document)
    key = f"{PATH}/db"
    assert report["status"] == "missing_resources"
    assert report["missing_resource_keys"] == [key]
    assert [need["key"] for need in report["resource_requirements"]] == [key]
    with pytest.raises(ResourcesNotReady, match=key):
        fresh.load(document, validate_resources=True)
    fresh.load(document)


async def test_a_sub_flow_that_has_its_resource_needs_nothing():
    """What the inner flow itself was given is there."""
    inner = child(use)
    inner.declare_resource_requirement("db")
    inner.set_runtime_resource("db", "own")
    report = around(inner).create_execution().inspect_load(await saved(around(inner)))
    assert report["status"] == "ready"
    assert report["resolved_resource_keys"] == [f"{PATH}/db"]


async def test_a_captured_resource_is_needed_from_the_flow_around():
    """There it stands under the key outside; a need that is declared there is told once."""
    links = {"capture": {"resources": {"db": "resources.main"}}}
    flow = needing(**links)
    document = await saved(flow, main="outer")
    fresh = flow.create_execution(auto_close=False)
    report = fresh.inspect_load(document)
    assert report["missing_resource_keys"] == ["main"]
    assert fresh.inspect_load(document, runtime_resources={"main": 1})["status"] == "ready"
    flow.declare_resource_requirement("main", required=False)
    assert flow.create_execution().inspect_load(document)["status"] == "ready"


async def test_a_resolver_of_a_sub_flow_gives_its_resource_to_this_run_alone():
    """At a load, and where an engine takes the run up."""
    asked: list[str] = []

    def resolver(context: dict[str, Any]) -> str:
        asked.append(context["resource_key"])
        return "resolved"

    document = await saved(needing(resolver))
    flow = needing(resolver)
    execution = flow.create_execution(auto_close=False)
    report = await execution.async_load(document)
    assert report["status"] == "ready"
    assert execution.get_runtime_resources() == {}
    await execution.async_continue_with("frame-1:q", "go")
    assert (await execution.async_close())["out"] == {}

    store = MemoryStore()
    async with Engine(store, [flow]) as engine:
        await (await engine.start(flow, 1, run_id="r")).until_idle()
    async with Engine(store, [needing(resolver)], recover=False) as engine:
        (told,) = await engine.check("parent")
        assert told.notes == (f"resource '{PATH}/db' is to be given by its resolver",)
        run = await engine.resume("r")
        await run.answer("frame-1:q", "go")
        await run.result()
    assert asked == ["db", "db"]


async def test_siblings_may_not_give_one_name_to_two_functions():
    """A blueprint names functions once for all flows in it; another function is refused."""

    async def note(data: Any) -> None:
        """Another function of that name."""

    other = note
    from tests.triggerflow.sub_flows import note as first

    flow: Flow = Flow(name="parent")
    flow.to_sub_flow(child(first, name="one")).to_sub_flow(child(first, name="same"))
    before = flow.fingerprint
    with pytest.raises(DefinitionError, match="'note' of sub-flow 'two' is already registered"):
        flow.when("Go").to_sub_flow(child(other, name="two"))
    assert flow.fingerprint == before
    later = child(keep, name="later")
    flow.when("Go").to_sub_flow(later)
    later.when("More").to(other)
    with pytest.raises(DefinitionError, match="'note'"):
        flow.compiled()


async def test_a_run_that_waits_in_a_lambda_of_a_sub_flow_goes_on_unless_anything_changed():
    """It is known by its place alone: the same flow takes it up, any other one refuses."""

    def build(*before: Any) -> Flow:
        return around(
            child(*before, lambda data: data.async_pause_for(interrupt_id=f"q-{data.input}"))
        )

    document = await saved(build())
    same = build().create_execution(auto_close=False)
    same.load(document)
    await same.async_continue_with("frame-1:q-1", "yes")
    assert (await same.async_close())["out"] == {}
    with pytest.raises(WrongDefinition, match=f"{PATH}/lambda"):
        build(note).create_execution().load(document)
    store = MemoryStore()
    async with Engine(store, [build()]) as engine:
        await (await engine.start(build(), 1, run_id="r")).until_idle()
    async with Engine(store, [build()], recover=False) as engine:
        run = await engine.resume("r")
        await run.answer("frame-1:q-1", "yes")
        assert (await run.result())["out"] == {}
