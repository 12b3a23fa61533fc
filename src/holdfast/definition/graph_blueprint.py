# SPDX-License-Identifier: Apache-2.0
"""A workflow as a blueprint: plain data in which functions and executors appear by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from holdfast.definition import edges
from holdfast.definition.edges import EdgeGroup
from holdfast.errors import DefinitionError

VERSION = "holdfast.workflow/1"

#: Workflows in workflows beyond this are no work of a person.
DEEPEST = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Stand:
    """What stands at a node: an executor of a type, or a workflow and how it is bound."""

    id: str
    type: str
    workflow: WorkflowBlueprint | None = None
    allow_direct_output: bool = False
    propagate_request: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowBlueprint:
    """One workflow with those inside of it; the fields are those of a graph."""

    name: str
    description: str | None
    start: str
    executors: tuple[Stand, ...]
    groups: tuple[EdgeGroup, ...]
    max_iterations: int
    outputs: tuple[str, ...] | None
    intermediates: tuple[str, ...] | None
    strict: bool = False
    strict_state: bool = False


def to_dict(blueprint: WorkflowBlueprint) -> dict[str, Any]:
    """The blueprint as JSON-friendly data."""
    return {
        "version": VERSION,
        "name": blueprint.name,
        "description": blueprint.description,
        "start": blueprint.start,
        "max_iterations": blueprint.max_iterations,
        "strict": blueprint.strict,
        "strict_state": blueprint.strict_state,
        "outputs": _listed(blueprint.outputs),
        "intermediates": _listed(blueprint.intermediates),
        "executors": [_stand(one) for one in blueprint.executors],
        "groups": [_group(group) for group in blueprint.groups],
    }


def _stand(stand: Stand) -> dict[str, Any]:
    if stand.workflow is None:
        return {"id": stand.id, "type": stand.type}
    return {
        "id": stand.id,
        "workflow": to_dict(stand.workflow),
        "allow_direct_output": stand.allow_direct_output,
        "propagate_request": stand.propagate_request,
    }


def _group(group: EdgeGroup) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "kind": group.kind,
        "sources": list(group.sources),
        "targets": list(group.targets),
    }
    if group.kind == "single":
        shown["condition"] = group.conditions[0]
    elif group.kind == "fan_in":
        shown["when"] = group.when
    elif group.kind == "multi":
        shown["selection"] = group.selection
    elif group.kind == "switch":
        shown["cases"] = [
            {"condition": case.condition, "targets": [group.targets[n] for n in case.places]}
            for case in group.cases
        ]
    return shown


def _listed(names: tuple[str, ...] | None) -> list[str] | None:
    return None if names is None else list(names)


def from_dict(data: object) -> WorkflowBlueprint:
    """Read a blueprint. Raises: DefinitionError, a ValueError; TypeError for a wrong shape."""
    return _blueprint(data, "blueprint", 0)


def _blueprint(data: object, place: str, depth: int) -> WorkflowBlueprint:
    shown = _mapping(data, place)
    if depth > DEEPEST:
        raise DefinitionError(f"{place}: workflows stand more than {DEEPEST} deep in each other")
    if shown.get("version") != VERSION:
        raise DefinitionError(
            f"{place}.version: expected {VERSION!r}; found {_brief(shown.get('version'))}"
        )
    listed = enumerate(_list(shown.get("executors"), f"{place}.executors"))
    groups = enumerate(_list(shown.get("groups"), f"{place}.groups"))
    limit = shown.get("max_iterations")
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
        raise DefinitionError(f"{place}.max_iterations: expected a number; found {_brief(limit)}")
    return WorkflowBlueprint(
        name=_text(shown.get("name"), f"{place}.name"),
        description=_optional(shown.get("description"), f"{place}.description"),
        start=_text(shown.get("start"), f"{place}.start"),
        executors=tuple(_read_stand(x, f"{place}.executors[{n}]", depth) for n, x in listed),
        groups=tuple(_read_group(x, f"{place}.groups[{n}]") for n, x in groups),
        max_iterations=limit,
        outputs=_names(shown.get("outputs"), f"{place}.outputs"),
        intermediates=_names(shown.get("intermediates"), f"{place}.intermediates"),
        strict=_flag(shown, "strict", place),
        strict_state=_flag(shown, "strict_state", place),
    )


def _read_stand(data: object, place: str, depth: int) -> Stand:
    shown = _mapping(data, place)
    name = _text(shown.get("id"), f"{place}.id")
    if shown.get("workflow") is None:
        return Stand(id=name, type=_text(shown.get("type"), f"{place}.type"))
    return Stand(
        id=name,
        type="WorkflowExecutor",
        workflow=_blueprint(shown["workflow"], f"{place}.workflow", depth + 1),
        allow_direct_output=_flag(shown, "allow_direct_output", place),
        propagate_request=_flag(shown, "propagate_request", place),
    )


def _read_group(data: object, place: str) -> EdgeGroup:
    shown = _mapping(data, place)
    kind = _text(shown.get("kind"), f"{place}.kind")
    reader = _READERS.get(kind)
    if reader is None:
        offered = ", ".join(_READERS)
        raise DefinitionError(f"{place}.kind: expected one of {offered}; found {_brief(kind)}")
    sources = _given(shown.get("sources"), f"{place}.sources")
    targets = _given(shown.get("targets"), f"{place}.targets")
    least = {"fan_in": (2, 1), "fan_out": (1, 2), "multi": (1, 2)}.get(kind, (1, 1))
    if len(sources) < least[0] or len(targets) < least[1]:
        raise DefinitionError(f"{place}: too few sources or targets for a {kind}")
    if (kind != "fan_in" and len(sources) > 1) or (kind in ("single", "fan_in") and targets[1:]):
        raise DefinitionError(f"{place}: too many sources or targets for a {kind}")
    return reader(shown, place, sources, targets)


_Shown = Mapping[str, Any]


def _read_single(shown: _Shown, place: str, sources: list[str], targets: list[str]) -> EdgeGroup:
    condition = _optional(shown.get("condition"), f"{place}.condition")
    return edges.single_edge(sources[0], targets[0], condition)


def _read_fan_out(_shown: _Shown, _place: str, sources: list[str], targets: list[str]) -> EdgeGroup:
    return edges.fan_out(sources[0], targets)


def _read_fan_in(shown: _Shown, place: str, sources: list[str], targets: list[str]) -> EdgeGroup:
    match shown.get("when", "all"):
        case "all" | "any" | "settled" as when:
            return edges.fan_in(sources, targets[0], when)
        case other:
            raise DefinitionError(
                f"{place}.when: expected all, any or settled; found {_brief(other)}"
            )


def _read_multi(shown: _Shown, place: str, sources: list[str], targets: list[str]) -> EdgeGroup:
    selection = _text(shown.get("selection"), f"{place}.selection")
    return edges.multi_selection(sources[0], targets, selection)


def _read_switch(shown: _Shown, place: str, sources: list[str], targets: list[str]) -> EdgeGroup:
    cases: list[tuple[str | None, list[str]]] = []
    for number, each in enumerate(_list(shown.get("cases"), f"{place}.cases")):
        case = _mapping(each, f"{place}.cases[{number}]")
        condition = _optional(case.get("condition"), f"{place}.cases[{number}].condition")
        cases.append((condition, _given(case.get("targets"), f"{place}.cases[{number}].targets")))
    conditions = [condition for condition, _ in cases]
    if len(cases) < 2 or conditions[-1] is not None or None in conditions[:-1]:
        raise DefinitionError(f"{place}.cases: expected conditions, and one default at the end")
    group = edges.switch(sources[0], cases)
    if set(group.targets) != set(targets):
        raise DefinitionError(f"{place}.targets: expected those of the cases")
    return group


_READERS: Mapping[str, Callable[[_Shown, str, list[str], list[str]], EdgeGroup]] = {
    "single": _read_single,
    "fan_out": _read_fan_out,
    "fan_in": _read_fan_in,
    "multi": _read_multi,
    "switch": _read_switch,
}


def _mapping(value: object, place: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise TypeError(f"{place}: expected a mapping; found {type(value).__name__}")
    return value


def _list(value: object, place: str) -> list[Any]:
    if not isinstance(value, list | tuple):
        raise TypeError(f"{place}: expected a list; found {type(value).__name__}")
    return list(value)


def _given(value: object, place: str) -> list[str]:
    names = [_text(one, place) for one in _list(value, place)]
    if not names or len(set(names)) != len(names):
        raise DefinitionError(f"{place}: expected ids, each once")
    return names


def _names(value: object, place: str) -> tuple[str, ...] | None:
    return None if value is None else tuple(_text(one, place) for one in _list(value, place))


def _text(value: object, place: str) -> str:
    if not isinstance(value, str) or not value:
        raise DefinitionError(f"{place}: expected text; found {type(value).__name__}")
    return value


def _optional(value: object, place: str) -> str | None:
    return None if value is None else _text(value, place)


def _flag(shown: Mapping[str, Any], name: str, place: str) -> bool:
    value = shown.get(name, False)
    if not isinstance(value, bool):
        raise DefinitionError(f"{place}.{name}: expected true or false; found {_brief(value)}")
    return value


def _brief(value: object) -> str:
    return repr(value[:40]) if isinstance(value, str) else type(value).__name__
