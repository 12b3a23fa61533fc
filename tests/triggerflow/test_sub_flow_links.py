# SPDX-License-Identifier: Apache-2.0
"""What passes into a sub-flow and back, in every spelling, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast import TriggerFlow
from holdfast.errors import DefinitionError, ResourceMissing, SubFlowSourceMissing
from tests.triggerflow.sub_flows import Flow, around, child, note, prepare


@pytest.mark.parametrize(
    ("capture", "value", "state"),
    [
        ({"input": "value"}, {"a": {"b": 1}, "c": 2}, {}),
        ({"input": "value.a.b"}, 1, {}),
        ({"input": {"x": "value.c", "y.z": "state.order.id"}}, {"x": 2, "y": {"z": 7}}, {}),
        ({"input": "runtime_data.order.lines"}, [1, 2], {}),
        ({"input": "flow_data.rate.eur"}, 2, {}),
        ({"state": {"order": "state.order"}}, None, {"order": {"id": 7, "lines": [1, 2]}}),
        ({"runtime_data": {"a.b": "value.c"}}, None, {"a": {"b": 2}}),
        ({"state.x": "value.a", "state.y": "value.c"}, None, {"x": {"b": 1}, "y": 2}),
        ({"input": "state"}, {"order": {"id": 7, "lines": [1, 2]}}, {}),
        ({}, None, {}),
    ],
)
async def test_capture_says_what_a_sub_flow_is_given(capture: Any, value: Any, state: Any):
    """Every spelling of targets and sources; without a target "input" the input is None."""
    found: list[Any] = []

    async def look(data: Any) -> None:
        found.extend([data.value, data.get_state(None)])

    await around(child(look), before=prepare, capture=capture).async_start(0)
    assert found == [value, state]


async def test_captured_values_are_copies():
    """What a sub-flow does to a value it was given reaches nobody else."""
    box = {"items": [1]}

    async def give(data: Any) -> Any:
        return box

    async def spoil(data: Any) -> None:
        data.value["items"].append(2)
        data.get_state("kept")["items"].append(3)

    capture = {"input": "value", "state": {"kept": "value"}}
    write_back = {"state.kept": "snapshot.kept"}
    flow = around(child(spoil), before=give, capture=capture, write_back=write_back)
    assert await flow.async_start(0) == {"kept": {"items": [1]}, "out": {"items": [1]}}
    assert box == {"items": [1]}


async def test_resources_pass_by_identity_under_another_name():
    """A resource is never copied; values may be given as resources too."""
    live = object()
    found: dict[str, Any] = {}

    async def look(data: Any) -> None:
        found.update(data.resources)

    capture = {"resources": {"db": "resources.database", "limit": "value.c"}}
    flow = around(child(look), before=prepare, capture=capture)
    flow.set_runtime_resource("database", live)
    await flow.async_start(0)
    assert found == {"db": live, "limit": 2}
    assert found["db"] is live


async def test_flow_data_is_captured_into_its_own():
    """A key that is given lies beside what the flow has of its own."""
    found: dict[str, Any] = {}

    async def look(data: Any) -> None:
        found.update(data.get_flow_data(no_warning=True))

    inner = child(look)
    inner.set_flow_data("own", 1, no_warning=True)
    capture = {"flow_data": {"rate": "flow_data.rate"}}
    await around(inner, before=prepare, capture=capture).async_start(0)
    assert found == {"own": 1, "rate": {"eur": 2}}


async def give(data: Any) -> Any:
    """What a sub-flow leaves: a state, and no result."""
    await data.async_set_state("sum", {"net": 10, "tax": 2})


async def give_result(data: Any) -> Any:
    """A state and a result."""
    await data.async_set_state("sum", {"net": 10})
    await data.async_set_state("$final_result", {"sum": {"net": 99}})


@pytest.mark.parametrize(
    ("inner", "write_back", "out", "state"),
    [
        (give, None, {"sum": {"net": 10, "tax": 2}}, {}),
        (give, {}, {"a": {"b": 1}, "c": 2}, {}),
        (give, {"value": "result.sum.net"}, 10, {}),
        (give, {"value": "snapshot.sum"}, {"net": 10, "tax": 2}, {}),
        (
            give,
            {"value": {"a.net": "snapshot.sum.net", "d": "result.sum.tax"}},
            {"a": {"b": 1, "net": 10}, "c": 2, "d": 2},
            {},
        ),
        (give, {"state": {"net": "snapshot.sum.net"}}, {"a": {"b": 1}, "c": 2}, {"net": 10}),
        (
            give,
            {"runtime_data": {"n.m": "result.sum.net"}},
            {"a": {"b": 1}, "c": 2},
            {"n": {"m": 10}},
        ),
        (give, {"state.net": "snapshot.sum.net", "value": "result.sum.tax"}, 2, {"net": 10}),
        (give_result, None, {"sum": {"net": 99}}, {}),
        (give_result, {"value": "result.sum.net"}, 99, {}),
        (give_result, {"value": "snapshot.sum.net"}, 10, {}),
    ],
)
async def test_write_back_says_what_comes_back(inner: Any, write_back: Any, out: Any, state: Any):
    """Every spelling; a result that was set is looked into first, `snapshot` ignores it."""
    flow = around(child(inner), before=prepare, write_back=write_back)
    snapshot = await flow.async_start(0)
    assert snapshot.pop("out") == out
    snapshot.pop("order")
    assert snapshot == state


async def test_a_path_that_the_result_lacks_is_looked_for_in_the_state():
    """So an older sub-flow can be asked for what it keeps beside its result."""

    async def both(data: Any) -> None:
        await data.async_set_state("deep", {"x": 1})
        await data.async_set_state("$final_result", "done")

    flow = around(child(both), write_back={"value": "result.deep.x"})
    assert (await flow.async_start(0))["out"] == 1


async def test_what_is_written_back_is_seen_by_watchers():
    """A state key that a sub-flow fills wakes who watches it; flow data of the flow around too."""

    async def saw(data: Any) -> None:
        await data.async_append_state("saw", [data.type, data.value])

    write_back = {"state.net": "snapshot.sum.net", "flow_data": {"tax": "snapshot.sum.tax"}}
    flow = around(child(give), write_back=write_back)
    flow.when({"runtime_data": "net"}).to(saw)
    flow.when({"flow_data": "tax"}).to(saw)
    snapshot = await flow.async_start(1)
    kinds = [line[0] for line in snapshot["saw"]]
    assert kinds == ["runtime_data", "flow_data"]
    assert flow.get_flow_data("tax", no_warning=True) == 2


@pytest.mark.parametrize(
    ("links", "error", "text"),
    [
        ({"capture": ["input"]}, TypeError, "expected a mapping"),
        ({"write_back": "value"}, TypeError, "expected a mapping"),
        ({"capture": {"elsewhere": "value"}}, ValueError, "'elsewhere' is not supported"),
        ({"capture": {"input": "result"}}, ValueError, "source scope 'result' is not supported"),
        ({"write_back": {"input": "result"}}, ValueError, "'input' is not supported"),
        ({"write_back": {"value": "value"}}, ValueError, "source scope 'value' is not supported"),
        (
            {"capture": {"state": "value"}},
            TypeError,
            "scope 'state' only accepts key-path mappings",
        ),
        ({"capture": {"resources": "value"}}, TypeError, "only accepts key-path mappings"),
        ({"write_back": {"flow_data": "result"}}, TypeError, "only accepts key-path mappings"),
        ({"capture": {"input": 3}}, TypeError, "a source is text"),
        ({"capture": {"input": {3: "value"}}}, TypeError, "a path is text"),
        ({"capture": {"input": {"": "value"}}}, ValueError, "not made of names"),
        ({"capture": {"input": {"a..b": "value"}}}, ValueError, "not made of names"),
        ({"capture": {"input": "value.1a"}}, ValueError, "not made of names"),
        ({"capture": {"input": "value."}}, ValueError, "not made of names"),
        ({"capture": {"state": {"a": "value", "a.b": "value"}}}, ValueError, "lies inside"),
        ({"capture": {"input": "value", "input.a": "value"}}, ValueError, "lies inside"),
        ({"capture": {"input": "resources"}}, ValueError, "names no key"),
    ],
)
def test_links_that_mean_nothing_are_refused_at_once(links: Any, error: type, text: str):
    """Refused where the flow is built, and the flow stays as it was."""
    flow: Flow = TriggerFlow(name="parent")
    with pytest.raises(error, match=text):
        flow.to_sub_flow(child(), **links)
    assert flow.compiled().plan.nodes == ()


def test_only_a_flow_can_be_a_sub_flow():
    """Anything else is a mistake of the caller."""
    with pytest.raises(TypeError, match="made of a flow"):
        TriggerFlow(name="parent").to_sub_flow(note)


def test_a_name_that_means_another_function_outside_is_refused():
    """A blueprint names functions once for all flows in it, at any depth."""

    def other() -> Any:
        async def note(data: Any) -> None:
            return None

        return note

    deep: Flow = TriggerFlow(name="deep")
    deep.to_sub_flow(child())
    for inner in (child(), deep):
        flow: Flow = TriggerFlow(name="parent")
        cursor = flow.to(other())
        with pytest.raises(DefinitionError, match=r"'note' of sub-flow .* another callable"):
            cursor.to_sub_flow(inner)


def test_a_flow_cannot_stand_inside_itself():
    """Neither at once nor at any depth, in whichever order the flows are built."""
    outer, inner = child(name="outer"), child(name="inner")
    with pytest.raises(DefinitionError, match="sub-flow of itself"):
        outer.to_sub_flow(outer)
    outer.to_sub_flow(inner)
    with pytest.raises(DefinitionError, match="sub-flow of itself"):
        inner.to_sub_flow(outer)


def test_one_step_has_one_meaning():
    """The same flow elsewhere is the same step; another flow or other links need a name."""
    flow: Flow = TriggerFlow(name="parent")
    inner = child()
    flow.to(prepare).to_sub_flow(inner)
    flow.when("Other").to_sub_flow(inner)
    assert len(flow.compiled().subs) == 1
    with pytest.raises(DefinitionError, match="different definition"):
        flow.when("Third").to_sub_flow(child())
    with pytest.raises(DefinitionError, match="different definition"):
        flow.when("Third").to_sub_flow(inner, capture={})
    with pytest.raises(DefinitionError, match="follow itself"):
        flow.when("Third").to_sub_flow(inner).to_sub_flow(inner)
    flow.when("Third").to_sub_flow(inner, capture={}, name="third")
    assert sorted(flow.compiled().subs) == ["sub_flow:child", "sub_flow:third"]


def test_an_unnamed_flow_is_known_by_its_place():
    """Its generated name is another one in each process, the fingerprint is not."""

    def made() -> Flow:
        inner: Flow = TriggerFlow()
        inner.to(note)
        return around(inner)

    assert made().fingerprint == made().fingerprint


@pytest.mark.parametrize(
    ("links", "path"),
    [
        ({"capture": {"input": "value.nowhere"}}, "value.nowhere"),
        ({"capture": {"input": "state.nowhere.x"}}, "state.nowhere.x"),
        ({"capture": {"input": "flow_data.nowhere"}}, "flow_data.nowhere"),
        ({"write_back": {"value": "result.nowhere"}}, "result.nowhere"),
        ({"write_back": {"state.x": "snapshot.seen.nowhere"}}, "snapshot.seen.nowhere"),
    ],
)
async def test_a_source_that_is_not_there_fails_the_step(links: Any, path: str):
    """A KeyError that names the path; nothing behind the step runs, nothing is written."""
    execution = around(child(), before=prepare, **links).create_execution(auto_close=False)
    with pytest.raises(KeyError, match=path.replace(".", r"\.")) as caught:
        await execution.async_start(0)
    assert isinstance(caught.value, SubFlowSourceMissing)
    assert caught.value.source == path
    assert "out" not in execution.get_state()
    assert execution.get_status() == "failed"


async def test_a_resource_that_is_not_there_fails_the_step():
    """A KeyError that says what there is."""
    flow = around(child(), capture={"resources": {"db": "resources.database"}})
    with pytest.raises(ResourceMissing, match="'database'"):
        await flow.async_start(0)


def test_sub_flows_nest_only_so_deep():
    """Thirty-two, one in the other, go out as a blueprint and come back; one more is refused."""
    inner = child(name="f0")
    for number in range(1, 33):
        outer: Flow = TriggerFlow(name=f"f{number}")
        outer.to_sub_flow(inner)
        inner = outer
    assert len(inner.compiled().subs) == 32
    again: Flow = TriggerFlow(name="again").register_chunk_handler(note)
    assert again.load_blueprint(inner.save_blueprint()).fingerprint == inner.fingerprint
    top: Flow = TriggerFlow(name="top")
    top.to_sub_flow(inner)
    with pytest.raises(DefinitionError, match="more than 32 deep"):
        top.compiled()
