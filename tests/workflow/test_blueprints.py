# SPDX-License-Identifier: Apache-2.0
"""Workflows as blueprints: the same structure again, from data and registered code."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from holdfast import Workflow, WorkflowBuilder
from holdfast.errors import DefinitionError, GraphConnectivityError, HandlersMissing, NotASave
from holdfast.workflow import Case, Default, WorkflowExecutor
from tests.workflow.graphs import Do, Remembers, forward, give
from tests.workflow.subs import Passes, Shows, outer
from tests.workflow.test_pictures import is_large, pick, rich

CONDITIONS = {"is_large": is_large}
SELECTIONS = {"pick": pick}


def code() -> dict[str, Any]:
    """A factory for each executor of `rich`, those inside by path."""
    return {name: _factory(name) for name in [*"abcdefg", "s/x", "s/y"]}


def _factory(path: str) -> Any:
    name = path.rpartition("/")[2]
    kind = Remembers if "/" in path else Do
    return lambda: kind(name, forward)


def again(blueprint: Any, **how: Any) -> Workflow:
    """The workflow that a blueprint of `rich` describes."""
    given = {"executors": code(), "conditions": CONDITIONS, "selections": SELECTIONS, **how}
    return WorkflowBuilder.from_blueprint(blueprint, **given).build()


def test_a_blueprint_builds_an_equal_workflow() -> None:
    """The fingerprint is the same, and so are name, description, limits and designation."""
    workflow = rich()
    blueprint = workflow.save_blueprint()
    made = again(blueprint)

    assert made.fingerprint == workflow.fingerprint
    assert (made.name, made.description) == ("rich", "all of it")
    assert made.save_blueprint() == blueprint
    assert made.plan.graph == workflow.plan.graph


def test_a_blueprint_is_plain_json() -> None:
    """Text is taken too; nothing of the code is in it."""
    text = json.dumps(rich().save_blueprint())
    assert again(text).fingerprint == rich().fingerprint
    with pytest.raises(NotASave, match="a blueprint text is JSON"):
        again("{")


async def test_a_workflow_from_a_blueprint_runs() -> None:
    """With instances or factories; functions serve any number of runs."""
    workflow = outer("a>b b>show", {"a": Passes, "b": Passes, "show": Shows}, name="w")
    blueprint = workflow.save_blueprint()
    executors = {"a": lambda: Passes("a"), "b": Passes("b"), "show": Shows}
    made = WorkflowBuilder.from_blueprint(blueprint, executors=executors).build()

    assert (await made.run("hi")).get_outputs() == ["hi"]
    assert made.plan.shared_instances == ("b",)
    assert workflow.fingerprint == made.fingerprint


async def test_a_checkpoint_of_the_one_is_taken_up_by_the_other(place: Any) -> None:
    """That is what an equal fingerprint is for."""
    parts = {"a": Passes, "s": outer("p>", {"p": Shows("p")}), "show": Shows}
    workflow = outer("a>s s>show", parts, name="w")
    await workflow.run("hi", checkpoint_storage=place)
    kept = await place.list_checkpoint_ids()
    executors = {"a": lambda: Passes("a"), "s/p": lambda: Shows("p"), "show": Shows}
    made = WorkflowBuilder.from_blueprint(workflow.save_blueprint(), executors=executors).build()
    result = await made.run(checkpoint_id=kept[1], checkpoint_storage=place)

    assert result.get_outputs() == ["hi"]
    assert [e.type for e in result if e.type == "warning"] == []


def test_how_a_sub_workflow_is_bound_is_kept() -> None:
    """Direct output and propagated requests, limits and strictness, at any depth."""
    lowest = WorkflowBuilder(start_executor=Shows("p"), max_iterations=3, strict=True).build()
    node = WorkflowExecutor(lowest, "m", allow_direct_output=True, propagate_request=True)
    middle = WorkflowBuilder(start_executor=node, name="middle").build()
    upper = WorkflowExecutor(middle, "s", allow_direct_output=True)
    workflow = WorkflowBuilder(start_executor=upper, strict_state=True).build()
    made = WorkflowBuilder.from_blueprint(
        workflow.save_blueprint(), executors={"s/m/p": lambda: Shows("p")}
    ).build()

    assert made.plan.graph == workflow.plan.graph
    assert made.plan.subs["s"].plan.graph == middle.plan.graph
    assert made.plan.subs["s"].plan.subs["m"].plan.graph == lowest.plan.graph
    assert made.plan.shared_instances == ()


def test_every_missing_name_is_in_one_error() -> None:
    """Executors by path, conditions, selections; each once."""
    executors = {name: one for name, one in code().items() if name not in ("b", "s/x")}
    with pytest.raises(HandlersMissing) as caught:
        again(rich().save_blueprint(), executors=executors, conditions={}, selections={})

    assert caught.value.names == (
        "executor 'b'",
        "executor 's/x'",
        "condition 'is_large'",
        "selection 'pick'",
    )
    assert "not registered: executor 'b', executor 's/x'" in str(caught.value)


def test_an_executor_of_another_type_is_refused() -> None:
    """Or the fingerprint would not be that of the blueprint."""
    with pytest.raises(DefinitionError, match="has a Do at 'b'; the executor given is a Shows"):
        again(rich().save_blueprint(), executors={**code(), "b": Shows("b")})
    with pytest.raises(DefinitionError, match="with the id 'z'"):
        again(rich().save_blueprint(), executors={**code(), "b": Do("z", forward)})


def _two(first: Any, second: Any) -> Workflow:
    a, b, c = Do("a", forward), Do("b", give), Do("c", give)
    made = WorkflowBuilder(start_executor=a).add_edge(a, b, condition=first)
    return made.add_edge(a, c, condition=second).build()


def test_a_function_without_a_name_cannot_be_written_down() -> None:
    """The error says which edge has it."""
    with pytest.raises(DefinitionError, match="non-serializable condition: a->c has one without"):
        _two(is_large, lambda message: True).save_blueprint()

    a, b, c = Do("a", forward), Do("b", give), Do("c", give)
    made = WorkflowBuilder(start_executor=a)
    made.add_multi_selection_edge_group(a, [b, c], lambda message, ids: ids)
    with pytest.raises(DefinitionError, match="non-serializable selection"):
        made.build().save_blueprint()


def test_two_functions_of_one_name_cannot_be_told_apart() -> None:
    """One of them would take the place of the other."""

    def other(message: Any) -> bool:
        return False

    other.__name__ = "is_large"
    with pytest.raises(DefinitionError, match="two different ones are named 'is_large'"):
        _two(is_large, other).save_blueprint()
    assert _two(is_large, is_large).save_blueprint()["groups"][0]["condition"] == "is_large"


def _changed(path: str, value: Any) -> Any:
    """The blueprint of `rich` with one place changed; a value of ... takes the place out."""
    blueprint: Any = copy.deepcopy(rich().save_blueprint())
    *way, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    place = blueprint
    for step in way:
        place = place[step]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return blueprint


@pytest.mark.parametrize(
    ("path", "value", "error"),
    [
        ("version", "holdfast.workflow/9", "version: expected 'holdfast.workflow/1'"),
        ("version", ..., "version: expected"),
        ("name", 7, "name: expected text; found int"),
        ("start", "", "start: expected text"),
        ("max_iterations", True, "max_iterations: expected a number"),
        ("max_iterations", 0, "max_iterations: expected a number"),
        ("strict", "no", "strict: expected true or false; found 'no'"),
        ("executors", {}, "executors: expected a list; found dict"),
        ("executors.0", "a", r"executors\[0\]: expected a mapping; found str"),
        ("executors.0.type", ..., r"executors\[0\].type: expected text"),
        ("outputs", [1], "outputs: expected text"),
        ("groups.0.kind", "ring", "expected one of single, fan_out, fan_in, multi, switch"),
        ("groups.0.sources", [], "sources: expected ids, each once"),
        ("groups.0.sources", ["a", "b"], "too many sources or targets for a single"),
        ("groups.0.condition", 1, "condition: expected text"),
        ("groups.1.targets", ["c"], "too few sources or targets for a fan_out"),
        ("groups.1.targets", ["c", "c"], "expected ids, each once"),
        ("groups.2.sources", ["c"], "too few sources or targets for a fan_in"),
        ("groups.2.when", "never", "expected all, any or settled"),
        ("groups.3.cases", [], "expected conditions, and one default at the end"),
        ("groups.3.cases.1.condition", "is_large", "one default at the end"),
        ("groups.3.cases.0.condition", None, "one default at the end"),
        ("groups.3.cases.0.targets", ["g"], "targets: expected those of the cases"),
        ("groups.4.selection", None, "selection: expected text"),
        ("groups.0.targets", ["nobody"], "nobody"),
        ("start", "nobody", "nobody"),
    ],
)
def test_what_no_builder_could_have_written_is_refused(path: str, value: Any, error: str) -> None:
    """With the place, and before anything is made of it."""
    with pytest.raises((DefinitionError, TypeError), match=error):
        again(_changed(path, value))


def test_what_is_no_mapping_is_refused() -> None:
    """A TypeError."""
    with pytest.raises(TypeError, match="expected a mapping; found list"):
        again([])


def test_a_blueprint_cannot_be_nested_for_ever() -> None:
    """A document must not decide how deep this program recurses."""
    blueprint = outer("p>", {"p": Passes}, name="w").save_blueprint()
    for _ in range(60):
        stand = {"id": "s", "workflow": blueprint}
        blueprint = {**blueprint, "executors": [stand], "start": "s", "groups": []}
    with pytest.raises(DefinitionError, match="more than 50 deep"):
        again(blueprint)


def test_a_lone_executor_is_named_first() -> None:
    """`add_executor` puts one into the graph that no edge names, and it counts as any other."""
    one = Do("a", give)
    made = WorkflowBuilder().add_executor(one).set_start_executor("a").build()
    assert list(made.executors.values()) == [one]
    with pytest.raises(GraphConnectivityError, match="Not reached from the start 'a': b"):
        WorkflowBuilder(start_executor=one).add_executor(Do("b", give)).build()


def test_a_switch_with_several_targets_comes_back() -> None:
    """In the order in which its cases name them."""
    a, b, c, d = (Do(name, forward) for name in "abcd")
    made = WorkflowBuilder(start_executor=a)
    made.add_switch_case_edge_group(a, [Case(is_large, [c, b]), Default([b, d])])
    workflow = made.build()
    executors = {name: _factory(name) for name in "abcd"}
    back = WorkflowBuilder.from_blueprint(
        workflow.save_blueprint(), executors=executors, conditions=CONDITIONS
    ).build()

    assert back.plan.graph.groups == workflow.plan.graph.groups
