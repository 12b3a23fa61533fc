# SPDX-License-Identifier: Apache-2.0
"""What holds of every stored run at every moment, whatever went wrong.

`problems_of` reads one run from any store and names what cannot be; an empty list is what every
simulation, state machine and chaos test wants to see. `Witness` is a store that watches its own
writes and remembers what was promised to whom.

Checked of a stored run:

- its commits have numbers without a hole, ids of their own, and every one of them can be read;
- work that is due in its record is seen to be due, so that somebody takes it up, unless the run
  waits for a decision about a failure;
- a question that is open is one that the record waits for, so that its answer has an effect;
- no deadline of an open question is later than the time at which the run wakes;
- a run that ended has nothing due, no open question, and nothing it will wake for;
- what is read since the last anchor does not outweigh the record.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from holdfast.errors import HoldfastError
from holdfast.machine import ledger, steps
from holdfast.machine.journal import ANCHOR_FLOOR_BYTES
from holdfast.machine.run import DUE, Delivery, Entry, Ledger, new_run
from holdfast.persistence.parts import Part, as_list, encode_delta, joined, merge
from holdfast.persistence.store import (
    TERMINAL,
    Claim,
    Commit,
    RunHead,
    RunRow,
    Settlement,
    Store,
    Stored,
    WaitRow,
)
from holdfast.persistence.stores.memory import MemoryStore

#: The delta of a commit that changes nothing of the record.
NO_CHANGE = encode_delta({}, {}, ())


def label(node: str, payload: Any) -> str:
    """One handler call, the same text from the handler and from the store."""
    return f"{node}:{json.dumps(payload, sort_keys=True)}"


def due_in(parts: Mapping[str, Part]) -> set[str]:
    """Labels of the deliveries that a record holds as unfinished."""
    found = set()
    for name, part in parts.items():
        if name.startswith("due/"):
            due = msgspec.json.decode(joined(part))
            shared = parts.get(f"payload/{due['h']}") if "h" in due else None
            found.add(label(due["n"], due.get("v") if shared is None else _value_of(shared)))
    return found


def steps_done_in(parts: Mapping[str, Part]) -> Iterator[str]:
    """What steps logged whose results the ledgers of a record hold."""
    run = new_run("run", "", None)
    for name, part in parts.items():
        kind, _, number = name.partition("/")
        if kind != "ledger":
            continue
        lines = Ledger()
        for item in as_list(part):
            word, *fields = msgspec.json.decode(item)
            if word == "made":
                ledger.add(lines, Entry(*fields[:3]))
            elif word == "came":
                lines.entries[fields[0]].done = True
        for entry in lines.entries:
            if entry.kind == "step" and entry.done:
                node = msgspec.json.decode(joined(parts[f"due/{number}"]))["n"]
                yield f"={steps.step_key(run, Delivery(int(number), node, None), entry)}"


def _value_of(part: Part) -> Any:
    return msgspec.json.decode(joined(part))


async def problems_of(store: Store, run_id: str, *, pruned: bool = False) -> list[str]:
    """What is wrong with a run as the store has it. pruned: commits may be missing.

    Raises: RunNotFound.
    """
    stored = await store.read(run_id)
    found = problems_now(stored, (await store.waits(run_id=run_id, limit=10_000)).items)
    if not pruned:
        found.extend([text async for text in _holes(store, stored.row)])
    return found


def problems_now(stored: Stored, waits: tuple[WaitRow, ...]) -> list[str]:
    """What is wrong with a run as it was read, with its questions of the same moment."""
    parts = merge(stored.anchor, stored.deltas)
    opened = [wait for wait in waits if wait.status == "open"]
    found = [*_about_waits(parts, opened), *_about_size(stored)]
    row = stored.row
    if row.status in TERMINAL:
        if row.due or opened:
            found.append(f"{row.run_id} is {row.status}, and has work or open questions")
        if row.wake_at is not None:
            found.append(f"{row.run_id} is {row.status}, and would wake at {row.wake_at}")
        return found
    due = [name for name in parts if name.startswith("due/") and _is_due(parts[name])]
    if due and not row.due and row.status != "parked":
        found.append(f"{row.run_id} has {due}, which nobody would take up")
    deadlines = [wait.deadline for wait in opened if wait.deadline is not None]
    if deadlines and (row.wake_at is None or row.wake_at > min(deadlines)):
        found.append(f"{row.run_id} wakes at {row.wake_at}, after the deadline {min(deadlines)}")
    return found


def _is_due(part: Part) -> bool:
    return bool(_value_of(part).get("p", DUE) == DUE)


def _about_waits(parts: Mapping[str, Part], opened: list[WaitRow]) -> Iterator[str]:
    seen = set()
    for wait in opened:
        if wait.wait_id in seen:
            yield f"{wait.wait_id} is open twice"
        seen.add(wait.wait_id)
        if f"wait/{wait.wait_id}" not in parts:
            yield f"{wait.wait_id} is open, and its run does not wait for it"


def _about_size(stored: Stored) -> Iterator[str]:
    """Every opening of a run reads these bytes, so they have to stay in proportion."""
    read, whole = sum(map(len, stored.deltas)), len(stored.anchor)
    last = len(stored.deltas[-1]) if stored.deltas else 0
    if read > 2 * max(ANCHOR_FLOOR_BYTES, whole + last):
        yield f"{stored.row.run_id} reads {read} bytes after an anchor of {whole}"


async def _holes(store: Store, row: RunRow) -> Any:
    commits: set[str] = set()
    for seq in range(1, row.seq + 1):
        try:
            stored = await store.read(row.run_id, at=seq)
        except HoldfastError as error:
            yield f"commit {seq} of {row.run_id} cannot be read: {type(error).__name__}"
            continue
        if stored.seq != seq or stored.commit_id in commits:
            yield f"commit {seq} of {row.run_id} has seq {stored.seq}, id {stored.commit_id}"
        commits.add(stored.commit_id)


class Witness(MemoryStore):
    """A store in memory that checks what it accepts against what it accepted before.

    problems: writes under an old claim, numbers that do not follow, writes after the end, a
    question settled twice, an answer that is not what was kept.
    """

    def __init__(self) -> None:
        super().__init__()
        self.problems: list[str] = []
        self._epochs: dict[str, int] = {}
        self._heads: dict[str, tuple[int, str, str]] = {}
        self._settled: dict[tuple[str, str, int], WaitRow] = {}

    async def open_run(self, head: RunHead, commit: Commit, owner: str | None) -> Claim | None:
        """As any store; the run was not there before."""
        claim = await super().open_run(head, commit, owner)
        self._written(head.run_id, 1, commit)
        if claim is not None:
            self._epochs[head.run_id] = max(claim.epoch, self._epochs.get(head.run_id, 0))
        return claim

    async def claim(self, run_id: str, owner: str, *, over: str | None = None) -> Claim:
        """As any store; each claim is newer than all before."""
        claim = await super().claim(run_id, owner, over=over)
        if claim.epoch <= self._epochs.get(run_id, 0):
            self.problems.append(f"{run_id} was claimed again under epoch {claim.epoch}")
        self._epochs[run_id] = claim.epoch
        return claim

    async def append(self, claim: Claim, commit: Commit, *, after: int) -> int:
        """As any store; only the newest claim writes, and each commit follows the last."""
        seq = await super().append(claim, commit, after=after)
        if claim.epoch < self._epochs.get(claim.run_id, 0):
            self.problems.append(
                f"{claim.run_id}: {claim.owner} wrote commit {seq} with an old claim"
            )
        self._written(claim.run_id, seq, commit)
        return seq

    def _written(self, run_id: str, seq: int, commit: Commit) -> None:
        head, commit_id, status = self._heads.get(run_id, (0, "", ""))
        if (seq, commit.commit_id) == (head, commit_id):
            return
        if seq != head + 1:
            self.problems.append(f"{run_id}: commit {seq} follows {head}")
        if status in TERMINAL and (commit.status != status or commit.delta != NO_CHANGE):
            # That it takes posts in which came too late is all that may still be written.
            self.problems.append(f"{run_id}: commit {seq} was written after the end")
        self._heads[run_id] = seq, commit.commit_id, commit.status

    async def settle(self, run_id: str, wait_id: str, settlement: Settlement) -> WaitRow:
        """As any store; what was settled once stays as it is."""
        row = await super().settle(run_id, wait_id, settlement)
        place = run_id, wait_id, row.generation
        before = self._settled.setdefault(place, row)
        if before.status != row.status or before.value != row.value:
            self.problems.append(f"{wait_id} was {before.status}, and then {row.status}")
        return row
