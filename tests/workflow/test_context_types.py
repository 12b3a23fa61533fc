# SPDX-License-Identifier: Apache-2.0
"""What a context annotation says, in each of the forms it may be written."""

from __future__ import annotations

from typing import Any, Never

import pytest

from holdfast.errors import DefinitionError
from holdfast.workflow.context_types import (
    ContextAnnotations,
    OutT_contra,
    W_OutT_contra,
    context_types,
)


class Context(ContextAnnotations[OutT_contra, W_OutT_contra]):
    """A context as the engine's: it inherits the subscription."""


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (Context, ((), ())),
        (Context[int], ((int,), ())),
        (Context[int, str], ((int,), (str,))),
        (Context[int | str, None], ((int, str), (type(None),))),
        (Context[Never, str], ((), (str,))),
        (Context[Never, Never], ((), ())),
        (Context[Any], ((Any,), ())),
    ],
)
def test_a_context_says_what_is_sent_and_what_is_yielded(annotation: Any, expected: Any) -> None:
    """Bare: nothing. One type: it is sent. Two: the second is yielded. Never is nothing."""
    assert context_types(annotation) == expected


def test_three_types_are_a_type_error() -> None:
    """The subscription itself takes one or two types."""
    with pytest.raises(TypeError):
        Context[int, str, bool]


@pytest.mark.parametrize(
    "annotation", [int, list[int], Context[1], Context["int"], None, "Context"]
)
def test_what_is_no_context_is_refused(annotation: Any) -> None:
    """Other classes, and contexts of things that are no types, are errors of the declaration."""
    with pytest.raises(DefinitionError):
        context_types(annotation)
