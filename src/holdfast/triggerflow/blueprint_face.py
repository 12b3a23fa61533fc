# SPDX-License-Identifier: Apache-2.0
"""A flow's structure going out as data, and coming in."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from holdfast.triggerflow import blueprint_data, blueprint_graph, blueprint_text
from holdfast.triggerflow.blueprint_object import TriggerFlowBlueprint
from holdfast.triggerflow.wiring import Wiring

#: What a blueprint may be given as.
Given = Mapping[str, Any] | str | bytes | Path | TriggerFlowBlueprint


class BlueprintFace:
    """Blueprints of a flow. A load that fails leaves the flow as it was."""

    _wiring: Wiring
    name: str

    def save_blueprint(self) -> dict[str, Any]:
        """The structure as JSON-friendly data: nodes, edges, contract; handlers by name, no code.

        Raises: DefinitionError (a ValueError) for a handler or condition without a name.
        """
        return blueprint_data.config_of(self._wiring, self.name)

    def load_blueprint(self, blueprint: Given) -> Self:
        """Replace the structure by a blueprint's, binding handlers by name. Returns the flow.

        blueprint: the data, its JSON or YAML text, a `Path` to a file, or a TriggerFlowBlueprint,
        which brings its handlers along. The flow keeps its name, and the handlers it knows.
        Raises: HandlersMissing naming all that are not registered, DefinitionError (ValueErrors),
        TypeError, ExtraMissing, OSError.
        """
        if isinstance(blueprint, Path):
            blueprint = blueprint_text.from_file(blueprint)
        elif isinstance(blueprint, str | bytes):
            blueprint = blueprint_text.from_text(blueprint)
        return self._take(blueprint, replace=True)

    def get_flow_config(self, *, validate_serializable: bool = True) -> dict[str, Any]:
        """What `save_blueprint` gives. validate_serializable=False: also what has no name.

        Such a config is to be read by people; it cannot be loaded.
        """
        return blueprint_data.config_of(self._wiring, self.name, validate=validate_serializable)

    def load_flow_config(self, config: Mapping[str, Any], *, replace: bool = True) -> Self:
        """Take over a config, its name too. Returns the flow.

        replace: False adds it to what the flow has, which keeps its name; a node that both have
        is kept once, and has to be the same. Raises: as `load_blueprint`.
        """
        self._take(config, replace=replace)
        if replace:
            self.name = str(config["name"])
        return self

    def get_json_flow(self, save_to: str | Path | None = None, *, encoding: str = "utf-8") -> str:
        """The config as JSON text. save_to: a file that it is written to as well."""
        text = blueprint_text.to_json(self.get_flow_config())
        if save_to is not None:
            blueprint_text.write(save_to, text, encoding)
        return text

    def get_yaml_flow(self, save_to: str | Path | None = None, *, encoding: str = "utf-8") -> str:
        """The config as YAML text; see `get_json_flow`. Raises: ExtraMissing."""
        text = blueprint_text.to_yaml(self.get_flow_config())
        if save_to is not None:
            blueprint_text.write(save_to, text, encoding)
        return text

    def load_json_flow(
        self, source: str | bytes | Path, *, replace: bool = True, encoding: str = "utf-8"
    ) -> Self:
        """`load_flow_config` of JSON: text, bytes, or a `Path` to a file. Text is never a path."""
        return self._load_text(source, blueprint_text.from_json, encoding, replace=replace)

    def load_yaml_flow(
        self, source: str | bytes | Path, *, replace: bool = True, encoding: str = "utf-8"
    ) -> Self:
        """`load_flow_config` of YAML: text, bytes, or a `Path` to a file. Raises: ExtraMissing."""
        return self._load_text(source, blueprint_text.from_yaml, encoding, replace=replace)

    def load_json_flow_file(
        self, path: str | Path, *, replace: bool = True, encoding: str = "utf-8"
    ) -> Self:
        """`load_flow_config` of a JSON file."""
        return self.load_json_flow(Path(path), replace=replace, encoding=encoding)

    def load_yaml_flow_file(
        self, path: str | Path, *, replace: bool = True, encoding: str = "utf-8"
    ) -> Self:
        """`load_flow_config` of a YAML file. Raises: ExtraMissing."""
        return self.load_yaml_flow(Path(path), replace=replace, encoding=encoding)

    def _load_text(self, source: Any, read: Any, encoding: str, *, replace: bool) -> Self:
        data = blueprint_text.bytes_of(source) if isinstance(source, Path) else source
        return self.load_flow_config(read(data, encoding), replace=replace)

    def _take(self, given: Any, *, replace: bool) -> Self:
        if isinstance(given, TriggerFlowBlueprint):
            graph = given.given_to(self._wiring)
        else:
            found, declared = blueprint_data.graph_in(given)
            graph = blueprint_graph.bound(found, self._wiring, declared)
        if not replace:
            graph = blueprint_graph.joined(self._wiring, self.name, graph)
        blueprint_graph.take_over(self._wiring, graph)
        return self
