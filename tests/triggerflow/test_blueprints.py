# SPDX-License-Identifier: Apache-2.0
"""A blueprint is a flow's structure as data; handlers are found by name where it is loaded."""

from __future__ import annotations

import json
from typing import Any

import pytest

from holdfast import TriggerFlow
from holdfast.errors import DefinitionError, HandlersMissing, NotASave
from tests.triggerflow.handlers import add_one, ask, collect, double, keep, same


def source() -> TriggerFlow[Any, Any, Any]:
    """Chains, a fan-out, a join, loops in loops and a pause."""
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="source")
    first = flow.to(add_one)
    first.to(same, name="left")
    first.to(same, name="right")
    flow.when(["left", "right"]).to(collect)
    outer = flow.when("Table").for_each(concurrency=2).for_each(name="cells").to(double)
    outer.end_for_each().end_for_each().to(keep)
    flow.when({"event": "Late", "runtime_data": "k"}, mode="or").to(ask)
    return flow


def receiver() -> TriggerFlow[Any, Any, Any]:
    """A flow that knows the handlers and nothing else."""
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="receiver")
    for function in (add_one, collect, double, keep, ask):
        flow.register_chunk_handler(function)
    flow.register_chunk_handler(same, name="left").register_chunk_handler(same, name="right")
    return flow


async def told(flow: TriggerFlow[Any, Any, Any]) -> Any:
    """What a flow of that structure does."""
    execution = flow.create_execution(auto_close=False)
    await execution.async_start(1)
    await execution.async_emit("Table", [[1, 2], [3], []])
    await execution.async_emit("Late", 7)
    asked = list(execution.get_pending_interrupts())
    return await execution.async_close(pending_interrupts="cancel"), asked


@pytest.mark.parametrize("through", [dict, json.dumps, lambda b: json.loads(json.dumps(b))])
async def test_a_reloaded_flow_behaves_as_the_one_it_was_saved_from(through: Any):
    """As a dict, as JSON text, and as what came out of a store of JSON."""
    blueprint = source().save_blueprint()
    flow = receiver()

    assert flow.load_blueprint(through(blueprint)) is flow
    assert flow.name == "receiver"
    assert flow.fingerprint == source().fingerprint
    assert await told(flow) == await told(source())
    assert flow.save_blueprint()["operators"] == blueprint["operators"]


async def test_a_blueprint_can_be_given_to_a_new_flow():
    """The first argument; its handlers have to be known, so it names those that are not."""
    with pytest.raises(HandlersMissing):
        TriggerFlow(source().save_blueprint())
    assert TriggerFlow(TriggerFlow().save_blueprint()).fingerprint == TriggerFlow().fingerprint


async def test_a_blueprint_holds_no_code_and_no_run():
    """Names, kinds, edges and options only."""
    flow = source()
    await told(flow)
    text = json.dumps(flow.save_blueprint())

    assert "tests" not in text
    assert "function" not in text
    assert "lambda" not in text


def test_all_missing_handlers_are_named_in_one_error():
    """And the flow is as it was."""
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow()
    flow.to(double).to(keep)
    before = flow.fingerprint

    with pytest.raises(HandlersMissing, match="not registered") as caught:
        flow.load_blueprint(source().save_blueprint())
    assert caught.value.names == ("add_one", "ask", "collect", "left", "right")
    assert isinstance(caught.value, ValueError)
    assert flow.fingerprint == before
    assert flow.start(2) == {"kept": 4}


def test_a_lambda_has_no_name_to_be_found_by():
    """The error names the node and what to do; a name given to it is enough."""
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow()
    flow.to(lambda data: data.input)
    with pytest.raises(ValueError, match="non-serializable handler") as caught:
        flow.save_blueprint()
    assert "register_chunk_handler" in caught.value.hint

    flow = TriggerFlow()
    flow.to(("named", lambda data: data.input))
    assert flow.save_blueprint()["operators"][0]["handler"] == "named"


async def test_a_flow_that_built_a_graph_can_always_reload_it():
    """Every named function in the graph is registered by being used."""
    flow = source()
    flow.load_blueprint(flow.save_blueprint())

    assert await told(flow) == await told(source())


async def test_a_run_goes_on_in_a_flow_that_came_from_a_blueprint():
    """The structure is the same, so the fingerprints are."""
    execution = source().create_execution(auto_close=False)
    await execution.async_emit("Late", 1)
    flow = receiver().load_blueprint(source().save_blueprint())
    restored = flow.create_execution(auto_close=False)
    restored.load(execution.save(), strict=True)
    await restored.async_continue_with("q-('event', 'Late', 1)", 2)

    assert not restored.is_waiting()


def _each(blueprint: Any) -> Any:
    return next(o for o in blueprint["operators"] if o["kind"] == "each")


def _gather(blueprint: Any) -> Any:
    return next(o for o in blueprint["operators"] if o["kind"] == "gather")


def _gate(blueprint: Any) -> Any:
    return next(o for o in blueprint["operators"] if o["kind"] == "gate")


def broken(change: Any) -> Any:
    """A blueprint with one thing changed."""
    blueprint = source().save_blueprint()
    change(blueprint)
    return blueprint


@pytest.mark.parametrize(
    ("blueprint", "error"),
    [
        (3, TypeError),
        (None, TypeError),
        ([], TypeError),
        ("no json", NotASave),
        ("[1]", TypeError),
        ({}, ValueError),
        (broken(lambda b: b.update(version="trigger_flow/v99")), ValueError),
        (broken(lambda b: b.update(operators={})), TypeError),
        (broken(lambda b: b.update(operators=[3])), TypeError),
        (broken(lambda b: b["operators"][0].pop("id")), ValueError),
        (broken(lambda b: b["operators"][0].update(kind="weird")), ValueError),
        (broken(lambda b: b["operators"][0].update(listens="START")), TypeError),
        (broken(lambda b: b["operators"][0].update(listens=[["event"]])), ValueError),
        (broken(lambda b: b["operators"][0].update(options=[])), TypeError),
        (broken(lambda b: b["operators"][0].update(handler=None)), ValueError),
        (broken(lambda b: b["operators"].append(b["operators"][0])), ValueError),
        (broken(lambda b: _each(b).update(options={"concurrency": "many"})), ValueError),
        (broken(lambda b: _gather(b).update(group="nowhere")), ValueError),
        (broken(lambda b: _gate(b).update(options={"mode": "xor"})), ValueError),
    ],
)
def test_what_is_no_blueprint_is_refused_and_changes_nothing(
    blueprint: Any, error: type[Exception]
):
    """With the place of what is wrong."""
    flow = receiver()
    flow.to(add_one)
    before = flow.fingerprint

    with pytest.raises(error) as caught:
        flow.load_blueprint(blueprint)
    assert isinstance(caught.value, TypeError | DefinitionError)
    assert flow.fingerprint == before
