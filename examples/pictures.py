# SPDX-License-Identifier: Apache-2.0
"""Pictures of a workflow: printed as Mermaid, written as DOT.

Run it, and render what it wrote if Graphviz is at hand::

    python examples/pictures.py orders.dot
    dot -Tsvg orders.dot -o orders.svg
"""

from __future__ import annotations

import sys
from typing import Any

from holdfast import Executor, Workflow, WorkflowBuilder, WorkflowContext, WorkflowExecutor, handler
from holdfast.workflow import Case, Default, WorkflowViz

Order = dict[str, Any]


class Step(Executor):
    """Passes an order on."""

    @handler
    async def take(self, order: Order, ctx: WorkflowContext[Order, Order]) -> None:
        """Take an order."""
        await ctx.send_message(order)


class Last(Executor):
    """Gives an order out."""

    @handler
    async def take(self, order: Order, ctx: WorkflowContext[None, Order]) -> None:
        """Take an order."""
        await ctx.yield_output(order)


class Merge(Executor):
    """Takes what several steps said about an order."""

    @handler
    async def take(self, parts: list[Order], ctx: WorkflowContext[None, int]) -> None:
        """Take all parts at once."""
        await ctx.yield_output(len(parts))


def is_large(order: Order) -> bool:
    """Whether somebody should look at it."""
    return bool(order["price"] > 1000)


def review() -> Workflow:
    """What large orders go through."""
    read, sign = Step("read"), Last("sign")
    return WorkflowBuilder(start_executor=read).add_edge(read, sign).build()


def orders() -> Workflow:
    """A switch, a sub-workflow, a fan-out and a fan-in."""
    take, quick = Step("take"), Last("quick")
    stock, credit, merge = Step("stock"), Step("credit"), Merge("merge")
    large = WorkflowExecutor(review, "review")
    return (
        WorkflowBuilder(name="orders", start_executor=take)
        .add_switch_case_edge_group(take, [Case(is_large, large), Default(quick)])
        .add_fan_out_edges(large, [stock, credit])
        .add_fan_in_edges([stock, credit], merge)
        .build()
    )


def main(path: str) -> None:
    """Print one picture and write the other."""
    viz = WorkflowViz(orders())
    print(viz.to_mermaid())
    print(f"written: {viz.save_dot(path)}")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "orders.dot")
