# SPDX-License-Identifier: Apache-2.0
"""What comes from outside: a wait is settled in the store first, and the run hears of it after.

The same door serves the process that owns the run and any other: `settle` is one compare-and-set
in the store, and leaves the news in the run's inbox. The owner takes the inbox in, and the commit
that holds what followed names what it consumed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from holdfast.errors import AlreadyAnswered, InternalError
from holdfast.machine import waits
from holdfast.machine.effects import Answered, Effect, Expired
from holdfast.machine.run import PARKED, Delivery, Wait
from holdfast.persistence.store import InboxItem, Settlement, Store, WaitRow
from holdfast.runtime.live import NOTHING_SEEN, LiveRun
from holdfast.runtime.saving import StoreKeeper

#: Posts that decide about parked work.
_DECISIONS = ("retry", "skip")


class AnswerBody(msgspec.Struct):
    """The body of an "answer" post."""

    wait: str
    generation: int
    status: str = "answered"
    value: msgspec.Raw = msgspec.Raw(b"null")


class PostBody(msgspec.Struct, omit_defaults=True):
    """The body of every other post. event, value: of a signal; delivery: None for all parked."""

    event: str = ""
    value: msgspec.Raw = msgspec.Raw(b"null")
    delivery: int | None = None


def store_of(live: LiveRun) -> Store | None:
    """The store that keeps the run, if one does."""
    if live.saver is None or not isinstance(live.saver.keeper, StoreKeeper):
        return None
    return live.saver.keeper.store


async def take_in(
    live: LiveRun,
    other: Callable[[InboxItem], list[Effect]] | None,
    then: Callable[[], list[Effect]] = list,
) -> dict[str, Wait]:
    """Step the machine with everything in the inbox that it has not seen.

    other: what a post that is no answer means to the front; None leaves such posts for later.
    then: what follows from all of them together, in the same commit. Returns the waits that were
    answered.
    Effects are saved and performed before the call returns; the handlers run in tasks.
    """
    store = store_of(live)
    if store is None or live.saver is None:
        return {}
    heard: dict[str, Wait] = {}
    effects: list[Effect] = []
    if live.seen is NOTHING_SEEN:
        live.seen = set()
    items = await store.inbox(live.run.run_id)
    if other is not None and any(item.post.kind in _DECISIONS for item in items):
        # What was stopped may still be on its way out, and is not to run twice at once.
        await live.left([d.id for d in live.run.deliveries.values() if d.status == PARKED])
    for item in items:
        if item.number in live.seen or (other is None and item.post.kind != "answer"):
            continue
        live.seen.add(item.number)
        if item.post.kind == "answer":
            wait = _answer(live, item, effects)
            if wait is not None:
                heard[wait.id] = wait
        elif other is not None:
            effects.extend(other(item))
        live.saver.consumed.append(item.number)
    effects.extend(then())
    if heard or effects or live.saver.consumed:
        for wait in heard.values():
            if wait.group in live.run.groups:
                live.waiter(wait.group).add_done_callback(_attended)
        await live.advance(effects, here=False)
    return heard


def _attended(future: Any) -> None:
    if not future.cancelled():
        future.exception()


def _answer(live: LiveRun, item: InboxItem, effects: list[Effect]) -> Wait | None:
    """The wait that a settlement in the inbox answered; None if it was settled otherwise."""
    body = msgspec.json.decode(item.post.body, type=AnswerBody)
    wait = live.run.waits.get(body.wait)
    if wait is None or wait.answered or wait.generation != body.generation:
        return None
    journal = live.run.journal
    if journal is None:
        raise InternalError("a run without a journal has no inbox")
    data = bytes(body.value)
    if body.status == "expired":
        effects.extend(live.front.step(live.run, Expired(body.wait, item.post.at)))
    if body.status != "answered":
        return None
    effects.extend(
        live.front.step(
            live.run,
            Answered(
                body.wait,
                journal.codec.decode(data, f"answer to {body.wait}"),
                data,
                item.post.digest,
                item.post.at,
                item.post.request_id,
                item.post.actor,
            ),
        )
    )
    return wait


async def settle(
    live: LiveRun, wait_id: str, value: bytes, digest: str, by: tuple[str | None, str | None]
) -> WaitRow:
    """Settle a wait of a kept run. by: request id and actor."""
    store = store_of(live)
    if store is None:
        raise InternalError("a run without a store settles in its record")
    settlement = Settlement(
        status="answered",
        at=live.clock.now(),
        value=value,
        digest=digest,
        request_id=by[0],
        actor=by[1],
    )
    return await store.settle(live.run.run_id, wait_id, settlement)


async def cancel(live: LiveRun, wait_id: str) -> None:
    """Let the store take no answer to a wait any more. Raises: what says it is settled already."""
    store = store_of(live)
    if store is not None:
        settlement = Settlement(status="cancelled", at=live.clock.now())
        await store.settle(live.run.run_id, wait_id, settlement)


async def withdraw_unasked(live: LiveRun, delivery: Delivery) -> None:
    """Before a repeat ends: withdraw in the store what it did not ask again.

    One that was answered meanwhile is heard instead, so that no answer is lost.
    """
    store = store_of(live)
    if store is None:
        return
    for wait in waits.asked_by(live.run, delivery.id):
        if wait.asked or wait.answered or wait.via:
            continue
        try:
            await store.settle(
                live.run.run_id, wait.id, Settlement(status="withdrawn", at=live.clock.now())
            )
        except AlreadyAnswered:
            # In the middle of a handler only the answer matters; the rest is heard at its time.
            await take_in(live, None)
