# SPDX-License-Identifier: Apache-2.0
"""The commits of a run in words: what each one brought, and where the run stood then.

A store keeps no words for a commit. They follow from the record: what was due before and is not
any more has ended, what is asked and was not before was asked. So a list of commits costs the
bytes of those commits and of what leads to them from the anchor before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from holdfast.errors import CheckpointNotFound
from holdfast.machine.run import Run, Wait
from holdfast.persistence.parts import Part, joined, unfolded
from holdfast.persistence.store import TERMINAL, CommitRow, RunHead, Store
from holdfast.runtime.saving import store_status

#: How the id of a commit begins that took its run back; the seq that it went back to follows.
REWIND = "rewind-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A commit of a run, as its history shows it.

    at: seconds since 1970, for people. label: what it brought. status: where the run stood then.
    is_checkpoint: one may fork from it and rewind to it. size_bytes: of the commit alone.
    """

    run_id: str
    seq: int
    at: float
    label: str
    status: str
    is_checkpoint: bool
    size_bytes: int


class _Due(msgspec.Struct, gc=False):
    """What is read of a delivery here.

    Its node, whether it is parked, how often it was retried, how often it has begun again, and
    the time that it waits for before it does.
    """

    n: str
    p: int = 0
    r: int = 0
    a: int = 0
    u: float = 0.0

    def has_begun_since(self, was: _Due) -> bool:
        """Whether its handler was called again, for another reason than a failure told here."""
        return not self.p and self.r <= was.r and (self.a > was.a or self.u < was.u)


class _Asked(msgspec.Struct, gc=False):
    """What is read of a wait here."""

    generation: int
    answered: bool = False
    via: str = ""


@dataclass(frozen=True, slots=True)
class _Look:
    """What the words for a commit are made of. waits: (generation, still open), by id.

    kept: the durable steps and sleeps of unfinished handlers that are in the record, in words.
    """

    status: str
    due: dict[str, _Due]
    waits: dict[str, tuple[int, bool]]
    kept: dict[tuple[str, int], str]


async def moments(store: Store, head: RunHead, rows: Sequence[CommitRow]) -> list[Moment]:
    """The commits in words, in the order of *rows*."""
    looks = await _looks(store, head, sorted(row.seq for row in rows))
    return [
        Moment(
            run_id=row.run_id,
            seq=row.seq,
            at=row.at,
            label=_label(head, row, looks.get(row.seq - 1), looks[row.seq]),
            status=looks[row.seq].status,
            is_checkpoint=is_checkpoint(head, row),
            size_bytes=row.size_bytes,
        )
        for row in rows
    ]


def is_checkpoint(head: RunHead, row: CommitRow) -> bool:
    """Whether one may return to a commit: in a flow to each, in a workflow to those it marked."""
    return head.front == "flow" or row.mark is not None


def rewound_to(row: CommitRow) -> int | None:
    """The seq that a commit took its run back to; None for any other commit."""
    if not row.commit_id.startswith(REWIND):
        return None
    return int(row.commit_id.removeprefix(REWIND).partition("-")[0])


async def _looks(store: Store, head: RunHead, seqs: list[int]) -> dict[int, _Look]:
    """How the run looked at these commits, and at the one before each where that is kept."""
    wanted = {*seqs, *(seq - 1 for seq in seqs if seq > 1)}
    found: dict[int, _Look] = {}
    for seq in sorted(wanted, reverse=True):
        if seq in found:
            continue
        try:
            stored = await store.read(head.run_id, at=seq)
        except CheckpointNotFound:
            if seq in seqs:
                raise
            continue  # pruned: the commit after it is told by what it holds alone
        # What leads to it from its anchor is read with it.
        for number, parts in enumerate(unfolded(stored.anchor, stored.deltas), stored.anchor_seq):
            if number in wanted:
                found[number] = _look(head, parts)
    return found


def _look(head: RunHead, parts: Mapping[str, Part]) -> _Look:
    due = {
        name: msgspec.json.decode(joined(part), type=_Due)
        for name, part in parts.items()
        if name.startswith("due/")
    }
    waits = {
        name.removeprefix("wait/"): msgspec.json.decode(joined(part), type=_Asked)
        for name, part in parts.items()
        if name.startswith("wait/")
    }
    shown = Run(head.run_id, head.front, None)
    words = msgspec.json.decode(joined(parts.get("run", b"[]")), type=list[msgspec.Raw])
    if words:
        shown.status, shown.lifecycle = (msgspec.json.decode(word, type=str) for word in words[:2])
    shown.live = sum(not one.p for one in due.values())
    blank = Wait(id="", type="", payload=None, opener=0, resume="none", origin=None)
    shown.waits = dict.fromkeys(waits, blank)
    asked = {name: (one.generation, not one.answered) for name, one in waits.items() if not one.via}
    return _Look(store_status(shown), due, asked, _kept(parts, due))


def _kept(parts: Mapping[str, Part], due: Mapping[str, _Due]) -> dict[tuple[str, int], str]:
    """By ledger and line: what `layout.entry_line` names, once `layout.outcome_line` came."""
    found: dict[tuple[str, int], str] = {}
    for name, part in parts.items():
        owner = due.get(name.replace("ledger/", "due/", 1))
        if owner is None or not name.startswith("ledger/"):
            continue
        made: list[str] = []
        for line in msgspec.json.decode(joined(part), type=list[list[msgspec.Raw]]):
            kind = msgspec.json.decode(line[0])
            if kind == "made":
                what, called = msgspec.json.decode(line[1]), msgspec.json.decode(line[2])
                told = {"step": f"{owner.n} did {called}", "sleep": f"{owner.n} sleeps"}
                made.append(told.get(what, ""))
            elif kind == "came":
                index = msgspec.json.decode(line[1], type=int)
                if made[index]:
                    found[name, index] = made[index]
    return found


def _label(head: RunHead, row: CommitRow, before: _Look | None, now: _Look) -> str:
    back = rewound_to(row)
    if back is not None:
        return f"rewound to {back}"
    if row.seq == 1:
        return f"fork of {head.parent}" if head.parent else "start"
    if row.mark is not None and row.mark.kind == "superstep":
        return f"superstep {row.mark.iteration}"
    if before is None:
        return "" if row.mark is None else row.mark.kind
    told = [text for line, text in now.kept.items() if line not in before.kept]
    told += _what_ended(before, now) + _what_was_asked(before, now)
    if now.status in TERMINAL and before.status not in TERMINAL:
        told.append(now.status)
    return ", ".join(told) or ("progress" if row.mark is None else row.mark.kind)


def _what_ended(before: _Look, now: _Look) -> list[str]:
    ended = [one.n for name, one in before.due.items() if name not in now.due and not one.p]
    stood = [
        one.n
        for name, one in now.due.items()
        if one.p and (name not in before.due or not before.due[name].p)
    ]
    both = [(one, before.due[name]) for name, one in now.due.items() if name in before.due]
    again = [one.n for one, was in both if not one.p and one.r > was.r]
    begun = [one.n for one, was in both if one.has_begun_since(was)]
    return [
        *(f"{node} ended" for node in ended),
        *(f"{node} failed" for node in stood),
        *(f"{node} failed, to be tried again" for node in again),
        *(f"{node} begins again" for node in begun),
    ]


def _what_was_asked(before: _Look, now: _Look) -> list[str]:
    told = [
        f"asked {name}"
        for name, (generation, is_open) in now.waits.items()
        if is_open and before.waits.get(name, (0, False))[0] != generation
    ]
    for name, (generation, was_open) in before.waits.items():
        if was_open and now.waits.get(name) != (generation, True):
            told.append(f"settled {name}")
    return told
