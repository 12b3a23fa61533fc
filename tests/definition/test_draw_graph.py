# SPDX-License-Identifier: Apache-2.0
"""Pictures of graphs: every kind of edge, boxes in boxes, ids that a renderer takes."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from holdfast.definition import edges
from holdfast.definition.draw import SafeIds, dot_text, mark, mermaid_text, safe
from holdfast.definition.draw_graph import dot, mermaid
from holdfast.definition.edges import EdgeGroup
from holdfast.definition.embedding import Inner, embedded
from holdfast.definition.graph import Graph, Node


def graph(nodes: str, *groups: EdgeGroup) -> Graph:
    """A graph of the nodes "a b c"; the first is the start."""
    names = nodes.split()
    return Graph(
        name="g",
        start=names[0],
        nodes=tuple(Node(id=name, type="T") for name in names),
        groups=groups,
        max_iterations=10,
    )


def lines(text: str) -> list[str]:
    """The lines without their indentation."""
    return [line.strip() for line in text.splitlines()]


def test_nodes_the_start_and_plain_edges() -> None:
    """The whole text of the smallest graph, in both languages."""
    made = graph("a b", edges.single_edge("a", "b"))

    assert mermaid(made) == 'flowchart TD\n  a["a (Start)"];\n  b["b"];\n  a --> b;\n'
    assert dot(made) == (
        "digraph Workflow {\n"
        "  rankdir=TB;\n"
        "  node [shape=box, style=filled, fillcolor=lightblue];\n"
        "  edge [color=black, arrowhead=vee];\n"
        '  "a" [fillcolor=lightgreen, label="a\\n(Start)"];\n'
        '  "b" [label="b"];\n'
        '  "a" -> "b";\n'
        "}\n"
    )


def test_a_condition_makes_an_edge_dashed() -> None:
    """Whatever its name."""
    made = graph("a b", edges.single_edge("a", "b", "is_large"))

    assert "a -. conditional .-> b;" in lines(mermaid(made))
    assert '"a" -> "b" [style=dashed, label="conditional"];' in lines(dot(made))


def test_a_fan_out_is_an_edge_to_each() -> None:
    """Always open, so plain."""
    made = graph("a b c", edges.fan_out("a", ["b", "c"]))
    assert lines(mermaid(made))[-2:] == ["a --> b;", "a --> c;"]


def test_a_fan_in_is_a_node_of_its_own() -> None:
    """Edges in, one out; its id stands for the sources and the target, not for chance."""
    group = edges.fan_in(["a", "b"], "c")
    made = graph("a b c", group)
    joint = f"fan_in__c__{mark(group.name)}"

    assert lines(mermaid(made))[4:] == [
        f"{joint}((fan-in));",
        f"a --> {joint};",
        f"b --> {joint};",
        f"{joint} --> c;",
    ]
    node = f'"fan_in::c::{mark(group.name)}"'
    shown = lines(dot(made))
    assert f'{node} [shape=ellipse, fillcolor=lightgoldenrod, label="fan-in"];' in shown
    assert f'{node} -> "c";' in shown
    assert re.fullmatch("[0-9a-f]{8}", mark(group.name))


def test_a_fan_in_says_when_it_does_not_wait_for_all() -> None:
    """In its label."""
    made = graph("a b c", edges.fan_in(["a", "b"], "c", "settled"))

    assert '(("fan-in (settled)"));' in mermaid(made)
    assert 'label="fan-in (settled)"' in dot(made)


def test_the_cases_of_a_switch_are_labels() -> None:
    """By the name of the condition, or the place of one without; the last is the default."""
    made = graph(
        "a b c d",
        edges.switch("a", [("is_large", ["b", "c"]), ("<lambda>", ["b"]), (None, ["d"])]),
    )

    assert lines(mermaid(made))[-3:] == [
        'a -. "is_large, case 2" .-> b;',
        'a -. "is_large" .-> c;',
        'a -. "default" .-> d;',
    ]
    assert '"a" -> "d" [style=dashed, label="default"];' in lines(dot(made))


@pytest.mark.parametrize(("name", "label"), [("pick", "pick"), ("<lambda>", "selected")])
def test_a_selection_is_a_label(name: str, label: str) -> None:
    """The function that picks among the targets."""
    made = graph("a b c", edges.multi_selection("a", ["b", "c"], name))
    assert lines(mermaid(made))[-2:] == [f'a -. "{label}" .-> b;', f'a -. "{label}" .-> c;']


def test_a_sub_workflow_is_a_box_with_its_own_picture() -> None:
    """At any depth; inner ids are made of the path, labels are the ids declared."""
    lowest = embedded(
        graph("m n", edges.single_edge("m", "n")),
        {"m": inner(graph("x y", edges.single_edge("x", "y")))},
    )
    made = embedded(graph("a o", edges.single_edge("a", "o")), {"o": inner(lowest)})

    assert mermaid(made).splitlines() == [
        "flowchart TD",
        '  a["a (Start)"];',
        '  subgraph o ["o"]',
        '    subgraph o__m ["m (Start)"]',
        '      o__m__x["x (Start)"];',
        '      o__m__y["y"];',
        "      o__m__x --> o__m__y;",
        "    end",
        '    o__n["n"];',
        "    o__m --> o__n;",
        "  end",
        "  a --> o;",
    ]
    shown = lines(dot(made))
    assert f"subgraph cluster_{mark('o')} {{" in shown
    assert f"subgraph cluster_{mark('o/m')} {{" in shown
    assert 'label="sub-workflow: m";' in shown
    assert '"o/m/x" -> "o/m/y";' in shown
    assert '"o" -> "o/m" [style=dotted];' in shown


def inner(held: Graph) -> Inner:
    """A graph to be put at a node."""
    return Inner(graph=held, allow_direct_output=False, propagate_request=False)


def test_where_input_and_answers_come_in_is_drawn_on_request() -> None:
    """A pseudo-source for each executor; hidden otherwise."""
    made = graph("a b", edges.single_edge("a", "b"))

    assert "internal" not in mermaid(made) + dot(made)
    assert 'internal_a["internal:a"];' in lines(mermaid(made, with_internal=True))
    assert "internal_b --> b;" in lines(mermaid(made, with_internal=True))
    assert '"internal:a" -> "a";' in lines(dot(made, with_internal=True))


def test_ids_are_letters_digits_and_underscores_and_stay_apart() -> None:
    """A clash gets a number; a word that the renderer keeps for itself, an underscore."""
    made = graph("a-b a.b a_b end Subgraph ü", edges.fan_out("a-b", ["a.b", "a_b"]))
    found = re.findall(r"^  (\w+)\[", mermaid(made), flags=re.MULTILINE)

    assert found == ["a_b", "a_b_2", "a_b_3", "end_", "Subgraph_", "_"]
    assert "a_b --> a_b_2;" in lines(mermaid(made))


def test_the_id_of_a_name_is_the_same_whenever_it_is_asked() -> None:
    """And never that of another name."""
    ids = SafeIds()
    assert [ids.of(name) for name in ("a b", "a/b", "a b")] == ["a_b", "a_b_2", "a_b"]
    assert safe("") == "_"


def test_labels_are_quoted() -> None:
    """Nothing in a name ends the label, or is taken for markup."""
    assert mermaid_text('say "hi" <b> #1') == "\"say 'hi' #lt;b#gt; #35;1\""
    assert mermaid_text("two\nlines") == '"two\\nlines"'
    assert dot_text('a "b" \\ c\nd') == '"a \\"b\\" \\\\ c\\nd"'


def test_the_same_graph_gives_the_same_text() -> None:
    """Declared twice, and whatever its name."""

    def made() -> Graph:
        return graph("a b c", edges.fan_in(["a", "b"], "c"))

    assert mermaid(made()) == mermaid(replace(made(), name="other"))
    assert dot(made()) == dot(made())
