# SPDX-License-Identifier: Apache-2.0
"""Whose yields are results: the words, the lists, and what is wrong with them."""

from __future__ import annotations

from typing import Any, Never

import pytest

from holdfast.errors import DefinitionError, WorkflowValidationError
from holdfast.workflow.builder import WorkflowBuilder
from holdfast.workflow.context_types import ContextAnnotations
from holdfast.workflow.executor import Executor
from holdfast.workflow.handlers import handler

Context = ContextAnnotations


class Yielding(Executor):
    @handler
    async def take(self, message: str, ctx: Context[str, str]) -> None: ...


class Silent(Executor):
    @handler
    async def take(self, message: str, ctx: Context[str, Never]) -> None: ...


A, B, C = Yielding("a"), Yielding("b"), Silent("c")


def builder(**designation: Any) -> WorkflowBuilder:
    """A chain of two that yield and one that does not."""
    return WorkflowBuilder(start_executor=A, **designation).add_chain([A, B, C])


@pytest.mark.parametrize(
    ("designation", "expected"),
    [
        ({}, "output output output"),
        ({"output_from": [A]}, "output hidden hidden"),
        ({"output_from": ["b"]}, "hidden output hidden"),
        ({"output_from": "all"}, "output output hidden"),
        ({"output_from": (B,), "intermediate_output_from": [A]}, "intermediate output hidden"),
        ({"output_from": [B], "intermediate_output_from": "all_other"},
         "intermediate output hidden"),
        ({"output_from": [], "intermediate_output_from": "all_other"},
         "intermediate intermediate hidden"),
        ({"intermediate_output_from": "all"}, "intermediate intermediate hidden"),
        ({"intermediate_output_from": [B]}, "hidden intermediate hidden"),
    ],
)  # fmt: skip
def test_yields_are_results_progress_or_hidden(designation: dict[str, Any], expected: str) -> None:
    """With nothing designated all is output; else what is not named is hidden.

    "all" are those that declare what they yield, "all_other" those of them not in output_from.
    """
    plan = builder(**designation).plan()

    assert " ".join(plan.output_kind(name) for name in "abc") == expected


@pytest.mark.parametrize(
    ("designation", "text"),
    [
        ({"output_from": ["z"]}, "'z' is designated for output and is not in the graph"),
        ({"output_from": [C]}, "'c' is designated for output and declares none"),
        ({"output_from": [A, A]}, "'a' is designated for output 2 times"),
        ({"output_from": [A], "intermediate_output_from": ["a"]}, "2 times"),
        ({"output_from": "all", "intermediate_output_from": "all"}, "2 times"),
        ({"output_from": []}, "no executor is named"),
        ({"output_from": [], "intermediate_output_from": []}, "no executor is named"),
        ({"output_from": "all", "intermediate_output_from": ["z"]}, "'z' is designated"),
    ],
)
def test_a_designation_that_cannot_hold_is_refused_at_build(
    designation: dict[str, Any], text: str
) -> None:
    """Unknown, silent, doubled, overlapping and empty designations are validation errors."""
    with pytest.raises(WorkflowValidationError, match=text) as caught:
        builder(**designation).plan()

    assert caught.value.validation_type == "OUTPUT_VALIDATION"
    assert str(caught.value).startswith("[OUTPUT_VALIDATION] ")


@pytest.mark.parametrize(
    ("designation", "error", "text"),
    [
        ({"output_from": "some"}, DefinitionError, "output_from is 'some'; expected 'all'"),
        ({"output_from": "all_other"}, ValueError, "expected 'all', or a list"),
        ({"intermediate_output_from": "rest"}, ValueError, "expected 'all' or 'all_other'"),
        ({"output_from": A}, ValueError, "or a list of executors"),
        ({"output_from": 3}, ValueError, "or a list of executors"),
        ({"output_from": [3]}, TypeError, "not int: 3"),
        ({"intermediate_output_from": [A, None]}, TypeError, "not NoneType"),
    ],
)
def test_other_words_and_things_are_refused_at_the_call(
    designation: dict[str, Any], error: type[Exception], text: str
) -> None:
    """A word that is not offered is a ValueError, an entry that is no executor a TypeError."""
    with pytest.raises(error, match=text):
        WorkflowBuilder(**designation)
