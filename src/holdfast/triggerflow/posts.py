# SPDX-License-Identifier: Apache-2.0
"""What outsiders posted for a flow's run, taken in: answers, signals, decisions."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from holdfast.errors import InternalError
from holdfast.machine import dispatch
from holdfast.machine.effects import Effect, Emitted
from holdfast.machine.run import Wait
from holdfast.persistence.store import InboxItem
from holdfast.runtime import inbox
from holdfast.runtime.inbox import POSTED, PostBody
from holdfast.triggerflow import resolving, signals
from holdfast.triggerflow.running import FlowRun


async def take_in(flow: FlowRun) -> dict[str, Wait]:
    """Take in what was posted. Returns the waits that somebody answered."""
    posts = _Posts(flow)
    return await inbox.take_in(flow.live, posts.taken, before=posts.settle)


class _Posts:
    """One reading of the inbox. resolved: by the number of a signal, the waits that it settled.

    A signal settles what waits for its event in the store, and only then is taken in. A crash in
    between leaves the signal where it was, and settling again under the same mark is the same.
    """

    def __init__(self, flow: FlowRun) -> None:
        self.flow = flow
        self.resolved: dict[int, list[str]] = {}

    async def settle(self, items: Sequence[InboxItem]) -> None:
        """Let every signal settle the pauses that wait for it."""
        if not self.flow.run.waits or self.flow.run.journal is None:
            return
        for item in items:
            if item.post.kind != "signal":
                continue
            body = msgspec.json.decode(item.post.body, type=PostBody)
            value = self.flow.codec.decode(bytes(body.value))
            mark = f"{POSTED}{item.number}"
            self.resolved[item.number] = await resolving.settled_by(
                self.flow, body.event, value, mark
            )

    def taken(self, item: InboxItem) -> list[Effect] | None:
        """What a post that is no answer means: signal, cancel, retry, skip or close.

        None for a close, which takes its time and consumes the post with its end.
        """
        flow, run = self.flow, self.flow.run
        if run.lifecycle == "closed":
            # It came while the run ended; what the run came to stands.
            flow.warn("post.late", f"a post of kind {item.post.kind!r} came after the end")
            return []
        body = msgspec.json.decode(item.post.body, type=PostBody)
        data = bytes(body.value)
        value = None if run.journal is None else run.journal.codec.decode(data)
        match item.post.kind:
            case "signal":
                effects = []
                for wait_id in self.resolved.get(item.number, ()):
                    effects.extend(resolving.resolved(flow, wait_id, value))
                effects.extend(dispatch.emit(run, Emitted("event", body.event, value, data))[1])
                return effects
            case "retry":
                chosen = signals.undecided(flow, body.delivery)
                return signals.retried(flow, chosen) or [inbox.overtaken(item, body)]
            case "skip":
                chosen = signals.undecided(flow, body.delivery)
                return signals.skipped(flow, chosen, value, data) or [inbox.overtaken(item, body)]
            case "close":
                if flow.close_posted is None:
                    raise InternalError("a run that is kept has somebody who can close it")
                flow.close_posted(item.number, body.pending, body.event or "posted close")
                return None
            case _:
                return flow.end("cancelled", "posted cancel")
