# SPDX-License-Identifier: Apache-2.0
"""Questions of sub-workflows with a deadline, wherever they are asked."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast.runtime.clock import SystemClock
from holdfast.testing.clock import FakeClock
from holdfast.workflow import SubWorkflowRequestMessage
from tests.workflow.graphs import Context, Do, warnings_of
from tests.workflow.subs import Answers, Shows, inner, outer


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    """The clock of every run, moved by the test."""
    fake = FakeClock(1000.0)
    for name in ("now", "monotonic", "call_later"):
        method = getattr(fake, name)
        monkeypatch.setattr(SystemClock, name, lambda _self, *given, f=method: f(*given))
    return fake


def asking(**terms: Any) -> Any:
    """An inner workflow whose executor asks with these terms."""

    async def ask(message: Any, ctx: Context) -> None:
        await ctx.request_info(message, str, request_id="q", **terms)

    async def heard(request: Any, answer: Any, ctx: Context) -> None:
        await ctx.yield_output(f"{request}: {answer}")

    return inner("x>", {"x": (ask, heard)}, kind=Do)


async def person(request: SubWorkflowRequestMessage, ctx: Any) -> None:
    """Ask somebody before answering."""
    await ctx.request_info("what shall I say?", str, request_id="person")


def made(place: Any, work: Any, **terms: Any) -> Any:
    """The graph around takes the question, and does with it what it is told."""
    parts = {"s": asking(**terms), "boss": Answers("boss", work), "show": Shows()}
    return outer("s>boss boss>s s>show", parts, name="w", checkpoint_storage=place)


async def test_a_question_that_waits_inside_gets_its_default(place: Any, clock: FakeClock) -> None:
    """Whoever took it is still asking somebody else, and that question stays open."""
    workflow = made(place, person, deadline=60, default="nobody")
    asked = await workflow.run("here?")
    assert [e.request_id for e in asked.get_request_info_events()] == ["person"]

    clock.pass_s(60)
    result = await workflow.run(resume=True)
    assert result.get_outputs() == ["here?: nobody"]
    assert [wait.id for wait in _waits(workflow)] == ["person"]


async def test_a_question_that_waits_inside_expires_without_a_default(
    place: Any, clock: FakeClock
) -> None:
    """A warning says so; a response that comes later finds no question."""
    workflow = made(place, person, deadline=60)
    await workflow.run("here?")
    clock.pass_s(60)
    result = await workflow.run(resume=True)

    assert any("nobody answered 'q'" in text for text in warnings_of(result))
    assert [wait.id for wait in _waits(workflow)] == ["person"]


async def test_a_question_that_was_left_to_the_outside_keeps_its_deadline(
    place: Any, clock: FakeClock
) -> None:
    """Taken and not answered, then asked outside: the default comes when it was to come."""
    workflow = made(place, None, deadline=60, default="nobody")
    asked = await workflow.run("here?")
    assert [e.request_id for e in asked.get_request_info_events()] == ["q"]

    clock.pass_s(60)
    assert (await workflow.run(resume=True)).get_outputs() == ["here?: nobody"]


async def test_an_answer_from_inside_comes_before_the_deadline(
    place: Any, clock: FakeClock
) -> None:
    """And nothing happens when it passes."""

    async def answer(request: SubWorkflowRequestMessage, ctx: Any) -> None:
        await ctx.send_message(request.create_response("me"), target_id=request.executor_id)

    workflow = made(place, answer, deadline=60, default="nobody")
    assert (await workflow.run("here?")).get_outputs() == ["here?: me"]
    clock.pass_s(60)
    assert _waits(workflow) == []


def _waits(workflow: Any) -> list[Any]:
    return [wait for wait in _run(workflow).waits.values() if not wait.answered]


def _run(workflow: Any) -> Any:
    return workflow._seats.latest.current.run
