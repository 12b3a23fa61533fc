# SPDX-License-Identifier: Apache-2.0
"""Requests with a deadline: a default is the response; without one the request has an end."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from holdfast import Executor, WorkflowBuilder, WorkflowContext, handler, response_handler
from holdfast.errors import DefinitionError, WaitExpired
from holdfast.runtime.clock import SystemClock
from holdfast.testing.clock import FakeClock
from holdfast.workflow.events import (
    RequestInfoEvent,
    WorkflowEvent,
    WorkflowStatusEvent,
    WorkflowWarningEvent,
)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    """The clock of every run, moved by the test."""
    fake = FakeClock(1000.0)
    for name in ("now", "monotonic", "call_later"):
        method = getattr(fake, name)
        monkeypatch.setattr(SystemClock, name, lambda _self, *given, f=method: f(*given))
    return fake


class Asks(Executor):
    """Asks with these terms, and yields each answer."""

    def __init__(self, *terms: dict[str, Any]) -> None:
        super().__init__("asks")
        self.terms = terms

    @handler
    async def start(self, message: str, ctx: WorkflowContext[None, str]) -> None:
        """Ask one question for each of the terms."""
        for number, terms in enumerate(self.terms):
            await ctx.request_info(f"{message} {number}", str, request_id=f"q{number}", **terms)

    @response_handler
    async def answered(self, asked: str, answer: str, ctx: WorkflowContext[None, str]) -> None:
        """Yield it."""
        await ctx.yield_output(f"{asked}: {answer}")


def asks(*terms: dict[str, Any], **how: Any) -> Any:
    """A workflow of the one executor."""
    return WorkflowBuilder(name="asks", start_executor=Asks(*terms), **how).build()


async def test_the_next_call_lets_what_has_passed_take_effect(place: Any, clock: FakeClock) -> None:
    """The default is the response, wherever the run is kept; other requests stay open."""
    workflow = asks({"deadline": 60, "default": "nobody"}, {}, checkpoint_storage=place)
    await workflow.run("here?")
    clock.pass_s(60)
    result = await workflow.run(resume=True)

    assert result.get_outputs() == ["here? 0: nobody"]
    result = await workflow.run(responses={"q1": "me"})
    assert result.get_outputs() == ["here? 1: me"]


async def test_an_answer_lets_what_has_passed_take_effect_beside_it(clock: FakeClock) -> None:
    """In memory; both responses are handled in one call."""
    workflow = asks({"deadline": 60, "default": "nobody"}, {})
    await workflow.run("here?")
    clock.pass_s(60)
    result = await workflow.run(responses={"q1": "me"})

    assert sorted(result.get_outputs()) == ["here? 0: nobody", "here? 1: me"]


async def test_a_late_answer_is_refused_and_nothing_is_consumed(
    place: Any, clock: FakeClock
) -> None:
    """WaitExpired names the request; the other answer of the call can be given again."""
    workflow = asks({"deadline": 60, "default": "nobody"}, {}, checkpoint_storage=place)
    await workflow.run("here?")
    clock.pass_s(60)
    for _ in range(2):
        with pytest.raises(WaitExpired, match="q0"):
            await workflow.run(responses={"q1": "me", "q0": "late"})
    result = await workflow.run(responses={"q1": "me"})
    assert sorted(result.get_outputs()) == ["here? 0: nobody", "here? 1: me"]


async def test_a_request_that_has_expired_says_so_later_too(place: Any, clock: FakeClock) -> None:
    """As long as its line is kept."""
    workflow = asks({"deadline": 60}, {}, checkpoint_storage=place)
    await workflow.run("here?")
    clock.pass_s(60)
    await workflow.run(resume=True)

    with pytest.raises(WaitExpired, match="q0"):
        await workflow.run(responses={"q0": "late"})


async def test_without_a_default_the_request_expires_with_a_warning(
    place: Any, clock: FakeClock
) -> None:
    """And a run that only waited for it has completed."""
    workflow = asks({"deadline": 60}, checkpoint_storage=place)
    await workflow.run("here?")
    clock.pass_s(60)
    events = [event async for event in workflow.run(resume=True, stream=True)]

    (warning,) = [event for event in events if isinstance(event, WorkflowWarningEvent)]
    assert "nobody answered 'q0' before its deadline" in str(warning.data)
    states = [event.state.value for event in events if isinstance(event, WorkflowStatusEvent)]
    assert states[-1] == "IDLE"


async def test_a_deadline_passes_while_others_work(clock: FakeClock) -> None:
    """By a timer: the call that is under way handles the response too."""
    gate = asyncio.Event()
    reached = asyncio.Event()

    class Slow(Executor):
        @handler
        async def work(self, message: str, ctx: WorkflowContext[None, str]) -> None:
            reached.set()
            await gate.wait()
            await ctx.yield_output("slow")

    class First(Asks):
        @handler
        async def start(self, message: str, ctx: WorkflowContext[str, str]) -> None:
            await super().start(message, ctx)
            await ctx.send_message(message)

    first, slow = First({"deadline": 60, "default": "nobody"}), Slow("slow")
    builder = WorkflowBuilder(name="two", start_executor=first)
    workflow = builder.add_edge(first, slow).build()
    run = asyncio.ensure_future(workflow.run("here?"))
    await reached.wait()
    clock.pass_s(60)
    for _ in range(5):
        await asyncio.sleep(0)
    gate.set()

    assert (await run).get_outputs() == ["slow", "here? 0: nobody"]


async def test_no_timer_stays_behind_when_a_call_has_returned(clock: FakeClock) -> None:
    """Nobody would hear what it starts; the next call looks at the time."""
    workflow = asks({"deadline": 60, "default": "nobody"})
    await workflow.run("here?")

    assert clock.pending == 0


async def test_a_checkpoint_is_restored_after_its_deadline(place: Any, clock: FakeClock) -> None:
    """The default takes effect; what has expired is not asked again, what is open is."""
    terms = ({"deadline": 60, "default": "nobody"}, {})
    before = asks(*terms, checkpoint_storage=place)
    await before.run("here?")
    checkpoint_id = before.get_last_checkpoint_id()
    clock.pass_s(600)
    after = asks(*terms, checkpoint_storage=place)
    events: list[WorkflowEvent] = [
        event async for event in after.run(checkpoint_id=checkpoint_id, stream=True)
    ]

    assert [e.request_id for e in events if isinstance(e, RequestInfoEvent)] == ["q1"]
    assert [e.data for e in events if e.type == "output"] == ["here? 0: nobody"]


@pytest.mark.parametrize(
    "terms",
    [
        {"default": "x"},
        {"deadline": 5, "default": 7},
        {"deadline": 5, "default": None},
        {"deadline": -1},
        {"deadline": "soon"},
    ],
)
async def test_terms_that_make_no_sense_are_refused_at_the_call(terms: dict[str, Any]) -> None:
    """A default has to be an answer that the handler could get."""
    with pytest.raises(DefinitionError):
        await asks(terms).run("here?")
