# SPDX-License-Identifier: Apache-2.0
"""A flow's structure as a config, JSON-friendly data, and a config as a structure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from holdfast.definition import blueprint as blueprints
from holdfast.definition.blueprint import SEPARATOR, Blueprint
from holdfast.definition.retry import Tries, read_tries
from holdfast.errors import DefinitionError
from holdfast.triggerflow.blueprint_graph import Graph
from holdfast.triggerflow.child import Source
from holdfast.triggerflow.contracts import from_plain
from holdfast.triggerflow.wiring import Wiring


def config_of(wiring: Wiring, name: str, *, validate: bool = True) -> dict[str, Any]:
    """The structure as data: no code, no run. It shares nothing with the flow.

    validate: refuse handlers and conditions that could not be found again, for lack of a name.
    Raises: DefinitionError.
    """
    config = blueprints.to_dict(wiring.compiled(name).plan, validate=validate)
    _tell(config, wiring, validate=validate)
    return config


def _tell(config: dict[str, Any], source: Source, *, validate: bool) -> None:
    """Add what a flow says beside its structure, and so for the flows inside it."""
    for operator in config["operators"]:
        chunk = source.chunks.get(operator["id"])
        if chunk is not None and chunk.emit_signals:
            operator["declares"] = list(chunk.emit_signals)
        if chunk is not None:
            told = _told_tries(chunk.name, source.tries_of(chunk), validate=validate)
            if told:
                operator["tries"] = told
        child = source.children.get(operator["id"])
        if child is not None:
            _tell(operator["flow"], child.source, validate=validate)
    config.update(meta=dict(source.meta), contract=source.contract.plain() or {})


def _told_tries(name: str, tries: Tries, *, validate: bool) -> dict[str, Any]:
    """How often and how long a chunk is called, as data. Raises: DefinitionError for an `on=`."""
    told = tries.plain()
    if tries.retry is not None and not tries.retry.is_for_all:
        if validate:
            raise DefinitionError(
                f"chunk {name!r}: which failures its Retry takes is code, and a blueprint has none",
                hint="Let the Retry take every Exception (no on=), or build this flow in code.",
            )
        on = tries.retry.on
        told["retry"]["on"] = [each.__name__ for each in (on if isinstance(on, tuple) else (on,))]
    return told


def graph_in(data: object) -> tuple[Graph, dict[str, tuple[str, ...]]]:
    """The structure in a config, its functions not looked up yet; and the events chunks declare.

    Those of chunks in sub-flows stand under their paths.
    Raises: TypeError for a wrong shape, DefinitionError for what is wrong in it.
    """
    plan = blueprints.from_dict(data)
    assert isinstance(data, Mapping)
    return _graph(plan, data)


def _graph(plan: Blueprint, data: Mapping[str, Any]) -> tuple[Graph, dict[str, tuple[str, ...]]]:
    meta = _mapping(data, "meta")
    contract = from_plain(_mapping(data, "contract") or None)
    declared = {
        item["id"]: _declared(f"operators[{at}].declares", item["declares"])
        for at, item in enumerate(data["operators"])
        if "declares" in item
    }
    tries = {
        item["id"]: read_tries(f"operators[{at}].tries", item["tries"])
        for at, item in enumerate(data["operators"])
        if "tries" in item
    }
    inner: dict[str, Graph] = {}
    for item, node in zip(data["operators"], plan.nodes, strict=True):
        if node.inner is not None:
            inner[node.id], deeper = _graph(node.inner, item["flow"])
            declared |= {f"{node.id}{SEPARATOR}{name}": names for name, names in deeper.items()}
    return Graph(plan, contract, meta, inner=inner, tries=tries), declared


def _mapping(data: Mapping[str, Any], name: str) -> dict[str, Any]:
    found = data.get(name, {})
    if found is None:
        return {}
    if not isinstance(found, Mapping):
        raise TypeError(f"blueprint {name}: expected a mapping; found {type(found).__name__}")
    return dict(found)


def _declared(place: str, names: object) -> tuple[str, ...]:
    if not isinstance(names, list):
        raise TypeError(f"blueprint {place}: expected a list; found {type(names).__name__}")
    if not all(isinstance(name, str) and name for name in names):
        raise DefinitionError(f"blueprint {place}: expected names of events")
    return tuple(names)
