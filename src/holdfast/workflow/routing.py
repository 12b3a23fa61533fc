# SPDX-License-Identifier: Apache-2.0
"""Who takes each message: the targets of the sender's edges that can handle it, and may.

Conditions and selections are user code. They are asked in the task of the handler that sent the
message, after it ended, and only about messages that a target could handle.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from holdfast.definition.edges import EdgeGroup
from holdfast.definition.graph import Graph
from holdfast.errors import RunError
from holdfast.machine.effects import Sent
from holdfast.machine.run import Unsent
from holdfast.workflow.edges import Rules
from holdfast.workflow.executor import Executor

Executors = Mapping[str, Executor]


class _Way(NamedTuple):
    """The groups out of one node. open: their targets, if nothing decides between them."""

    groups: tuple[EdgeGroup, ...]
    open: tuple[str, ...] | None


class _Verdict:
    """What the groups say to one message. declined: one of them could and did not take it."""

    __slots__ = ("declined", "gathers", "targets")

    def __init__(self) -> None:
        self.targets: list[str] = []
        self.gathers: list[str] = []
        self.declined = False


class Router:
    """Routes the messages of one definition; holds nothing of a run."""

    __slots__ = ("_graph", "_rules", "_ways")

    def __init__(self, graph: Graph, rules: Mapping[str, Rules]) -> None:
        self._graph = graph
        self._rules = rules
        self._ways: dict[str, _Way] = {}

    async def routed(
        self, executors: Executors, sender: str, messages: Iterable[Unsent]
    ) -> tuple[tuple[Sent, ...], list[str]]:
        """The messages with their takers, and a sentence for each that is dropped unmeant.

        An executor without edges ends the graph by design: what it sends goes nowhere, silently;
        and so does what conditions decline.
        Raises: what a condition or selection raises; RunError for a selection of strangers.
        """
        taken: list[Sent] = []
        dropped: list[str] = []
        for message in messages:
            source = message.source or sender
            takers = self.open_to(executors, source, message)
            gathers: tuple[str, ...] = ()
            declined = False
            if takers is None:
                verdict = await self._judged(self._way(source), executors, message)
                takers, gathers = tuple(verdict.targets), tuple(verdict.gathers)
                declined = verdict.declined
            if takers or gathers:
                taken.append(Sent(message.value, message.data, takers, message.source, gathers))
            elif not declined and not self._may_go_nowhere(source, message):
                dropped.append(_dropped(source, message))
        return tuple(taken), dropped

    def open_to(self, executors: Executors, source: str, message: Unsent) -> tuple[str, ...] | None:
        """Who takes a message along edges that are always open; None if something decides."""
        way = self._ways.get(source) or self._way(source)
        if way.open is None:
            return None
        value, aim = message.value, message.target
        takers = []
        for target in way.open:
            if (aim is None or target == aim) and executors[target].can_handle(value):
                takers.append(target)  # noqa: PERF401 - on the way of every message
        return tuple(takers)

    def _may_go_nowhere(self, source: str, message: Unsent) -> bool:
        """Whether its sender ends the graph by design."""
        return message.target is None and not self._way(source).groups

    def _way(self, source: str) -> _Way:
        way = self._ways.get(source)
        if way is None:
            groups = self._graph.out_groups(source)
            is_open = not any(g.kind == "fan_in" or self._rules.get(g.name) for g in groups)
            targets = tuple(target for group in groups for target in group.targets)
            way = self._ways[source] = _Way(groups, targets if is_open else None)
        return way

    async def _judged(self, way: _Way, executors: Executors, message: Unsent) -> _Verdict:
        verdict = _Verdict()
        for group in way.groups:
            aimed = _aimed(group.targets, message.target)
            if not aimed:
                continue
            if group.kind == "fan_in":
                if executors[aimed[0]].can_handle([message.value]):
                    verdict.gathers.append(group.name)
                continue
            fit = [target for target in aimed if executors[target].can_handle(message.value)]
            if not fit:
                continue
            chosen = await self._chosen(group, message.value)
            if not any(target in chosen for target in aimed):
                verdict.declined = True
            verdict.targets += [target for target in fit if target in chosen]
        return verdict

    async def _chosen(self, group: EdgeGroup, payload: Any) -> Iterable[str]:
        """The targets that the rules of a group name for a payload."""
        rules = self._rules.get(group.name)
        if not rules:
            return group.targets
        try:
            if group.kind == "switch":
                return await _first_case(group, rules, payload)
            if group.kind == "multi":
                return await self._selected(group, rules, payload)
            return group.targets if await _answer(rules[0](payload)) else ()
        except Exception as error:
            error.add_note(f"It was asked about a message along {group.name}.")
            raise

    async def _selected(self, group: EdgeGroup, rules: Rules, payload: Any) -> list[str]:
        local = {self._graph.local_id(target): target for target in group.targets}
        picked = await _answer(rules[0](payload, list(local)))
        if isinstance(picked, str) or not isinstance(picked, Iterable):
            raise RunError(
                f"the selection of {group.name} gave a {type(picked).__name__}",
                hint="Return a list of target ids.",
            )
        names = list(picked)
        strangers = [name for name in names if name not in local]
        if strangers:
            raise RunError(
                f"the selection of {group.name} picked {strangers[0]!r}; "
                f"targets are {', '.join(local)}",
                hint="Return some of the ids that the function is given.",
            )
        return [local[name] for name in names]


async def _first_case(group: EdgeGroup, rules: Rules, payload: Any) -> list[str]:
    for case, rule in zip(group.cases, rules, strict=False):
        if await _answer(rule(payload)):
            return [group.targets[place] for place in case.places]
    return [group.targets[place] for place in group.cases[-1].places]


async def _answer(given: Any) -> Any:
    return await given if inspect.isawaitable(given) else given


def _aimed(targets: tuple[str, ...], target: str | None) -> tuple[str, ...]:
    if target is None:
        return targets
    return (target,) if target in targets else ()


def _dropped(source: str, message: Unsent) -> str:
    where = "along its edges" if message.target is None else f"to {message.target!r}"
    return (
        f"a {type(message.value).__name__} that {source!r} sent {where} was dropped: "
        "no executor there takes it"
    )
