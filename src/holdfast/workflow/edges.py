# SPDX-License-Identifier: Apache-2.0
"""What a user declares about edges: conditions, cases, selections; and the groups they make.

A group as data names its functions; the functions themselves stand beside it, as its rules.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from holdfast.definition import edges
from holdfast.definition.edges import UNNAMED, EdgeGroup, When
from holdfast.errors import DefinitionError
from holdfast.workflow.agent import Agent
from holdfast.workflow.executor import Executor

#: Decides about a message by its payload; async ones are awaited, others must not block.
EdgeCondition = Callable[[Any], bool | Awaitable[bool]]
#: Picks targets by the payload and the ids of all targets of the group.
Selection = Callable[[Any, list[str]], Iterable[str] | Awaitable[Iterable[str]]]
#: Where an edge may lead: executors, agents, or ids.
Target = Executor | Agent | str
#: The functions of a group: its condition, the predicates of its cases, or its selection.
Rules = tuple[Callable[..., Any], ...]


@dataclass(frozen=True, slots=True)
class Case:
    """A case of a switch: where a message goes for which the condition is the first to hold."""

    condition: EdgeCondition
    target: Target | Sequence[Target]


@dataclass(frozen=True, slots=True)
class Default:
    """The last case of a switch: where a message goes for which no condition holds."""

    target: Target | Sequence[Target]


@dataclass(frozen=True, slots=True)
class Declared:
    """A group of edges with its functions."""

    group: EdgeGroup
    rules: Rules = ()


IdOf = Callable[[Any], str]


def single(source: str, target: str, condition: EdgeCondition | None) -> Declared:
    """One edge. Raises: TypeError for a condition that cannot be called."""
    if condition is None:
        return Declared(edges.single_edge(source, target))
    name = function_name(condition, "condition")
    return Declared(edges.single_edge(source, target, name), (condition,))


def fan_out(source: str, targets: list[str]) -> Declared:
    """An edge to each of several. Raises: DefinitionError for fewer than two."""
    _at_least_two(targets, "A fan-out", "targets")
    return Declared(edges.fan_out(source, targets))


def fan_in(sources: list[str], target: str, when: When) -> Declared:
    """Several into one. Raises: DefinitionError for fewer than two, or an unknown *when*."""
    _at_least_two(sources, "A fan-in", "sources")
    if when not in get_args(When):
        offered = " or ".join(repr(word) for word in get_args(When))
        raise DefinitionError(f"when is {when!r}", hint=f"Pass {offered}.")
    return Declared(edges.fan_in(sources, target, when))


def switch(source: str, cases: Sequence[Case | Default], id_of: IdOf) -> Declared:
    """The first case that holds.

    Raises: DefinitionError for fewer than two cases, or if there is not one Default at the end;
    TypeError for what is no case.
    """
    for case in cases:
        if not isinstance(case, Case | Default):
            raise TypeError(f"A switch takes Case and Default, not {type(case).__name__}")
    hint = "Pass [Case(condition, target), ..., Default(target)]."
    if len(cases) < 2:
        raise DefinitionError(f"A switch has {len(cases)} cases; expected two or more", hint=hint)
    defaults = sum(isinstance(case, Default) for case in cases)
    if defaults != 1:
        raise DefinitionError(f"A switch has {defaults} defaults; expected one", hint=hint)
    if not isinstance(cases[-1], Default):
        raise DefinitionError("The cases after Default are never reached", hint=hint)
    named = [(_condition_name(case), _targets(case.target, id_of)) for case in cases]
    rules = tuple(case.condition for case in cases if isinstance(case, Case))
    return Declared(edges.switch(source, named), rules)


def multi_selection(source: str, targets: list[str], selection: Selection) -> Declared:
    """Whichever of several a function picks. Raises: DefinitionError for fewer than two."""
    _at_least_two(targets, "A multi-selection", "targets")
    name = function_name(selection, "selection_func")
    return Declared(edges.multi_selection(source, targets, name), (selection,))


def function_name(function: object, role: str) -> str:
    """The name under which a definition knows a function. Raises: TypeError if it is none."""
    if not callable(function):
        raise TypeError(f"{role} is a {type(function).__name__}, which cannot be called")
    while isinstance(function, functools.partial):
        function = function.func
    if inspect.isroutine(function):
        return getattr(function, "__name__", UNNAMED)
    return type(function).__name__


def _condition_name(case: Case | Default) -> str | None:
    return None if isinstance(case, Default) else function_name(case.condition, "condition")


def _targets(given: Any, id_of: IdOf) -> list[str]:
    listed = list(given) if isinstance(given, list | tuple) else [given]
    if not listed:
        raise DefinitionError("A case has no target", hint="Name an executor, or several.")
    return [id_of(target) for target in listed]


def _at_least_two(names: list[str], what: str, role: str) -> None:
    if len(names) < 2:
        raise DefinitionError(
            f"{what} has {len(names)} {role}; expected two or more",
            hint="For one, use add_edge(source, target).",
        )
