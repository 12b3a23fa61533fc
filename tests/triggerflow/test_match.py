# SPDX-License-Identifier: Apache-2.0
"""`match` and its cases: which branches a value goes into, and what comes out behind them."""

from __future__ import annotations

import asyncio
import functools
from typing import Any

import pytest

from holdfast import MemoryStore, TriggerFlow
from holdfast.errors import BuilderMisuse, DefinitionError, PauseNotAllowed
from tests.triggerflow.handlers import add_one, collect, double, keep, same


def is_big(data: Any) -> bool:
    """More than ten."""
    return data.input > 10


async def is_odd(data: Any) -> int:
    """A truth that is not True."""
    return data.input % 2


def label(text: str) -> Any:
    """A named handler that tells its text and the input."""

    async def tell(data: Any) -> str:
        return f"{text} {data.input}"

    return (text, tell)


def choosing(mode: str = "hit_first") -> TriggerFlow[Any, Any, Any]:
    """Three cases and an else."""
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="choosing")
    chain = flow.match(mode=mode).case(is_big).to(label("big")).case(is_odd).to(label("odd"))
    chain = chain.case(12).to(label("twelve")).case_else().to(label("else"))
    chain.end_match().to(keep)
    return flow


@pytest.mark.parametrize(
    ("value", "first", "every"),
    [
        (13, "big 13", ["big 13", "odd 13"]),
        (12, "big 12", ["big 12", "twelve 12"]),
        (3, "odd 3", ["odd 3"]),
        (2, "else 2", "else 2"),
    ],
)
async def test_hit_first_takes_one_case_and_hit_all_all_that_hold(
    value: int, first: str, every: Any
):
    """The first in order; or a list in case order, also of one; else a bare value."""
    assert await choosing().async_start(value) == {"kept": first}
    assert await choosing("hit_all").async_start(value) == {"kept": every}


@pytest.mark.parametrize("mode", ["hit_first", "hit_all"])
async def test_without_else_a_value_that_no_case_takes_passes_unchanged(mode: str):
    """Also where the cases do something."""
    flow = TriggerFlow()
    flow.match(mode=mode).case(1).to(double).end_match().to(keep)

    assert await flow.async_start("other") == {"kept": "other"}


@pytest.mark.parametrize(("mode", "kept"), [("hit_first", 5), ("hit_all", [5])])
async def test_a_case_without_a_handler_lets_the_value_pass(mode: str, kept: Any):
    """It is a branch like any other, only that nothing is done in it."""
    flow = TriggerFlow()
    flow.match(mode=mode).case(5).case_else().to(double).end_match().to(keep)

    assert await flow.async_start(5) == {"kept": kept}
    assert await flow.async_start(4) == {"kept": 8}


async def test_an_empty_else_lets_the_value_pass_bare():
    """Not as a list, though the mode is hit_all."""
    flow = TriggerFlow()
    flow.match(mode="hit_all").case(5).to(double).case_else().end_match().to(keep)

    assert await flow.async_start(4) == {"kept": 4}


class Truth:
    """True by its own account."""

    def __init__(self, holds: bool) -> None:
        self.holds = holds

    def __bool__(self) -> bool:
        return self.holds


@pytest.mark.parametrize(
    ("verdict", "holds"),
    [(1, True), ("yes", True), ([0], True), (0, False), ("", False), (None, False)]
    + [(Truth(holds), holds) for holds in (True, False)],
)
@pytest.mark.parametrize("is_async", [False, True])
async def test_a_condition_holds_by_truth_sync_or_async(verdict: Any, holds: bool, is_async: bool):
    """What is awaited is awaited, and nothing has to be the literal True."""

    def plain(data: Any) -> Any:
        return verdict

    async def awaited(data: Any) -> Any:
        await asyncio.sleep(0)
        return verdict

    flow = TriggerFlow()
    flow.match().case(awaited if is_async else plain).to(label("yes")).end_match().to(keep)

    assert await flow.async_start(1) == {"kept": "yes 1" if holds else 1}


async def test_any_callable_is_a_condition():
    """A partial, a callable object, an async one, a lambda that gives an awaitable."""

    class Above:
        def __init__(self, least: int) -> None:
            self.least = least

        async def __call__(self, data: Any) -> bool:
            return data.input > self.least

    def above(least: int, data: Any) -> bool:
        return data.input > least

    flow = TriggerFlow()
    chain = flow.match(mode="hit_all").case(functools.partial(above, 1)).to(label("partial"))
    chain = chain.case(Above(2)).to(label("object")).case(lambda data: is_odd(data=data))
    chain.to(label("lambda")).end_match().to(keep)

    assert await flow.async_start(3) == {"kept": ["partial 3", "object 3", "lambda 3"]}


async def test_conditions_read_state_and_resources():
    """They are called with the data of the run."""

    def by_state(data: Any) -> bool:
        return data.get_state("mode") == "state"

    def by_resource(data: Any) -> bool:
        return data.require_resource("open")

    async def prepare(data: Any) -> Any:
        await data.async_set_state("mode", data.input)
        return data.input

    flow = TriggerFlow()
    chain = flow.to(prepare).match().case(by_state).to(label("state"))
    chain.case(by_resource).to(label("resource")).end_match().to(keep)
    flow.set_runtime_resource("open", True)

    assert (await flow.async_start("state"))["kept"] == "state state"
    assert (await flow.async_start("other"))["kept"] == "resource other"


async def test_values_compare_by_equality():
    """Text, numbers, None, and objects that a blueprint could not hold."""
    flow = TriggerFlow()
    chain = flow.match().case("text").to(label("text")).case(None).to(label("none"))
    chain = chain.case((1, 2)).to(label("pair")).case([3]).to(label("list"))
    chain.case(2.5).to(label("float")).case_else().to(label("else")).end_match().to(keep)

    for value, told in [("text", "text text"), (None, "none None"), ((1, 2), "pair (1, 2)")]:
        assert await flow.async_start(value) == {"kept": told}
    assert await flow.async_start([3]) == {"kept": "list [3]"}
    assert await flow.async_start(2.5) == {"kept": "float 2.5"}
    assert await flow.async_start("pair") == {"kept": "else pair"}


async def test_two_lambdas_on_one_line_are_two_conditions():
    """Each case is its own branch, wherever its condition stands in the source."""
    flow = TriggerFlow()
    chain = flow.match(mode="hit_all").case(lambda d: d.input > 0).to(label("positive")).case(lambda d: d.input > 9)  # fmt: skip # noqa: E501
    chain.to(label("big")).end_match().to(keep)

    assert await flow.async_start(1) == {"kept": ["positive 1"]}
    assert await flow.async_start(10) == {"kept": ["positive 10", "big 10"]}


@pytest.mark.parametrize(
    ("one", "other"), [("a", "a"), (1, 1), (1, True), (1, 1.0), ([1], [1]), (is_big, is_big)]
)
def test_two_cases_that_ask_the_same_are_refused(one: Any, other: Any):
    """The second could never be told from the first."""
    with pytest.raises(ValueError, match="ask the same"):
        TriggerFlow().match().case(one).to(same).case(other)


def test_an_unknown_mode_is_refused():
    """Where it is said."""
    with pytest.raises(ValueError, match="hit_first, hit_all"):
        TriggerFlow().match(mode="hit_some")
    with pytest.raises(ValueError, match="hit_first, hit_all"):
        TriggerFlow().match(mode=3)  # type: ignore[arg-type]


MISUSES = {
    "case without match": lambda flow: flow.to(same).case(1),
    "else without match": lambda flow: flow.to(same).case_else(),
    "end without match": lambda flow: flow.to(same).end_match(),
    "else before case": lambda flow: flow.match().case_else(),
    "end before case": lambda flow: flow.match().end_match(),
    "handler before case": lambda flow: flow.match().to(same),
    "loop before case": lambda flow: flow.match().for_each(),
    "match before case": lambda flow: flow.match().match(),
    "batch before case": lambda flow: flow.match().batch(same),
    "case after else": lambda flow: flow.match().case(1).case_else().to(same).case(2),
    "two elses": lambda flow: flow.match().case(1).case_else().to(same).case_else(),
    "case after the end": lambda flow: flow.match().case(1).to(same).end_match().case(2),
    "case in an open loop": lambda flow: flow.match().case(1).for_each().to(same).case(2),
    "end in an open loop": lambda flow: flow.match().case(1).for_each().to(same).end_match(),
    "loop's end in an open match": lambda flow: flow.for_each().match().case(1).end_for_each(),
    "elif without if": lambda flow: flow.to(same).elif_condition(1),
    "else without if": lambda flow: flow.to(same).else_condition(),
    "end without if": lambda flow: flow.to(same).end_condition(),
}


@pytest.mark.parametrize("misuse", MISUSES.values(), ids=MISUSES.keys())
def test_a_call_where_it_has_no_meaning_is_refused(misuse: Any):
    """Structural misuse is a NotImplementedError and a ValueError at once."""
    with pytest.raises(BuilderMisuse) as caught:
        misuse(TriggerFlow())

    assert isinstance(caught.value, NotImplementedError)
    assert isinstance(caught.value, ValueError)
    assert caught.value.hint


async def test_a_name_makes_a_second_match_at_one_place():
    """Without one it is the first one again, and has to have the same cases."""
    flow = TriggerFlow()
    flow.match().case(1).to(double).end_match().to(keep)
    with pytest.raises(ValueError, match="already exists with a different definition"):
        flow.match().case(2)

    flow.match(name="second").case(2).to(add_one).end_match().to(collect)
    assert await flow.async_start(2) == {"kept": 2, "seen": [3]}


async def test_a_chunk_may_be_the_branch_of_several_cases():
    """It is one node; what stands behind the block follows once."""
    flow = TriggerFlow()
    chain = flow.match().case(1).to(double).case(2).to(double).case_else().to(add_one)
    chain.end_match().to(collect)
    for value in (1, 2, 3):
        snapshot = await flow.async_start(value)
        assert snapshot == {"seen": [value * 2 if value < 3 else 4]}


@pytest.mark.parametrize(
    "second",
    [
        lambda c: c.to(double).to(keep),
        lambda c: c.to(same).to(double),
        lambda c: c.to(double).for_each(),
        lambda c: c.to(double).side_branch(keep),
        lambda c: c.for_each().to(same),
        lambda c: c.batch(same, keep),
        lambda c: c.match().case(3).to(same),
    ],
)
def test_a_chunk_with_something_behind_it_stands_in_one_branch_only(second: Any):
    """What follows it in one branch would follow it in the other, and both would go on."""
    flow = TriggerFlow()
    chain = flow.match().case(1).to(same).to(double).case(2)
    with pytest.raises(DefinitionError, match="two branches") as caught:
        second(chain)
    assert "name=" in caught.value.hint


async def test_two_names_let_one_function_stand_in_two_branches():
    """Also one beside a branch, and one whose value comes through an inner block."""
    flow = TriggerFlow()
    chain = flow.match().case(1).to(same).to(double).case(2).to(same, name="again").to(add_one)
    chain.end_match().to(keep)
    assert await flow.async_start(1) == {"kept": 2}
    assert await flow.async_start(2) == {"kept": 3}

    flow = TriggerFlow()
    aside = flow.match().case(1).to(keep).side_branch(collect).case(2)
    with pytest.raises(DefinitionError, match="two branches"):
        aside.to(collect).to(double)
    inner = flow.match(name="inner").case(1).match().case(1).to(same).end_match().to(keep).case(2)
    with pytest.raises(DefinitionError, match="two branches"):
        inner.to(same)


async def test_a_chunk_whose_value_only_goes_to_lanes_may_stand_in_several_branches():
    """A loop, a batch and the hits of a match take only what is their own."""
    flow = TriggerFlow()
    chain = flow.match().case(1).for_each().to(double).end_for_each().to(keep)
    chain.case(2).batch(double, add_one).to(collect).end_match()

    assert await flow.async_start(1) == {"kept": [2]}
    assert await flow.async_start(2) == {"seen": [{"double": 4, "add_one": 3}]}


async def test_a_branch_may_lead_back_to_a_chunk_before_the_block():
    """A guarded loop: it ends when the other branch is taken."""
    flow = TriggerFlow()
    chain = flow.to(add_one).match().case(is_big).to(keep)
    chain.case_else().to("add_one")

    assert await flow.async_start(0) == {"kept": 11}


def test_a_branch_that_ends_in_a_chunk_before_the_block_is_refused():
    """Every value of that chunk would reach the end, also those that never went through it."""
    flow = TriggerFlow()
    looping = flow.to(add_one).match().case(is_big).to(add_one)
    with pytest.raises(DefinitionError, match="name="):
        looping.end_match()
    with pytest.raises(DefinitionError, match="name="):
        looping.case_else()


async def test_a_match_that_is_not_ended_runs_its_branches():
    """Nothing is gathered behind it."""
    flow = TriggerFlow()
    flow.match(mode="hit_all").case(is_big).to(keep).case(is_odd).to(collect)

    assert await flow.async_start(13) == {"kept": 13, "seen": [13]}
    assert await flow.async_start(0) == {}


async def test_a_branch_may_have_branches_of_its_own():
    """A fan-out from a cursor inside a case; the chain goes on from the last one."""
    flow = TriggerFlow()
    case = flow.match().case(1)
    case.side_branch(collect)
    case.to(double).end_match().to(keep)

    assert await flow.async_start(1) == {"seen": [1], "kept": 2}


async def test_the_hits_of_a_match_run_at_once():
    """Each waits for the other."""
    met = asyncio.Barrier(2)

    async def meet(data: Any) -> Any:
        await met.wait()
        return data.input

    flow = TriggerFlow()
    chain = flow.match(mode="hit_all").case(is_big).to(("one", meet)).case(is_odd)
    chain.to(("two", meet)).end_match().to(keep)

    assert await asyncio.wait_for(flow.async_start(13), 5) == {"kept": [13, 13]}


async def test_a_condition_cannot_pause():
    """It judges; the error says where to pause instead."""

    async def asks(data: Any) -> bool:
        await data.async_pause_for(interrupt_id="q")
        return True

    flow = TriggerFlow()
    flow.match().case(asks).to(same).end_match()
    execution = flow.create_execution(auto_close=False)

    with pytest.raises(PauseNotAllowed, match="condition") as caught:
        await execution.async_start(1)
    assert "before the match" in caught.value.hint
    assert execution.get_pending_interrupts() == {}


@pytest.mark.parametrize("kept", [False, True])
async def test_a_condition_that_raises_parks_the_routing(kept: bool):
    """What came before it is kept and never runs again; retry judges anew."""
    calls = {"before": 0, "judged": 0}
    faults = [ZeroDivisionError("no scale")]

    async def before(data: Any) -> Any:
        calls["before"] += 1
        return data.input + 1

    def weighs(data: Any) -> bool:
        calls["judged"] += 1
        if faults:
            raise faults.pop()
        return data.input == 2

    flow = TriggerFlow(name="weighing")
    flow.to(before).match().case(weighs).to(double).end_match().to(keep)
    store = MemoryStore() if kept else None
    execution = flow.create_execution(auto_close=False, store=store, run_id="r")

    with pytest.raises(ZeroDivisionError, match="no scale"):
        await execution.async_start(1)
    assert execution.get_status() == "failed"
    (parked,) = execution._flow.parked()
    assert parked.node.startswith("match@")
    await execution.async_retry()

    assert calls == {"before": 1, "judged": 2}
    assert await execution.async_close() == {"kept": 4}


@pytest.mark.parametrize("mode", ["hit_first", "hit_all"])
async def test_a_parked_routing_can_be_skipped_with_what_the_block_gives(mode: str):
    """The value goes on behind the block, as a chunk's would behind a chunk."""

    def broken(data: Any) -> bool:
        raise ZeroDivisionError

    flow = TriggerFlow()
    flow.match(mode=mode).case(broken).to(double).end_match().to(keep)
    execution = flow.create_execution(auto_close=False)
    with pytest.raises(ZeroDivisionError):
        await execution.async_start(1)
    (parked,) = execution._flow.parked()
    await execution.async_skip(parked.id, "decided")

    assert await execution.async_close() == {"kept": "decided"}


async def test_a_value_whose_comparison_raises_parks_the_routing():
    """Equality is user code too."""

    class Touchy:
        def __eq__(self, other: object) -> bool:
            raise ZeroDivisionError

        __hash__ = None  # type: ignore[assignment]

    flow = TriggerFlow()
    flow.match().case("x").to(same).end_match().to(keep)
    execution = flow.create_execution(auto_close=False)

    with pytest.raises(ZeroDivisionError):
        await execution.async_start(Touchy())
    assert execution.get_status() == "failed"


async def test_what_a_condition_wrote_is_taken_back_before_it_judges_again():
    """As for any handler that did not end."""
    faults = [ZeroDivisionError()]

    async def counts(data: Any) -> bool:
        await data.async_append_state("tries", data.attempt)
        if faults:
            raise faults.pop()
        return True

    flow = TriggerFlow()
    flow.match().case(counts).to(double).end_match()
    execution = flow.create_execution(auto_close=False)
    with pytest.raises(ZeroDivisionError):
        await execution.async_start(1)
    await execution.async_retry()

    assert await execution.async_close() == {"tries": [1]}


def test_conditions_are_registered_like_handlers():
    """They need a name; a name that is taken is refused; twice the same is fine."""
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow()

    assert flow.register_condition_handler(is_big).register_condition_handler(is_big) is flow
    with pytest.raises(ValueError, match="lambda needs a name"):
        flow.register_condition_handler(lambda data: True)
    with pytest.raises(TypeError, match="callable"):
        flow.register_condition_handler("is_big")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="already registered to another callable"):
        flow.register_condition_handler(is_odd, name="is_big")
    with pytest.raises(ValueError, match="text"):
        flow.register_condition_handler(is_odd, name="")


def rebuilt(blueprint: Any) -> TriggerFlow[Any, Any, Any]:
    """A flow from a blueprint of `choosing`."""
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow()
    for text in ("big", "odd", "twelve", "else"):
        flow.register_chunk_handler(label(text)[1], name=text)
    flow.register_chunk_handler(keep)
    flow.register_condition_handler(is_big).register_condition_handler(is_odd)
    return flow.load_blueprint(blueprint)


@pytest.mark.parametrize("mode", ["hit_first", "hit_all"])
async def test_a_match_comes_back_from_a_blueprint(mode: str):
    """Conditions by name, values as they are; the fingerprint is the same."""
    flow = rebuilt(choosing(mode).save_blueprint())

    assert flow.fingerprint == choosing(mode).fingerprint
    for value in (2, 3, 12, 13):
        assert await flow.async_start(value) == await choosing(mode).async_start(value)


def test_missing_conditions_are_named_with_the_missing_handlers():
    """All in one error."""
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow()
    flow.register_chunk_handler(keep)
    with pytest.raises(ValueError, match="not registered") as caught:
        flow.load_blueprint(choosing().save_blueprint())

    assert caught.value.names == ("big", "else", "is_big", "is_odd", "odd", "twelve")


@pytest.mark.parametrize("condition", [lambda data: True, (1, 2), float("nan"), object()])
def test_a_case_without_a_name_cannot_be_exported(condition: Any):
    """A lambda by its place, or a value that JSON does not hold."""
    flow = TriggerFlow()
    flow.match().case(condition).to(same).end_match()
    with pytest.raises(ValueError, match="non-serializable condition") as caught:
        flow.save_blueprint()
    assert "register_condition_handler" in caught.value.hint


def test_a_lambda_that_was_registered_has_a_name():
    """So it can be exported."""
    always = lambda data: True  # noqa: E731
    flow = TriggerFlow()
    flow.register_condition_handler(always, name="always")
    flow.match().case(always).to(same).end_match()

    assert flow.save_blueprint()["operators"][0]["options"]["cases"] == [{"if": "always"}]


def test_two_conditions_that_share_a_name_are_two():
    """The first has it; the second is known by its place."""

    def another() -> Any:
        def is_big(data: Any) -> bool:
            return data.input > 100

        return is_big

    flow = TriggerFlow()
    chain = flow.match().case(is_big).to(label("big")).case(another()).to(label("huge"))
    chain.end_match().to(keep)
    assert flow.start(50) == {"kept": "big 50"}
    with pytest.raises(ValueError, match="non-serializable condition"):
        flow.save_blueprint()


def test_a_changed_case_changes_the_fingerprint():
    """A saved run would move otherwise; where a condition is defined has no part in it."""

    def built(*cases: Any, mode: str = "hit_first") -> str:
        flow = TriggerFlow()
        chain = flow.match(mode=mode)
        for position, case in enumerate(cases):
            chain = chain.case(case).to(same, name=f"{position}")
        chain.end_match()
        return flow.fingerprint

    prints = [
        built("a"),
        built("b"),
        built(1),
        built(True),
        built("a", "b"),
        built("b", "a"),
        built("a", mode="hit_all"),
        built(is_big),
        built(is_odd),
    ]
    assert len(set(prints)) == len(prints)
    assert built(lambda data: 1) == built(lambda data: 2)
