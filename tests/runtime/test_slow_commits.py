# SPDX-License-Identifier: Apache-2.0
"""What happens while a commit is on its way: nobody is told before it is down."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from holdfast import (
    Engine,
    Executor,
    TriggerFlow,
    WorkflowBuilder,
    WorkflowContext,
    handler,
    response_handler,
)
from holdfast.errors import OwnershipLost, RunCancelled, StoreFull, StoreUnavailable
from holdfast.persistence.store import Claim, Commit, InboxItem, Post, RunHead, Stored
from holdfast.persistence.stores.memory import MemoryStore
from holdfast.runtime import looking
from holdfast.runtime.looking import Looking
from holdfast.testing.invariants import problems_of


class SlowStore(MemoryStore):
    """Lets commits of one status wait until `let` is set; `reached` says that one does."""

    def __init__(self, slow: str) -> None:
        super().__init__()
        self.slow = slow
        self.reached = asyncio.Event()
        self.let = asyncio.Event()

    async def _slowly(self, commit: Commit) -> None:
        if commit.status == self.slow and not self.let.is_set():
            self.reached.set()
            await self.let.wait()

    async def open_run(self, head: RunHead, commit: Commit, owner: str | None) -> Claim | None:
        """As any store, in its time."""
        await self._slowly(commit)
        return await super().open_run(head, commit, owner)

    async def append(self, claim: Claim, commit: Commit, *, after: int) -> int:
        """As any store, in its time."""
        await self._slowly(commit)
        return await super().append(claim, commit, after=after)


async def turns(count: int = 50) -> None:
    """Let everything happen that can."""
    for _ in range(count):
        await asyncio.sleep(0)


def simple(calls: list[str]) -> Any:
    """A flow of one chunk, which waits for nothing."""

    async def step(data: Any) -> None:
        calls.append("begun")
        await data.async_set_state("done", True)

    flow: Any = TriggerFlow(name="flow")
    flow.to(step)
    return flow


async def test_a_result_is_given_when_the_end_is_saved() -> None:
    """Whoever asks while the commit that ends the run is on its way waits for it."""
    store = SlowStore("completed")
    async with Engine(store, [flow := simple([])]) as engine:
        run = await engine.start(flow, 1, run_id="run")
        await store.reached.wait()
        asked = [asyncio.ensure_future(run.result()) for _ in range(2)]
        await turns()
        early = [each.done() for each in asked]
        store.let.set()
        assert early == [False, False]
        assert await asyncio.gather(*asked) == [{"done": True}] * 2


async def test_an_end_that_was_not_saved_is_told_to_nobody() -> None:
    """Whoever asked gets the failed save instead of a snapshot."""
    store = SlowStore("completed")
    async with Engine(store, [flow := simple([])], recover=False) as engine:
        run = await engine.start(flow, 1, run_id="run")
        await store.reached.wait()
        asked = asyncio.ensure_future((await engine.driven("run")).outcome())
        await turns()
        await store.claim("run", "another", over=(await run.row()).owner)
        store.let.set()
        with pytest.raises(OwnershipLost):
            await asked
        assert (await run.row()).status != "completed"


async def test_a_cancelled_run_says_so_when_that_is_saved() -> None:
    """Neither the end nor an empty snapshot comes before."""
    store = SlowStore("cancelled")
    flow: Any = TriggerFlow(name="flow")

    async def ask(data: Any) -> Any:
        return await data.async_pause_for(interrupt_id="ok")

    flow.to(ask)
    async with Engine(store, [flow]) as engine:
        run = await engine.start(flow, 1, run_id="run")
        await run.until_idle()
        cancelling = asyncio.ensure_future(engine.cancel("run"))
        await store.reached.wait()
        asked = asyncio.ensure_future(run.result())
        await turns()
        early = asked.done()
        store.let.set()
        await cancelling
        assert not early
        with pytest.raises(RunCancelled):
            await asked


async def test_a_failure_that_was_decided_on_while_it_was_saved_is_told_to_nobody() -> None:
    """The run ends, and its result is not an error without a name."""
    store = SlowStore("parked")
    tries: list[str] = []

    async def step(data: Any) -> None:
        tries.append("begun")
        if len(tries) == 1:
            raise ConnectionError("down")
        await data.async_set_state("done", True)

    flow: Any = TriggerFlow(name="flow")
    flow.to(step)
    async with Engine(store, [flow]) as engine:
        run = await engine.start(flow, 1, run_id="run")
        await store.reached.wait()
        await store.post("run", Post(kind="retry", body=b"{}", at=0.0))
        retrying = asyncio.ensure_future((await engine.driven("run")).hear())
        await turns()
        asked = asyncio.ensure_future(run.result())
        await turns()
        store.let.set()
        await retrying
        assert await asyncio.wait_for(asked, 5) == {"done": True}
    assert len(tries) == 2


class BrokenInbox(MemoryStore):
    """Its inbox cannot be read once."""

    fails = False

    async def inbox(self, run_id: str) -> tuple[InboxItem, ...]:
        """As any store, but for once."""
        if self.fails:
            self.fails = False
            raise StoreUnavailable("a planned fault")
        return await super().inbox(run_id)


async def test_a_run_that_could_not_be_taken_over_whole_does_not_go_on_beside_the_next() -> None:
    """A handler runs once at a time, although the first try had started it already."""
    store = BrokenInbox()
    now, most, begun = 0, 0, 0
    goes_on = asyncio.Event()

    async def step(data: Any) -> None:
        nonlocal now, most, begun
        begun, now = begun + 1, now + 1
        most = max(most, now)
        try:
            await goes_on.wait()
        finally:
            now -= 1
        await data.async_set_state("done", True)

    flow: Any = TriggerFlow(name="flow")
    flow.to(step)
    async with Engine(store, [flow]) as engine:
        await engine.start(flow, 1, run_id="run")
        await turns()
    goes_on.clear()
    store.fails = True
    async with Engine(store, [flow]) as engine:
        await turns()
        await engine.look()
        await turns()
        assert (most, now) == (1, 1)
        goes_on.set()
        assert await (await engine.open("run")).result() == {"done": True}


async def test_a_start_that_was_cancelled_leaves_nothing_running() -> None:
    """Its commit may land; then the run is there, and is carried once, by who looks next."""
    store = SlowStore("running")
    calls: list[str] = []
    async with Engine(store, [flow := simple(calls)]) as engine:
        starting = asyncio.ensure_future(engine.start(flow, 1, run_id="run"))
        await store.reached.wait()
        starting.cancel()
        await turns()
        store.let.set()
        with pytest.raises(asyncio.CancelledError):
            await starting
        await turns()
        assert calls == []
        assert (await store.row("run")).owner is None
        await engine.look()
        assert await (await engine.open("run")).result() == {"done": True}
    assert calls == ["begun"]


async def test_a_handler_that_was_stopped_with_its_run_asks_and_sends_no_more() -> None:
    """It may go on until its cancellation reaches it; the run that ended stays as it was."""
    store = SlowStore("cancelled")
    tried: list[str] = []
    goes_on = asyncio.Event()

    async def step(data: Any) -> Any:
        await goes_on.wait()
        for name, call in (
            ("set", lambda: data.async_set_state("late", True)),
            ("emit", lambda: data.async_emit("Late", 1)),
            ("nowait", lambda: data.async_emit_nowait("Late", 1)),
            ("ask", lambda: data.async_pause_for(interrupt_id="late", deadline=60, default=1)),
        ):
            try:
                await call()
            except asyncio.CancelledError:
                tried.append(name)
        return None

    async def late(_: Any) -> None:
        tried.append("a listener ran")

    flow: Any = TriggerFlow(name="flow")
    flow.to(step)
    flow.when("Late").to(late)
    async with Engine(store, [flow]) as engine:
        await engine.start(flow, 1, run_id="run")
        await turns()
        cancelling = asyncio.ensure_future(engine.cancel("run"))
        await store.reached.wait()
        goes_on.set()
        await turns()
        store.let.set()
        await cancelling
        await turns()
    assert tried == ["set", "emit", "nowait", "ask"]
    assert await problems_of(store, "run") == []
    assert (await store.waits(run_id="run")).items == ()


@pytest.mark.parametrize("kind", ["cancel", "close", "signal", "retry"])
@pytest.mark.parametrize("front", ["flow", "workflow"])
async def test_a_post_that_came_while_the_run_ended_changes_nothing(front: str, kind: str) -> None:
    """Who opens the run later takes it in, and the run is what it was."""
    store = SlowStore("completed")
    calls: list[str] = []
    made = simple(calls) if front == "flow" else graph(calls)
    if front == "flow":
        made.when("Late").to(late_listener(calls))
    post = Post(kind=kind, body=b'{"event":"Late","value":1}', at=0.0)
    async with Engine(store, [made], recover=False) as engine:
        run = await engine.start(made, 1, run_id="run")
        await store.reached.wait()
        await store.post("run", post)
        store.let.set()
        result = await run.result()
    async with Engine(store, [made], recover=False) as engine:
        again = await engine.driven("run")
        assert await again.outcome() == result
        row = await store.row("run")
    assert (row.status, row.inbox, calls) == ("completed", 0, ["begun"])


def late_listener(calls: list[str]) -> Any:
    """A handler that must not run."""

    async def late(_: Any) -> None:
        calls.append("late")

    return late


def graph(calls: list[str]) -> Any:
    """A workflow of one executor."""

    class Step(Executor):
        @handler
        async def take(self, message: int, ctx: WorkflowContext[int, int]) -> None:
            calls.append("begun")
            await ctx.yield_output(message)

    builder = WorkflowBuilder(name="graph", start_executor="step")
    builder.register("step", lambda: Step("step"))
    return builder.build()


async def test_an_engine_that_could_not_be_entered_leaves_nothing_running() -> None:
    """Whoever is cancelled while it takes runs over gives them back, and no handler goes on."""
    store = SlowStore("running")
    store.let.set()
    goes_on, now = asyncio.Event(), 0

    async def step(data: Any) -> None:
        nonlocal now
        now += 1
        try:
            await goes_on.wait()
        finally:
            now -= 1
        await data.async_set_state("done", True)

    flow: Any = TriggerFlow(name="flow")
    flow.to(step)
    async with Engine(store, [flow]) as engine:
        await engine.start(flow, 1, run_id="one")
        await engine.start(flow, 1, run_id="two")
        await turns()
    claims, second = store.claim, asyncio.Event()

    async def claim(run_id: str, owner: str, *, over: str | None = None) -> Claim:
        if run_id == "two":
            second.set()
            await asyncio.Event().wait()
        return await claims(run_id, owner, over=over)

    store.claim = claim  # type: ignore[method-assign]
    entering = asyncio.ensure_future(Engine(store, [flow]).__aenter__())
    await second.wait()
    entering.cancel()
    with pytest.raises(asyncio.CancelledError):
        await entering
    await turns()
    assert now == 0
    assert (await store.row("one")).owner is None
    assert await store.owners() == ()


@pytest.mark.parametrize("front", ["flow", "workflow"])
async def test_a_run_that_each_process_opens_for_one_step_gets_anchors_too(front: str) -> None:
    """What an opening reads stays in proportion to the record, however many there were."""
    store = MemoryStore()
    flow: Any = TriggerFlow(name="flow")

    async def ask(data: Any) -> Any:
        await data.async_set_state("text", "x" * 9_000)
        return await data.async_pause_for(interrupt_id="more", resume_to="self", max_resumes=None)

    flow.to(ask)
    made = flow if front == "flow" else asking_graph()
    async with Engine(store, [made]) as engine:
        await (await engine.start(made, 1, run_id="run")).until_idle()
    for number in range(40):
        async with Engine(store, [made]) as engine:
            await engine.answer("run", f"more-{number}" if made is not flow else "more", number)
            await (await engine.open("run")).until_idle()
    assert await problems_of(store, "run") == []


def asking_graph() -> Any:
    """A workflow that writes a large text and asks, each time it is answered."""

    class Ask(Executor):
        @handler
        async def take(self, message: int, ctx: WorkflowContext[int, int]) -> None:
            ctx.set_state("text", "x" * 9_000)
            await ctx.request_info("more", int, request_id="more-0")

        @response_handler
        async def told(self, asked: str, answer: int, ctx: WorkflowContext[int, int]) -> None:
            ctx.set_state("text", "y" * 9_000)
            await ctx.request_info("more", int, request_id=f"more-{answer + 1}")

    builder = WorkflowBuilder(name="graph", start_executor="ask")
    builder.register("ask", lambda: Ask("ask"))
    return builder.build()


class FailingRelease(MemoryStore):
    """Shared; its read can hang, and whoever lets go then is told that the disk is full."""

    shared = True
    hangs = False

    def __init__(self) -> None:
        super().__init__()
        self.reached = asyncio.Event()

    async def read(self, run_id: str, at: int | None = None) -> Stored:
        """As any store, or never."""
        if self.hangs:
            self.reached.set()
            await asyncio.Event().wait()
        return await super().read(run_id, at)

    async def release(self, claim: Claim) -> None:
        """As any store, or not."""
        if self.hangs:
            raise StoreFull("a planned fault")
        await super().release(claim)


@pytest.mark.parametrize("front", ["flow", "workflow"])
async def test_an_engine_closes_although_the_store_fails_while_it_takes_a_run_over(
    front: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its look is cancelled, and what fails on the way out of it does not keep it looking."""
    store = FailingRelease()
    made = endless(front)
    async with Engine(store, [made]) as engine:
        await engine.start(made, 1, run_id="run")
    assert (await store.row("run")).due
    monkeypatch.setattr(looking, "LOOK_EVERY_S", 0.0)
    monkeypatch.setattr(Looking, "look", once_late(Looking.look))
    store.hangs = True
    engine = await Engine(store, [made]).__aenter__()
    await store.reached.wait()
    closing = asyncio.ensure_future(engine.close())
    done, _ = await asyncio.wait({closing}, timeout=5)
    store.hangs = False
    assert done, "the engine still looks"


def endless(front: str) -> Any:
    """A definition whose one handler ends only when it is stopped."""
    if front == "flow":
        flow: Any = TriggerFlow(name="flow")
        flow.to(lambda _: asyncio.Event().wait())
        return flow

    class Step(Executor):
        @handler
        async def take(self, message: int, ctx: WorkflowContext[int, int]) -> None:
            await asyncio.Event().wait()

    builder = WorkflowBuilder(name="graph", start_executor="step")
    builder.register("step", lambda: Step("step"))
    return builder.build()


def once_late(look: Any) -> Any:
    """The first look, that of entering, finds nothing; the next ones are looks."""
    calls: list[int] = []

    async def late(engine: Any) -> int:
        calls.append(1)
        return 0 if len(calls) == 1 else await look(engine)

    return late
