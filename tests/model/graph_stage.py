# SPDX-License-Identifier: Apache-2.0
"""The graph that the graph machine drives: every executor does what it is told."""

from __future__ import annotations

from typing import Any

from holdfast import Executor, WorkflowBuilder, WorkflowContext, handler, response_handler
from tests.model.graph_model import SOURCES, TARGETS, label_of
from tests.model.stage import Op, Stage


class Told(Executor):
    """Does what it is told, and counts its calls that have ended."""

    checkpoint_fields = ("count",)

    def __init__(self, name: str, stage: Stage, worker: Any) -> None:
        super().__init__(name)
        self.stage = stage
        self.worker = worker
        self.count = 0

    @handler
    async def take(self, message: int, ctx: WorkflowContext[int, int]) -> None:
        await self._play(label_of(self.id, message), ctx)

    @handler
    async def join(self, messages: list[int], ctx: WorkflowContext[int, int]) -> None:
        await self._play(label_of(self.id, messages), ctx)

    @response_handler
    async def answered(self, asked: int, answer: int, ctx: WorkflowContext[int, int]) -> None:
        await self._play(label_of(self.id, [asked, answer], "response"), ctx)

    async def _play(self, label: str, ctx: Any) -> None:
        await self.stage.play(self.worker, label, lambda op: self._act(ctx, op))
        self.count += 1

    async def _act(self, ctx: Any, op: Op) -> Any:
        match op:
            case ("step", key, value):
                return await self.stage.step(ctx, key, value)
            case ("set", key, value):
                ctx.set_state(key, value)
            case ("delete", key, _):
                ctx.delete_state(key)
            case ("append", key, item):
                ctx.append_state(key, item)
            case ("read", key):
                return [ctx.get_state(key), self.count]
            case ("end", told):
                for value in told["outputs"]:
                    await ctx.yield_output(value)
                for value in told["sends"]:
                    await ctx.send_message(value)
                for wait_id, terms in told["asks"].items():
                    more = {} if terms["deadline_s"] is None else {"deadline": terms["deadline_s"]}
                    if terms["default"] is not None:
                        more["default"] = terms["default"]
                    await ctx.request_info(terms["payload"], int, request_id=wait_id, **more)
        return None


def graph(stage: Stage, worker: Any) -> Any:
    """The definition, with executors that belong to a worker."""
    builder = WorkflowBuilder(name="model", start_executor="a")
    for name in ("a", "left", "right", "join"):
        builder.register(name, lambda name=name: Told(name, stage, worker))
    builder.add_fan_out_edges("a", TARGETS["a"])
    builder.add_fan_in_edges(SOURCES, "join")
    builder.add_edge("join", "a")
    return builder.build()
