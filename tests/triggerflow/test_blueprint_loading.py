# SPDX-License-Identifier: Apache-2.0
"""Configs, texts and files of blueprints: what is taken over, what is added, what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from holdfast import TriggerFlow
from holdfast.errors import Damaged, DefinitionError, HandlersMissing, NotASave
from holdfast.triggerflow import TriggerFlowBlueprint
from tests.triggerflow import shapes
from tests.triggerflow.handlers import add_one, collect, double, keep, same

Flow = TriggerFlow[Any, Any, Any]


def chain(name: str, *handlers: Any) -> Flow:
    """A flow of one chain behind an event of that name."""
    flow: Flow = TriggerFlow(name=name)
    place: Any = flow.when(name)
    for handler in handlers:
        place = place.to(handler)
    return flow


def knowing(*handlers: Any) -> Flow:
    """A flow without a structure that knows handlers."""
    flow: Flow = TriggerFlow(name="knowing")
    for handler in handlers:
        flow.register_chunk_handler(handler)
    return flow


async def test_a_config_brings_its_name_and_a_blueprint_does_not():
    """Both are the same data."""
    config = chain("source", double, keep).get_flow_config()
    assert config == chain("source", double, keep).save_blueprint()
    assert knowing(double, keep).load_blueprint(config).name == "knowing"
    flow = knowing(double, keep)
    assert flow.load_flow_config(config) is flow
    assert flow.name == "source"
    execution = flow.create_execution(auto_close=False)
    await execution.async_emit("source", 2)
    assert await execution.async_close() == {"kept": 4}


def test_a_config_can_be_shown_before_everything_has_a_name():
    """Without the check it is for reading; loading it names what is missing."""
    flow: Flow = TriggerFlow(name="nameless")
    flow.to(lambda data: data.input).match().case(lambda data: True).to(keep).end_match()
    for export in (flow.save_blueprint, flow.get_flow_config, flow.get_json_flow):
        with pytest.raises(DefinitionError, match="non-serializable handler"):
            export()
    config = flow.get_flow_config(validate_serializable=False)
    assert config["operators"][0]["handler"] is None
    json.dumps(config)
    with pytest.raises(DefinitionError):
        knowing(keep).load_flow_config(config)

    named: Flow = TriggerFlow()
    named.to(same).match().case(lambda data: True).to(keep).end_match()
    with pytest.raises(ValueError, match="non-serializable condition"):
        named.save_blueprint()


@pytest.mark.parametrize("kind", ["json", "yaml"])
def test_a_flow_goes_into_a_file_and_out_of_it(tmp_path: Path, kind: str):
    """Folders are made; a `Path` and the _file form read it; the text is what the file holds."""
    flow = chain("filed", double, keep)
    path = tmp_path / "a" / "b" / f"flow.{kind}"
    text = getattr(flow, f"get_{kind}_flow")(path)
    assert path.read_text("utf-8") == text == getattr(flow, f"get_{kind}_flow")()

    load = f"load_{kind}_flow"
    for other, source in (
        (getattr(knowing(double, keep), load), text),
        (getattr(knowing(double, keep), load), text.encode()),
        (getattr(knowing(double, keep), load), path),
        (getattr(knowing(double, keep), f"{load}_file"), path),
        (getattr(knowing(double, keep), f"{load}_file"), str(path)),
    ):
        loaded = other(source)
        assert (loaded.name, loaded.fingerprint) == ("filed", flow.fingerprint)
    assert knowing(double, keep).load_blueprint(path).fingerprint == flow.fingerprint
    assert TriggerFlow(TriggerFlowBlueprint()).load_blueprint(chain("e").get_json_flow()).name


def test_an_encoding_may_be_chosen(tmp_path: Path):
    """For the file that is written, and the bytes that are read."""
    flow = chain("ünïcode", keep)
    path = tmp_path / "flow.json"
    for kind in ("json", "yaml"):
        getattr(flow, f"get_{kind}_flow")(path, encoding="utf-16")
        loaded = getattr(knowing(keep), f"load_{kind}_flow")(path, encoding="utf-16")
        assert loaded.name == "ünïcode"
        with pytest.raises(ValueError, match=r"is not text in utf-8|is not YAML|JSON"):
            getattr(knowing(keep), f"load_{kind}_flow")(path)


@pytest.mark.parametrize(
    ("load", "given", "error"),
    [
        ("load_json_flow", "no json", ValueError),
        ("load_json_flow", "flow.json", ValueError),
        ("load_json_flow", "[1]", TypeError),
        ("load_json_flow", '"text"', TypeError),
        ("load_json_flow", "[" * 10_000, ValueError),
        ("load_json_flow", 3, TypeError),
        ("load_json_flow", None, TypeError),
        ("load_json_flow", b"\xff", ValueError),
        ("load_json_flow", Path("nowhere.json"), OSError),
        ("load_json_flow_file", "nowhere.json", OSError),
        ("load_yaml_flow", "plain", TypeError),
        ("load_yaml_flow", "- 1", TypeError),
        ("load_yaml_flow", "a: [", ValueError),
        ("load_yaml_flow", "a: !!python/name:os.system x", ValueError),
        ("load_yaml_flow", Path("nowhere.yaml"), OSError),
        ("load_yaml_flow_file", "nowhere.yaml", OSError),
        ("load_flow_config", [1], TypeError),
        ("load_flow_config", "{}", TypeError),
        ("load_blueprint", "plain", NotASave),
        ("load_blueprint", "", NotASave),
        ("load_blueprint", b"\xff\xfe", ValueError),
        ("load_blueprint", "- 1", TypeError),
        ("load_blueprint", 3, TypeError),
    ],
)
def test_what_holds_no_blueprint_is_refused(
    load: str, given: Any, error: type[Exception], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """A text is never taken for a path, even where a file of that name is."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "flow.json").write_text(chain("trap", keep).get_json_flow())
    flow = chain("mine", keep)
    before = flow.fingerprint
    with pytest.raises(error):
        getattr(flow, load)(given)
    assert (flow.name, flow.fingerprint) == ("mine", before)


def changed(**parts: Any) -> dict[str, Any]:
    """A config with other parts."""
    return {**chain("source", keep).save_blueprint(), **parts}


@pytest.mark.parametrize(
    ("config", "error", "place"),
    [
        (changed(version=None), ValueError, "version"),
        (changed(version="trigger_flow/v1"), ValueError, "version"),
        (changed(name=3), ValueError, "name"),
        (changed(operators={}), TypeError, "operators"),
        (changed(operators=[1]), TypeError, r"operators\[0\]"),
        (changed(meta=[]), TypeError, "meta"),
        (changed(contract=[]), TypeError, "contract"),
        (changed(contract={"weird": 1}), ValueError, "contract"),
        (changed(contract={"result": {"label": 1}}), ValueError, "contract result"),
    ],
)
def test_what_is_wrong_in_a_config_is_told_by_its_place(
    config: Any, error: type[Exception], place: str
):
    """And changes nothing."""
    flow = knowing(keep)
    with pytest.raises(error, match=place):
        flow.load_flow_config(config)
    assert (flow.name, flow.chunks) == ("knowing", {})


@pytest.mark.parametrize(
    ("declares", "error"), [("More", TypeError), ([3], ValueError), ([""], ValueError)]
)
def test_declared_events_are_checked_too(declares: Any, error: type[Exception]):
    """They are for readers, and still have a shape."""
    config = chain("source", keep).save_blueprint()
    config["operators"][0]["declares"] = declares
    with pytest.raises(error, match=r"operators\[0\].declares"):
        knowing(keep).load_flow_config(config)


def test_every_handler_and_condition_that_is_missing_is_named_at_once():
    """In one error, sorted; loops, batches, branches and matches included."""
    flow: Flow = TriggerFlow(name="many")
    flow.for_each().batch(("one", same), ("two", same)).end_for_each().to(double)
    flow.when("C").match().case(shapes.is_big).to(add_one).case(shapes.is_odd).to(keep).end_match()
    receiver = knowing(double)
    receiver.register_condition_handler(shapes.is_odd)
    with pytest.raises(HandlersMissing, match="not registered") as caught:
        receiver.load_blueprint(flow.save_blueprint())
    assert caught.value.names == ("add_one", "is_big", "keep", "one", "two")
    assert receiver.chunks == {}


async def test_a_second_graph_is_added_without_replacing():
    """Both run; the flow keeps its name; what both have is there once, added once or twice."""
    flow = chain("first", double, keep)
    other = chain("second", add_one, collect)
    flow.register_chunk_handler(add_one).register_chunk_handler(collect)
    for _ in range(2):
        assert flow.load_flow_config(other.get_flow_config(), replace=False) is flow
    flow.load_json_flow(other.get_json_flow(), replace=False)
    flow.load_yaml_flow(other.get_yaml_flow(), replace=False)
    assert flow.name == "first"
    assert len(flow.save_blueprint()["operators"]) == 4

    execution = flow.create_execution(auto_close=False)
    await execution.async_emit("first", 1)
    await execution.async_emit("second", 1)
    assert await execution.async_close() == {"kept": 2, "seen": [2]}


def test_the_order_in_which_graphs_are_added_makes_no_other_structure():
    """The fingerprint is of what there is."""
    graphs = [chain("a", double, keep), chain("b", add_one), chain("c", collect)]
    made = []
    for order in (graphs, graphs[::-1]):
        flow = knowing(double, keep, add_one, collect)
        for graph in order:
            flow.load_flow_config(graph.get_flow_config(), replace=False)
        made.append(flow.fingerprint)
    assert made[0] == made[1]


def test_a_node_that_two_graphs_have_differently_is_refused():
    """By its id, and the flow is as it was; so is another function under its name."""
    flow = chain("first", double, keep)
    before = flow.fingerprint
    with pytest.raises(ValueError, match="'keep' already exists with a different definition"):
        flow.load_flow_config(chain("second", keep).get_flow_config(), replace=False)
    blueprint = TriggerFlowBlueprint()
    blueprint.add_event_handler("x", same, id="keep")
    with pytest.raises(DefinitionError, match="already registered to another callable"):
        flow.load_blueprint(blueprint)
    assert (flow.fingerprint, flow.name) == (before, "first")


def test_contracts_are_added_like_nodes():
    """One is taken over where the flow has none, the same is kept once, another is refused."""
    one, two = chain("one", double), chain("two", keep)
    two.set_contract(initial_input=int, meta={"owner": "ann"})
    one.register_chunk_handler(keep)
    for _ in range(2):
        one.load_flow_config(two.get_flow_config(), replace=False)
    assert one.get_contract_metadata()["meta"] == {"owner": "ann"}
    other = chain("other", add_one)
    other.set_contract(initial_input=str)
    one.register_chunk_handler(add_one)
    with pytest.raises(DefinitionError, match="different contract"):
        one.load_flow_config(other.get_flow_config(), replace=False)


async def test_what_a_config_says_beside_the_structure_stays_with_the_flow():
    """Its meta goes out again, and is no part of the structure."""
    config = changed(meta={"owner": "ann"})
    flow = knowing(keep).load_flow_config(config)
    assert flow.save_blueprint()["meta"] == {"owner": "ann"}
    assert flow.fingerprint == chain("source", keep).fingerprint


async def test_replacing_leaves_nothing_of_the_old_structure():
    """Its chunks, blocks and contract go; the handlers it knows stay."""
    flow = shapes.built("matches")
    flow.set_contract(result=int)
    flow.register_chunk_handler(collect)
    flow.load_flow_config(chain("new", collect).get_flow_config())
    assert set(flow.chunks) == {"collect"}
    assert flow.get_contract_metadata() == {}
    assert flow.fingerprint == chain("new", collect).fingerprint
    flow.load_blueprint(shapes.built("matches").save_blueprint())


def test_a_text_that_cannot_be_yaml_is_told_without_its_contents():
    """Only the line."""
    with pytest.raises(Damaged, match=r"at line \d") as caught:
        knowing().load_yaml_flow("a: 1\nsecret: [")
    assert "secret" not in str(caught.value)
