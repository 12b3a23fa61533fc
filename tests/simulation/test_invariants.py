# SPDX-License-Identifier: Apache-2.0
"""What holds of every stored run: each rule is broken once here, and has to be seen."""

from __future__ import annotations

import msgspec
import pytest

from holdfast import Engine, TriggerFlow
from holdfast.machine.journal import ANCHOR_FLOOR_BYTES
from holdfast.persistence.store import Claim, Commit, RunHead, Settlement, Stored, WaitRow
from holdfast.persistence.stores.memory import MemoryStore
from holdfast.testing.invariants import Witness, problems_now, problems_of

RECORD = b'{"run":[],"due/1":{"n":"step","v":1},"wait/ok":{}}'
HEAD = RunHead(
    run_id="run", definition="flow", front="flow", fingerprint="f", created_at=0.0, input_digest=""
)


def commit(number: int, *, delta: bytes = b"[{},{},[]]", status: str = "running") -> Commit:
    """A commit; the first one has an anchor."""
    anchor = (RECORD,) if number == 1 else None
    return Commit(
        commit_id=f"c{number}", status=status, due=True, at=0.0, delta=delta, anchor=anchor
    )


def wait(wait_id: str = "ok", **more: object) -> WaitRow:
    """An open question."""
    row = WaitRow(
        run_id="run", wait_id=wait_id, generation=1, type="pause", payload=b"1", opened_at=0.0
    )
    return msgspec.structs.replace(row, **more)


async def stored(**row: object) -> Stored:
    """A run as it was read, with something of its row changed."""
    store = MemoryStore()
    await store.open_run(HEAD, commit(1), "w1")
    found = await store.read("run")
    return msgspec.structs.replace(found, row=msgspec.structs.replace(found.row, **row))


async def test_a_sound_run_has_no_problems() -> None:
    """A run that asks, is answered and ends is sound at every moment."""

    async def ask(data: object) -> object:
        return await data.async_pause_for(interrupt_id="ok")  # type: ignore[attr-defined]

    flow: TriggerFlow = TriggerFlow(name="flow")
    flow.to(ask)
    store = Witness()
    async with Engine(store, [flow]) as engine:
        run = await engine.start(flow, 1, run_id="run")
        await run.until_idle()
        assert await problems_of(store, "run") == []
        await engine.answer("run", "ok", True)
        await run.result()
    assert await problems_of(store, "run") == []
    assert store.problems == []


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"due": False}, "nobody would take up"),
        ({"status": "completed"}, "has work or open questions"),
        ({"status": "completed", "due": False, "wake_at": 1.0}, "would wake"),
    ],
)
async def test_a_row_that_hides_work_is_seen(row: dict[str, object], said: str) -> None:
    """What is due in the record has to be due in the row, until the run has ended."""
    (found,) = problems_now(await stored(**row), ())
    assert said in found


async def test_a_failure_that_waits_for_a_decision_keeps_its_siblings_from_being_due() -> None:
    """Work beside a parked delivery is nobody's until somebody decides."""
    assert problems_now(await stored(due=False, status="parked"), ()) == []


async def test_a_question_that_its_run_does_not_know_is_seen() -> None:
    """An answer to it would change nothing."""
    assert problems_now(await stored(), (wait(),)) == []
    (found,) = problems_now(await stored(), (wait("other"),))
    assert "does not wait for it" in found


async def test_a_question_open_twice_is_seen() -> None:
    """Two open rows under one id have two winners."""
    (found,) = problems_now(await stored(), (wait(), wait(generation=2)))
    assert "open twice" in found


@pytest.mark.parametrize("wake_at", [None, 11.0])
async def test_a_deadline_that_wakes_nobody_is_seen(wake_at: float | None) -> None:
    """The run wakes at the earliest deadline or before."""
    asked = (wait(deadline=10.0),)
    assert problems_now(await stored(wake_at=10.0), asked) == []
    (found,) = problems_now(await stored(wake_at=wake_at), asked)
    assert "after the deadline 10.0" in found


async def test_deltas_that_outweigh_the_record_are_seen() -> None:
    """Opening a run reads all of them."""
    whole = await stored()
    piece = b'[{"state/0/a":"' + b"x" * ANCHOR_FLOOR_BYTES + b'"},{},[]]'
    assert problems_now(msgspec.structs.replace(whole, deltas=(piece,)), ()) == []
    (found,) = problems_now(msgspec.structs.replace(whole, deltas=(piece,) * 5), ())
    assert "after an anchor" in found


async def test_a_hole_in_the_numbers_is_seen() -> None:
    """Every commit up to the head can be read."""
    store = MemoryStore()
    claim = await store.open_run(HEAD, commit(1), "w1")
    assert claim is not None
    await store.append(claim, commit(2), after=1)
    await store.append(claim, msgspec.structs.replace(commit(3), anchor=(RECORD,)), after=2)
    await store.prune("run", keep_last=0)
    assert any("cannot be read" in text for text in await problems_of(store, "run"))
    assert await problems_of(store, "run", pruned=True) == []


class Lax(Witness):
    """A store that looks at no claim and at no number."""

    async def lax(self, claim: Claim, new: Commit, after: int) -> None:
        """Write, whatever speaks against it."""
        run = self._runs["run"]
        run.epoch, run.owner, run.seq = claim.epoch, claim.owner, after
        await self.append(claim, new, after=after)


async def test_a_write_under_an_old_claim_is_seen() -> None:
    """Only the newest claim may write."""
    store = Lax()
    first = await store.open_run(HEAD, commit(1), "w1")
    assert first is not None
    await store.claim("run", "w2", over="w1")
    await store.lax(first, commit(2), 1)
    assert store.problems == ["run: w1 wrote commit 2 with an old claim"]


async def test_a_number_that_does_not_follow_is_seen() -> None:
    """Commits follow each other; the same one twice is one."""
    store = Lax()
    claim = await store.open_run(HEAD, commit(1), "w1")
    assert claim is not None
    await store.append(claim, commit(2), after=1)
    await store.append(claim, commit(2), after=1)
    assert store.problems == []
    await store.lax(claim, commit(4), 5)
    assert store.problems == ["run: commit 6 follows 2"]


async def test_a_change_after_the_end_is_seen() -> None:
    """A run that ended takes late posts in, and changes no more."""
    store = Lax()
    claim = await store.open_run(HEAD, commit(1), "w1")
    assert claim is not None
    await store.append(claim, commit(2, status="completed"), after=1)
    await store.append(claim, commit(3, status="completed"), after=2)
    assert store.problems == []
    await store.append(claim, commit(4, delta=b'[{"out":[1]},{},[]]', status="completed"), after=3)
    assert store.problems == ["run: commit 4 was written after the end"]


async def test_a_question_settled_twice_is_seen() -> None:
    """What was settled stays as it was."""
    store = Lax()
    claim = await store.open_run(HEAD, commit(1), "w1")
    assert claim is not None
    new = msgspec.structs.replace(commit(2), waits=(wait(),))
    await store.append(claim, new, after=1)
    await store.settle("run", "ok", Settlement(status="answered", at=0.0, value=b"1", digest="1"))
    asked = store._runs["run"].waits["ok"][0]
    asked.row = wait()
    store._runs["run"].open["ok"] = asked
    store._open_waits[asked.number] = asked
    await store.settle("run", "ok", Settlement(status="cancelled", at=0.0))
    assert store.problems == ["ok was answered, and then cancelled"]
