# SPDX-License-Identifier: Apache-2.0
"""Pictures and descriptions of workflows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from holdfast import Workflow, WorkflowBuilder
from holdfast.errors import DefinitionError, RendererMissing
from holdfast.workflow import Case, Default, WorkflowExecutor, WorkflowViz
from tests.workflow.graphs import Do, build, forward
from tests.workflow.subs import Shows, inner, outer


def is_large(message: Any) -> bool:
    """A condition with a name."""
    return bool(message)


def pick(message: Any, ids: list[str]) -> list[str]:
    """A selection with a name."""
    return ids


def rich() -> Workflow:
    """Every kind of edge, and a sub-workflow."""
    made = {name: Do(name, forward) for name in "abcdefg"}
    node = WorkflowExecutor(inner("x>y", max_iterations=7), "s")
    builder = WorkflowBuilder(start_executor=made["a"], name="rich", description="all of it")
    builder.add_edge(made["a"], made["b"], condition=is_large)
    builder.add_fan_out_edges(made["b"], [made["c"], made["d"]])
    builder.add_fan_in_edges([made["c"], made["d"]], made["e"], when="any")
    cases = [Case(is_large, made["f"]), Default(node)]
    builder.add_switch_case_edge_group(made["e"], cases)
    builder.add_multi_selection_edge_group(made["f"], [made["g"], made["a"]], pick)
    return builder.build()


def test_a_workflow_draws_itself_as_text() -> None:
    """Mermaid and DOT, with inner executors in their box."""
    viz = WorkflowViz(rich())

    assert viz.to_mermaid().startswith('flowchart TD\n  a["a (Start)"];\n')
    assert '  subgraph s ["s"]\n    s__x["x (Start)"];\n' in viz.to_mermaid()
    assert viz.to_digraph().startswith("digraph Workflow {\n")
    assert '"e" -> "f" [style=dashed, label="is_large"];' in viz.to_digraph()
    assert "internal:a" in viz.to_mermaid(include_internal_executors=True)
    assert "internal:a" in viz.to_digraph(include_internal_executors=True)


@pytest.mark.parametrize(
    ("format", "name"), [("dot", "w.dot"), ("dot", "w.GV"), ("mermaid", "w.mmd")]
)
def test_a_picture_is_written_as_text(format: str, name: str, tmp_path: Path) -> None:
    """Under the name given, and the path comes back."""
    viz = WorkflowViz(rich())
    path = viz.export(format, tmp_path / name)

    assert path == str(tmp_path / name)
    expected = viz.to_digraph() if format == "dot" else viz.to_mermaid()
    assert Path(path).read_text(encoding="utf-8") == expected


def test_short_names_for_the_two_formats(tmp_path: Path) -> None:
    """DOT and Mermaid; a name as text is a path too."""
    viz = WorkflowViz(rich())

    assert Path(viz.save_dot(str(tmp_path / "w.dot"))).read_text() == viz.to_digraph()
    assert Path(viz.save_mermaid(tmp_path / "w.md")).read_text() == viz.to_mermaid()


def test_without_a_name_a_temporary_file_is_written() -> None:
    """Its path comes back; it is the caller's to delete."""
    path = Path(WorkflowViz(rich()).export("mermaid"))
    try:
        assert path.suffix == ".mmd"
        assert path.read_text(encoding="utf-8").startswith("flowchart TD")
    finally:
        path.unlink()


def test_a_format_that_nobody_knows_is_refused() -> None:
    """A ValueError that offers those there are."""
    with pytest.raises(DefinitionError, match="expected one of dot, mermaid, svg, png, pdf"):
        WorkflowViz(rich()).export("bmp")


def test_a_name_that_ends_otherwise_is_refused(tmp_path: Path) -> None:
    """A ValueError, and no file."""
    with pytest.raises(ValueError, match="is no name for dot"):
        WorkflowViz(rich()).export("dot", tmp_path / "w.mmd")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("format", ["svg", "png", "pdf"])
def test_rendered_formats_name_the_command_that_makes_them(format: str) -> None:
    """An ImportError, as there is no renderer in here."""
    viz = WorkflowViz(rich())
    with pytest.raises(RendererMissing) as caught:
        getattr(viz, f"save_{format}")(f"w.{format}")
    assert isinstance(caught.value, ImportError)
    assert caught.value.hint.endswith(f"dot -T{format} w.dot -o w.{format}")
    with pytest.raises(RendererMissing, match="rendered by Graphviz"):
        viz.export(format)


def test_a_description_names_everything() -> None:
    """Executors, groups with what decides in them, designation, and the workflow inside."""
    workflow = rich()
    shown = workflow.to_dict()

    assert shown["name"] == "rich"
    assert shown["description"] == "all of it"
    assert (shown["id"], shown["start_executor_id"]) == (workflow.id, "a")
    assert (shown["max_iterations"], shown["output_executors"]) == (100, None)
    assert shown["executors"]["a"] == {"id": "a", "type": "Do"}
    groups = {group["id"]: group for group in shown["edge_groups"]}
    assert groups["a->b"]["edges"] == [
        {"source_id": "a", "target_id": "b", "condition_name": "is_large"}
    ]
    assert [group["type"] for group in shown["edge_groups"]] == [
        "SingleEdgeGroup",
        "FanOutEdgeGroup",
        "FanInEdgeGroup",
        "SwitchCaseEdgeGroup",
        "FanOutEdgeGroup",
    ]
    assert groups["b->c+d"]["selection_func_name"] is None
    assert groups["c+d->e"]["when"] == "any"
    assert groups["e->f+s"]["cases"] == [
        {"type": "Case", "target_id": "f", "condition_name": "is_large"},
        {"type": "Default", "target_id": "s"},
    ]
    assert groups["f->g+a"]["selection_func_name"] == "pick"
    inside = shown["executors"]["s"]["workflow"]
    assert (inside["start_executor_id"], inside["max_iterations"]) == ("x", 7)
    assert list(inside["executors"]) == ["x", "y"]
    assert [group["id"] for group in inside["edge_groups"]] == ["x->y"]


def test_a_description_is_plain_json() -> None:
    """The same as text; designated executors are sorted; no description, no key."""
    workflow = outer("a>show", {"show": Shows}, output_from=["show"])

    assert json.loads(workflow.to_json()) == workflow.to_dict()
    assert workflow.to_dict()["output_executors"] == ["show"]
    assert workflow.to_dict()["intermediate_executors"] is None
    assert "description" not in workflow.to_dict()


def test_each_object_has_an_id_of_its_own() -> None:
    """Two of one definition are told apart."""
    one, two = build("a>"), build("a>")
    assert one.id != two.id
    assert one.fingerprint == two.fingerprint
