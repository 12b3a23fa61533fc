# SPDX-License-Identifier: Apache-2.0
"""Pictures of flows: every operator, boxes around blocks, events from outside and to nowhere."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast import TriggerFlow
from holdfast.errors import DefinitionError


async def one(data: Any) -> Any:
    """A handler."""
    return data.input


async def two(data: Any) -> Any:
    """Another handler."""
    return data.input


def is_big(data: Any) -> bool:
    """A condition."""
    return bool(data.input)


def lines(flow: Any, mode: str = "simplified") -> list[str]:
    """The lines of the picture, without their indentation."""
    return [line.strip() for line in flow.to_mermaid(mode=mode).splitlines()]


def test_a_chain_from_the_start() -> None:
    """The whole text of a small flow, in both modes."""
    flow = TriggerFlow(name="f")
    flow.to(one).to(two)

    assert flow.to_mermaid() == (
        "flowchart TD\n"
        '  START(["START"]);\n'
        '  one["one"];\n'
        '  two["two"];\n'
        '  START -->|"START"| one;\n'
        "  one --> two;\n"
    )
    assert flow.to_mermaid(mode="detailed") == (
        "flowchart TD\n"
        '  START(["START"]);\n'
        '  one["chunk\\none"];\n'
        '  two["chunk\\ntwo"];\n'
        '  START -->|"START"| one;\n'
        '  one -->|"chunk:one"| two;\n'
    )


def test_a_mode_that_nobody_knows_is_refused() -> None:
    """A ValueError that offers the two there are."""
    with pytest.raises(DefinitionError, match="mode is 'pretty'") as caught:
        TriggerFlow().to_mermaid(mode="pretty")
    assert isinstance(caught.value, ValueError)
    assert "detailed" in caught.value.hint


def test_lambdas_are_drawn_as_such() -> None:
    """Each with an id of its own."""
    flow = TriggerFlow()
    flow.to(lambda data: 1).to(lambda data: 2)

    assert lines(flow)[2:4] == ['chunk["#lt;lambda#gt;"];', 'chunk_2["#lt;lambda#gt;"];']
    assert 'chunk["chunk\\n#lt;lambda#gt;"];' in lines(flow, "detailed")


def test_a_batch_is_a_box_that_no_edge_leads_to() -> None:
    """Its branches meet at a collector; what follows stands outside."""
    flow = TriggerFlow()
    flow.batch(("left", one), ("right", two)).to(("after", one))

    assert lines(flow)[1:] == [
        'START(["START"]);',
        'after["after"];',
        'subgraph group_batch ["batch"]',
        'batch["batch"];',
        'left["left"];',
        'right["right"];',
        'gather[["batch collect"]];',
        "end",
        'START -->|"START"| batch;',
        "batch --> left;",
        "batch --> right;",
        "left --> gather;",
        "right --> gather;",
        "gather --> after;",
    ]
    detailed = lines(flow, "detailed")
    assert not any(line.startswith(("subgraph", "end")) for line in detailed)
    assert all("-->|" in line for line in detailed if "-->" in line)


def test_a_named_block_shows_its_name() -> None:
    """Beside what it is."""
    flow = TriggerFlow()
    flow.batch(("left", one), name="both").to(("after", two))

    assert 'subgraph group_batch ["batch both"]' in lines(flow)
    assert 'batch["batch\\nboth"];' in lines(flow)


def test_blocks_stand_in_blocks() -> None:
    """A choice in a loop: two boxes, the cases by name, by value, and else."""
    flow = TriggerFlow()
    loop = flow.for_each().to(one)
    choice = loop.match().case(is_big).to(("big", two)).case("x").to(("other", two))
    choice.case_else().to(("rest", two)).end_match().end_for_each().to(("after", one))

    assert lines(flow)[3:16] == [
        'subgraph group_each ["for each"]',
        'each["for each"];',
        'one["one"];',
        'gather[["for each collect"]];',
        'subgraph group_match ["match"]',
        'match{"match"};',
        'case[/"is_big"/];',
        "case_2[/\"'x'\"/];",
        'case_3[/"else"/];',
        'big["big"];',
        'other["other"];',
        'rest["rest"];',
        'merge("match result");',
    ]
    shown = lines(flow)
    assert shown[16:18] == ["end", "end"]
    assert {"match --> case_2;", "case_2 --> other;", "merge --> gather;"} <= set(shown)
    assert 'match{"match\\nhit_first"};' in lines(flow, "detailed")


def test_a_condition_without_a_name_is_a_lambda() -> None:
    """And an object that cannot be told is its type."""
    flow = TriggerFlow()
    choice = flow.match().case(lambda data: True).to(("a", one)).case(("t", 1)).to(("b", one))
    choice.case_else().to(("c", one)).end_match()

    assert 'case[/"#lt;lambda#gt;"/];' in lines(flow)
    assert 'case_2[/"tuple"/];' in lines(flow)


def test_all_hits_of_a_match_meet_at_its_result() -> None:
    """Rounded, like the result of a choice."""
    flow = TriggerFlow()
    flow.match(mode="hit_all").case(is_big).to(one).case(1).to(two).end_match()

    assert 'gather("match result");' in lines(flow)
    assert 'match{"match\\nhit_all"};' in lines(flow, "detailed")


def test_events_from_outside_are_sources() -> None:
    """One node for each, with a labelled edge to whoever listens."""
    flow = TriggerFlow()
    flow.when("Told").to(("a", one))
    flow.when("Told").to(("b", one))
    flow.when({"runtime_data": "key"}).to(("c", one))

    shown = lines(flow)
    assert shown[1:3] == ['Told(["Told"]);', 'runtime_data_key(["runtime_data:key"]);']
    assert 'Told -->|"Told"| a;' in shown
    assert 'Told -->|"Told"| b;' in shown
    assert 'runtime_data_key -->|"runtime_data:key"| c;' in shown


def test_a_gate_is_a_diamond() -> None:
    """All its signals lead into it."""
    flow = TriggerFlow()
    flow.when(["A", "B"], mode="or").to(one)

    shown = lines(flow)
    assert 'gate{"when"};' in shown
    assert 'B -->|"B"| gate;' in shown
    assert "gate --> one;" in shown
    assert 'gate{"when\\nor"};' in lines(flow, "detailed")


def test_declared_emits_lead_to_whoever_listens_or_to_nowhere() -> None:
    """An event that a handler says it emits does not come from outside."""
    flow = TriggerFlow()
    teller = flow.chunk("teller")(one).declare_emits("Told", "Unheard")
    flow.to(teller)
    flow.when("Told").to(two)

    shown = lines(flow)
    assert 'teller -. "Told" .-> two;' in shown
    assert 'Unheard(["Unheard"]);' in shown
    assert 'teller -. "Unheard" .-> Unheard;' in shown
    assert 'Told(["Told"]);' not in shown


def test_collections_and_results_are_collectors() -> None:
    """Each branch of a collection, and the sink of the old `end()`."""
    flow = TriggerFlow()
    flow.when("A").to(one).collect("all", "first")
    flow.when("B").to(two).collect("all", "second").to(("after", one))

    shown = lines(flow)
    assert 'collect[["collect all\\nfirst"]];' in shown
    assert 'collect_2[["collect all\\nsecond"]];' in shown
    assert {"collect --> after;", "collect_2 --> after;"} <= set(shown)
    with pytest.warns(DeprecationWarning, match="end is deprecated"):
        flow.when("C").to(("last", two)).end()
    assert 'result_sink("result");' in lines(flow)


def test_a_contract_is_a_box() -> None:
    """What is declared, a line each; nothing declared, no box."""
    flow = TriggerFlow()
    flow.to(one)
    assert "contract" not in flow.to_mermaid()
    flow.set_contract(initial_input=int, stream=str, result=dict, meta={"who": "me", "why": 1})

    (box,) = [line for line in lines(flow) if line.startswith("contract[")]
    for part in ("input: int", "stream: str", "result: dict", "meta: who, why", "system: interr"):
        assert part in box
    assert box.count("\\n") == 4


def test_a_name_cannot_end_its_label() -> None:
    """Double quotes become single; line breaks a backslash and an n."""
    flow = TriggerFlow()
    flow.to(('say "hi"\nloud', one))
    assert "say__hi__loud[\"say 'hi'\\nloud\"];" in lines(flow)


def test_a_chunk_in_two_blocks_that_are_not_in_each_other_stands_in_neither() -> None:
    """A box would say that it belongs to one of them."""
    flow = TriggerFlow()
    shared = flow.chunk("shared")(one)
    flow.when("A").for_each().to(shared).end_for_each()
    flow.when("B").for_each().to(shared).end_for_each()
    shown = lines(flow)

    assert shown.index('shared["shared"];') < shown.index('subgraph group_each ["for each"]')
    assert shown.count('shared["shared"];') == 1


def test_the_same_structure_gives_the_same_text() -> None:
    """Built twice, whatever its name."""

    def made(name: str) -> Any:
        flow = TriggerFlow(name=name)
        flow.batch(("left", one), ("right", two)).to(lambda data: 1)
        return flow

    assert made("a").to_mermaid() == made("b").to_mermaid()
    assert made("a").to_mermaid(mode="detailed") == made("b").to_mermaid(mode="detailed")


def test_a_flow_in_a_flow_is_a_box_with_its_own_picture() -> None:
    """With a way in and a way out, what its handlers say they emit, and its contract."""
    child = TriggerFlow(name="child")
    child.set_contract(result=int)
    teller = child.chunk("teller")(one).declare_emits("Said")
    child.to(teller).to(two)
    flow = TriggerFlow(name="outer")
    flow.to(one).to_sub_flow(child, name="step").to(("after", two))

    for mode in ("simplified", "detailed"):
        shown = lines(flow, mode)
        begin, end = shown.index('subgraph subflow_step ["step"]'), shown.index("end")
        box = shown[begin:end]
        assert 'contract["result: int\\nsystem: interrupt, intervention"];' in box
        assert {
            'sub_flow_step_in(["in"]);',
            'sub_flow_step_out(["out"]);',
            'Said(["Said"]);',
        } <= set(box)
        assert shown[end + 1] == "style subflow_step fill:#F6F8FB,stroke-dasharray: 5 5"
    shown = lines(flow)
    assert {"sub_flow_step_in --> teller;", "two --> sub_flow_step_out;"} <= set(shown)
    assert {"one --> sub_flow_step_in;", "sub_flow_step_out --> after;"} <= set(shown)
