# SPDX-License-Identifier: Apache-2.0
"""Contracts: what is declared is checked at the start, in the stream, and shown to readers."""

from __future__ import annotations

import asyncio
import builtins
import importlib.util
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NewType

import pydantic
import pytest

from holdfast import Engine, MemoryStore, TriggerFlow
from holdfast.errors import ContractRefused, DefinitionError, ExtraMissing
from holdfast.triggerflow import contracts
from holdfast.triggerflow.contracts import TriggerFlowContractSpec
from tests.triggerflow.handlers import collect, keep


class Order(pydantic.BaseModel):
    """A model that turns text into numbers."""

    item: str
    count: int = 1


@dataclass
class Box:
    """A plain class of data."""

    size: int


def held(flow: TriggerFlow[Any, Any, Any], **options: Any) -> Any:
    """An execution that closes when it is told to."""
    return flow.create_execution(auto_close=False, **options)


def taking(annotation: Any) -> TriggerFlow[Any, Any, Any]:
    """A flow that keeps its input, which is declared."""
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="taking")
    flow.set_contract(initial_input=annotation).to(keep)
    return flow


@pytest.fixture
def without_pydantic(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the extra was not installed."""
    plain = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "pydantic" else plain(name)
    )


@pytest.mark.parametrize(
    ("annotation", "value", "becomes"),
    [
        (Order, {"item": "pen", "count": "2"}, Order(item="pen", count=2)),
        (Order, Order(item="pen"), Order(item="pen", count=1)),
        (int, "5", 5),
        (list[int], ["1", 2], [1, 2]),
        (Box, {"size": 3}, Box(3)),
        (int | None, None, None),
        (Literal["a", "b"], "a", "a"),
        (Any, {"any": "thing"}, {"any": "thing"}),
        (NewType("Name", str), "ann", "ann"),
        (asyncio.Event, asyncio.Event, None),
    ],
)
async def test_the_input_is_checked_and_turned_into_what_is_declared(
    annotation: Any, value: Any, becomes: Any
):
    """A model, a class, or any annotation; the chunk gets the result."""
    if annotation is asyncio.Event:  # a class that pydantic knows nothing of
        value = becomes = asyncio.Event()
    got = []
    flow = taking(annotation)
    flow.to(lambda data: got.append(data.input))
    await held(flow).async_start(value)

    assert got == [becomes]
    assert type(got[0]) is type(becomes)


@pytest.mark.parametrize(
    ("annotation", "value", "says"),
    [
        (Order, {"item": "pen", "count": "many"}, "count: "),
        (Order, {}, "item: "),
        (int, "five", "integer"),
        (list[int], [1, "x"], "1: "),
        (asyncio.Event, 5, "expected Event, found int"),
    ],
)
async def test_a_refused_input_leaves_the_execution_unstarted(
    annotation: Any, value: Any, says: str
):
    """Nothing ran, and it can be started with a good one."""
    flow = taking(annotation)
    execution = held(flow)
    with pytest.raises(ContractRefused, match="initial_input") as caught:
        await execution.async_start(value)
    assert isinstance(caught.value, ValueError)
    assert caught.value.part == "initial_input"
    assert says in caught.value.problems[0]
    assert (execution.started, execution.get_status(), execution.get_state()) == (
        False,
        "created",
        {},
    )
    good = {Order: {"item": "pen"}, int: 5}.get(annotation)
    if good is not None:
        await execution.async_start(good)
        assert execution.started


async def test_a_refusal_tells_places_and_not_contents():
    """The value may be a secret."""
    with pytest.raises(ContractRefused) as caught:
        await taking(Order).async_start({"item": "pen", "count": "s3cret"})
    assert "s3cret" not in str(caught.value)


async def test_a_refused_input_is_told_by_every_way_to_start():
    """Of a flow, of an execution that closes by itself, of a reader, of an engine."""
    flow = taking(int)
    with pytest.raises(ContractRefused):
        await flow.async_start("x")
    with pytest.raises(ContractRefused):
        await flow.create_execution().async_start("x")
    with pytest.raises(ContractRefused):
        await anext(held(flow).get_async_runtime_stream("x"))
    async with Engine(MemoryStore(), [flow]) as engine:
        with pytest.raises(ContractRefused):
            await engine.start(flow, "x", run_id="r")
        assert await engine.runs() == ()
        run = await engine.start(flow, "6", run_id="r")
        assert await run.result() == {"kept": 6}


async def test_a_second_start_is_not_checked_and_events_are_not_either():
    """It dispatches nothing; an event is no input."""
    flow = taking(int)
    flow.when("E").to(collect)
    execution = held(flow)
    await execution.async_start(1)
    await execution.async_start("no number")
    await execution.async_emit("E", "text")
    await execution.async_emit("START", "text")

    assert execution.get_state() == {"kept": "text", "seen": ["text"]}


async def test_each_stream_item_is_checked_and_turned():
    """A refused one fails the chunk that put it; what the engine tells is not asked."""

    async def puts(data: Any) -> None:
        for item in data.input:
            await data.async_put_into_stream(item)

    flow: TriggerFlow[Any, Any, Any] = TriggerFlow()
    flow.set_contract(stream=Order).to(puts).to(lambda data: data.pause_for())
    execution = held(flow)
    await execution.async_start([{"item": "a"}, Order(item="b", count=2)])
    with pytest.raises(ContractRefused, match="stream"):
        await execution.async_put_into_stream({"count": 1})
    await execution.async_close(pending_interrupts="cancel")
    items = [item async for item in execution.get_async_runtime_stream()]
    assert items[:2] == [Order(item="a"), Order(item="b", count=2)]
    assert [item["action"] for item in items[2:]] == ["pause", "cancel"]

    with pytest.raises(ContractRefused, match="stream"):
        await flow.async_start([5])


async def test_state_and_snapshots_are_not_checked():
    """A contract is about what goes in and out by its own doors."""
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow()
    flow.set_contract(initial_input=int, stream=int, result=int).to(keep)

    assert await flow.async_start("5") == {"kept": 5}
    execution = held(flow)
    await execution.async_set_state("any", "thing")
    assert await execution.async_close() == {"any": "thing"}


async def test_a_model_is_kept_by_a_store_without_being_registered():
    """A declared class registers itself, as one in an annotation of a handler does."""
    store = MemoryStore()
    flow = taking(Order)
    execution = held(flow, store=store, run_id="r")
    await execution.async_start({"item": "pen"})
    await execution.async_release()

    again = held(taking(Order), store=store, run_id="r")
    assert await again.async_close() == {"kept": Order(item="pen")}


# --- declaring ---------------------------------------------------------------------------------


def test_parts_are_declared_one_by_one():
    """What is left out stays, None takes away; the flow is returned."""
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow()
    assert flow.get_contract() == TriggerFlowContractSpec()
    assert flow.set_contract(initial_input=Order, meta={"k": [1]}) is flow
    flow.set_contract(result=str)
    assert flow.get_contract() == TriggerFlowContractSpec(Order, None, str, {"k": [1]})
    flow.set_contract(initial_input=None, meta=None)
    assert flow.get_contract() == TriggerFlowContractSpec(None, None, str, {})
    with pytest.raises(AttributeError):
        flow.get_contract().result = int  # type: ignore[misc]


@pytest.mark.parametrize("part", contracts.PARTS)
@pytest.mark.parametrize("wrong", [5, "Order", len, [int]], ids=repr)
def test_what_is_no_type_is_refused_by_name(part: str, wrong: Any):
    """And leaves the contract as it was."""
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow()
    flow.set_contract(initial_input=int)
    with pytest.raises(TypeError, match=f"contract {part}"):
        flow.set_contract(**{part: wrong, "meta": {"new": 1}})

    assert flow.get_contract() == TriggerFlowContractSpec(int)


def test_an_annotation_that_pydantic_cannot_take_is_refused_by_name():
    """One that names a class it knows nothing of, inside something else."""
    with pytest.raises(TypeError, match="contract stream"):
        TriggerFlow().set_contract(stream=list[asyncio.Event])


@pytest.mark.parametrize("meta", [5, "text", ["a"], None])
def test_meta_that_is_no_dict_is_none(meta: Any):
    """It is only there to be read."""
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow()
    assert flow.set_contract(meta=meta).get_contract().meta == {}


@pytest.mark.parametrize("meta", [{"k": object()}, {"k": float("nan")}])
def test_meta_goes_into_blueprints_so_it_is_plain_data(meta: Any):
    """What JSON cannot say is refused at once."""
    with pytest.raises(DefinitionError, match="contract meta"):
        TriggerFlow().set_contract(meta=meta)


async def test_executions_keep_the_contract_they_were_made_with():
    """Declaring later reaches later executions."""
    flow = taking(int)
    execution = held(flow)
    flow.set_contract(initial_input=str)
    await execution.async_start("7")

    assert execution.get_state("kept") == 7
    assert execution.get_contract().initial_input is int
    assert execution.get_contract_metadata()["initial_input"]["label"] == "int"
    assert held(TriggerFlow()).get_contract_metadata() == {}


async def test_a_part_that_was_taken_away_is_not_checked_any_more():
    """Nor shown."""
    flow = taking(int)
    flow.set_contract(initial_input=None, stream=int)
    assert await flow.async_start("text") == {"kept": "text"}
    assert flow.get_contract_metadata()["initial_input"] is None


# --- what readers are shown --------------------------------------------------------------------


def test_metadata_shows_labels_and_schemas():
    """Of what is declared, and of the items that the engine itself puts into the stream."""
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow()
    assert flow.get_contract_metadata() == {}
    flow.set_contract(initial_input=Order, result=list[int], meta={"owner": "ops"})
    found = flow.get_contract_metadata()

    assert found["initial_input"] == {"label": "Order", "schema": Order.model_json_schema()}
    assert found["stream"] is None
    assert found["result"] == {
        "label": "list[int]",
        "schema": {"type": "array", "items": {"type": "integer"}},
    }
    assert found["meta"] == {"owner": "ops"}
    interrupt = found["system_stream"]["interrupt"]
    assert interrupt["label"] == "TriggerFlowInterruptEvent"
    assert interrupt["schema"]["properties"]["type"] == {"const": "interrupt"}
    assert found["system_stream"]["intervention"]["label"] == "TriggerFlowInterventionEvent"
    assert json.loads(json.dumps(found)) == found
    found["meta"]["owner"] = "changed"
    assert flow.get_contract_metadata()["meta"] == {"owner": "ops"}


@pytest.mark.parametrize(
    ("annotation", "label"),
    [
        (int, "int"),
        (Order, "Order"),
        (Box, "Box"),
        (list[Order], "list[Order]"),
        (int | None, "int | None"),
        (Any, "Any"),
        (asyncio.Event, "Event"),
    ],
)
def test_labels_name_no_modules(annotation: Any, label: str):
    """They are for people, and the same wherever the code stands."""
    assert taking(annotation).get_contract_metadata()["initial_input"]["label"] == label


def test_what_has_no_schema_is_shown_with_an_open_one():
    """It is checked all the same."""
    flow = taking(Callable[[int], int])
    assert flow.get_contract_metadata()["initial_input"] == {
        "label": "Callable[[int], int]",
        "schema": {},
    }


def test_the_contract_is_part_of_the_fingerprint():
    """By what values it takes, and its meta; a flow without one has the print it had."""
    prints = {
        name: taking(annotation).fingerprint
        for name, annotation in {"none": None, "int": int, "str": str, "order": Order}.items()
    }
    plain: TriggerFlow[Any, Any, Any] = TriggerFlow()
    plain.to(keep)
    assert prints["none"] == plain.fingerprint
    assert len(set(prints.values())) == 4
    assert taking(Order).fingerprint == prints["order"]
    assert taking(int).set_contract(meta={"k": 1}).fingerprint != prints["int"]


def test_the_fingerprint_does_not_depend_on_pydantic(monkeypatch: pytest.MonkeyPatch):
    """A run that one process began may be gone on with by another that lacks the extra."""
    with_it = taking(int).fingerprint
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)

    assert taking(int).fingerprint == with_it


@pytest.mark.parametrize("annotation", [Order, int, list[int], Box])
async def test_a_contract_goes_on_checking_when_its_classes_are_gone(annotation: Any):
    """From its plain data: by schema, without turning values into models."""
    flow = taking(annotation)
    stored = json.loads(json.dumps(flow._wiring.contract.plain()))
    restored: TriggerFlow[Any, Any, Any] = TriggerFlow()
    restored.to(keep)
    restored._wiring.put_contract(contracts.from_plain(stored))
    good = {Order: {"item": "pen"}, int: 5, Box: {"size": 1}}.get(annotation, [1])

    assert restored.fingerprint == flow.fingerprint
    assert restored.get_contract_metadata() == flow.get_contract_metadata()
    assert await restored.async_start(good) == {"kept": good}
    with pytest.raises(ContractRefused, match="initial_input"):
        await restored.async_start("wrong")
    restored.set_contract(initial_input=annotation)
    assert restored.get_contract().initial_input is annotation


@pytest.mark.parametrize(
    "stored",
    [
        5,
        {"unknown": {}},
        {"initial_input": {"label": "x"}},
        {"stream": {"label": 5, "schema": {}, "accepts": {}}},
        {"result": {"label": "x", "schema": {}, "accepts": {"pattern": "x"}}},
        {"meta": [1]},
    ],
)
def test_plain_data_that_is_no_contract_is_refused(stored: Any):
    """It may come from anywhere."""
    with pytest.raises(DefinitionError):
        contracts.from_plain(stored)
    assert not contracts.from_plain(None)


# --- without pydantic --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("annotation", "fits", "refused"),
    [
        (int, 5, "5"),
        (str | None, None, 5),
        (dict, {}, []),
        (Box, Box(1), {"size": 1}),
        (int | str, "x", 1.5),
    ],
)
async def test_plain_types_are_checked_by_isinstance(
    without_pydantic: None, annotation: Any, fits: Any, refused: Any
):
    """Without the extra: no value is turned into another one."""
    flow = taking(annotation)
    assert await flow.async_start(fits) == {"kept": fits}
    with pytest.raises(ContractRefused, match=r"initial_input.*expected"):
        await flow.async_start(refused)


@pytest.mark.parametrize("annotation", [list[int], Literal["a"], NewType("N", int)])
def test_what_isinstance_cannot_decide_names_the_extra(without_pydantic: None, annotation: Any):
    """Instead of checking half of it."""
    with pytest.raises(ExtraMissing, match=r"contract stream.*holdfast\[pydantic\]") as caught:
        TriggerFlow().set_contract(stream=annotation)
    assert isinstance(caught.value, ImportError)
    assert caught.value.extra == "pydantic"


def test_a_pydantic_that_is_too_old_names_the_extra(monkeypatch: pytest.MonkeyPatch):
    """It is installed, and has not what is needed."""
    plain = builtins.__import__

    def old(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "pydantic":
            raise ImportError("cannot import name 'TypeAdapter'")
        return plain(name, *args, **kwargs)

    monkeypatch.delitem(sys.modules, "holdfast.triggerflow.pydantic_forms", raising=False)
    monkeypatch.setattr(builtins, "__import__", old)
    with pytest.raises(ExtraMissing, match=r"holdfast\[pydantic\]"):
        TriggerFlow().set_contract(stream=int)


def test_nothing_of_pydantic_is_imported_by_a_flow_without_a_contract():
    """The core needs msgspec only."""
    import subprocess

    code = "import sys, holdfast; f = holdfast.TriggerFlow(); f.to(print); f.compiled(); "
    code += "sys.exit('pydantic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
