# SPDX-License-Identifier: Apache-2.0
"""The flow that the flow machine drives: every handler does what it is told."""

from __future__ import annotations

from typing import Any

from holdfast import TriggerFlow
from tests.model.flow_model import CAP, label_of
from tests.model.stage import Op, Stage


def flow(stage: Stage, worker: Any) -> TriggerFlow[Any, Any, Any]:
    """The definition, with handlers that belong to a worker."""

    def told(node: str) -> Any:
        async def play(data: Any) -> Any:
            via = data.resume.interrupt_id if data.is_resume else None
            label = label_of(node, data.input, via)
            return (await stage.play(worker, label, lambda op: act(stage, data, op)))[1]

        return node, play

    made: TriggerFlow[Any, Any, Any] = TriggerFlow(name="model")
    made.to(told("root"))
    made.when("Go").to(told("first")).to(told("second"))
    made.when("Pair").to(told("left"))
    made.when("Pair").to(told("right"))
    made.when(["L", "R"]).to(told("both"))
    made.when("Items").for_each(concurrency=CAP).to(told("item")).end_for_each().to(told("total"))
    made.when("Late").to(told("late"))
    made.when("Sent").to(told("sent"))
    return made


async def act(stage: Stage, data: Any, op: Op) -> Any:
    """Do one thing that a handler was told."""
    match op:
        case ("set", key, value):
            await data.async_set_state(key, value)
        case ("delete", key):
            await data.async_del_state(key)
        case ("append", key, item):
            await data.async_append_state(key, item)
        case ("emit", event, value):
            results = await data.async_emit(event, value)
            return ["asked" if isinstance(each, dict) else each for each in results]
        case ("step", key, value):
            return await stage.step(data, key, value)
        case ("end", value):
            return value
        case ("ask", wait_id, terms):
            return await data.async_pause_for(interrupt_id=wait_id, **wanted(terms))
    return None


def wanted(terms: dict[str, Any]) -> dict[str, Any]:
    """The keywords of a pause."""
    resume = {"event": "Sent"} if terms["resume"] == "event" else terms["resume"]
    asked: dict[str, Any] = {"resume_to": resume, "payload": terms["payload"]}
    if terms["deadline_s"] is not None:
        asked["deadline"] = terms["deadline_s"]
        if terms["lapse"] == "default":
            asked["default"] = terms["default"]
        elif terms["lapse"] == "event":
            asked["timeout_event"] = "Late"
    return asked
