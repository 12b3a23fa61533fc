# SPDX-License-Identifier: Apache-2.0
"""Flows and workflows that the tests of the command line start."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from holdfast import (
    Engine,
    Executor,
    TriggerFlow,
    WorkflowBuilder,
    WorkflowContext,
    handler,
    response_handler,
)

a_number = 7


@dataclass(frozen=True)
class Claim:
    text: str
    amount: int


@dataclass(frozen=True)
class Verdict:
    accept: bool


async def ask(data):
    """Ask once."""
    payload = Claim(**data.value) if isinstance(data.value, dict) else data.value
    await data.async_pause_for(type="approval", payload=payload, interrupt_id="approve")


def note(data):
    """Keep the answer."""
    data.set_state("answer", data.value)


approval = TriggerFlow(name="approval")
approval.register_type(Claim)
approval.to(ask).to(note)


async def ask_and_be_answered(data):
    """Ask, and let somebody with a store of their own answer while this run is carried."""
    await data.async_pause_for(payload="?", interrupt_id="approve")
    async with Engine(data.value) as outside:
        await outside.answer(data.execution_id, "approve", "from outside")


busy = TriggerFlow(name="busy")
busy.to(ask_and_be_answered).to(note)


async def ask_many(data):
    """Ask about each item."""
    await data.async_pause_for(type="one of many", payload=data.value, interrupt_id=str(data.value))


many = TriggerFlow(name="many")
many.for_each().to(ask_many).end_for_each()


async def add(data):
    """Add numbers up."""
    data.set_state("sum", sum(data.value or []))
    data.set_state("types", (1, {"b"}))


total = TriggerFlow(name="total")
total.to(add)


def note_begin(door):
    """Add a letter to a file beside the one that is waited for."""
    with Path(f"{door}.begun").open("a") as file:
        file.write("b")


def is_open(door):
    """Whether somebody made the file."""
    return Path(door).exists()


async def wait_for_file(data):
    """Say that it begins, and wait."""
    note_begin(data.value)
    while not is_open(data.value):  # noqa: ASYNC110 - another process makes it
        await asyncio.sleep(0.01)
    return data.value


slow = TriggerFlow(name="slow")
slow.to(wait_for_file).to(note)


def divide(data):
    """Fail until a file is there."""
    if not Path(data.value).exists():
        raise ZeroDivisionError("the file is\x1b[31m missing")
    data.set_state("divided", True)


fragile = TriggerFlow(name="fragile")
fragile.to(divide)


class Reviewer(Executor):
    @handler
    async def review(self, message: dict, ctx: WorkflowContext[str, str]) -> None:
        await ctx.request_info(Claim(**message), Verdict, request_id="review")

    @response_handler
    async def reviewed(
        self, original_request: Claim, response: Verdict, ctx: WorkflowContext[str, str]
    ) -> None:
        await ctx.yield_output(f"{original_request.text}: {response.accept}")


review = (
    WorkflowBuilder(name="review", start_executor="reviewer")
    .register("reviewer", lambda: Reviewer("reviewer"))
    .build()
)
