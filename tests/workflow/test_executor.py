# SPDX-License-Identifier: Apache-2.0
"""Executors: which handler takes a message, what a class declares, what an instance refuses."""

from __future__ import annotations

from typing import Any, Literal

import pytest

from holdfast.errors import DefinitionError
from holdfast.workflow.context_types import ContextAnnotations
from holdfast.workflow.executor import Executor
from holdfast.workflow.handlers import handler, response_handler

Context = ContextAnnotations


class Base: ...


class Derived(Base): ...


class Other: ...


class Both(Base, Other): ...


class Plain(Executor):
    @handler
    async def take(self, message: str, ctx: Context[int | str, float]) -> None: ...


class Asking(Executor):
    @handler
    async def take(self, message: str | int, ctx: Context[str]) -> None: ...

    @response_handler
    async def wide(self, original_request: Base, response: bool, ctx: Context[str, int]): ...

    @response_handler
    async def narrow(self, original_request: Derived, response: bool, ctx: Context): ...

    @response_handler
    async def text(self, original_request: Base, response: str, ctx: Context): ...


def chosen(executor: Executor, message: object) -> str | None:
    """The name of the handler that takes a message."""
    spec = executor.find_handler(message)
    return spec.name if spec else None


def test_the_most_specific_handler_takes_a_message() -> None:
    """A subclass goes before its base whatever the names and the order of declaration."""

    class Mixed(Executor):
        @handler
        async def a_any(self, message: Any, ctx: Context) -> None: ...

        @handler
        async def b_base(self, message: Base, ctx: Context) -> None: ...

        @handler
        async def c_derived(self, message: Derived, ctx: Context) -> None: ...

        @handler
        async def d_yes(self, message: Literal["yes"], ctx: Context) -> None: ...

        @handler
        async def e_text(self, message: str, ctx: Context) -> None: ...

        @handler
        async def f_numbers(self, message: list[int], ctx: Context) -> None: ...

        @handler
        async def g_list(self, message: list, ctx: Context) -> None: ...

    executor = Mixed("m")
    cases = [
        (Derived(), "c_derived"),
        (Base(), "b_base"),
        ("yes", "d_yes"),
        ("no", "e_text"),
        ([1], "f_numbers"),
        (["a"], "g_list"),
        ([], "f_numbers"),
        (1.5, "a_any"),
        (None, "a_any"),
    ]
    for _again in range(2):
        assert [chosen(executor, message) for message, _ in cases] == [name for _, name in cases]


def test_unrelated_bases_are_tried_in_the_order_of_declaration() -> None:
    """A message that two unrelated handlers could take goes to the one declared first."""

    class First(Executor):
        @handler
        async def z_other(self, message: Other, ctx: Context) -> None: ...

        @handler
        async def a_base(self, message: Base, ctx: Context) -> None: ...

    assert chosen(First("f"), Both()) == "z_other"


def test_each_member_of_a_union_takes_part_in_the_choice() -> None:
    """A union handler takes a subclass before another handler takes its base."""

    class Unions(Executor):
        @handler
        async def base(self, message: Base, ctx: Context) -> None: ...

        @handler
        async def union(self, message: Derived | str, ctx: Context) -> None: ...

    assert chosen(Unions("u"), Derived()) == "union"
    assert chosen(Unions("u"), Base()) == "base"


def test_a_message_without_a_taker_finds_none() -> None:
    """No handler is no error here: the edge decides what happens to the message."""
    executor = Plain("p")

    assert executor.find_handler(1) is None
    assert not executor.can_handle(1)
    assert executor.can_handle("a")


def test_declared_types_are_listed() -> None:
    """A union handler is one input type; outputs are flat, in order, once, answers included."""
    executor = Asking("a")

    assert executor.input_types == [str | int]
    assert executor.output_types == [str]
    assert executor.workflow_output_types == [int]
    assert Plain("p").output_types == [int, str]
    assert Plain("p").workflow_output_types == [float]


def test_answers_are_chosen_by_request_and_response() -> None:
    """Both types must fit; the narrower request goes first."""
    executor = Asking("a")

    def name(request: object, response: object) -> str | None:
        spec = executor.find_response_handler(request, response)
        return spec.name if spec else None

    assert name(Derived(), True) == "narrow"
    assert name(Base(), True) == "wide"
    assert name(Derived(), "x") == "text"
    assert name(Base(), 1.5) is None
    assert name(Other(), True) is None


def test_support_for_a_request_is_asked_by_type() -> None:
    """A request is supported if some handler takes both of its types."""
    executor = Asking("a")

    assert executor.is_request_response_capable
    assert executor.is_request_supported(Derived, str)
    assert not executor.is_request_supported(Other, str)
    assert not executor.is_request_supported(Base, float)
    assert not Plain("p").is_request_response_capable


def test_handlers_of_bases_are_inherited_and_added_to() -> None:
    """A new decorated method in a subclass adds a type to those of its base."""

    class More(Plain):
        @handler
        async def number(self, message: int, ctx: Context) -> None: ...

    assert More("m").input_types == [str, int]
    assert Plain("p").input_types == [str]


def test_an_override_without_the_decorator_takes_the_handler_away() -> None:
    """What is redefined plainly is a handler no more; the class may then have none."""

    class Without(Plain):
        async def take(self, message: str, ctx: Context[int | str, float]) -> None: ...

    with pytest.raises(DefinitionError, match="has no @handler"):
        Without("w")


def test_an_override_with_the_decorator_replaces_the_handler() -> None:
    """The function that is called is the subclass's."""

    class Replaced(Plain):
        @handler
        async def take(self, message: bytes, ctx: Context) -> None: ...

    spec = Replaced("r").find_handler(b"")
    assert spec is not None
    assert spec.function is Replaced.take
    assert Replaced("r").input_types == [bytes]


def test_handlers_of_a_mixin_count() -> None:
    """A handler may come from a base that is no executor."""

    class Mixin:
        @handler
        async def number(self, message: int, ctx: Context) -> None: ...

    class Mixed(Mixin, Plain): ...

    assert sorted(map(repr, Mixed("m").input_types)) == sorted(map(repr, [str, int]))


class NoHandler(Executor): ...


class OnlyAnswers(Executor):
    @response_handler
    async def take(self, original_request: str, response: str, ctx: Context) -> None: ...


class Twice(Executor):
    @handler
    async def one(self, message: str, ctx: Context) -> None: ...

    @handler
    async def two(self, message: str, ctx: Context) -> None: ...


class TwiceAnswers(Plain):
    @response_handler
    async def one(self, original_request: str, response: int, ctx: Context) -> None: ...

    @response_handler
    async def two(self, original_request: str, response: int, ctx: Context) -> None: ...


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (Executor, "Executor has no @handler"),
        (NoHandler, "NoHandler has no @handler"),
        (OnlyAnswers, "OnlyAnswers has no @handler"),
        (Twice, "two handlers for str: one and two"),
        (TwiceAnswers, "two handlers for str: one and two"),
    ],
)
def test_a_class_that_cannot_work_is_refused_at_instantiation(
    kind: type[Executor], text: str
) -> None:
    """No handler of messages, or two for one type, is a ValueError when one is made."""
    with pytest.raises(ValueError, match=text):
        kind("x")


@pytest.mark.parametrize(
    ("arguments", "keywords", "error"),
    [
        ((), {}, TypeError),
        (("",), {}, ValueError),
        (("a\nb",), {}, ValueError),
        (("a" * 256,), {}, ValueError),
        ((7,), {}, TypeError),
        (("a",), {"typ": "x"}, TypeError),
        (("a",), {"defer_discovery": True}, TypeError),
    ],
)
def test_an_id_is_needed_and_unknown_keywords_are_refused(
    arguments: tuple[Any, ...], keywords: dict[str, Any], error: type[Exception]
) -> None:
    """An id is short printable text; a keyword that does nothing is not swallowed."""
    with pytest.raises(error):
        Plain(*arguments, **keywords)


def test_the_type_defaults_to_the_name_of_the_class() -> None:
    """The type stands for the class in fingerprints, so it can be set and kept over a rename."""
    assert Plain("p").to_dict() == {"id": "p", "type": "Plain"}
    assert Plain("p", type="plain.v1").type == "plain.v1"
    assert repr(Plain("p")) == "Plain(id='p')"


class Saving(Plain):
    async def on_checkpoint_save(self) -> dict[str, Any]:
        return {"a": 1}


class Restored(Plain):
    async def on_checkpoint_restored(self, context: Any) -> None: ...


class Fields(Plain):
    checkpoint_fields = ("messages",)


class Heir(Saving): ...


@pytest.mark.parametrize(
    ("kind", "expected"),
    [(Plain, False), (Saving, True), (Restored, True), (Fields, True), (Heir, True)],
)
def test_it_is_known_which_classes_have_something_to_save(
    kind: type[Executor], expected: bool
) -> None:
    """Overriding any hook, or naming fields, makes an executor stateful for checkpoints."""
    assert kind("x").has_hooks is expected
    assert kind("x").volatile is False


async def test_hooks_do_nothing_unless_overridden() -> None:
    """The defaults save an empty state and ignore what is restored."""
    executor = Plain("p")

    assert await executor.on_checkpoint_save() == {}
    await executor.on_checkpoint_restore({"a": 1})
    await executor.on_checkpointing(None)
    await executor.on_checkpoint_restored(None)
    assert await Saving("s").on_checkpoint_save() == {"a": 1}


def test_checkpoint_fields_are_a_tuple_of_names() -> None:
    """A bare text, where a tuple was meant, is told when the class is defined."""
    with pytest.raises(DefinitionError, match="not a tuple of names"):

        class Wrong(Plain):
            checkpoint_fields = "messages"
