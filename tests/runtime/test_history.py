# SPDX-License-Identifier: Apache-2.0
"""Looking back: what a run was after each commit, what changed, and in which words."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from holdfast import Engine, MemoryStore, Retry, TriggerFlow, register_type
from holdfast.errors import CheckpointNotFound, InvalidId, RunFailed, RunNotFound
from holdfast.runtime.clock import IDS
from holdfast.testing.clock import FakeClock
from tests.runtime.histories import answered, asking, both_stores, reviewing, seq_of, store_of


@both_stores
async def test_the_commits_of_a_flow_are_told_in_words(kind: str, tmp_path: Path) -> None:
    """Each with what it brought and where the run stood; one may return to every one."""
    async with answered(store_of(kind, tmp_path)) as (engine, _):
        page = await engine.history("r")
        assert [(moment.label, moment.status) for moment in page.items] == [
            ("start", "running"),
            ("count ended", "running"),
            ("asked ok", "running"),
            ("ask ended", "waiting"),
            ("settled ok", "running"),
            ("book ended", "idle"),
            ("completed", "completed"),
        ]
        assert [moment.seq for moment in page.items] == [1, 2, 3, 4, 5, 6, 7]
        assert all(moment.is_checkpoint and moment.size_bytes > 0 for moment in page.items)
        assert page.next is None


@both_stores
async def test_a_workflow_marks_what_one_may_return_to(kind: str, tmp_path: Path) -> None:
    """The entry, each superstep, each answer; not what lies inside a superstep."""
    async with Engine(store_of(kind, tmp_path), [reviewing()]) as engine:
        run = await engine.start(reviewing(), 4, run_id="r")
        await run.until_idle()
        await run.answer("ok", "fine")
        assert await run.result() == ["14 fine"]
        told = [(m.label, m.status, m.is_checkpoint) for m in (await engine.history("r")).items]
        marked = [(label, status) for label, status, is_checkpoint in told if is_checkpoint]
        assert marked == [
            ("start", "running"),
            ("superstep 1", "running"),
            ("superstep 2", "waiting"),
            ("settled ok", "running"),
            ("superstep 3", "completed"),
        ]
        assert ("asked ok", "running", False) in told


@both_stores
async def test_a_history_comes_in_pages_from_either_end(kind: str, tmp_path: Path) -> None:
    """The words of a commit are the same whatever page it is on."""
    async with answered(store_of(kind, tmp_path)) as (engine, _):
        whole = (await engine.history("r")).items
        for newest_first in (False, True):
            found: list[Any] = []
            cursor: str | None = None
            while True:
                page = await engine.history("r", cursor=cursor, limit=2, newest_first=newest_first)
                found.extend(page.items)
                cursor = page.next
                if cursor is None:
                    break
            assert found == list(reversed(whole) if newest_first else whole)
        with pytest.raises(InvalidId):
            await engine.history("r", cursor="later")
        with pytest.raises(RunNotFound):
            await engine.history("nobody")


async def test_a_failed_step_is_told_as_such() -> None:
    """What stands parked has not ended."""

    async def fails(_data: Any) -> None:
        raise ConnectionError("down")

    flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="fails")
    flow.to(fails)
    async with Engine(MemoryStore(), [flow]) as engine:
        run = await engine.start(flow, 0, run_id="r")
        with pytest.raises((RunFailed, ConnectionError)):
            await run.result()
        last = (await engine.history("r", newest_first=True)).items[0]
        assert (last.label, last.status) == ("fails failed", "parked")
        (work,) = (await engine.state("r")).work
        assert (work.node, work.is_parked, work.error) == ("fails", True, "ConnectionError: down")


async def test_what_a_handler_did_for_good_is_told_by_name() -> None:
    """A commit of a durable step, or of a sleep, says which; a call after a wait is told too."""
    clock = FakeClock()

    async def works(data: Any) -> None:
        await data.step("price", str, 40)
        if not data.failures:
            raise ConnectionError("down")
        await data.sleep(5)

    flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="works")
    flow.to(works, retry=Retry(2, backoff=1.0))
    async with Engine(MemoryStore(), [flow], times=(clock, IDS)) as engine:
        run = await engine.start(flow, 0, run_id="r")
        ending = asyncio.ensure_future(run.result())
        while not ending.done():
            clock.pass_s(0.25)
            await asyncio.sleep(0)
        assert [moment.label for moment in (await engine.history("r")).items] == [
            "start",
            "works did price",
            "works failed, to be tried again",
            "works begins again",
            "works sleeps",
            "works ended",
            "completed",
        ]


async def test_a_step_that_is_tried_again_is_told_as_such() -> None:
    """Each failed attempt is a line of its own."""
    tried: list[int] = []

    async def flaky(_data: Any) -> None:
        tried.append(1)
        if len(tried) < 3:
            raise ConnectionError("down")

    flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="flaky")
    flow.to(flaky, retry=Retry(5, backoff=0.0))
    async with Engine(MemoryStore(), [flow]) as engine:
        await (await engine.start(flow, 0, run_id="r")).result()
        labels = [moment.label for moment in (await engine.history("r")).items]
        assert labels.count("flaky failed, to be tried again") == 2
        assert "flaky ended" in labels


@both_stores
async def test_the_words_survive_what_was_pruned(kind: str, tmp_path: Path) -> None:
    """What is left is told; the first of it by what it holds."""
    async with answered(store_of(kind, tmp_path)) as (engine, _):
        before = {moment.seq: moment for moment in (await engine.history("r")).items}
        at = await seq_of(engine, "ask ended")
        await engine.rewind("r", at)
        await engine.prune("r", keep_last=1)
        left = (await engine.history("r")).items
        assert [moment.label for moment in left] == [f"rewound to {at}"]
        assert left[0].seq == max(before) + 1


@both_stores
async def test_the_state_at_each_commit_is_what_the_run_had(kind: str, tmp_path: Path) -> None:
    """State, questions and unfinished work; without an argument, those of now."""
    async with answered(store_of(kind, tmp_path)) as (engine, _):
        asked = await engine.state("r", await seq_of(engine, "ask ended"))
        assert asked.state == {"order": {"sum": 4, "by": "count"}, "seen": ["count"]}
        assert (asked.waits, asked.work, asked.status) == ({"ok": {"sum": 5}}, (), "waiting")
        start = await engine.state("r", 1)
        assert (start.state, [work.node for work in start.work]) == ({}, ["count"])
        assert start.work[0].payload == 4
        now = await engine.state("r")
        assert (now.seq, now.status, now.waits) == (7, "completed", {})
        assert now.state["booked"] == 4
        for missing in (0, 8, -1):
            with pytest.raises(CheckpointNotFound):
                await engine.state("r", missing)
        with pytest.raises(RunNotFound):
            await engine.state("nobody")


@both_stores
async def test_the_state_of_a_workflow_shows_what_each_executor_keeps(
    kind: str, tmp_path: Path
) -> None:
    """What was written in a superstep is there after its barrier."""
    async with Engine(store_of(kind, tmp_path), [reviewing()]) as engine:
        run = await engine.start(reviewing(), 4, run_id="r")
        await run.until_idle()
        states = [await engine.state("r", m.seq) for m in (await engine.history("r")).items]
        numbers = [found.state.get("number") for found in states]
        assert [numbers[0], numbers[-1]] == [None, 14]
        assert numbers.index(4) < numbers.index(14)
        assert states[-1].waits == {"ok": {"number": 14}}


@dataclass
class Parcel:
    """What only some processes know."""

    weight: int


async def test_values_of_unknown_classes_are_plain_data(tmp_path: Path) -> None:
    """Reading needs neither the definition nor its classes; with them, values are typed."""

    async def pack(data: Any) -> Any:
        await data.async_set_state("parcel", Parcel(3))
        return await data.async_pause_for(payload=Parcel(4), interrupt_id="ok")

    register_type(Parcel, "tests.history.parcel")
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="packing")
    flow.to(pack)
    url = f"sqlite:///{tmp_path}/runs.db"
    async with Engine(url, [flow]) as engine:
        run = await engine.start(flow, 0, run_id="r")
        await run.until_idle()
        found = await engine.state("r")
        assert (found.state, found.waits) == ({"parcel": Parcel(3)}, {"ok": Parcel(4)})
    async with Engine(url) as engine:
        engine._codec = _without(engine._codec)
        found = await engine.state("r")
        assert (found.state, found.waits) == ({"parcel": {"weight": 3}}, {"ok": {"weight": 4}})
        assert (await engine.diff("r", 1)).added == {"parcel": {"weight": 3}}


def _without(codec: Any) -> Any:
    from holdfast.persistence.codec import Codec
    from holdfast.persistence.types import TypeRegistry

    return Codec(TypeRegistry())


async def test_a_sub_flow_has_a_state_of_its_own() -> None:
    """It is shown under the name of its node while the visit lasts."""

    async def inner(data: Any) -> Any:
        await data.async_set_state("inside", data.input)
        return await data.async_pause_for(interrupt_id="ok")

    sub: TriggerFlow[Any, Any, Any] = TriggerFlow(name="sub")
    sub.to(inner)
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="around")
    flow.to_sub_flow(sub)
    async with Engine(MemoryStore(), [flow]) as engine:
        run = await engine.start(flow, 7, run_id="r")
        await run.until_idle()
        (name,) = (await engine.state("r")).inside
        assert (await engine.state("r")).inside[name] == {"inside": 7}
        assert (await engine.diff("r", 1)).added == {f"{name}/inside": 7}


@both_stores
async def test_a_diff_names_what_came_went_and_changed(kind: str, tmp_path: Path) -> None:
    """As data, and as lines to read."""
    async with answered(store_of(kind, tmp_path)) as (engine, _):
        ended = await engine.diff("r", await seq_of(engine, "ask ended"))
        assert ended.added == {"booked": 4}
        assert ended.changed == {"seen": (["count"], ["count", "yes"])}
        assert (ended.status, ended.settled) == (("waiting", "completed"), {"ok": "answered"})
        assert (ended.removed, ended.opened, ended.born, ended.ended) == ({}, (), {}, {})
        assert str(ended).splitlines() == [
            "~ status: waiting -> completed",
            "+ booked: 4",
            '~ seen: ["count"] -> ["count", "yes"]',
            "- question ok: answered",
        ]
        back = await engine.diff("r", 7, 4)
        assert (back.removed, back.opened) == ({"booked": 4}, ("ok",))
        first = await engine.diff("r", 1, 2)
        assert (first.born, first.ended) == ({2: "ask"}, {1: "count"})


@both_stores
async def test_a_commit_differs_in_nothing_from_itself(kind: str, tmp_path: Path) -> None:
    """For every commit; and from the one before in something."""
    async with answered(store_of(kind, tmp_path)) as (engine, _):
        for seq in range(1, 8):
            same = await engine.diff("r", seq, seq)
            assert not same
            assert str(same) == "no difference"
        assert all([await engine.diff("r", seq, seq + 1) for seq in (1, 2, 3, 4, 5, 6)])


async def test_a_long_value_is_cut_in_the_lines_alone() -> None:
    """The data has it whole."""

    async def write(data: Any) -> None:
        await data.async_set_state("text", "x" * 1000)

    flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="long")
    flow.to(write)
    async with Engine(MemoryStore(), [flow]) as engine:
        await (await engine.start(flow, 0, run_id="r")).result()
        found = await engine.diff("r", 1)
        assert found.added == {"text": "x" * 1000}
        assert max(map(len, found.lines())) < 120


async def test_looking_back_claims_nothing(tmp_path: Path) -> None:
    """Another process may read a run that is under way, and changes nothing by it."""
    url = f"sqlite:///{tmp_path}/runs.db"
    async with Engine(url, [asking()]) as owner, Engine(url) as reader:
        run = await owner.start(asking(), 4, run_id="r")
        await run.until_idle()
        before = await run.row()
        await reader.history("r")
        await reader.state("r", 2)
        await reader.diff("r", 1, 3)
        await reader.audit("r")
        assert await run.row() == before
