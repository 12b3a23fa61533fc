# SPDX-License-Identifier: Apache-2.0
"""The kinds of edges: what each delivers, and what is refused when it is declared."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from holdfast import Case, Default, Executor, WorkflowBuilder, WorkflowContext, handler
from holdfast.errors import DefinitionError, RunError
from tests.workflow.graphs import Context, Do, builder, give, ignore, sends, warnings_of, words

#: Executors b, c and d beside the start a, of which each yields (its id, what it got).
OTHERS = "abcd"


def base(a: Any, **works: Any) -> WorkflowBuilder:
    """A builder with the executors a to d, and no edge yet."""

    def named(name: str) -> Any:
        async def tell(message: Any, ctx: Context) -> None:
            await ctx.yield_output((name, message))

        return tell

    works = {name: works.get(name, named(name)) for name in OTHERS[1:]}
    new = builder("a>", {"a": a})
    for name, work in works.items():
        new.register(name, lambda name=name, work=work: Do(name, work))
    return new


async def outputs(new: WorkflowBuilder, *, unused: str = "") -> list[Any]:
    """What a run of it yields; executors in *unused* get an edge that never opens."""
    for name in unused:
        new.add_edge("a", name, lambda _: False)
    return (await new.build().run("x")).get_outputs()


def is_even(number: int) -> bool:
    """A condition that is not async."""
    return number % 2 == 0


async def is_odd(number: int) -> bool:
    """One that is."""
    await asyncio.sleep(0)
    return number % 2 == 1


async def test_a_condition_opens_the_edge_for_the_messages_it_holds_for() -> None:
    """Async or not; it sees the payload only. A message that it declines is not missed."""
    new = base(sends(1, 2, 3, 4))
    new.add_edge("a", "b", condition=is_even).add_edge("a", "c", condition=is_odd)
    new.add_edge("a", "d", lambda number: number > 9)
    result = await new.build().run("x")

    assert sorted(result.get_outputs()) == [("b", 2), ("b", 4), ("c", 1), ("c", 3)]
    assert warnings_of(result) == []


async def test_a_condition_is_not_asked_about_what_its_target_cannot_handle() -> None:
    """So it may rely on the type that the target declares."""

    class Number(Executor):
        @handler
        async def take(self, message: int, ctx: WorkflowContext[None, int]) -> None:
            await ctx.yield_output(message)

    new = builder("a>", {"a": sends("text", 2)}).register("n", lambda: Number("n"))
    result = await new.add_edge("a", "n", is_even).build().run("x")

    assert result.get_outputs() == [2]
    assert "a str that 'a' sent along its edges was dropped" in warnings_of(result)[0]


async def test_a_fan_out_reaches_every_target() -> None:
    """Each takes the same message."""
    new = base(sends("m")).add_fan_out_edges("a", ["b", "c", "d"])

    assert await outputs(new) == [("b", "m"), ("c", "m"), ("d", "m")]


async def test_a_fan_out_reaches_the_one_target_a_message_is_for() -> None:
    """And none of the others."""

    async def aim(message: Any, ctx: Context) -> None:
        await ctx.send_message("m", target_id="c")

    assert await outputs(base(aim).add_fan_out_edges("a", ["b", "c", "d"])) == [("c", "m")]


async def test_a_fan_in_calls_its_target_once_with_the_list() -> None:
    """In the order of the sources; its senders are all of them."""

    async def tell(message: Any, ctx: Context) -> None:
        await ctx.yield_output((message, ctx.source_executor_ids))

    new = base(sends("m"), b=sends("b1", "b2"), c=sends("c"), d=tell)
    new.add_fan_out_edges("a", ["b", "c"]).add_fan_in_edges(["c", "b"], "d")

    assert await outputs(new) == [(["c", "b1", "b2"], ["c", "b"])]


async def test_a_half_filled_fan_in_is_told_and_does_not_leak() -> None:
    """Into the next run of the same object, which may fill it all by itself."""
    only = {"x": "b", "y": "c"}

    async def one(message: str, ctx: Context) -> None:
        await ctx.send_message(message, target_id=only[message])

    new = base(one, b=sends("b"), c=sends("c"))
    new.add_fan_out_edges("a", ["b", "c"]).add_fan_in_edges(["b", "c"], "d")
    workflow = new.build()
    first = await workflow.run("x")
    second = await workflow.run("y")

    told = "fan-in 'b+c->d' had only {} when nothing more could come; missing: {}"
    assert (first.get_outputs(), second.get_outputs()) == ([], [])
    assert warnings_of(first) == [told.format("b", "c")]
    assert warnings_of(second) == [told.format("c", "b")]


@pytest.mark.parametrize(
    ("when", "expected"), [("any", [("d", ["b"])]), ("settled", [("d", ["b"])]), ("all", [])]
)
async def test_a_fan_in_says_when_it_has_enough(when: Any, expected: list[Any]) -> None:
    """With one of two sources silent."""
    new = base(sends("m"), b=sends("b"), c=ignore)
    new.add_fan_out_edges("a", ["b", "c"]).add_fan_in_edges(["b", "c"], "d", when=when)

    assert await outputs(new) == expected


async def test_a_list_that_no_handler_takes_is_told_and_dropped() -> None:
    """Each message alone would do, and they are of two kinds."""

    class Lists(Executor):
        @handler
        async def take(
            self, message: list[int] | list[str], ctx: WorkflowContext[None, int]
        ) -> None:
            await ctx.yield_output(len(message))

    new = base(sends("m"), b=sends("b"), c=sends(3)).register("l", lambda: Lists("l"))
    new.add_fan_out_edges("a", ["b", "c", "d"]).add_fan_in_edges(["b", "c"], "l")
    result = await new.build().run("x")

    assert result.get_outputs() == [("d", "m")]
    assert warnings_of(result) == ["a list gathered for 'l' was dropped: no handler there takes it"]


async def test_a_fan_in_does_not_gather_what_its_target_cannot_handle() -> None:
    """A message of another type is dropped like along any edge."""

    class Numbers(Executor):
        @handler
        async def take(self, message: list[int], ctx: WorkflowContext[None, Any]) -> None:
            await ctx.yield_output(message)

    new = base(sends("m"), b=sends("text", 1), c=sends(2)).register("n", lambda: Numbers("n"))
    new.add_fan_out_edges("a", ["b", "c", "d"]).add_fan_in_edges(["b", "c"], "n")
    result = await new.build().run("x")

    assert [1, 2] in result.get_outputs()
    assert [text.split(" was")[0] for text in warnings_of(result)] == [
        "a str that 'b' sent along its edges"
    ]


def of_three() -> list[Case | Default]:
    """Even numbers to b, odd ones over 2 to c, all others to d."""
    return [Case(is_even, "b"), Case(lambda number: number > 2, "c"), Default("d")]


async def test_a_switch_sends_each_message_to_its_first_case() -> None:
    """Or to the default; never to two cases."""
    new = base(sends(1, 2, 3, 4)).add_switch_case_edge_group("a", of_three())

    assert sorted(await outputs(new)) == [("b", 2), ("b", 4), ("c", 3), ("d", 1)]


async def test_a_switch_awaits_its_predicates() -> None:
    """A coroutine is not a yes."""
    new = base(sends(1, 2)).add_switch_case_edge_group(
        "a", [Case(is_odd, "b"), Default(["c", "d"])]
    )
    result = await new.build().run("x")

    assert sorted(result.get_outputs()) == [("b", 1), ("c", 2), ("d", 2)]


async def test_cases_may_share_a_target_and_name_several() -> None:
    """A pair of executors is joined once all the same."""
    cases = [Case(is_even, ["b", "c"]), Case(lambda n: n > 2, ["c", "c"]), Default("d")]
    new = base(sends(1, 2, 3)).add_switch_case_edge_group("a", cases)

    assert sorted(await outputs(new)) == [("b", 2), ("c", 2), ("c", 3), ("d", 1)]


async def test_a_message_for_one_target_of_a_switch_still_meets_its_cases() -> None:
    """Another case takes it: it goes nowhere, by rule."""

    async def aim(message: Any, ctx: Context) -> None:
        await ctx.send_message(2, target_id="c")
        await ctx.send_message(2, target_id="b")

    result = await base(aim).add_switch_case_edge_group("a", of_three()).build().run("x")
    assert result.get_outputs() == [("b", 2)]
    assert warnings_of(result) == []


@pytest.mark.parametrize(
    ("picked", "expected"), [([], []), (["b"], ["b"]), (["d", "b", "d"], ["b", "d"])]
)
@pytest.mark.parametrize("is_async", [False, True])
async def test_a_selection_picks_any_number_of_targets(
    picked: list[str], expected: list[str], is_async: bool
) -> None:
    """None is fine, and one that is named twice gets the message once."""
    asked: list[Any] = []

    def pick(message: Any, targets: list[str]) -> list[str]:
        asked.append((message, targets))
        return picked

    async def pick_later(message: Any, targets: list[str]) -> list[str]:
        return pick(message, targets)

    chosen: Callable[..., Any] = pick_later if is_async else pick
    new = base(sends("m")).add_multi_selection_edge_group("a", ["b", "c", "d"], chosen)
    result = await new.build().run("x")

    assert sorted(result.get_outputs()) == [(name, "m") for name in expected]
    assert asked == [("m", ["b", "c", "d"])]
    assert warnings_of(result) == []


@pytest.mark.parametrize(
    ("picked", "text"), [(["z"], "picked 'z'; targets are b, c, d"), ("bc", "gave a str")]
)
async def test_a_selection_of_strangers_fails_the_run(picked: Any, text: str) -> None:
    """It is a fault of the function, so the run stops; what the sender did is kept."""
    new = base(sends("m")).add_multi_selection_edge_group(
        "a", ["b", "c", "d"], lambda _message, _targets: picked
    )
    with pytest.raises(RunError, match=text):
        await new.build().run("x")


async def test_a_selection_is_not_asked_about_what_no_target_can_handle() -> None:
    """Nor about a message that is for somebody else."""
    asked: list[Any] = []

    def pick(message: Any, targets: list[str]) -> list[str]:
        asked.append(message)
        return targets

    async def aim(message: Any, ctx: Context) -> None:
        await ctx.send_message("m", target_id="d")

    new = base(aim).add_multi_selection_edge_group("a", ["b", "c"], pick).add_edge("a", "d")
    assert await outputs(new) == [("d", "m")]
    assert asked == []


async def test_a_chain_goes_through_all_in_order() -> None:
    """One that names an executor again is a loop."""

    async def count(message: int, ctx: Context) -> None:
        if message < 3:
            await ctx.send_message(message + 1)
        else:
            await ctx.yield_output(message)

    new = base(sends(0), b=count, c=count).add_chain(["a", "b", "c", "b"])
    assert await outputs(new, unused="d") == [3]


async def test_a_fan_in_in_a_loop_begins_anew_each_round() -> None:
    """Nothing of one round is in the next."""

    async def total(message: list[int], ctx: Context) -> None:
        await ctx.yield_output(message)
        if sum(message) < 20:
            await ctx.send_message(sum(message))

    async def more(message: Any, ctx: Context) -> None:
        await ctx.send_message(message + 1 if isinstance(message, int) else 1)

    new = base(sends("m"), b=more, c=more, d=total).add_fan_out_edges("a", ["b", "c"])
    new.add_fan_in_edges(["b", "c"], "d").add_fan_out_edges("d", ["b", "c"])

    assert await outputs(new) == [[1, 1], [3, 3], [7, 7], [15, 15]]


async def test_a_message_to_whom_no_edge_leads_is_told() -> None:
    """The run goes on."""

    async def aim(message: Any, ctx: Context) -> None:
        await ctx.send_message("m", target_id="d")

    new = base(aim).add_edge("a", "b").add_edge("b", "c").add_edge("c", "d")
    result = await new.build().run("x")
    assert warnings_of(result) == [
        "a str that 'a' sent to 'd' was dropped: no executor there takes it"
    ]
    assert words(result)[-1] == "superstep_completed 1"


async def test_one_that_ends_the_graph_may_not_aim() -> None:
    """To send into nothing is fine; to send to somebody is not."""

    async def aim(message: Any, ctx: Context) -> None:
        await ctx.send_message("m")
        await ctx.send_message("m", target_id="b")

    result = await builder("a>b", {"b": aim}).build().run("x")
    assert warnings_of(result) == [
        "a str that 'b' sent to 'b' was dropped: no executor there takes it"
    ]


@pytest.mark.parametrize(
    ("declare", "text"),
    [
        (lambda b: b.add_fan_out_edges("a", ["b"]), "A fan-out has 1 targets"),
        (lambda b: b.add_fan_in_edges(["a"], "b"), "A fan-in has 1 sources"),
        (lambda b: b.add_fan_in_edges(["a", "b"], "c", when="most"), "when is 'most'"),
        (
            lambda b: b.add_multi_selection_edge_group("a", ["b"], lambda m, t: t),
            "A multi-selection has 1 targets",
        ),
        (lambda b: b.add_chain(["a"]), "two or more"),
        (lambda b: b.add_switch_case_edge_group("a", [Default("b")]), "has 1 cases"),
        (
            lambda b: b.add_switch_case_edge_group("a", [Case(is_even, "b"), Case(is_odd, "c")]),
            "has 0 defaults",
        ),
        (
            lambda b: b.add_switch_case_edge_group("a", [Default("b"), Default("c")]),
            "has 2 defaults",
        ),
        (
            lambda b: b.add_switch_case_edge_group("a", [Default("b"), Case(is_even, "c")]),
            "after Default are never reached",
        ),
        (
            lambda b: b.add_switch_case_edge_group("a", [Case(is_even, []), Default("b")]),
            "has no target",
        ),
    ],
)
def test_a_group_that_makes_no_sense_is_refused_at_the_call(
    declare: Callable[[WorkflowBuilder], Any], text: str
) -> None:
    """As a DefinitionError, which is a ValueError."""
    with pytest.raises(DefinitionError, match=text):
        declare(base(ignore))


@pytest.mark.parametrize(
    ("declare", "text"),
    [
        (lambda b: b.add_edge("a", "b", "yes"), "condition is a str"),
        (lambda b: b.add_edge("a", 3), "not int"),
        (lambda b: b.add_fan_out_edges("a", "bc"), "Expected a list of executors"),
        (lambda b: b.add_switch_case_edge_group("a", ["b", "c"]), "takes Case and Default"),
        (
            lambda b: b.add_switch_case_edge_group("a", [Case("b", "b"), Default("c")]),
            "condition is a str",
        ),
        (
            lambda b: b.add_multi_selection_edge_group("a", ["b", "c"], None),
            "selection_func is a NoneType",
        ),
    ],
)
def test_what_is_of_another_type_is_refused_at_the_call(
    declare: Callable[[WorkflowBuilder], Any], text: str
) -> None:
    """As a TypeError that names what was found."""
    with pytest.raises(TypeError, match=text):
        declare(base(ignore))


async def test_declared_executors_themselves_may_be_named_everywhere() -> None:
    """Not only their ids."""
    a, b, c, d = (Do(name, give if name == "d" else sends(name)) for name in "abcd")
    new = WorkflowBuilder(start_executor=a)
    new.add_switch_case_edge_group(a, [Case(lambda _: True, [b, c]), Default(d)])
    new.add_fan_in_edges([b, c], d)

    assert (await new.build().run("x")).get_outputs() == [["b", "c"]]


def test_a_workflow_shows_its_groups() -> None:
    """As plain data, in the order of declaration."""
    new = base(ignore).add_fan_out_edges("a", ["b", "c"]).add_fan_in_edges(["b", "c"], "d", "any")

    assert [(group.kind, group.name, group.when) for group in new.build().edge_groups] == [
        ("fan_out", "a->b+c", "all"),
        ("fan_in", "b+c->d", "any"),
    ]
