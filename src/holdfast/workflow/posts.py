# SPDX-License-Identifier: Apache-2.0
"""What outsiders posted for a workflow's run, and what it means: decisions, no signals."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from holdfast.machine import retries
from holdfast.machine.effects import Barrier, Effect, Ended, Input, Retried, Skipped, Warn
from holdfast.machine.posting import STANDING
from holdfast.machine.run import PARKED, Run
from holdfast.persistence.store import InboxItem
from holdfast.runtime import inbox
from holdfast.runtime.inbox import PostBody


def taken(
    run: Run, step: Callable[[Run, Input], list[Effect]], item: InboxItem
) -> tuple[list[Effect], bool | None]:
    """What a post that is no answer means: cancel, close, retry or skip.

    Returns what follows, and whether the run is to be taken up where it stands; None: as before.
    """
    body = msgspec.json.decode(item.post.body, type=PostBody)
    parked = [d for d in run.deliveries.values() if d.status == PARKED]
    chosen = [d for d in (*parked, *retries.waiting(run)) if body.delivery in (None, d.id)]
    stands = run.status in STANDING
    match item.post.kind:
        case "retry":
            if not chosen and not stands:
                return [inbox.overtaken(item, body)], None
            return [e for d in chosen for e in step(run, Retried(d))], stands or None
        case "skip":
            if not chosen:
                return [inbox.overtaken(item, body)], None
            effects = [e for d in chosen for e in step(run, Skipped(d, None))]
            # The last one skipped closes its superstep, and the next begins by itself.
            has_closed = any(type(effect) is Barrier for effect in effects)
            return effects, False if has_closed else stands or None
        case "cancel":
            return step(run, Ended("cancelled")), None
        case "close":
            return step(run, Ended("completed")), None
        case kind:
            text = f"a workflow run takes no post of kind {kind!r}"
            return [Warn("post.ignored", text)], None
