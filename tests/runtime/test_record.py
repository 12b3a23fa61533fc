# SPDX-License-Identifier: Apache-2.0
"""What is written at a commit is the whole record: nothing that changed was left out."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from holdfast import MemoryStore
from holdfast.machine import snapshot
from holdfast.persistence.codec import Codec
from holdfast.persistence.parts import Part, joined, merge
from holdfast.persistence.store import Commit
from holdfast.persistence.types import TypeRegistry
from holdfast.runtime.saving import Saver
from holdfast.testing.crash import Journey, Log
from holdfast.workflow.sub_messages import register_messages
from tests.runtime import edge_journeys, journeys, needing_journeys, step_journeys, sub_journeys

JOURNEYS = [
    "chain",
    "pause",
    "again",
    "nested",
    "loop",
    "blocks",
    "join",
    "parked",
    "graph",
    "subs",
    "edges",
    "needs",
    "steps",
    "stepped_graph",
]


def _plain(parts: dict[str, Part]) -> dict[str, Any]:
    """Parts as values; a ledger's lines of different kinds may stand in any order."""
    shown = {name: json.loads(joined(part)) for name, part in sorted(parts.items())}
    return {
        name: sorted(value, key=lambda line: line[0]) if name.startswith("ledger/") else value
        for name, value in shown.items()
    }


@pytest.mark.parametrize("name", JOURNEYS)
async def test_every_commit_holds_the_record_as_it_stands(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The parts kept by deltas equal those of the whole record, encoded anew, at each commit."""
    compared = []
    original = Saver._take

    def checked(self: Saver) -> Commit | None:
        commit = original(self)
        whole = _plain(snapshot.full_parts(self.run, self.journal.codec))
        assert _plain(self.journal.parts) == whole
        compared.append(name)
        return commit

    monkeypatch.setattr(Saver, "_take", checked)
    journey = _journey(name)
    await asyncio.wait_for(journey(MemoryStore(), Log(tmp_path / "log")), 20)
    assert len(compared) > 2


@pytest.mark.parametrize("name", JOURNEYS)
async def test_a_stored_record_read_back_is_the_same_record(name: str, tmp_path: Path) -> None:
    """At every seq of a run, the record restored from the store encodes to what was read."""
    store = MemoryStore()
    journey = _journey(name)
    await asyncio.wait_for(journey(store, Log(tmp_path / "log")), 20)
    head = await store.row("run")
    for seq in range(1, head.seq + 1):
        stored = await store.read("run", at=seq)
        parts = merge(stored.anchor, stored.deltas)
        run = snapshot.restore("run", head.head.front, None, parts, _codec())
        snapshot.rebind(run, _codec())
        assert _plain(snapshot.full_parts(run, _codec())) == _plain(parts), f"seq {seq}"


def _journey(name: str) -> Journey:
    modules = (journeys, sub_journeys, edge_journeys, needing_journeys, step_journeys)
    found: Journey = next(getattr(module, name) for module in modules if hasattr(module, name))
    return found


def _codec() -> Codec:
    types = TypeRegistry()
    register_messages(types, ())
    return Codec(types)
