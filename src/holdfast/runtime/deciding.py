# SPDX-License-Identifier: Apache-2.0
"""Decisions about runs: signals, cancel, close, and what becomes of parked work.

A decision is a post in the run's inbox, so it needs neither the definition nor the ownership. What
cannot be meant is refused here; what was overtaken meanwhile is told as a warning of the run. The
store shows of each post which commit took it in (`Store.posts`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from holdfast.errors import DefinitionError, DeliveryNotFound, NotParked, RunOpen, WrongFront
from holdfast.machine.layout import DueWire
from holdfast.machine.posting import STANDING
from holdfast.machine.run import PARKED
from holdfast.persistence.parts import Part, joined, merge
from holdfast.persistence.store import TERMINAL, InboxItem, Post, RunRow, check_run_id
from holdfast.runtime.inbox import PostBody
from holdfast.runtime.steering import Steering

_DUE = "due/"
#: Reasons are kept with the run, and shown in lists.
LONGEST_REASON = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class Parked:
    """A delivery that failed and waits for a decision. attempt: how often it had begun before."""

    delivery: int
    node: str
    error: str
    attempt: int


class Deciding(Steering):
    """The part of an engine that posts decisions into the inboxes of runs.

    The same request id with the same decision is one decision, at any later time; with another one
    it is an AnswerConflict. actor: who decided; kept with the post. All raise RunNotFound,
    RunClosed for a run that has ended or was deleted, AnswerConflict, InvalidId.
    """

    async def emit(
        self,
        run_id: str,
        event: str,
        value: Any = None,
        *,
        request_id: str | None = None,
        actor: str | None = None,
    ) -> InboxItem:
        """Send a signal to a flow's run. Pauses that wait for the event are answered by it.

        Raises: WrongFront for a run of a workflow, which hears no signals.
        """
        await self._check_front(run_id, "takes no signals")
        body = PostBody(event=event, value=msgspec.Raw(self._codec.encode(value, event)))
        return await self._post(run_id, "signal", body, (request_id, actor))

    async def cancel(
        self, run_id: str, *, request_id: str | None = None, actor: str | None = None
    ) -> InboxItem:
        """End a run as cancelled: what is under way is stopped, what is asked is taken back."""
        return await self._post(run_id, "cancel", PostBody(), (request_id, actor))

    async def close_run(
        self,
        run_id: str,
        *,
        pending_interrupts: str = "error",
        reason: str = "closed from outside",
        request_id: str | None = None,
        actor: str | None = None,
    ) -> InboxItem:
        """End a flow's run in order, as `execution.async_close` does: accepted work ends first.

        pending_interrupts: "error" refuses while questions are open; "cancel" takes them back, and
        the run is then cancelled. A question that is asked only while the work ends makes the run
        go on, with a warning `close.refused`.
        Raises: RunOpen, naming the questions; WrongFront for a run of a workflow, which ends by
        itself.
        """
        if pending_interrupts not in ("error", "cancel"):
            raise DefinitionError(
                f'pending_interrupts: expected "error" or "cancel"; found {pending_interrupts!r}'
            )
        if len(reason) > LONGEST_REASON:
            raise DefinitionError(f"reason: expected at most {LONGEST_REASON} characters")
        row = await self._check_front(run_id, "ends by itself")
        by = (request_id, actor)
        if pending_interrupts == "error" and row.open_waits and not await self._is_known(row, by):
            asked = tuple(wait.wait_id for wait in await self.waits(run_id=run_id))
            raise RunOpen(
                f"pending interrupts are waiting: {', '.join(asked)}", run_id=run_id, waits=asked
            )
        body = PostBody(event=reason, pending=pending_interrupts)
        return await self._post(run_id, "close", body, by)

    async def retry(
        self,
        run_id: str,
        delivery: int | None = None,
        *,
        request_id: str | None = None,
        actor: str | None = None,
    ) -> InboxItem:
        """Run parked deliveries again: all, or the one of that number.

        Raises: NotParked, DeliveryNotFound.
        """
        by = (request_id, actor)
        await self._check_parked(run_id, delivery, by)
        return await self._post(run_id, "retry", PostBody(delivery=delivery), by)

    async def skip(
        self,
        run_id: str,
        delivery: int,
        value: Any = None,
        *,
        request_id: str | None = None,
        actor: str | None = None,
    ) -> InboxItem:
        """Let a parked delivery count as done: with a value in a flow, without one in a workflow.

        Raises: NotParked, DeliveryNotFound.
        """
        by = (request_id, actor)
        await self._check_parked(run_id, delivery, by)
        data = msgspec.Raw(self._codec.encode(value, "value of the skip"))
        return await self._post(run_id, "skip", PostBody(value=data, delivery=delivery), by)

    async def parked(self, run_id: str) -> tuple[Parked, ...]:
        """What of a run waits for a decision, as the store holds it. Raises: RunNotFound."""
        row = await self.store.row(check_run_id(run_id))
        if row.status != "parked":
            return ()
        found = _deliveries(await self._parts(run_id))
        return tuple(
            Parked(delivery=number, node=due.n, error=due.x or "", attempt=due.a)
            for number, due in sorted(found.items())
            if due.p == PARKED
        )

    async def _parts(self, run_id: str) -> Mapping[str, Part]:
        stored = await self.store.read(run_id)
        return merge(stored.anchor, stored.deltas)

    async def _check_front(self, run_id: str, why: str) -> RunRow:
        row = await self.store.row(check_run_id(run_id))
        if row.head.front != "flow":
            raise WrongFront(
                f"run {run_id!r} is a run of a {row.head.front}: it {why}",
                run_id=run_id,
                front=row.head.front,
            )
        return row

    async def _check_parked(
        self, run_id: str, number: int | None, by: tuple[str | None, str | None]
    ) -> None:
        row = await self.store.row(check_run_id(run_id))
        if row.status in TERMINAL or await self._is_known(row, by):
            # The store has the words for that, or the item of before.
            return
        if number is None and row.status == "parked":
            return
        parts = await self._parts(run_id)
        found = _deliveries(parts)
        if number is None:
            # A workflow that did not converge, or halted, stands without anything parked.
            stands = msgspec.json.decode(joined(parts["run"]))[0] in STANDING
            if not stands and not any(map(_is_undecided, found.values())):
                raise NotParked(
                    f"nothing of run {run_id!r} is parked: it is {row.status}", run_id=run_id
                )
        elif number not in found:
            raise DeliveryNotFound(
                f"run {run_id!r} has no delivery {number}: it never had, or it is done",
                run_id=run_id,
                delivery=number,
            )
        elif not _is_undecided(found[number]):
            raise NotParked(
                f"delivery {number} ({found[number].n}) of run {run_id!r} is not parked: it is due",
                run_id=run_id,
                delivery=number,
            )

    async def _is_known(self, row: RunRow, by: tuple[str | None, str | None]) -> bool:
        """Whether this very request was posted before; then it gets what it got."""
        cursor: str | None = None
        while by[0] is not None:
            page = await self.store.posts(row.run_id, cursor=cursor, limit=1000)
            if any(each.post.request_id == by[0] for each in page.items):
                return True
            cursor = page.next
            if cursor is None:
                break
        return False

    async def _post(
        self, run_id: str, kind: str, body: PostBody, by: tuple[str | None, str | None]
    ) -> InboxItem:
        data = msgspec.json.encode(body)
        post = Post(
            kind=kind,
            body=data,
            at=self._clock.now(),
            request_id=by[0],
            digest=self._codec.digest(data) if by[0] is not None else None,
            actor=by[1],
        )
        item = await self.store.post(check_run_id(run_id), post)
        await self._heard(run_id)
        return item


def _deliveries(parts: Mapping[str, Part]) -> dict[int, DueWire]:
    return {
        int(name.removeprefix(_DUE)): msgspec.json.decode(joined(part), type=DueWire)
        for name, part in parts.items()
        if name.startswith(_DUE)
    }


def _is_undecided(due: DueWire) -> bool:
    """Whether a delivery is parked, or waits until it is tried again."""
    return due.p == PARKED or bool(due.u)
