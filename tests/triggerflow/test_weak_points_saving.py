# SPDX-License-Identifier: Apache-2.0
"""What saves of such libraries lose, repeat, garble or pile up: here each is shown not to."""

from __future__ import annotations

import asyncio
import json
import threading
from pathlib import Path
from typing import Any

import pytest

from holdfast import MemoryStore, TriggerFlow
from holdfast.errors import OwnershipLost, RunOwned, ValueRefused
from holdfast.persistence.store import Commit
from holdfast.runtime.ownership import Owner
from tests.triggerflow.handlers import Door, add_one, ask, collect, keep

Flow = TriggerFlow[Any, Any, Any]


def through_text(saved: Any) -> Any:
    """What a database of JSON gives back."""
    return json.loads(json.dumps(saved, sort_keys=True))


def chained(door: Door) -> Flow:
    """Three chunks, the second of which waits at a door; and a pause beside them."""
    flow: Flow = TriggerFlow(name="chained")
    flow.to(add_one).to(door, name="door").to(keep)
    flow.when("Ask").to(ask).to(collect)
    return flow


async def test_work_in_flight_does_not_vanish_from_a_save():
    """A save in the middle of a chunk: the chunk and all behind it run after the load."""
    door = Door()
    execution = chained(door).create_execution(auto_close=False)
    running = asyncio.ensure_future(execution.async_start(1))
    await door.reached.wait()
    saved = through_text(execution.save())
    door.opened.set()
    await running

    opened = Door()
    opened.opened.set()
    restored = chained(opened).create_execution(auto_close=False)
    report = restored.inspect_load(saved)
    assert [again["node"] for again in report["will_run_again"]] == ["door"]
    restored.load(saved)
    assert await restored.async_close() == {"kept": 2}
    assert opened.calls == 1


async def test_a_branch_that_runs_while_another_pauses_is_in_the_save_of_the_pause():
    """The automatic kind too: the store has it when the process dies beside the pause."""
    store, door = MemoryStore(), Door()
    kept = chained(door).create_execution(auto_close=False, store=store, run_id="r")
    await kept.async_emit_nowait("START", 1)
    await door.reached.wait()
    await kept.async_emit("Ask", "q")
    await kept.async_release()

    opened = Door()
    opened.opened.set()
    again = chained(opened).create_execution(auto_close=False, store=store, run_id="r")
    await again.async_continue_with("q-q", "yes")
    assert await again.async_close() == {"seen": ["yes"], "kept": 2}


async def test_with_a_store_every_finished_chunk_is_written_down():
    """Not only the pauses: when a chunk begins, the end of the one before is in the store."""
    store = MemoryStore()
    seen: list[int] = []

    async def look(data: Any) -> None:
        seen.append((await store.row("r")).seq)

    flow: Flow = TriggerFlow(name="three")
    flow.to(look).to(look, name="second").to(look, name="third")
    execution = flow.create_execution(auto_close=False, store=store, run_id="r")
    await execution.async_start(1)

    assert seen == [1, 2, 3]
    assert (await store.row("r")).seq == 4


async def test_an_answered_pause_is_not_asked_again_after_a_crash():
    """The answer and each chunk behind it are in the store, so reopening repeats none of them."""
    store = MemoryStore()
    flow: Flow = TriggerFlow(name="answered")
    flow.to(ask).to(collect).to(ask, name="second question")
    first = flow.create_execution(auto_close=False, store=store, run_id="r")
    await first.async_start(1)
    await first.async_continue_with("q-1", 2)
    del first  # nothing is released: the process died

    again = flow.create_execution(auto_close=False, store=store, run_id="r")
    await again.async_resume()
    assert list(again.get_pending_interrupts()) == ["q-2"]
    assert again.get_state() == {"seen": [2]}


async def test_a_half_filled_join_survives_a_save():
    """What has not come is not there; no stand-in for it turns into a value."""
    flow: Flow = TriggerFlow(name="join")
    flow.when(["A", "B", "C"]).to(collect)
    flow.when("Items").for_each().to(ask).end_for_each().to(keep)
    execution = flow.create_execution(auto_close=False)
    await execution.async_emit("A", None)
    await execution.async_emit("Items", [1, 2])
    await execution.async_continue_with("q-2", "two")
    restored = flow.create_execution(auto_close=False)
    restored.load(through_text(execution.save()))
    await restored.async_emit("B", 2)
    assert restored.get_state() == {}
    await restored.async_emit("C", 3)
    await restored.async_continue_with("q-1", "one")

    assert await restored.async_close() == {
        "seen": [{"event": {"A": None, "B": 2, "C": 3}}],
        "kept": ["one", "two"],
    }


async def test_a_save_does_not_grow_with_the_questions_that_were_answered():
    """A thousand rounds with 10 kB of question and answer each: no more than a few lines stay."""
    flow: Flow = TriggerFlow(name="rounds")
    flow.when("Round").to(ask_long).to(("drop", lambda data: None))
    execution = flow.create_execution(auto_close=False)
    sizes = {}
    for turn in range(1000):
        await execution.async_emit("Round", turn)
        await execution.async_continue_with(f"round-{turn}", "answer " * 1500, actor="ann")
        if turn in (40, 999):
            sizes[turn] = len(json.dumps(execution.save()))

    assert sizes[999] < sizes[40] * 1.2
    assert sizes[999] < 10_000


async def ask_long(data: Any) -> Any:
    """Ask with a long text."""
    return await data.async_pause_for(
        payload="question " * 1200, interrupt_id=f"round-{data.input}"
    )


async def test_a_stored_run_does_not_write_its_whole_past_again_and_again():
    """What is written for a round is of the size of the round, however many there were."""
    store = MemoryStore()
    flow: Flow = TriggerFlow(name="rounds")
    flow.when("Round").to(ask_long).to(("drop", lambda data: None))
    execution = flow.create_execution(auto_close=False, store=store, run_id="r")
    written = Written(execution)
    per_round = []
    for turn in range(60):
        before = written.bytes
        await execution.async_emit("Round", turn)
        await execution.async_continue_with(f"round-{turn}", "answer " * 1500)
        per_round.append(written.bytes - before)

    assert max(per_round[1:]) < 200_000
    assert sum(per_round[40:]) < sum(per_round[1:21]) * 1.3


class Written:
    """Counts what a kept execution writes."""

    def __init__(self, execution: Any) -> None:
        self.bytes = 0
        store = execution._home.store
        append, opened = store.append, store.open_run

        async def counted(claim: Any, commit: Commit, **more: Any) -> Any:
            self._add(commit)
            return await append(claim, commit, **more)

        async def counted_open(head: Any, commit: Commit, *more: Any) -> Any:
            self._add(commit)
            return await opened(head, commit, *more)

        store.append, store.open_run = counted, counted_open

    def _add(self, commit: Commit) -> None:
        self.bytes += len(commit.delta) + sum(map(len, commit.anchor or ()))


async def test_a_question_and_its_answer_are_in_a_save_once_at_most():
    """While it waits the question is there once; answered, neither is kept by the run itself."""
    flow: Flow = TriggerFlow(name="once")
    flow.to(question).to(keep)
    execution = flow.create_execution(auto_close=False)
    await execution.async_start(1)
    assert json.dumps(execution.save()).count("QUESTION") == 1
    await execution.async_continue_with("q", "ANSWER", resume_request_id="r", actor="ann")
    text = json.dumps(execution.save())

    assert text.count("QUESTION") == 0
    assert text.count("ANSWER") == 1  # the state that `keep` has set
    assert execution.get_state() == {"kept": "ANSWER"}


async def question(data: Any) -> Any:
    """Ask."""
    return await data.async_pause_for(payload="QUESTION", interrupt_id="q")


@pytest.mark.parametrize(
    "value", [object(), threading.Lock(), print, asyncio, float, {"deep": [lambda: None]}]
)
async def test_what_cannot_come_back_is_refused_with_its_place(value: Any):
    """Never turned into the text that stands for it; in memory it may stand in state."""
    execution = TriggerFlow().create_execution(auto_close=False)
    await execution.async_set_state("order", {"items": [1, value]})
    with pytest.raises(ValueRefused, match=r"state\.order\.items\[1\]"):
        execution.save()
    assert (await execution.async_close()).keys() == {"order"}


async def test_values_come_back_of_their_type_and_not_as_something_like_it():
    """Tuples, sets, bytes, numbers that JSON lacks, keys that are no text."""
    value = {
        (1, "a"): (1, [2]),
        "bytes": b"b'x'",
        "set": {1, 2},
        "inf": float("inf"),
        "big": 10**40,
        2: "two",
        "2": "text",
    }
    execution = TriggerFlow().create_execution(auto_close=False)
    await execution.async_set_state("v", value)
    restored = TriggerFlow().create_execution(auto_close=False)
    restored.load(through_text(execution.save()))

    assert repr(restored.get_state("v")) == repr(value)


def inside(folder: Path) -> set[Path]:
    """What stands in a folder, bytecode apart."""
    return set(folder.glob("[!_]*"))


async def test_pausing_needs_no_store_and_writes_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Nothing appears where the program was started, or beside it."""
    monkeypatch.chdir(tmp_path)
    before = inside(Path(__file__).parent)
    flow: Flow = TriggerFlow(name="quiet")
    flow.to(ask).to(keep)
    execution = flow.create_execution(auto_close=False)
    await execution.async_start(1)
    execution.save()
    await execution.async_continue_with("q-1", 2)
    await execution.async_close()

    assert not inside(tmp_path)
    assert inside(Path(__file__).parent) == before


async def test_a_store_ships_in_which_one_owner_writes_and_the_others_are_told():
    """A claim is refused while its owner lives; one that was taken over writes nothing more."""
    store, door = MemoryStore(), Door()
    first = chained(door).create_execution(auto_close=False, store=store, run_id="r")
    starting = asyncio.ensure_future(first.async_start(1))
    await door.reached.wait()
    other = Owner(store)
    with pytest.raises(RunOwned):
        await other.claim("r")

    owner = (await store.row("r")).owner
    await store.claim("r", other.id, over=owner)
    before = (await store.row("r")).seq
    door.opened.set()
    with pytest.raises(OwnershipLost):
        await starting
    assert (await store.row("r")).seq == before
