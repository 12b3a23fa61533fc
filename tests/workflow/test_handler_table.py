# SPDX-License-Identifier: Apache-2.0
"""The order in which the handlers of a class are asked, and what is remembered of it."""

from __future__ import annotations

from typing import Any, Literal, Protocol, runtime_checkable

import pytest

from holdfast.workflow.handler_table import HandlerTable
from holdfast.workflow.handlers import HandlerSpec


@runtime_checkable
class Closing(Protocol):
    closed: bool


class Door:
    """Opens and closes: whether it is `Closing` depends on the instance."""


def table(*forms: Any) -> HandlerTable:
    """A table with one handler per type, named by its place."""
    return HandlerTable(
        HandlerSpec(
            kind="message",
            name=str(place),
            message_type=form,
            output_types=(),
            workflow_output_types=(),
            function=print,
        )
        for place, form in enumerate(forms)
    )


def found(handlers: HandlerTable, message: object) -> str | None:
    """The name of the handler found."""
    spec = handlers.find(message)
    return spec.name if spec else None


@pytest.mark.parametrize(
    ("forms", "message", "expected"),
    [
        ((object, int), 1, "1"),
        ((Any, object), 1, "0"),
        ((int, bool), True, "1"),
        ((int, bool), 1, "0"),
        ((str | int, int), 1, "0"),
        ((str | None, int | None), None, "0"),
        ((list[Any], list[int]), [1], "1"),
        ((dict[str, int], dict[str, Any]), {"a": "b"}, "1"),
        ((Literal[1], Literal[2]), 2, "1"),
        ((Literal[1], Literal[2]), 3, None),
        ((tuple[int, ...], tuple[int, int]), (1, 2), "1"),
        ((tuple[int, ...], tuple[int, int]), (1, 2, 3), "0"),
    ],
)
def test_the_handler_for_a_value(forms: tuple[Any, ...], message: object, expected: str) -> None:
    """Narrower types go first, others in the order of declaration."""
    handlers = table(*forms)

    assert found(handlers, message) == expected
    assert found(handlers, message) == expected


def test_a_value_is_tested_again_where_its_class_does_not_decide() -> None:
    """What was found for one value of a class is not taken for all of them."""
    handlers = table(list[int], list[str], Closing)
    door, shut = Door(), Door()
    shut.closed = True  # type: ignore[attr-defined]

    assert [found(handlers, value) for value in ([1], ["a"], [1.5])] == ["0", "1", None]
    assert [found(handlers, value) for value in (door, shut)] == [None, "2"]


def test_an_empty_table_takes_nothing() -> None:
    """Without handlers there is no taker, and the problem says so."""
    handlers = table()

    assert handlers.find(1) is None
    assert handlers.find_response(1, 2) is None
    assert handlers.problem() == "has no @handler"
