# SPDX-License-Identifier: Apache-2.0
"""Pictures of flows in flows: a box with a way in and a way out."""

from __future__ import annotations

from holdfast.definition.blueprint import START, Blueprint, Node
from holdfast.definition.draw_flow import Extra, mermaid


def chunk(name: str, listens: str) -> Node:
    """A handler behind an event."""
    signal = START if listens == "START" else ("event", listens)
    return Node(
        id=name, kind="chunk", name=name, listens=(signal,), emits=f"chunk:{name}", handler=name
    )


def sub_flow(name: str, listens: str) -> Node:
    """A sub-flow behind an event."""
    return Node(
        id=name, kind="sub_flow", name=name, listens=(("event", listens),), emits=f"sub:{name}"
    )


def plan(name: str, *nodes: Node) -> Blueprint:
    """A flow."""
    return Blueprint(name=name, nodes=nodes)


def test_a_sub_flow_is_a_box_in_both_modes() -> None:
    """What comes in passes its "in", and what ends there its "out"; its ids are its own."""
    child = plan("child", chunk("x", "START"), chunk("y", "chunk:x"), chunk("heard", "Told"))
    outer = plan("outer", chunk("x", "START"), sub_flow("s", "chunk:x"), chunk("after", "sub:s"))
    extra = Extra(inner={"s": (child, Extra(declares={"y": ("Said",)}))})

    assert mermaid(outer, "simplified", extra).splitlines() == [
        "flowchart TD",
        '  START(["START"]);',
        '  x["x"];',
        '  subgraph subflow_s ["s"]',
        '    s_in(["in"]);',
        '    Told(["Told"]);',
        '    x_2["x"];',
        '    y["y"];',
        '    heard["heard"];',
        '    Said(["Said"]);',
        "    s_in --> x_2;",
        "    x_2 --> y;",
        "    y --> s_out;",
        '    Told -->|"Told"| heard;',
        "    heard --> s_out;",
        '    y -. "Said" .-> Said;',
        '    s_out(["out"]);',
        "  end",
        "  style subflow_s fill:#F6F8FB,stroke-dasharray: 5 5",
        '  after["after"];',
        '  START -->|"START"| x;',
        "  x --> s_in;",
        "  s_out --> after;",
    ]
    detailed = mermaid(outer, "detailed", extra)
    assert '  subgraph subflow_s ["s"]' in detailed
    assert 's_out -->|"sub:s"| after;' in detailed


def test_sub_flows_stand_in_sub_flows() -> None:
    """Each with its own ways in and out, also in a block of a flow."""
    lowest = plan("lowest", chunk("deep", "START"))
    middle = plan("middle", chunk("x", "START"), sub_flow("inner", "chunk:x"))
    each = Node(id="each@S", kind="each", name="for_each", listens=(START,), emits="item:S")
    end = Node(
        id="end:each@S",
        kind="gather",
        name="end_for_each",
        listens=(("event", "sub:s"),),
        emits="gathered:S",
        group="each@S",
    )
    outer = plan("outer", each, sub_flow("s", "item:S"), end)
    extra = Extra(inner={"s": (middle, Extra(inner={"inner": (lowest, Extra())}))})
    lines = mermaid(outer, "simplified", extra).splitlines()

    assert '  subgraph group_each ["for each"]' in lines
    assert '    subgraph subflow_s ["s"]' in lines
    assert '      subgraph subflow_inner ["inner"]' in lines
    assert "        s_inner_in --> deep;" in lines
    assert "        deep --> s_inner_out;" in lines
    assert "      x --> s_inner_in;" in lines
    assert "      s_inner_out --> s_out;" in lines
    assert "  each --> s_in;" in lines
    assert "  s_out --> gather;" in lines
