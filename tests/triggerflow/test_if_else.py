# SPDX-License-Identifier: Apache-2.0
"""`if_condition` and its family: other names of a match with its first case."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast import TriggerFlow
from tests.triggerflow.handlers import add_one, collect, double, keep, same


def is_small(data: Any) -> bool:
    """Below ten."""
    return data.input < 10


async def is_even(data: Any) -> int:
    """A truth that is awaited and not True."""
    return 1 - data.input % 2


def grading() -> TriggerFlow[Any, Any, Any]:
    """Two conditions and an else."""
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow()
    chain = flow.if_condition(is_small).to(double).elif_condition(is_even).to(add_one)
    chain.else_condition().to(("else", same)).end_condition().to(keep)
    return flow


@pytest.mark.parametrize(("value", "kept"), [(3, 6), (4, 8), (12, 13), (13, 13)])
async def test_the_first_condition_that_holds_decides(value: int, kept: int):
    """In order; the branch's last value goes on."""
    assert await grading().async_start(value) == {"kept": kept}


async def test_without_else_the_value_passes_unchanged():
    """If no condition holds."""
    flow = TriggerFlow()
    flow.to(same).if_condition(is_small).to(double).end_condition().to(keep)

    assert await flow.async_start(50) == {"kept": 50}


async def test_the_names_are_exact_aliases():
    """Both spellings of one block are one block, and may be mixed."""
    flow = grading()
    before = flow.fingerprint
    chain = flow.match().case(is_small).to(double).case(is_even).to(add_one)
    chain.case_else().to(("else", same)).end_match().to(keep)
    assert flow.fingerprint == before

    mixed = TriggerFlow()
    chain = mixed.if_condition(is_small).to(double).case(is_even).to(add_one)
    chain.else_condition().to(("else", same)).end_match().to(keep)
    assert mixed.fingerprint == before


async def test_a_value_stands_for_equality():
    """A condition that cannot be called is compared."""
    flow = TriggerFlow()
    flow.if_condition("yes").to(keep).else_condition().to(collect).end_condition()

    assert await flow.async_start("yes") == {"kept": "yes"}
    assert await flow.async_start("no") == {"seen": ["no"]}


async def test_independent_choices_at_one_place_have_names():
    """A second one without a name has to be the first one again."""
    flow = TriggerFlow()
    flow.if_condition(is_small).to(keep).end_condition()
    with pytest.raises(ValueError, match="already exists with a different definition") as caught:
        flow.if_condition(is_even)
    assert "name=" in caught.value.hint

    flow.if_condition(is_even, name="parity").to(collect).end_condition()
    assert await flow.async_start(4) == {"kept": 4, "seen": [4]}


async def test_choices_may_follow_one_another():
    """Each begins where the one before ended."""
    flow = TriggerFlow()
    chain = flow.if_condition(is_small).to(double).end_condition()
    chain = chain.if_condition(is_even).to(add_one).end_condition()
    chain.if_condition(is_even).to(("again", same)).end_condition().to(keep)

    assert await flow.async_start(3) == {"kept": 7}
    assert await flow.async_start(11) == {"kept": 11}


def test_a_choice_that_is_refused_opens_no_block():
    """`if_condition` is one call: either it opens the block with its case, or nothing is there."""
    flow = TriggerFlow()
    before = flow.save_blueprint()
    with pytest.raises(ValueError, match="text"):
        flow.if_condition(is_small, name="")

    assert flow.save_blueprint() == before
