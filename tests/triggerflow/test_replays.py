# SPDX-License-Identifier: Apache-2.0
"""Building the same again adds nothing, and ids are the same wherever a flow is built."""

from __future__ import annotations

import functools
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from holdfast import TriggerFlow
from holdfast.triggerflow.place import LONGEST_PLACE
from tests.triggerflow.handlers import add_one, ask, collect, double, keep, same

NAMED_LAMBDA = lambda data: data.input  # noqa: E731
LAMBDA_CONDITION = lambda data: data.input  # noqa: E731


def is_big(data: Any) -> bool:
    """A named condition."""
    return data.input > 10


PARTIAL = functools.partial(add_one)


class Clerk:
    """Its methods are handlers."""

    async def file(self, data: Any) -> Any:
        return data.input

    def knows(self, data: Any) -> bool:
        return True


CLERK = Clerk()

#: One wiring for each operator.
WIRINGS: dict[str, Any] = {
    "to": lambda f: f.to(double).to(add_one),
    "to a pair": lambda f: f.to(("named", NAMED_LAMBDA)),
    "to a named lambda": lambda f: f.to(NAMED_LAMBDA, name="named"),
    "to a method": lambda f: f.to(CLERK.file).to(keep),
    "to a partial": lambda f: f.to(PARTIAL),
    "side branch": lambda f: f.to(double).side_branch(keep).to(add_one),
    "when one": lambda f: f.when("E").to(keep),
    "when several": lambda f: f.when(["A", "B"]).to(keep),
    "when kinds": lambda f: f.when({"event": "A", "runtime_data": ["k", "l"]}, mode="or").to(keep),
    "batch": lambda f: f.batch(double, ("plus", add_one), concurrency=1).to(keep),
    "for_each": lambda f: f.for_each(concurrency=2).to(double).end_for_each().to(keep),
    "open for_each": lambda f: f.for_each().to(double),
    "empty for_each": lambda f: f.for_each().end_for_each().to(keep),
    "match": lambda f: (
        f.match(mode="hit_all")
        .case(is_big)
        .to(double)
        .case("x")
        .case(LAMBDA_CONDITION)
        .to(add_one)
        .case((1, 2))
        .case(CLERK.knows)
        .case_else()
        .to(same)
        .end_match()
        .to(keep)
    ),
    "if": lambda f: f.if_condition(is_big).to(double).end_condition().to(keep),
    "open match": lambda f: f.match().case(is_big).to(double).case(2).to(add_one),
    "collect": lambda f: [
        f.to(double).collect("c"),
        f.to(add_one).collect("c", "plus").to(keep),
    ],
    "point": lambda f: f.to(double).intervention_point(name="p").to(keep),
    "separator": lambda f: f.to(double).____("a", print_info=True).____().to(keep),
    "named blocks": lambda f: [
        f.for_each(name="l").to(double).end_for_each(),
        f.match(name="m").case(1).end_match(),
        f.batch(same, name="b"),
        f.if_condition(1, name="i").end_condition(),
    ],
    "nested": lambda f: (
        f.batch(double, add_one)
        .match()
        .case(is_big)
        .for_each()
        .if_condition(3)
        .to(same)
        .end_condition()
        .end_for_each()
        .case_else()
        .to(collect)
        .end_match()
        .to(keep)
    ),
}


@pytest.mark.parametrize("wiring", WIRINGS.values(), ids=WIRINGS.keys())
def test_the_same_wiring_again_adds_nothing(wiring: Any):
    """Every operator: the structure, the order of its nodes, the chunks."""
    once, flow = TriggerFlow(), TriggerFlow()
    wiring(once)
    for _ in range(3):
        wiring(flow)

    assert list(flow._wiring.nodes.items()) == list(once._wiring.nodes.items())
    assert list(flow.chunks) == list(once.chunks)
    assert flow.fingerprint == once.fingerprint


@pytest.mark.parametrize("wiring", WIRINGS.values(), ids=WIRINGS.keys())
def test_the_same_wiring_behind_another_signal_is_declared_once_too(wiring: Any):
    """Chunks and named blocks are the ones there are; what is known by its place is new."""
    flow = TriggerFlow()
    wiring(flow)
    cursor = flow.when("Elsewhere")
    wiring(cursor)
    before = dict(flow._wiring.nodes)
    wiring(cursor)

    assert flow._wiring.nodes == before


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (lambda f: f.for_each().to(double), lambda f: f.for_each().to(add_one)),
        (lambda f: f.for_each(), lambda f: f.for_each().to(add_one)),
        (lambda f: f.for_each().to(double), lambda f: f.for_each()),
        (lambda f: f.for_each().to(double), lambda f: f.for_each().to(double).to(add_one)),
    ],
)
def test_a_loop_at_the_same_place_with_another_body_is_refused(first: Any, second: Any):
    """It is the first one again, or it needs a name; nothing of it is added."""
    flow = TriggerFlow()
    first(flow).end_for_each().to(keep)
    before = dict(flow._wiring.nodes)

    with pytest.raises(ValueError, match="already exists with a different definition") as caught:
        second(flow).end_for_each()
    assert "name=" in caught.value.hint
    assert flow._wiring.nodes == before


CASES = {
    "another value": lambda f: f.match().case("b"),
    "a condition for a value": lambda f: f.match().case(is_big),
    "another branch": lambda f: f.match().case("a").to(add_one),
    "an empty branch": lambda f: f.match().case("a").case_else(),
    "one case less": lambda f: f.match().case("a").to(double).end_match(),
    "one case more": lambda f: f.match().case("a").to(double).case(is_big).case("c"),
    "no else": lambda f: f.match().case("a").to(double).case(is_big).to(same).end_match(),
    "another mode": lambda f: f.match(mode="hit_all").case("a"),
}


@pytest.mark.parametrize("second", CASES.values(), ids=CASES.keys())
def test_a_match_at_the_same_place_with_other_content_is_refused(second: Any):
    """As for a loop."""
    flow = TriggerFlow()
    chain = flow.match().case("a").to(double).case(is_big).to(same).case_else().to(collect)
    chain.end_match().to(keep)
    before = dict(flow._wiring.nodes)

    with pytest.raises(ValueError, match="already exists with a different definition") as caught:
        second(flow).to(keep)
    assert "name=" in caught.value.hint
    assert flow._wiring.nodes == before


def test_two_cases_from_one_cursor_are_a_contradiction():
    """Each would be the first case; a chain of cases is written in one line."""
    cursor = TriggerFlow().match()
    cursor.case(1).to(double)

    with pytest.raises(ValueError, match="already exists with a different definition"):
        cursor.case(2)


async def test_an_ended_block_may_still_be_branched_off_from_its_own_cursors():
    """Only a second block of the same place has to be the same."""
    flow = TriggerFlow()
    body = flow.for_each().to(double)
    body.end_for_each().to(keep)
    body.to(collect)

    assert await flow.async_start([1, 2]) == {"kept": [2, 4], "seen": [2, 4]}


async def test_one_named_block_may_stand_at_two_places():
    """It is one block that two signals reach, as a chunk would be."""
    flow = TriggerFlow()
    for cursor in (flow.to(same), flow.when("Again")):
        cursor.for_each(name="twice").to(double).end_for_each().to(collect)
    execution = flow.create_execution(auto_close=False)
    await execution.async_start([1, 2])
    await execution.async_emit("Again", [3])

    assert execution.get_state("seen") == [[2, 4], [6]]


def test_the_same_unnamed_function_at_one_place_is_one_node():
    """Two functions may share a name; the second is known by its place, and is one node there."""

    def another() -> Any:
        async def double(data: Any) -> Any:
            return data.input

        return double

    second = another()
    flow = TriggerFlow()
    for _ in range(2):
        flow.to(double)
        flow.to(second)
    assert sorted(flow.chunks) == ["double", "double@START#1"]


def test_methods_of_one_object_are_one_function():
    """Python makes a new method object at each look; they are the same handler."""
    flow = TriggerFlow()
    flow.to(CLERK.file)
    flow.to(CLERK.file)
    flow.register_chunk_handler(CLERK.file)
    assert list(flow.chunks) == ["file"]
    with pytest.raises(ValueError, match="already registered"):
        flow.register_chunk_handler(Clerk().file)


SCRIPT = """
import json, sys
from holdfast import TriggerFlow
{padding}
def big(data): return data.input > 3
def build():
    flow = TriggerFlow()
    chain = flow.to(lambda data: data.input).batch(lambda data: 1, ("b", lambda data: 2))
    chain = chain.match(mode="hit_all").case(lambda data: True).to(lambda data: 3).case(big)
    chain.case("x").for_each().to(lambda data: 4).end_for_each().end_match().collect("c")
    flow.when(["A", {extra}]).to(lambda data: data.input)
    return flow
flow = build()
print(json.dumps([sorted(flow._wiring.nodes), flow.fingerprint]))
"""


def test_ids_do_not_depend_on_file_line_or_process(tmp_path: Path):
    """The same graph, built in other processes from other files and lines, has the same ids."""
    found = []
    for number, padding in enumerate(["", "# a comment\n" * 40 + "x = lambda data: 0"]):
        path = tmp_path / f"folder {number}" / f"build{number}.py"
        path.parent.mkdir()
        path.write_text(SCRIPT.format(padding=padding, extra='"B"'))
        done = subprocess.run([sys.executable, path], capture_output=True, text=True, check=True)
        found.append(json.loads(done.stdout))
    assert found[0] == found[1]


def test_a_case_keeps_its_ids_when_others_come_before_it():
    """Its branch is known by what it asks, not by its number."""

    def ids(*cases: Any) -> set[str]:
        flow = TriggerFlow()
        chain = flow.match()
        for case in cases:
            chain = chain.case(case)
            if case == "kept":
                chain = chain.for_each().to(lambda data: 1).end_for_each()
        chain.end_match()
        return {i for i in flow._wiring.nodes if "kept" in i}

    assert ids("kept") == ids("new", is_big, "kept", 3)
    assert len(ids("kept")) == 3


@pytest.mark.parametrize("many", [400])
async def test_ids_stay_short_however_long_a_chain_is(many: int):
    """A place is a part of the id behind it; long ones are a digest."""
    flow = TriggerFlow()
    cursor: Any = flow.to(same)
    for _ in range(many):
        cursor = cursor.to(lambda data: data.input + 1)
        cursor = cursor.match().case(-1).end_match().for_each().end_for_each()
        cursor = cursor.to(lambda data: data.input[0])
    cursor.to(keep)

    assert await flow.async_start(0) == {"kept": many}
    assert max(map(len, flow._wiring.nodes)) < 2 * LONGEST_PLACE
    assert len(flow._wiring.nodes) == many * 6 + 2


def test_a_chunk_of_another_flow_keeps_its_name_or_gets_a_place():
    """One without a name may meet another at the same place."""
    one, other = TriggerFlow(), TriggerFlow()
    foreign = one.chunk(lambda data: "foreign")
    own = other.chunk(lambda data: "own")
    assert foreign.id == own.id
    other.to(own).side_branch(keep)
    other.to(foreign).side_branch(collect)
    other.when(foreign).to(ask, name="never asked").to(same)

    assert len(other.chunks) == 6
    with pytest.raises(ValueError, match="already registered to another callable"):
        other.to(one.chunk("keep")(double))


def twice(flow: TriggerFlow[Any, Any, Any], mode: str = "hit_first") -> tuple[Any, Any]:
    """Two cursors behind the first case of one match that is not ended yet."""
    return flow.match(mode=mode).case(1), flow.match(mode=mode).case(1)


HELD: dict[str, tuple[Any, Any]] = {
    "another end": (
        lambda one, other: one.to(double).end_match(),
        lambda one, other: other.to(add_one).end_match(),
    ),
    "a case more": (lambda one, other: one.end_match(), lambda one, other: other.case(2)),
    "a case less": (
        lambda one, other: one.case(2).end_match(),
        lambda one, other: other.end_match(),
    ),
    "a case less than are open": (
        lambda one, other: one.case(2).to(double),
        lambda one, other: other.end_match(),
    ),
    "an else more": (lambda one, other: one.end_match(), lambda one, other: other.case_else()),
    "an else less": (
        lambda one, other: one.case_else().to(double),
        lambda one, other: other.end_match(),
    ),
    "a case behind the else": (
        lambda one, other: one.case_else().to(double),
        lambda one, other: other.case(2),
    ),
}


@pytest.mark.parametrize(("first", "second"), HELD.values(), ids=HELD.keys())
def test_two_cursors_of_one_open_match_may_not_contradict_one_another(first: Any, second: Any):
    """Neither of them replays: the first one to end the block says what it is."""
    flow = TriggerFlow()
    one, other = twice(flow)
    first(one, other)
    with pytest.raises(ValueError, match="already exists with a different definition") as caught:
        second(one, other)
    assert "name=" in caught.value.hint


def test_two_cursors_of_one_open_loop_may_not_contradict_one_another():
    """As for a match."""
    flow = TriggerFlow()
    one, other = flow.for_each(), flow.for_each()
    one.to(double).end_for_each()
    with pytest.raises(ValueError, match="already exists with a different definition"):
        other.to(add_one).end_for_each()


def test_an_open_match_has_one_mode():
    """It is said where it is opened, so it is refused there."""
    flow = TriggerFlow()
    twice(flow)
    with pytest.raises(ValueError, match="already exists with a different definition"):
        flow.match(mode="hit_all")
