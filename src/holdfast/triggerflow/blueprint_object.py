# SPDX-License-Identifier: Apache-2.0
"""A graph on its own, with the functions it calls: several flows may be made of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

from holdfast.persistence.types import default_types
from holdfast.runtime.clock import IDS
from holdfast.triggerflow import blueprint_data
from holdfast.triggerflow.blueprint_graph import Graph, graph_of
from holdfast.triggerflow.wiring import Wiring


class TriggerFlowBlueprint:
    """Handlers and the events that reach them. `TriggerFlow(blueprint)` makes a flow of it.

    What is added later does not reach flows that were made before.
    """

    def __init__(self, name: str | None = None) -> None:
        self.name = name or f"blueprint-{IDS.new()}"
        self._wiring = Wiring(default_types.child())

    @property
    def fingerprint(self) -> str:
        """The digest of the structure, equal to that of a flow made of it."""
        return self._wiring.compiled(self.name).fingerprint

    def add_event_handler(
        self, event: str, handler: Callable[..., Any], *, id: str | None = None
    ) -> str:
        """Let a handler listen to an event. Returns the id of its node.

        id: its name; by default the function's own. Raises: TypeError, DefinitionError.
        """
        if not isinstance(event, str) or not event:
            raise TypeError(f"an event is named by text; found {type(event).__name__}")
        with self._wiring.building():
            chunk = self._wiring.make_chunk(handler, id, event)
            self._wiring.put_chunk(chunk, ("event", event))
        return chunk.id

    def register_chunk_handler(
        self, function: Callable[..., Any], *, name: str | None = None
    ) -> Self:
        """Make a handler known by name. Returns the blueprint."""
        self._wiring.register(function, name)
        return self

    def register_condition_handler(
        self, function: Callable[..., Any], *, name: str | None = None
    ) -> Self:
        """Make a condition known by name. Returns the blueprint."""
        self._wiring.register_condition(function, name)
        return self

    def to_dict(self) -> dict[str, Any]:
        """The structure as JSON-friendly data, as `TriggerFlow.save_blueprint` gives it.

        Raises: DefinitionError for a handler without a name.
        """
        return blueprint_data.config_of(self._wiring, self.name)

    def given_to(self, wiring: Wiring) -> Graph:
        """The graph, its registered functions made known to the flow that takes it.

        Raises: DefinitionError for a name that means another function there.
        """
        with wiring.building():
            for name, function in self._wiring.handlers.items():
                wiring.register(function, name)
            for name, function in self._wiring.conditions.items():
                wiring.register_condition(function, name)
        return graph_of(self._wiring, self.name)
