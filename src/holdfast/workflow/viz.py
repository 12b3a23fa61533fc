# SPDX-License-Identifier: Apache-2.0
"""`WorkflowViz`: pictures of a workflow as text, and as files of text."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Final, Literal, NoReturn

from holdfast.definition import draw_graph
from holdfast.errors import DefinitionError, RendererMissing
from holdfast.workflow.workflow import Workflow

TextFormat = Literal["dot", "mermaid"]

#: What files of a format may be called; the first is what a file without a name gets.
_SUFFIXES: Final = {"dot": (".dot", ".gv"), "mermaid": (".mmd", ".mermaid", ".md")}
_RENDERED: Final = ("svg", "png", "pdf")


class WorkflowViz:
    """Draws a workflow: executors, edges and what decides about them, sub-workflows as boxes.

    The same structure gives the same text. Pictures in other formats are made of it by Graphviz
    or Mermaid, outside of this program.
    """

    def __init__(self, workflow: Workflow) -> None:
        self._graph = workflow.plan.graph

    def to_mermaid(self, *, include_internal_executors: bool = False) -> str:
        """The workflow as a Mermaid flowchart.

        include_internal_executors: draw where the input and the answers come in, too.
        """
        return draw_graph.mermaid(self._graph, with_internal=include_internal_executors)

    def to_digraph(self, *, include_internal_executors: bool = False) -> str:
        """The workflow as DOT, the language of Graphviz."""
        return draw_graph.dot(self._graph, with_internal=include_internal_executors)

    def export(
        self,
        format: str = "dot",
        filename: str | Path | None = None,
        *,
        include_internal_executors: bool = False,
    ) -> str:
        """Write a file of text, "dot" or "mermaid", and return its path.

        filename: a temporary file when not given. Raises: DefinitionError (a ValueError) for an
        unknown format or a name that ends otherwise; RendererMissing (an ImportError) for svg,
        png and pdf, with the command that makes them.
        """
        if format in _RENDERED:
            _not_rendered(format, filename)
        if format not in _SUFFIXES:
            offered = ", ".join([*_SUFFIXES, *_RENDERED])
            raise DefinitionError(f"format is {format!r}; expected one of {offered}")
        shown = include_internal_executors
        text = (
            self.to_digraph(include_internal_executors=shown)
            if format == "dot"
            else self.to_mermaid(include_internal_executors=shown)
        )
        return _written(text, filename, _SUFFIXES[format], format)

    def save_dot(self, filename: str | Path) -> str:
        """Write DOT; returns the path."""
        return self.export("dot", filename)

    def save_mermaid(self, filename: str | Path) -> str:
        """Write Mermaid; returns the path."""
        return self.export("mermaid", filename)

    def save_svg(self, filename: str | Path) -> str:
        """Raises: RendererMissing, with the command that makes the picture."""
        return self.export("svg", filename)

    def save_png(self, filename: str | Path) -> str:
        """Raises: RendererMissing, with the command that makes the picture."""
        return self.export("png", filename)

    def save_pdf(self, filename: str | Path) -> str:
        """Raises: RendererMissing, with the command that makes the picture."""
        return self.export("pdf", filename)


def _not_rendered(format: str, filename: str | Path | None) -> NoReturn:
    target = Path(f"workflow.{format}") if filename is None else Path(filename)
    source = target.with_suffix(".dot")
    raise RendererMissing(
        f"{format} is rendered by Graphviz, outside of this program",
        hint=f"Write {source} with save_dot(...), then run: dot -T{format} {source} -o {target}",
        format=format,
    )


def _written(text: str, filename: str | Path | None, suffixes: tuple[str, ...], format: str) -> str:
    if filename is None:
        with tempfile.NamedTemporaryFile(
            "w", suffix=suffixes[0], prefix="workflow-", delete=False, encoding="utf-8"
        ) as file:
            file.write(text)
            return file.name
    path = Path(filename)
    if path.suffix.lower() not in suffixes:
        raise DefinitionError(
            f"{path.name!r} is no name for {format}; it should end in {' or '.join(suffixes)}"
        )
    path.write_text(text, encoding="utf-8")
    return str(path)
