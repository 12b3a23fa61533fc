# SPDX-License-Identifier: Apache-2.0
"""How often and how long handlers are called, as it is declared."""

from __future__ import annotations

import asyncio
import math
from typing import Any

import pytest

from holdfast import HandlerTimeout, Retry
from holdfast.definition.retry import LONGEST_WAIT_S, ONCE, Tries, read_tries, tries
from holdfast.errors import DefinitionError


@pytest.mark.parametrize(
    ("retry", "waits"),
    [
        (Retry(5), [0, 0, 0, 0]),
        (Retry(5, backoff=1), [1, 2, 4, 8]),
        (Retry(5, backoff=1.5, factor=1), [1.5, 1.5, 1.5, 1.5]),
        (Retry(5, backoff=1, factor=10, max_delay_s=60), [1, 10, 60, 60]),
        (Retry(5, backoff=(1, 5)), [1, 5, 5, 5]),
        (Retry(5, backoff=(1, 5, 900), max_delay_s=60), [1, 5, 60, 60]),
    ],
)
def test_waits_grow_by_the_factor_up_to_the_longest(retry: Retry, waits: list[float]) -> None:
    """Or follow a tuple, whose last wait repeats."""
    assert [retry.wait_s(failures) for failures in range(1, 5)] == waits


def test_a_wait_stays_a_number_after_any_number_of_failures() -> None:
    """A factor that has grown beyond all numbers is the longest wait there is."""
    assert Retry(10_000, backoff=1.0).wait_s(9_000) == LONGEST_WAIT_S
    assert Retry(10_000, backoff=1.0, max_delay_s=60).wait_s(9_000) == 60


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"attempts": 0}, "attempts: expected a whole number of calls, at least 1; found 0"),
        ({"attempts": True}, "attempts: expected a whole number"),
        ({"attempts": 2.0}, "attempts: expected a whole number"),
        ({"attempts": 2, "backoff": -1}, "backoff: expected at least 0 seconds"),
        ({"attempts": 2, "backoff": math.inf}, "backoff: expected at least 0 seconds"),
        ({"attempts": 2, "backoff": "1"}, "backoff: expected at least 0 seconds"),
        ({"attempts": 2, "backoff": ()}, "backoff: expected a tuple of seconds"),
        ({"attempts": 2, "backoff": (math.nan,)}, "backoff: expected a tuple of seconds"),
        ({"attempts": 3, "backoff": (1, 2, 3)}, "backoff: expected at most 2 waits"),
        ({"attempts": 1, "backoff": (1, 2)}, "backoff: expected at most 1 waits"),
        ({"attempts": 2, "factor": 0.5}, "factor: expected a number, at least 1"),
        ({"attempts": 2, "max_delay_s": -1}, "max_delay_s: expected at least 0 seconds"),
        ({"attempts": 2, "on": KeyboardInterrupt}, "on: expected types of Exception"),
        ({"attempts": 2, "on": ()}, "on: expected types of Exception"),
        ({"attempts": 2, "on": (ValueError, 3)}, "on: expected types of Exception"),
        ({"attempts": 2, "on": "ValueError"}, "on: expected types of Exception"),
        ({"attempts": 2, "on": asyncio.sleep}, "on: expected types of .* a plain function"),
    ],
)
def test_a_retry_that_cannot_be_says_what_was_expected(given: Any, expected: str) -> None:
    """With the name of the field, and what was found."""
    with pytest.raises(DefinitionError, match=expected):
        Retry(**given)


@pytest.mark.parametrize(
    ("retry", "timeout_s", "expected"),
    [
        (3, None, "retry: expected a Retry; found 3"),
        (None, 0, "timeout_s: expected more than 0 seconds; found 0"),
        (None, "1", "timeout_s: expected more than 0 seconds"),
        (None, math.inf, "timeout_s: expected more than 0 seconds"),
        (None, True, "timeout_s: expected more than 0 seconds"),
    ],
)
def test_what_is_no_retry_and_no_timeout_is_refused(
    retry: Any, timeout_s: Any, expected: str
) -> None:
    """Where it is declared."""
    with pytest.raises(DefinitionError, match=expected):
        tries(retry, timeout_s)


def test_on_chooses_by_type_by_types_or_by_a_function() -> None:
    """By default every Exception is tried again, a timeout among them."""
    error = HandlerTimeout("late")
    assert Retry(2).takes(error)
    assert Retry(2, on=TimeoutError).takes(error)
    assert Retry(2, on=(KeyError, TimeoutError)).takes(error)
    assert not Retry(2, on=ConnectionError).takes(error)
    assert Retry(2, on=lambda found: "late" in str(found)).takes(error)
    assert not Retry(2, on=lambda found: "early" in str(found)).takes(error)


def test_what_a_handler_leaves_open_others_say() -> None:
    """Each of the two by itself."""
    mine, theirs = Retry(2), Retry(9)
    assert Tries(mine).over(Tries(theirs, 5.0)) == Tries(mine, 5.0)
    assert tries(None, None) is ONCE


@pytest.mark.parametrize(
    "given",
    [
        Tries(Retry(3)),
        Tries(Retry(3, backoff=1.5, factor=3.0, max_delay_s=60), 10.0),
        Tries(Retry(3, backoff=(1, 5))),
        Tries(None, 2.5),
    ],
)
def test_a_blueprint_gives_back_what_was_put_into_it(given: Tries) -> None:
    """As plain data."""
    assert read_tries("tries", given.plain()) == given


@pytest.mark.parametrize(
    ("data", "kind", "expected"),
    [
        ([], TypeError, "blueprint tries: expected a mapping; found list"),
        ({"retry": 3}, TypeError, "blueprint tries.retry: expected a mapping; found int"),
        ({"retry": {}}, DefinitionError, "attempts: expected a whole number"),
        ({"retry": {"attempts": 3, "on": ["E"]}}, DefinitionError, "found 'on'"),
        ({"timeout": 3}, DefinitionError, "found 'timeout'"),
        ({"timeout_s": "3"}, DefinitionError, "timeout_s: expected more than 0"),
    ],
)
def test_data_that_says_something_else_is_refused(data: Any, kind: Any, expected: str) -> None:
    """A blueprint is checked like what is written in code."""
    with pytest.raises(kind, match=expected):
        read_tries("tries", data)
