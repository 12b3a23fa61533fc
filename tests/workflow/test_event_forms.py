# SPDX-License-Identifier: Apache-2.0
"""Questions as plain data, and types as text: made in one process, read in another."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal, Optional

import pytest

from holdfast.workflow import RequestInfoEvent, WorkflowEvent
from holdfast.workflow.type_text import type_of_text, type_text


@dataclass
class Order:
    number: int

    @dataclass
    class Line:
        text: str


FORMS: list[tuple[Any, str]] = [
    (int, "builtins.int"),
    (Decimal, "decimal.Decimal"),
    (Order, f"{__name__}.Order"),
    (Order.Line, f"{__name__}.Order.Line"),
    (None, "None"),
    (Any, "typing.Any"),
    (list[int], "builtins.list[builtins.int]"),
    (dict[str, list[Order]], f"builtins.dict[builtins.str, builtins.list[{__name__}.Order]]"),
    (tuple[int, ...], "builtins.tuple[builtins.int, ...]"),
    (int | None, "builtins.int | None"),
    (Optional[Order], f"{__name__}.Order | None"),  # noqa: UP045 - the older spelling
    (list[int | str], "builtins.list[builtins.int | builtins.str]"),
    (Literal["a", 1, True], "typing.Literal['a', 1, True]"),
    (Mapping[str, int], "collections.abc.Mapping[builtins.str, builtins.int]"),
]


@pytest.fixture(autouse=True)
def this_module_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names are looked up among loaded modules; the test runner does not list this one."""
    this = type(sys)(__name__)
    this.Order = Order  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, __name__, this)


@pytest.mark.parametrize(("form", "text"), FORMS, ids=lambda value: str(value)[:40])
def test_a_type_becomes_text_and_a_type_again(form: Any, text: str) -> None:
    """Classes, generics, unions and literals, nested as they come."""
    assert type_text(form) == text
    assert type_of_text(text) == form


def test_a_type_without_a_name_has_no_text() -> None:
    """A class of a function, or what is no type."""

    class Local:
        pass

    for form in (Local, list[Local], "int", 3):
        with pytest.raises(TypeError, match="has no name"):
            type_text(form)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "int",
        "nothing.at.All",
        "builtins.print",
        "builtins.int[",
        "builtins.list[builtins.int",
        "builtins.int builtins.int",
        "builtins.list[]",
        "| builtins.int",
        "builtins.__import__",
        "os.system",
        "builtins.int; import os",
        "typing.Literal[__import__('os')]",
        "typing.Literal[",
        "builtins.list[builtins.int]]",
        "[[[[",
        3,
        None,
    ],
    ids=repr,
)
def test_what_is_no_text_of_a_loaded_type_is_refused(text: Any) -> None:
    """Functions are no types, and nothing is evaluated."""
    with pytest.raises(TypeError):
        type_of_text(text)


def test_a_text_never_imports_a_module() -> None:
    """A module that is installed and not loaded stays so."""
    program = (
        "import sys\n"
        "from holdfast.workflow.type_text import type_of_text\n"
        "name = 'wsgiref.headers'\n"
        "assert name not in sys.modules\n"
        "try:\n    type_of_text(name + '.Headers')\n"
        "except TypeError as error:\n    print(error)\n"
        "assert name not in sys.modules\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )

    assert "no loaded module has a type 'wsgiref.headers.Headers'" in ended.stdout, ended.stderr


def test_a_question_crosses_processes_as_plain_data() -> None:
    """Every field comes back; types by name, data as it is."""
    asked = WorkflowEvent.request_info("r", "a", {"sum": 3}, Order | None)
    told = asked.to_dict()
    assert told == {
        "type": "request_info",
        "data": {"sum": 3},
        "request_id": "r",
        "source_executor_id": "a",
        "request_type": "builtins.dict",
        "response_type": f"{__name__}.Order | None",
    }
    again = WorkflowEvent.from_dict(json.loads(json.dumps(told)))

    assert isinstance(again, RequestInfoEvent)
    assert again == asked


def test_the_caller_may_name_types_itself() -> None:
    """For names that no loaded module has, and before those that one has."""

    class Mine:
        pass

    told = WorkflowEvent.request_info("r", "a", "?", int).to_dict()
    told["response_type"] = "their.Mine"
    with pytest.raises(TypeError, match=r"no loaded module has a type 'their\.Mine'"):
        WorkflowEvent.from_dict(told)
    assert WorkflowEvent.from_dict(told, types={"their.Mine": Mine}).response_type is Mine
    told["response_type"] = "builtins.list[their.Mine]"
    known = {"their.Mine": Mine}
    assert WorkflowEvent.from_dict(told, types=known).response_type == list[Mine]


@pytest.mark.parametrize(
    "key",
    ["type", "data", "request_id", "source_executor_id", "request_type", "response_type"],
)
def test_a_missing_key_is_a_key_error(key: str) -> None:
    """Each of them is needed."""
    told = WorkflowEvent.request_info("r", "a", "?", int).to_dict()
    del told[key]

    with pytest.raises(KeyError, match=key):
        WorkflowEvent.from_dict(told)


def test_data_of_another_type_is_a_type_error() -> None:
    """What is said of the data is checked."""
    told = WorkflowEvent.request_info("r", "a", "?", int).to_dict()
    told["data"] = 3

    with pytest.raises(TypeError, match=r"data: expected builtins\.str; found int"):
        WorkflowEvent.from_dict(told)


def test_only_questions_have_a_dict_form() -> None:
    """Every other kind is a ValueError, both ways."""
    for event in (WorkflowEvent.started(), WorkflowEvent.output("a", 1), WorkflowEvent("own")):
        with pytest.raises(ValueError, match="only request_info events"):
            event.to_dict()
    with pytest.raises(ValueError, match="found 'output'"):
        WorkflowEvent.from_dict({"type": "output", "data": 1})
