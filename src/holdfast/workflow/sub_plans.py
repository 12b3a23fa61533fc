# SPDX-License-Identifier: Apache-2.0
"""What a builder makes of the sub-workflows among its executors."""

from __future__ import annotations

from collections.abc import Mapping

from holdfast.definition.embedding import Inner
from holdfast.definition.graph import Graph
from holdfast.definition.subgraph import SEPARATOR
from holdfast.errors import DefinitionError
from holdfast.workflow.edges import Rules
from holdfast.workflow.executor import Executor
from holdfast.workflow.function_executor import FunctionExecutor
from holdfast.workflow.plan import Factory, SubPlan, WorkflowPlan, make_executor
from holdfast.workflow.sub_messages import SubWorkflowRequestMessage
from holdfast.workflow.sub_workflow import WorkflowExecutor

Executors = Mapping[str, Executor]


def sub_plans(executors: Executors, factories: Mapping[str, Factory]) -> dict[str, SubPlan]:
    """Give the plan behind each sub-workflow; one whose node has a factory is made for each run."""
    found: dict[str, SubPlan] = {}
    for name, one in executors.items():
        if isinstance(one, WorkflowExecutor):
            factory = factories.get(name)
            found[name] = one.sub_plan if factory is None else _remade(name, one.sub_plan, factory)
    return found


def _remade(name: str, sub: SubPlan, factory: Factory) -> SubPlan:
    def remake() -> WorkflowPlan:
        made = make_executor(name, factory)
        if not isinstance(made, WorkflowExecutor):
            raise DefinitionError(
                f"The factory of {name!r} gave a {made.type}, and a sub-workflow before"
            )
        return made.sub_plan.plan

    return SubPlan(plan=sub.plan, types=sub.types, remake=remake)


def inner_graphs(executors: Executors) -> dict[str, Inner]:
    """Give the graph of each sub-workflow, to be put at its node."""
    return {
        name: Inner(
            graph=one.sub_plan.plan.graph,
            allow_direct_output=one.allow_direct_output,
            propagate_request=one.propagate_request,
        )
        for name, one in executors.items()
        if isinstance(one, WorkflowExecutor)
    }


def inner_rules(subs: Mapping[str, SubPlan]) -> dict[str, Rules]:
    """Give the functions of the edges of all sub-workflows, by the names the groups have here."""
    return {
        f"{path}{SEPARATOR}{name}": rules
        for path, sub in subs.items()
        for name, rules in sub.plan.rules.items()
    }


def shared_executors(instances: Executors, subs: Mapping[str, SubPlan]) -> tuple[str, ...]:
    """Give the paths of the instances that hold something, so that one run at a time may use them.

    Raises: DefinitionError if one instance stands at two nodes: its messages and its saved state
    would be those of both.
    """
    holding = [(n, one) for n, one in instances.items() if not _holds_nothing(one)]
    for name, sub in subs.items():
        if sub.remake is None:
            inner = sub.plan.instances()
            holding += [(f"{name}{SEPARATOR}{n}", x) for n, x in inner if not _holds_nothing(x)]
    places: dict[int, str] = {}
    for path, one in holding:
        other = places.setdefault(id(one), path)
        if other != path:
            raise DefinitionError(
                f"The executor at {path!r} is the same instance as the one at {other!r}",
                hint="Give sub-workflows as factories: WorkflowExecutor(make_inner, id).",
            )
    return tuple(path for path, _ in holding)


def sub_notices(graph: Graph, executors: Executors) -> list[str]:
    """Give what is probably not meant with sub-workflows, one sentence each."""
    found: list[str] = []
    for name, one in executors.items():
        if not isinstance(one, WorkflowExecutor):
            continue
        plan = one.sub_plan.plan
        found += [f"In sub-workflow {name!r}: {text}" for text in plan.warnings]
        if plan.checkpoint_storage is not None:
            found.append(
                f"The checkpoint storage of sub-workflow {name!r} is not used: the run around it "
                "keeps all of it."
            )
        yields = [form for form in one.output_types if form is not SubWorkflowRequestMessage]
        if yields and not graph.out_groups(name):
            found.append(
                f"What sub-workflow {name!r} yields goes nowhere: add an edge, or give it "
                "allow_direct_output=True."
            )
    return found


def _holds_nothing(one: Executor) -> bool:
    return isinstance(one, FunctionExecutor | WorkflowExecutor)
