# SPDX-License-Identifier: Apache-2.0
"""What is refused where it is declared, and that a refused call leaves the flow as it was."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast import TriggerFlow
from holdfast.errors import BuilderMisuse, DefinitionError
from tests.triggerflow.handlers import add_one, collect, double, keep, same


def another_double(data: Any) -> Any:
    """Another function, to be given a taken name."""
    return data.input


def built() -> TriggerFlow[Any, Any, Any]:
    """A flow with one of each."""
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="built")
    chain = flow.to(double).batch(add_one, same).for_each(concurrency=2).to(collect).end_for_each()
    chain.match().case(1).to(keep).case_else().end_match()
    flow.when(["A", "B"]).to(keep, name="joined").collect("c", "one")
    flow.register_condition_handler(is_small)
    return flow


def is_small(data: Any) -> bool:
    """A registered condition."""
    return data.input < 3


def told(flow: TriggerFlow[Any, Any, Any]) -> Any:
    """All that a flow's wiring holds, as it stands."""
    wiring = flow._wiring
    tables = {name: dict(table) for name, table in vars(wiring).items() if isinstance(table, dict)}
    assert len(tables) >= 9, "a table of the wiring was renamed: look at it here too"
    return tables, wiring._undo, flow.fingerprint


#: What is done to a flow before, and the call that is refused then.
REFUSED: dict[str, tuple[Any, Any]] = {
    "to: unknown name": (lambda f: f, lambda f: f.to("nobody")),
    "to: no handler": (lambda f: f, lambda f: f.to(3)),
    "to: a pair of three": (lambda f: f, lambda f: f.to(("a", same, same))),
    "to: an empty name": (lambda f: f, lambda f: f.to(same, name="")),
    "to: a name that is none": (lambda f: f, lambda f: f.to(same, name=3)),
    "to: a taken name": (lambda f: f, lambda f: f.to(another_double, name="double")),
    "to: a taken name in a pair": (lambda f: f, lambda f: f.to(("double", another_double))),
    "to: a chunk under another name": (
        lambda f: f.chunk("mine")(same),
        lambda chunk: TriggerFlow().to(chunk, name="yours"),
    ),
    "to: itself": (lambda f: f.to(double), lambda c: c.to(double)),
    "to: itself, new name for another": (lambda f: f.to(("new", same)), lambda c: c.to("new")),
    "side branch: itself": (lambda f: f.to(double), lambda c: c.side_branch(double)),
    "chunk: a taken name": (lambda f: f, lambda f: f.chunk("double")(another_double)),
    "chunk: no handler": (lambda f: f, lambda f: f.chunk(3)),
    "when: nothing": (lambda f: f, lambda f: f.when([])),
    "when: unknown kind": (lambda f: f, lambda f: f.when({"weather": "sun"})),
    "when: unknown mode": (lambda f: f, lambda f: f.when(["A", "C"], mode="nand")),
    "when: a strange chunk, then no name": (
        lambda f: f,
        lambda f: f.when([TriggerFlow().chunk("strange")(another_double), 3]),
    ),
    "when: a chunk under another kind": (
        lambda f: f,
        lambda f: f.when({"runtime_data": TriggerFlow().chunk(keep)}),
    ),
    "batch: nothing": (lambda f: f, lambda f: f.batch()),
    "batch: two of one name": (lambda f: f, lambda f: f.batch(("x", same), ("x", keep))),
    "batch: a new function, then no handler": (lambda f: f, lambda f: f.batch(another_double, 3)),
    "batch: new names, then a taken one": (
        lambda f: f,
        lambda f: f.batch(("x", same), ("y", keep), ("double", another_double)),
    ),
    "batch: a branch of its own chain": (lambda f: f.to(double), lambda c: c.batch(keep, double)),
    "batch: other branches": (lambda f: f.to(double), lambda c: c.batch(add_one, ("new", keep))),
    "batch: another cap": (
        lambda f: f.to(double),
        lambda c: c.batch(add_one, same, concurrency=1),
    ),
    "batch: a cap that is none": (lambda f: f, lambda f: f.batch(same, concurrency=1.5)),
    "for_each: another cap": (
        lambda f: f.to(double).batch(add_one, same),
        lambda c: c.for_each(concurrency=3),
    ),
    "for_each: a cap that is none": (lambda f: f, lambda f: f.for_each(concurrency="2")),
    "for_each: no name": (lambda f: f, lambda f: f.for_each(name="")),
    "for_each: another body": (
        lambda f: f.to(double).batch(add_one, same).for_each(concurrency=2),
        lambda c: c.to(another_double),
    ),
    "for_each: a lambda in the body again": (
        lambda f: f.to(double).batch(add_one, same).for_each(concurrency=2),
        lambda c: c.to(lambda data: 1),
    ),
    "for_each: a longer body": (
        lambda f: f.to(double).batch(add_one, same).for_each(concurrency=2).to(collect),
        lambda c: c.to(("more", same)),
    ),
    "end_for_each: no loop": (lambda f: f.to(double), lambda c: c.end_for_each()),
    "end_for_each: an empty body": (
        lambda f: f.to(double).batch(add_one, same).for_each(concurrency=2),
        lambda c: c.end_for_each(),
    ),
    "end_for_each: an open match": (
        lambda f: f.for_each(name="l").match().case(1),
        lambda c: c.end_for_each(),
    ),
    "match: unknown mode": (lambda f: f, lambda f: f.match(mode="all")),
    "case: no match": (lambda f: f.to(double), lambda c: c.case(is_small)),
    "case: a new condition twice": (
        lambda f: f.match(name="m").case(1),
        lambda c: c.case(lambda data: 1).case(1),
    ),
    "case: after else": (
        lambda f: f.match(name="m").case(1).case_else(),
        lambda c: c.case(lambda data: 1),
    ),
    "case: another than before": (lambda f: f.match(name="m").case(1), None),
    "case: in an open loop": (
        lambda f: f.match(name="m").case(1).for_each(),
        lambda c: c.case(2),
    ),
    "case_else: too early": (lambda f: f.match(name="m"), lambda c: c.case_else()),
    "case_else: twice": (
        lambda f: f.match(name="m").case(1).case_else(),
        lambda c: c.case_else(),
    ),
    "end_match: too early": (lambda f: f.match(name="m"), lambda c: c.end_match()),
    "end_match: a chunk before the block": (
        lambda f: f.to(double).match(name="m").case(1).to(double),
        lambda c: c.end_match(),
    ),
    "to: behind a bare match": (lambda f: f.match(name="m"), lambda c: c.to(another_double)),
    "if: no name": (lambda f: f, lambda f: f.if_condition(lambda data: 1, name="")),
    "collect: no name": (lambda f: f.to(double), lambda c: c.collect("")),
    "collect: unknown mode": (lambda f: f.to(double), lambda c: c.collect("c", mode="x")),
    "collect: another mode": (
        lambda f: f.when(["A", "B"]),
        lambda c: c.to(("new", same)) and c.collect("c", "two", mode="filled_then_empty"),
    ),
    "point: no name": (lambda f: f.to(double), lambda c: c.intervention_point(name="")),
    "register: a lambda": (lambda f: f, lambda f: f.register_chunk_handler(lambda data: 1)),
    "register: no condition": (lambda f: f, lambda f: f.register_condition_handler(3)),
    "register: a taken condition": (
        lambda f: f,
        lambda f: f.register_condition_handler(another_double, name="is_small"),
    ),
    "load: no blueprint": (lambda f: f, lambda f: f.load_blueprint({"version": "none"})),
}
REFUSED["case: another than before"] = (
    lambda f: f.match(name="m").case(1) and f.match(name="m"),
    lambda c: c.case(2),
)
# These declare something on the way, so the last call alone is looked at.
REFUSED["case: a new condition twice"] = (
    lambda f: f.match(name="m").case(1).case(3),
    lambda c: c.case(1),
)
REFUSED["collect: another mode"] = (
    lambda f: f.when(["A", "B"]).to(("new", same)),
    lambda c: c.collect("c", "two", mode="filled_then_empty"),
)


@pytest.mark.parametrize(("prepare", "refused"), REFUSED.values(), ids=REFUSED.keys())
def test_a_refused_call_leaves_the_flow_exactly_as_it_was(prepare: Any, refused: Any):
    """Every table of the definition, and so the blueprint and the fingerprint."""
    flow = built()
    cursor = prepare(flow)
    before = told(flow)

    with pytest.raises((DefinitionError, TypeError)) as caught:
        refused(cursor)
    assert not isinstance(caught.value, DefinitionError) or caught.value.hint
    assert told(flow) == before


@pytest.mark.parametrize(
    "name", [name for name in REFUSED if ": no match" in name or "early" in name]
)
def test_misuse_of_structure_is_one_type_of_two_families(name: str):
    """NotImplementedError for those who know it by that name, ValueError for the rest."""
    prepare, refused = REFUSED[name]
    with pytest.raises(BuilderMisuse) as caught:
        refused(prepare(built()))

    assert isinstance(caught.value, NotImplementedError)
    assert isinstance(caught.value, ValueError)


def test_a_flow_goes_on_after_a_refused_call():
    """The cursor is as good as before, and so is the name that was refused."""
    flow = TriggerFlow()
    cursor = flow.to(double)
    with pytest.raises(ValueError, match="already registered"):
        cursor.batch(("x", add_one), ("x", same))
    cursor.batch(("x", same), ("y", add_one)).to(keep)

    assert flow.start(2) == {"kept": {"x": 4, "y": 5}}


def rings() -> dict[str, Any]:
    """Flows that would route a value without end, and the call that closes each ring."""
    return {
        "a loop behind itself": lambda f: f.for_each(name="l").end_for_each().for_each(name="l"),
        "a loop in itself": lambda f: f.for_each(name="l").for_each(name="l"),
        "a match behind itself": lambda f: (
            f.match(name="m").case(1).end_match().to(double).match(name="m")
        ),
        "a match in itself": lambda f: f.match(name="m").case(1).match(name="m"),
        "a batch behind itself": lambda f: f.batch(double, name="b").batch(double, name="b"),
        "a batch beside another": lambda f: (
            f.batch(same, name="b").to(double).batch(add_one, name="b")
        ),
        "a choice behind itself": lambda f: (
            f.if_condition(1, name="i").end_condition().if_condition(2, name="i")
        ),
        "a collection of itself": lambda f: f.when({"collect": "c"}).collect("c", "again"),
        "a collection of its event": lambda f: f.when("Collect-c").collect("c", "again"),
    }


@pytest.mark.parametrize("ring", rings().values(), ids=rings().keys())
def test_a_block_that_would_follow_itself_is_refused(ring: Any):
    """A named block may stand at several places, but not behind or in itself."""
    with pytest.raises(DefinitionError, match="follow itself"):
        ring(TriggerFlow())


def test_a_ring_of_two_collections_is_refused_before_anything_runs():
    """No single call closes it; the flow as a whole is looked at when it is to run."""
    flow = TriggerFlow()
    flow.when({"collect": "one"}).collect("two", "x")
    flow.when({"collect": "two"}).collect("one", "x")

    with pytest.raises(DefinitionError, match="leads back to itself"):
        flow.create_execution()


@pytest.mark.parametrize("value", [[[]], [1], "one"])
async def test_as_many_blocks_in_a_row_as_are_allowed_run(value: Any):
    """Each hands on at once; one more is refused where the flow is to run."""
    flow = TriggerFlow()
    cursor: Any = flow.to(double)
    for _ in range(32):
        cursor = cursor.for_each().end_for_each()
    cursor.to(keep)
    assert "kept" in await flow.async_start(value)

    cursor.for_each()
    with pytest.raises(DefinitionError, match="without a chunk between"):
        flow.create_execution()


async def test_as_many_blocks_in_one_another_as_are_allowed_run():
    """The loops open one in the other, and close."""
    flow = TriggerFlow()
    cursor: Any = flow.to(double)
    for _ in range(32):
        cursor = cursor.for_each()
    for _ in range(32):
        cursor = cursor.end_for_each()
    cursor.to(keep)

    deep: Any = (await flow.async_start(1))["kept"]
    for _ in range(32):
        (deep,) = deep
    assert deep == 2
