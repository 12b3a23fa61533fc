# SPDX-License-Identifier: Apache-2.0
"""A blueprint object holds handlers and the events that reach them, for any number of flows."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast import TriggerFlow
from holdfast.errors import DefinitionError
from holdfast.triggerflow import TriggerFlowBlueprint
from tests.triggerflow.handlers import collect, double, keep, same


async def test_handlers_are_added_to_events_and_flows_are_made_of_them():
    """A lambda too; each flow runs by itself."""
    blueprint = TriggerFlowBlueprint("shop")
    assert blueprint.add_event_handler("START", keep) == "keep"
    assert blueprint.add_event_handler("Paid", collect, id="paid") == "paid"
    nameless = blueprint.add_event_handler("START", lambda data: data.set_state("seen_too", 1))
    assert nameless.startswith("lambda@")
    first, second = TriggerFlow(blueprint), TriggerFlow(blueprint=blueprint, name="second")

    for flow in (first, second):
        execution = flow.create_execution(auto_close=False)
        await execution.async_start(1)
        await execution.async_emit("Paid", 30)
        assert await execution.async_close() == {"kept": 1, "seen_too": 1, "seen": [30]}
    assert first.fingerprint == second.fingerprint == blueprint.fingerprint
    assert second.name == "second"
    assert first.name != blueprint.name == "shop"


async def test_what_is_added_later_reaches_neither_way():
    """The object and its flows go ways of their own."""
    blueprint = TriggerFlowBlueprint()
    blueprint.add_event_handler("START", keep)
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow(blueprint)
    before = blueprint.fingerprint
    flow.to("keep").to(double)
    assert blueprint.fingerprint == before
    blueprint.add_event_handler("Late", same)

    assert set(flow.chunks) == {"keep", "double"}
    assert set(blueprint.to_dict()["operators"][0]["listens"][0]) == {"event", "START"}


async def test_an_object_can_be_loaded_by_a_flow_that_exists():
    """It replaces the structure; the flow keeps its name and what it knows."""
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="mine")
    flow.to(double)
    blueprint = TriggerFlowBlueprint().register_chunk_handler(same, name="registered")
    blueprint.add_event_handler("START", keep)
    assert flow.load_blueprint(blueprint) is flow
    assert (flow.name, set(flow.chunks)) == ("mine", {"keep"})
    assert await flow.async_start(4) == {"kept": 4}
    flow.when("x").to(same, name="registered")
    with pytest.raises(DefinitionError, match="already registered"):
        flow.when("y").to(double, name="registered")


async def test_a_condition_may_be_registered_on_an_object():
    """And is known to the flows made of it."""

    def is_big(data: Any) -> bool:
        return bool(data.input > 10)

    blueprint = TriggerFlowBlueprint().register_condition_handler(is_big)
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow(blueprint)
    flow.match().case(is_big).to(keep).end_match()

    assert await TriggerFlow(TriggerFlowBlueprint()).async_start(1) == {}
    assert await flow.async_start(11) == {"kept": 11}


@pytest.mark.parametrize(
    ("event", "handler", "name", "error"),
    [
        ("", keep, None, TypeError),
        (3, keep, None, TypeError),
        ("x", 3, None, TypeError),
        ("x", keep, "", ValueError),
        ("x", double, "taken", ValueError),
    ],
)
def test_a_handler_that_cannot_be_added_changes_nothing(
    event: Any, handler: Any, name: Any, error: type[Exception]
):
    """As for a chunk."""
    blueprint = TriggerFlowBlueprint()
    blueprint.add_event_handler("START", keep, id="taken")
    before = blueprint.fingerprint
    with pytest.raises(error):
        blueprint.add_event_handler(event, handler, id=name)
    assert blueprint.fingerprint == before


def test_an_object_has_a_config_like_a_flow():
    """Its handlers by name; one without a name is refused."""
    blueprint = TriggerFlowBlueprint("shop")
    blueprint.add_event_handler("START", keep)
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow(blueprint, "shop")
    assert flow.save_blueprint() == blueprint.to_dict()
    blueprint.add_event_handler("START", lambda data: None)
    with pytest.raises(ValueError, match="non-serializable handler"):
        blueprint.to_dict()
