# SPDX-License-Identifier: Apache-2.0
"""A structure that went out as data and came back is the same structure, whatever is in it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from holdfast import TriggerFlow
from holdfast.definition.blueprint import KINDS
from holdfast.triggerflow import TriggerFlowBlueprint
from tests.triggerflow import shapes
from tests.triggerflow.shapes import SHAPES

ROOT = Path(__file__).resolve().parents[2]


def elsewhere(name: str, given: Any) -> Any:
    """What another process makes of a blueprint and a save."""
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-m", "tests.triggerflow.shapes", name],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


def test_every_kind_of_node_has_a_shape():
    """A kind that is added gets one here, or its blueprints are not tested."""
    kinds = {
        node["kind"] for name in SHAPES for node in shapes.built(name).save_blueprint()["operators"]
    }
    assert kinds == KINDS


WAYS = {
    "dict": lambda flow: flow.save_blueprint(),
    "json": lambda flow: json.dumps(flow.save_blueprint(), sort_keys=True),
    "yaml": lambda flow: flow.get_yaml_flow(),
    "bytes": lambda flow: flow.get_json_flow().encode(),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", SHAPES)
def test_a_structure_comes_back_whole(name: str, way: str):
    """Operators, fingerprint, and what the chunks declare, through every form of text."""
    flow = shapes.built(name)
    other = shapes.receiver().load_blueprint(WAYS[way](flow))

    assert other.fingerprint == flow.fingerprint
    assert {**other.save_blueprint(), "name": name} == flow.save_blueprint()
    emitted = {chunk.id: chunk.emit_signals for chunk in flow.chunks.values()}
    assert {chunk.id: chunk.emit_signals for chunk in other.chunks.values()} == emitted


@pytest.mark.parametrize("name", SHAPES)
async def test_a_run_goes_on_in_a_structure_that_came_from_data(name: str):
    """As it does in the flow that the code built, and without a warning."""
    flow, shape = shapes.built(name), SHAPES[name]
    expected = await shapes.gone_on(flow, shape, await shapes.half_way(flow, shape))
    saved = await shapes.half_way(flow, shape)
    other = shapes.receiver().load_blueprint(flow.save_blueprint())

    assert await shapes.gone_on(other, shape, saved) == expected
    assert expected


@pytest.mark.parametrize("name", SHAPES)
async def test_a_fresh_process_loads_the_blueprint_and_goes_on_with_the_run(name: str):
    """It knows the handlers and nothing else; what it reports is what this process would."""
    flow, shape = shapes.built(name), SHAPES[name]
    expected = await shapes.gone_on(flow, shape, await shapes.half_way(flow, shape))
    saved = await shapes.half_way(flow, shape)
    told = elsewhere(name, {"blueprint": flow.save_blueprint(), "saved": saved})
    assert told == json.loads(json.dumps(expected))


@pytest.mark.parametrize("name", SHAPES)
def test_building_again_on_a_loaded_structure_adds_nothing(name: str):
    """The same code finds what it would have built."""
    flow = shapes.receiver().load_blueprint(shapes.built(name).save_blueprint())
    before = flow.save_blueprint()
    SHAPES[name].build(flow)

    assert flow.save_blueprint() == before


@pytest.mark.parametrize("name", SHAPES)
async def test_what_is_exported_shares_nothing_with_the_flow(name: str):
    """Whoever changes the data changes no flow."""
    flow = shapes.built(name)
    before = json.dumps(flow.save_blueprint())
    config: Any = flow.save_blueprint()
    for operator in config["operators"]:
        for inside in operator["options"].values():
            if isinstance(inside, list):
                inside.clear()
        operator["options"].clear()
        operator["listens"].clear()
        operator["exits"].clear()
    config["meta"]["mine"] = 1

    assert json.dumps(flow.save_blueprint()) == before


@pytest.mark.parametrize("name", SHAPES)
def test_a_blueprint_object_is_made_into_flows(name: str):
    """Its handlers come along, so nothing has to be registered."""
    blueprint = TriggerFlowBlueprint("shape")
    SHAPES[name].build(_BuiltOn(blueprint))
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow(blueprint, "mine")

    assert flow.fingerprint == shapes.built(name).fingerprint == blueprint.fingerprint
    assert flow.name == "mine"


class _BuiltOn(TriggerFlow[Any, Any, Any]):
    """A flow that builds into a blueprint object."""

    def __init__(self, blueprint: TriggerFlowBlueprint) -> None:
        super().__init__()
        self._wiring = blueprint._wiring
