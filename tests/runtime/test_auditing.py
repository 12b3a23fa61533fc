# SPDX-License-Identifier: Apache-2.0
"""Who decided what: it stays after the run has taken it in, in the order of the run."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from holdfast import Engine, TriggerFlow
from holdfast.errors import RunCancelled
from holdfast.persistence.store import Settlement
from tests.runtime.histories import answered, ask, asking, both_stores, seq_of, store_of


@both_stores
async def test_an_answer_stays_with_who_gave_it(kind: str, tmp_path: Path) -> None:
    """Its question, its value, its request id, and the commit that took it in."""
    async with answered(store_of(kind, tmp_path)) as (engine, _):
        asked, given = (await engine.audit("r")).entries
        assert (asked.what, asked.wait_id, asked.value) == ("asked", "ok", {"sum": 5})
        assert asked.seq == await seq_of(engine, "asked ok")
        assert (given.what, given.wait_id, given.value) == ("answered", "ok", "yes")
        assert (given.actor, given.request_id) == ("ann", "mail-1")
        assert given.taken == await seq_of(engine, "settled ok")
        assert given.seq is not None
        assert asked.seq < given.seq < given.taken


@both_stores
async def test_every_decision_from_outside_is_there(kind: str, tmp_path: Path) -> None:
    """Signals, retries, cancellations: with their bodies, in the order they came."""

    async def fails(_data: Any) -> None:
        raise ConnectionError("down")

    flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="fails")
    flow.to(fails)
    async with Engine(store_of(kind, tmp_path), [flow]) as engine:
        run = await engine.start(flow, 0, run_id="r")
        await run.until_idle()
        await engine.emit("r", "Shipped", {"n": 1}, request_id="s-1", actor="shop")
        await engine.retry("r", request_id="r-1", actor="ann")
        await run.until_idle()
        await engine.cancel("r")
        with pytest.raises(RunCancelled):
            await run.result()
        found = await engine.audit("r")
        assert [(entry.what, entry.request_id, entry.actor) for entry in found.entries] == [
            ("signal", "s-1", "shop"),
            ("retry", "r-1", "ann"),
            ("cancel", None, None),
        ]
        assert found.entries[0].value == {"event": "Shipped", "value": {"n": 1}}
        assert all(entry.taken is not None for entry in found.entries)
        assert (found.run_id, found.epoch) == ("r", (await run.row()).epoch)


@both_stores
async def test_questions_end_in_other_ways_too(kind: str, tmp_path: Path) -> None:
    """Expired, withdrawn by going back, closed with the run."""
    store = store_of(kind, tmp_path)
    async with Engine(store, [asking()], recover=False) as engine:
        run = await engine.start(asking(), 4, run_id="r")
        await run.until_idle()
        back = await engine.rewind("r", 2)
        await back.until_idle()
        await engine.cancel("r")
        with pytest.raises(RunCancelled):
            await back.result()
        assert [(entry.what, entry.wait_id) for entry in (await engine.audit("r")).entries] == [
            ("asked", "ok"),
            ("rewound", None),
            ("withdrawn", "ok"),
            ("asked", "ok"),
            ("cancel", None),
            ("closed", "ok"),
        ]
        other = await engine.start(asking(), 4, run_id="late")
        await other.until_idle()
        await store.settle("late", "ok", Settlement(status="expired", at=1.0))
        assert (await engine.audit("late")).entries[-1].what == "expired"
    await store.close()


async def test_parked_work_that_is_skipped_and_a_close_name_who_did_it(tmp_path: Path) -> None:
    """A skip with its value and its delivery; a close with its reason."""

    async def fails(_data: Any) -> None:
        raise ConnectionError("down")

    flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="fails")
    flow.to(fails).to(ask)
    async with Engine(store_of("sqlite", tmp_path), [flow]) as engine:
        run = await engine.start(flow, 0, run_id="r")
        await run.until_idle()
        (work,) = (await engine.state("r")).work
        await engine.skip("r", work.number, 7, actor="ann")
        await run.until_idle()
        await engine.close_run("r", pending_interrupts="cancel", reason="enough", actor="bob")
        await asyncio.gather(run.result(), return_exceptions=True)
        skip, *_, close = [e for e in (await engine.audit("r")).entries if e.wait_id is None]
        assert (skip.what, skip.actor) == ("skip", "ann")
        assert skip.value == {"value": 7, "delivery": work.number}
        assert (close.what, close.actor, close.value["event"]) == ("close", "bob", "enough")


@both_stores
async def test_what_nobody_took_in_says_so(kind: str, tmp_path: Path) -> None:
    """A post for a run that nobody carries waits there, and pruning leaves it."""
    store = store_of(kind, tmp_path)
    async with Engine(store, [asking()]) as engine:
        await (await engine.start(asking(), 4, run_id="r")).until_idle()
    async with Engine(store) as outside:
        await outside.emit("r", "Shipped", 1)
        await outside.answer("r", "ok", "yes", actor="ann")
        await outside.prune("r", keep_last=1)
        entries = (await outside.audit("r")).entries
        assert [(entry.what, entry.taken) for entry in entries] == [
            ("asked", None),
            ("signal", None),
            ("answered", None),
        ]
    await store.close()
