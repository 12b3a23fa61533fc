# SPDX-License-Identifier: Apache-2.0
"""What comes from outside: a wait is settled in the store first, and the run hears of it after.

The same door serves the process that owns the run and any other: `settle` is one compare-and-set
in the store, and leaves the news in the run's inbox. The owner takes the inbox in, and the commit
that holds what followed names what it consumed.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any

import msgspec

from holdfast.errors import AlreadyAnswered, InternalError, WaitNotFound
from holdfast.machine import waits
from holdfast.machine.effects import Answered, Cancelled, Effect, Expired, Warn
from holdfast.machine.run import PARKED, Delivery, Wait
from holdfast.persistence.store import InboxItem, Settlement, Store, WaitRow
from holdfast.runtime.live import NOTHING_SEEN, LiveRun
from holdfast.runtime.saving import StoreKeeper

#: Begins the mark under which a handler's emit settles a wait; the delivery's number follows.
EMITTED = "~emit:"
#: Begins that of a posted signal; its number in the inbox follows.
POSTED = "~signal:"
#: Begins that of any other signal.
SENT = "~event:"
MARKS = (EMITTED, POSTED, SENT)
#: Posts that decide about parked work.
_DECISIONS = ("retry", "skip")


class AnswerBody(msgspec.Struct):
    """The body of an "answer" post."""

    wait: str
    generation: int
    status: str = "answered"
    value: msgspec.Raw = msgspec.Raw(b"null")


class PostBody(msgspec.Struct, omit_defaults=True):
    """The body of every other post. event, value: of a signal; delivery: None for all parked.

    event, pending: of a close, its reason, and what becomes of open questions.
    """

    event: str = ""
    value: msgspec.Raw = msgspec.Raw(b"null")
    delivery: int | None = None
    pending: str = "cancel"


def store_of(live: LiveRun) -> Store | None:
    """The store that keeps the run, if one does."""
    if live.saver is None or not isinstance(live.saver.keeper, StoreKeeper):
        return None
    return live.saver.keeper.store


async def take_in(
    live: LiveRun,
    other: Callable[[InboxItem], list[Effect] | None] | None,
    then: Callable[[], list[Effect]] = list,
    before: Callable[[Sequence[InboxItem]], Awaitable[None]] | None = None,
) -> dict[str, Wait]:
    """Step the machine with everything in the inbox that it has not seen.

    other: what a post that is no answer means to the front; None leaves such posts for later. It
    may give None for one that the front itself consumes when what it asks for is done.
    before: what the front has to do with posts before any of them is taken in; it may be done
    twice, by readers at the same time.
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
    items = [i for i in await store.inbox(live.run.run_id) if i.number not in live.seen]
    if before is not None and items:
        await before(items)
    if other is not None and any(item.post.kind in _DECISIONS for item in items):
        # What was stopped may still be on its way out, and is not to run twice at once.
        await live.left([d.id for d in live.run.deliveries.values() if d.status == PARKED])
    for item in items:
        if item.number in live.seen or (other is None and item.post.kind != "answer"):
            continue
        if item.post.kind == "answer":
            if _is_left_to_another(live, item, items):
                continue
            wait = _answer(live, item, effects)
            if wait is not None:
                heard[wait.id] = wait
        elif other is not None:
            made = other(item)
            if made is None:
                live.seen.add(item.number)
                continue
            effects.extend(made)
        live.seen.add(item.number)
        live.saver.consumed.append(item.number)
    effects.extend(then())
    if heard or effects or live.saver.consumed:
        for wait in heard.values():
            if wait.group in live.run.groups:
                live.waiter(wait.group).add_done_callback(_attended)
        await live.advance(effects, here=False)
    return heard


def overtaken(item: InboxItem, body: PostBody) -> Warn:
    """What is told of a decision about work that waits for none any more."""
    if body.delivery is None:
        what = "nothing waits for a decision any more"
    else:
        what = f"delivery {body.delivery} waits for no decision any more"
    return Warn("post.ignored", f"a posted {item.post.kind} changed nothing: {what}")


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
    elif body.status == "cancelled":
        effects.extend(live.front.step(live.run, Cancelled(body.wait)))
    if body.status != "answered":
        return None
    emitter = _number_in(item.post.request_id, EMITTED)
    if emitter:
        # It emits again, which is all that is to follow, or ends, and then this is an answer.
        waits.leave_to(live.run, wait, emitter)
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


def _is_left_to_another(live: LiveRun, item: InboxItem, items: Sequence[InboxItem]) -> bool:
    """Whether a signal made the settlement, and will itself be what follows from it."""
    mark = item.post.request_id
    if mark is None:
        return False
    if live.deciding and mark.rpartition(":")[0] in live.deciding:
        return True
    signal = _number_in(mark, POSTED)
    return bool(signal) and signal not in live.seen and any(i.number == signal for i in items)


def _number_in(mark: str | None, prefix: str) -> int:
    """The number that a mark of that kind names; 0 for any other request id."""
    if mark is None or not mark.startswith(prefix):
        return 0
    number = mark.removeprefix(prefix).partition(":")[0]
    return int(number) if number.isdecimal() and number.isascii() else 0


@contextlib.contextmanager
def deciding(live: LiveRun, mark: str) -> Iterator[None]:
    """While a signal settles waits under its mark: it tells the machine, and no inbox does."""
    if live.deciding is None:
        live.deciding = []
    live.deciding.append(mark)
    try:
        yield
    finally:
        live.deciding.remove(mark)


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
    try:
        return await store.settle(live.run.run_id, wait_id, settlement)
    except WaitNotFound:
        wait = live.run.waits.get(wait_id)
        if wait is None or wait.answered or live.saver is None:
            raise
        # The commit that opens it is under way.
        await live.saver.commit()
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
