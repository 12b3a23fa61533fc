# SPDX-License-Identifier: Apache-2.0
"""Which answers a pause takes: its schema decides, in memory, in a store and after a load."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import Any, Literal

import pytest

from holdfast import TriggerFlow
from holdfast.errors import AnswerRefused, DefinitionError
from tests.triggerflow.handlers import collect, keep

Opened = Callable[..., Any]


@dataclasses.dataclass
class Verdict:
    """What a boss says."""

    approved: bool
    up_to: int = 0


def asking(*after: Any, **terms: Any) -> TriggerFlow[Any, Any, Any]:
    """A flow that asks with these terms, and hands the answer on."""

    async def ask(data: Any) -> Any:
        return await data.async_pause_for(interrupt_id="q", **terms)

    flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="asking")
    cursor = flow.to(ask)
    for target in after:
        cursor = cursor.to(target)
    return flow


CASES: list[tuple[Any, Any, Any]] = [
    ({"type": "integer"}, 7, "7"),
    ({"enum": ["yes", "no"]}, "yes", "perhaps"),
    (bool, True, 1),
    (list[str], ["a"], ["a", 1]),
    (Literal["yes", "no"], "no", "No"),
    (int | None, None, "none"),
    (Verdict, {"approved": True}, {"approved": "yes"}),
    (Verdict, {"approved": True, "up_to": 3}, {"up_to": 3}),
]


@pytest.mark.parametrize(("schema", "fits", "misfit"), CASES)
async def test_an_answer_that_does_not_fit_is_refused_and_the_pause_stays(
    opened: Opened, schema: Any, fits: Any, misfit: Any
):
    """With its request id free for the next one; a dict of the subset or a type says what fits."""
    execution = opened(asking(keep, response_schema=schema))
    await execution.async_start()
    for _ in range(2):
        with pytest.raises(AnswerRefused) as refused:
            await execution.async_continue_with("q", misfit, resume_request_id="r")
        assert refused.value.problems
        assert isinstance(refused.value, ValueError)
        assert execution.is_waiting()
    await execution.async_continue_with("q", fits, resume_request_id="r")

    assert await execution.async_close() == {"kept": fits}


async def test_the_schema_is_in_the_interrupt_and_in_the_save(opened: Opened):
    """Whoever loads it refuses the same answers."""
    schema = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}
    flow = asking(keep, response_schema=schema)
    execution = opened(flow)
    await execution.async_start()
    assert execution.get_pending_interrupts()["q"]["response_schema"] == schema
    saved = json.loads(json.dumps(execution.save()))

    restored = flow.create_execution(auto_close=False).load(saved)
    with pytest.raises(AnswerRefused):
        await restored.async_continue_with("q", {})
    await restored.async_continue_with("q", {"ok": False})
    assert await restored.async_close() == {"kept": {"ok": False}}


async def test_what_the_caller_does_to_its_schema_later_changes_nothing(opened: Opened):
    """The question was asked with it as it was."""
    schema: dict[str, Any] = {"type": "object", "properties": {"n": {"type": "integer"}}}
    execution = opened(asking(keep, response_schema=schema))
    await execution.async_start()
    schema["properties"]["n"]["type"] = "string"

    with pytest.raises(AnswerRefused):
        await execution.async_continue_with("q", {"n": "text"})
    await execution.async_continue_with("q", {"n": 1})


@pytest.mark.parametrize("schema", [None, {}, Any])
async def test_nothing_said_is_anything_goes(opened: Opened, schema: Any):
    """Also a live object, in a run that nobody keeps."""
    execution = opened(asking(keep, response_schema=schema))
    await execution.async_start()
    await execution.async_continue_with("q", {"any": [1]})

    assert await execution.async_close() == {"kept": {"any": [1]}}


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "money"},
        {"pattern": "a+"},
        {"properties": {"a": {"minimum": 1}}},
        {"enum": []},
        TriggerFlow,
        "integer",
        7,
    ],
)
async def test_a_schema_outside_of_the_subset_is_refused_at_the_call(opened: Opened, schema: Any):
    """With its place; no question is asked."""
    execution = opened(asking(response_schema=schema))
    with pytest.raises(DefinitionError):
        await execution.async_start()

    assert execution.get_pending_interrupts() == {}


async def test_a_pause_outside_a_chunk_has_a_schema_too(opened: Opened):
    """As any other."""
    execution = opened(TriggerFlow())
    await execution.async_pause_for(interrupt_id="q", response_schema=int)
    with pytest.raises(AnswerRefused):
        await execution.async_continue_with("q", "7")

    assert (await execution.async_continue_with("q", 7))["resume_value"] == 7


async def test_a_label_for_whoever_carries_the_question_outside_is_kept(opened: Opened):
    """It means nothing to the run."""
    flow = asking(collect, exchange_kind="mail")
    execution = opened(flow)
    await execution.async_start()
    restored = flow.create_execution(auto_close=False).load(json.dumps(execution.save()))

    for each in (execution, restored):
        assert each.get_interrupt("q")["external_wait_request"] == {"exchange_kind": "mail"}
