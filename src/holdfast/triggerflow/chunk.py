# SPDX-License-Identifier: Apache-2.0
"""A chunk: a user handler with its place in a flow."""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Callable
from dataclasses import dataclass
from types import MethodType
from typing import Any

from holdfast.definition.retry import ONCE, Tries
from holdfast.runtime.calling import is_async
from holdfast.runtime.portal import blocking
from holdfast.triggerflow.place import CHUNK


@dataclass(frozen=True, slots=True)
class Handler:
    """A function as the runtime calls it."""

    function: Callable[..., Any]
    is_async: bool
    tries: Tries = ONCE


async def _pass_on(data: Any) -> Any:
    return data.input


#: What an intervention point does once it has taken up what it is there for.
PASS_ON = Handler(_pass_on, is_async=True)


class Chunk:
    """A handler under a name. It can be called, and used in `to` and `when` of any flow.

    trigger: the event it gives off when done. is_named: whether the name was given, or is the
    function's own; a chunk without one is known by its place. tries: how often and how long it
    is called, unless the flow says otherwise where it stands.
    """

    __slots__ = ("emit_signals", "function", "handler", "id", "is_named", "name")

    def __init__(
        self,
        function: Callable[..., Any],
        name: str,
        *,
        is_named: bool = True,
        tries: Tries = ONCE,
    ) -> None:
        self.function = function
        self.name = name
        self.id = name
        self.is_named = is_named
        self.emit_signals: tuple[str, ...] = ()
        self.handler = Handler(function, is_async(function), tries)

    @property
    def trigger(self) -> str:
        """The event that says this chunk is done."""
        return f"{CHUNK}{self.id}"

    def declare_emits(self, *names: str) -> Chunk:
        """Say which events the handler emits, for readers of the flow. Returns the chunk."""
        for name in names:
            if not isinstance(name, str):
                raise TypeError(f"declare_emits takes event names; found {type(name).__name__}")
        self.emit_signals = tuple(dict.fromkeys((*self.emit_signals, *names)))
        return self

    def __call__(self, data: Any) -> Any:
        """Call the handler as if it were the plain function."""
        return self.function(data)

    async def async_call(self, data: Any) -> Any:
        """Call the handler, sync or async, and return its value."""
        value = self.function(data)
        return await value if inspect.isawaitable(value) else value

    def call(self, data: Any) -> Any:
        """The blocking form of `async_call`. Raises: BlockedLoop on a running loop."""
        return blocking(self.async_call(data)) if self.handler.is_async else self.function(data)


def same_function(one: Any, other: Any) -> bool:
    """Whether two callables are one: the same object, or the same method of the same object."""
    return one is other or (isinstance(one, MethodType) and one == other)


def hints_of(function: Callable[..., Any]) -> tuple[Any, ...]:
    """The type annotations of a handler; none where they cannot be resolved."""
    while isinstance(function, functools.partial):
        function = function.func
    if not inspect.isroutine(function):
        function = type(function).__call__
    try:
        return tuple(typing.get_type_hints(function, include_extras=True).values())
    except Exception:  # noqa: BLE001 - annotations are any code, and only a help here
        return ()


def own_name(function: Callable[..., Any]) -> str | None:
    """The name a callable brings along: a function's, or its class's; None for a lambda."""
    name = getattr(function, "__name__", None)
    if isinstance(name, str):
        return None if name == "<lambda>" else name
    inner = getattr(function, "func", None)
    if callable(inner):
        return own_name(inner)
    return type(function).__name__
