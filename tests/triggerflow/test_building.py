# SPDX-License-Identifier: Apache-2.0
"""What may be declared, under which names, and what is refused where it is declared."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import pytest

from holdfast import MemoryStore, TriggerFlow, TriggerFlowEventData, TriggerFlowRuntimeData
from holdfast.errors import BuilderMisuse, DefinitionError
from tests.triggerflow.handlers import add_one, double, keep


def another_keep() -> Any:
    """Another function of the same name."""

    async def keep(data: Any) -> Any:
        await data.async_append_state("others", data.input)

    return keep


async def test_a_chain_hands_each_value_to_the_next_chunk():
    """`to` puts a chunk behind the cursor; its input is what the one before returned."""
    flow = TriggerFlow(name="chain")
    flow.to(add_one).to(double).to(keep)

    assert await flow.async_start(4) == {"kept": 10}


async def test_calling_twice_on_one_cursor_makes_a_fan_out():
    """A cursor is never changed: both chunks follow the same point."""
    flow = TriggerFlow()
    cursor = flow.to(add_one)
    cursor.to(keep)
    cursor.to(another_keep(), name="other")

    assert await flow.async_start(1) == {"kept": 2, "others": [2]}


async def test_a_side_branch_leaves_the_value_of_the_chain_alone():
    """The cursor stays where it was, in both spellings."""
    flow = TriggerFlow()
    flow.to(add_one).side_branch(double).to(double, side_branch=True).to(keep)

    assert await flow.async_start(1) == {"kept": 2}


def test_the_same_wiring_again_adds_nothing():
    """Running the code that builds a flow twice gives the same flow."""
    flow = TriggerFlow()
    for _ in range(2):
        flow.to(add_one).to(keep)
        flow.when(["A", "B"]).to(keep)
        flow.for_each().to(double).end_for_each()
        flow.to(NAMED_LAMBDA, name="named")
    once = TriggerFlow()
    once.to(add_one).to(keep)
    once.when(["A", "B"]).to(keep)
    once.for_each().to(double).end_for_each()
    once.to(NAMED_LAMBDA, name="named")

    assert flow.fingerprint == once.fingerprint
    assert flow.save_blueprint()["operators"] == once.save_blueprint()["operators"]


NAMED_LAMBDA = lambda data: data.input  # noqa: E731


async def test_a_lambda_without_a_name_is_always_a_new_node():
    """Two lambdas at one place are two chunks, known by their place."""
    seen = []
    flow = TriggerFlow()
    flow.to(lambda data: seen.append(("one", data.input)))
    flow.to(lambda data: seen.append(("two", data.input)))

    await flow.async_start(1)

    assert sorted(seen) == [("one", 1), ("two", 1)]
    assert len(flow.chunks) == 2


def test_one_function_as_two_stages_needs_two_names():
    """A chain that comes back to a chunk of its own would never end; name= makes two of one."""
    flow = TriggerFlow()
    with pytest.raises(DefinitionError, match="name="):
        flow.to(add_one).to(add_one)
    with pytest.raises(DefinitionError, match="add_one"):
        flow.to(add_one).to(double).to(add_one)

    flow = TriggerFlow()
    flow.to(add_one).to(add_one, name="again").to(keep)
    assert flow.start(1) == {"kept": 3}


async def test_one_chunk_may_listen_to_several_events():
    """It stays one node, and runs for each of them."""
    flow = TriggerFlow()
    flow.to(another_keep())
    flow.when("Again").to("keep")
    execution = flow.create_execution(auto_close=False)

    await execution.async_start("start")
    await execution.async_emit("Again", "event")

    assert execution.get_state() == {"others": ["start", "event"]}
    assert list(flow.chunks) == ["keep"]


async def test_two_functions_that_share_a_name_are_two_nodes():
    """The first has the name; the second is known by its place, and cannot be exported."""
    flow = TriggerFlow()
    flow.to(keep)
    flow.to(another_keep())

    assert await flow.async_start(1) == {"kept": 1, "others": [1]}
    with pytest.raises(DefinitionError, match="no name of its own"):
        flow.save_blueprint()


@pytest.mark.parametrize(
    "declare",
    [
        lambda flow: flow.to(double, name="keep"),
        lambda flow: flow.to(("keep", double)),
        lambda flow: flow.chunk("keep")(double),
        lambda flow: flow.register_chunk_handler(double, name="keep"),
    ],
)
def test_a_name_given_on_purpose_must_be_free(declare: Any):
    """Taking it over silently would change what a saved run means."""
    flow = TriggerFlow()
    flow.to(keep)

    with pytest.raises(ValueError, match="already registered to another callable"):
        declare(flow)


def test_a_function_may_be_registered_twice_but_a_lambda_needs_a_name():
    """Registering makes a handler known by name, so there must be one."""
    flow = TriggerFlow()

    assert flow.register_chunk_handler(keep).register_chunk_handler(keep) is flow
    with pytest.raises(ValueError, match="lambda needs a name"):
        flow.register_chunk_handler(lambda data: None)
    with pytest.raises(TypeError, match="callable"):
        flow.register_chunk_handler("keep")  # type: ignore[arg-type]


class Adder:
    """A handler that is an object."""

    def __init__(self, by: int) -> None:
        self.by = by

    async def __call__(self, data: Any) -> Any:
        return data.input + self.by


async def add(by: int, data: Any) -> Any:
    """The input plus a fixed number."""
    return data.input + by


async def test_any_callable_is_a_handler():
    """A callable object has its class's name, a partial its function's; sync and async alike."""
    flow = TriggerFlow()
    flow.to(Adder(1)).to(functools.partial(add, 10)).to(lambda data: data.input + 100).to(keep)

    assert await flow.async_start(0) == {"kept": 111}
    assert {"Adder", "add"} <= set(flow.chunks)


async def test_a_sync_handler_may_return_an_awaitable():
    """It is awaited, on the loop."""
    flow = TriggerFlow()
    flow.to(lambda data: keep(data) if data.input else None)

    assert await flow.async_start(7) == {"kept": 7}


async def test_a_chunk_made_by_a_decorator_can_be_used_anywhere():
    """In `to`, in `when`, by its name, in another flow, and as the plain function."""
    flow = TriggerFlow()

    @flow.chunk
    async def first(data: Any) -> Any:
        return data.input + 1

    @flow.chunk("second")
    async def other(data: Any) -> Any:
        await data.async_append_state("seen", data.input)

    flow.to(first)
    flow.when(first).to(other)
    flow.when("first").to(("third", other.function))
    elsewhere = TriggerFlow()
    elsewhere.to(first).to(other)

    assert await flow.async_start(1) == {"seen": [2, 2]}
    assert await elsewhere.async_start(2) == {"seen": [3]}
    assert (other.name, first.trigger) == ("second", "chunk:first")


def test_declared_emits_are_names_without_duplicates():
    """They are for readers of the flow only."""
    flow = TriggerFlow()
    chunk = flow.chunk("c")(double)

    assert chunk.declare_emits("A", "B", "A") is chunk
    assert chunk.emit_signals == ("A", "B")
    with pytest.raises(TypeError, match="event names"):
        chunk.declare_emits(3)


@pytest.mark.parametrize("target", [None, 3, ("name",), (1, double), ("name", "text"), ["a"]])
def test_a_target_that_is_no_handler_is_a_type_error(target: Any):
    """The error is raised at the definition."""
    with pytest.raises(TypeError):
        TriggerFlow().to(target)


def test_an_unknown_chunk_name_is_refused_by_name():
    """Structural misuse is a NotImplementedError and a ValueError at once."""
    with pytest.raises(BuilderMisuse, match="'nobody'") as caught:
        TriggerFlow().to("nobody")

    assert isinstance(caught.value, NotImplementedError)
    assert isinstance(caught.value, ValueError)


def test_end_for_each_needs_an_open_loop():
    """Also behind a loop that is closed already."""
    flow = TriggerFlow()
    with pytest.raises(NotImplementedError, match="for_each"):
        flow.to(keep).end_for_each()
    with pytest.raises(NotImplementedError):
        flow.for_each().to(double).end_for_each().end_for_each()


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"concurrency": "3"}, TypeError),
        ({"concurrency": True}, TypeError),
        ({"name": ""}, ValueError),
        ({"name": 3}, ValueError),
    ],
)
def test_a_loop_checks_its_options(arguments: dict[str, Any], error: type[Exception]):
    """At the definition."""
    with pytest.raises(error):
        TriggerFlow().for_each(**arguments)


def test_a_second_loop_at_one_place_with_other_options_is_refused():
    """The same options are a replay; a name makes it another loop."""
    flow = TriggerFlow()
    flow.for_each(concurrency=2).to(double)
    flow.for_each(concurrency=2).to(double)
    with pytest.raises(ValueError, match="already exists with a different definition"):
        flow.for_each(concurrency=3)

    flow.for_each(concurrency=3, name="other")


@pytest.mark.parametrize(
    ("trigger", "mode", "error"),
    [
        ([], "and", ValueError),
        ({}, "and", ValueError),
        ({"event": []}, "and", ValueError),
        ({"weather": "sun"}, "and", ValueError),
        (["A", "B"], "xor", ValueError),
        (3, "and", TypeError),
        ("", "and", TypeError),
        ([None], "and", TypeError),
        ({"runtime_data": TriggerFlow().chunk(double)}, "and", TypeError),
    ],
)
def test_a_trigger_that_could_never_fire_is_refused(
    trigger: Any, mode: str, error: type[Exception]
):
    """Unknown modes and kinds, nothing at all, and what is no name."""
    with pytest.raises(error):
        TriggerFlow().when(trigger, mode=mode)


async def test_an_execution_keeps_the_flow_as_it_was_when_it_was_created():
    """Building on reaches only later executions."""
    flow = TriggerFlow()
    flow.to(keep)
    before = flow.create_execution()
    flow.to(another_keep(), name="later")

    assert await before.async_start(1) == {"kept": 1}
    assert await flow.async_start(1) == {"kept": 1, "others": [1]}


def test_names_and_types_of_the_face():
    """A flow without a name gets one; the classes take type parameters; unknown options fail."""
    assert TriggerFlow(name="mine").name == "mine"
    assert TriggerFlow().name != TriggerFlow().name
    assert TriggerFlowEventData is TriggerFlowRuntimeData
    assert TriggerFlow[int, str, dict]
    assert TriggerFlowRuntimeData[int, str, dict]
    with pytest.raises(TypeError):
        TriggerFlow().create_execution(colour="red")  # type: ignore[call-arg]


def test_a_cursor_tells_what_it_stands_behind():
    """trigger_type and trigger_event name the signal."""
    cursor = TriggerFlow().to(keep)
    watcher = TriggerFlow().when({"runtime_data": "total"})

    assert (cursor.trigger_type, cursor.trigger_event) == ("event", "chunk:keep")
    assert (watcher.trigger_type, watcher.trigger_event) == ("runtime_data", "total")


@dataclass
class Parcel:
    weight: int


async def weigh(data: TriggerFlowEventData[Parcel, None, None]) -> Parcel:
    """A heavier parcel."""
    data.set_state("seen", data.input.weight)
    return Parcel(data.input.weight + 1)


async def test_classes_in_the_annotations_of_a_handler_can_be_kept():
    """They register themselves with the flow, under their qualified names."""
    flow = TriggerFlow(name="parcels")
    flow.to(weigh).to(keep)
    execution = flow.create_execution(store=MemoryStore(), run_id="p")

    assert await execution.async_start(Parcel(1)) == {"seen": 1, "kept": Parcel(2)}
