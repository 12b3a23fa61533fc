# SPDX-License-Identifier: Apache-2.0
"""A save that somebody made up, checksum and all, is refused whole or loads; it breaks nothing."""

from __future__ import annotations

import asyncio
import json
import random
from typing import Any

import pytest

from holdfast import TriggerFlow
from holdfast.errors import Damaged, HoldfastError
from holdfast.machine import snapshot
from tests.triggerflow.handlers import Door, ask, collect, keep, same
from tests.triggerflow.test_load_reports import resealed

ODD = (None, True, -1, 0, 10**6, 1.5, "", "x", "run", [], [1], {}, {"$": 1}, {"$dataclass": "x"})

SUB = "sub_flow:inner"
GATE = "when(event:Left+event:Right,and)"


def busy() -> TriggerFlow[Any, Any, Any]:
    """Every kind of thing that a record can hold."""
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="busy")
    flow.when("Ask").to(ask).to(keep)
    flow.when(["Left", "Right"]).to(collect)
    flow.when("Items").for_each(concurrency=2).to(ask, name="ask item").end_for_each().to(collect)
    flow.when("Both").batch(("here", same), ("there", ask)).to(collect)
    choice = flow.when("Choice").match(mode="hit_all").case(1).to(ask, name="case ask")
    choice.case_else().to(same, name="else").end_match().to(keep, name="chosen")
    flow.when("Work").to(work)
    flow.when("Slow").to(wait)
    inner: TriggerFlow[Any, Any, Any] = TriggerFlow(name="inner")
    inner.to(ask).to(keep)
    capture = {"input": "value", "flow_data": {"given": "value"}}
    flow.when("Sub").to_sub_flow(inner, capture=capture).to(collect, name="behind the sub-flow")
    flow.when("Point").intervention_point(name="point").to(same, name="behind the point")
    return flow


async def work(data: Any) -> Any:
    """Write, emit, and wait for what follows from it."""
    await data.async_set_state("scratch", [data.attempt])
    await data.async_append_state("scratch", 1)
    await data.async_emit("Left", 2)
    await data.async_emit("Slow", 3)


async def wait(data: Any) -> Any:
    """Stay under way."""
    return await data.require_resource("door")(data)


async def hears(data: Any) -> Any:
    """Bound to the execution: pauses too."""
    return await data.async_pause_for(interrupt_id="bound")


async def a_full_save() -> dict[str, Any]:
    """A save with waits, joins, fans, ledgers, deliveries, scopes, settled waits and a failure."""
    door = Door()
    flow = busy()
    execution = flow.create_execution(auto_close=False, runtime_resources={"door": door})
    execution.declare_resource_requirement("door", metadata={"n": 1})
    execution.on("Bound", hears, metadata={"by": "test"})
    await execution.async_intervene({"note": 1}, target="nobody", metadata={"m": 2})
    await execution.async_emit("Ask", "old")
    await execution.async_continue_with("q-old", 1, resume_request_id="r")
    await execution.async_emit("Sub", "over")
    await execution.async_continue_with("frame-1:q-over", 1)
    for event, value in (
        ("Sub", 9),
        ("Ask", 3),
        ("Left", 1),
        ("Items", [5, 6, 7]),
        ("Both", 8),
        ("Choice", 1),
        ("Bound", 1),
    ):
        await execution.async_emit(event, value)
    await execution.async_emit_nowait("Work", 1)
    await door.reached.wait()
    saved: dict[str, Any] = json.loads(json.dumps(execution.save()))
    await execution.async_release()
    return saved


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place inside a JSON value."""
    found = [path]
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            found.extend(places(item, (*path, key)))
    return found


def changed(body: Any, path: tuple[Any, ...], how: Any) -> Any:
    """The body with one place replaced, or gone."""
    made = json.loads(json.dumps(body))
    inside = made
    for key in path[:-1]:
        inside = inside[key]
    if how is places:
        del inside[path[-1]]
    else:
        inside[path[-1]] = how
    return made


def restored() -> Any:
    """An execution to load into."""
    return busy().create_execution(auto_close=False, runtime_resources={"door": Door()})


async def tried(saved: dict[str, Any], body: dict[str, Any]) -> bool:
    """Load the save with that body. Whether it was taken; if not, nothing has changed."""
    fresh = restored()
    fresh.set_state("mine", 1)
    before = fresh.save()["body"]
    try:
        forged = resealed({**saved, "body": body})
        fresh.load(forged)
    except HoldfastError:
        assert fresh.save()["body"] == before
        return False
    fresh.save()
    return True


async def test_the_record_of_these_tests_has_every_part_that_a_flow_writes():
    """A part that is added gets into it here, or nobody makes it up."""
    kinds = {name.partition("/")[0] for name in (await a_full_save())["body"]}
    only_of_graphs = {"frame", "executor", "out", "staged", "gather", "payload"}
    assert kinds == snapshot.KINDS - only_of_graphs


async def test_one_thing_made_up_anywhere_in_a_record_is_refused_or_taken():
    """Each place of a full record, with each odd value: only listed errors, nothing half-loaded."""
    saved = await a_full_save()
    body = saved["body"]
    chance = random.Random(7)
    all_places = [path for path in places(body) if path]
    tries = [(path, odd) for path in all_places for odd in (*ODD, places)]
    taken = 0
    for path, odd in chance.sample(tries, min(len(tries), 1500)):
        taken += await tried(saved, changed(body, path, odd))
    assert taken > 0
    assert await tried(saved, body)


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("run", ["weird", "open", 99, 99, 99, 99, None]),
        ("run", ["running", "ajar", 99, 99, 99, 99, None]),
        ("run", ["running", "open", 1, 99, 99, 99, None]),
        ("run", ["running", "open", 99, 99, 1, 99, None]),
        ("due/90", {"n": "each@event:Items"}),
        ("due/90", {"n": "keep", "f": 3}),
        ("due/900", {"n": "keep"}),
        ("scope/5", [5, 0]),
        ("scope/5", [900, 0]),
        ("scope/5", [-1, 0]),
        (f"join/0/{len(GATE)}:{GATE}:event:Else", 1),
        ("fan/90", ["keep", 0, 0, 0, [1], None]),
        ("fan/90", ["each@event:Items", 0, 0, 0, 3, None]),
        ("fan/90/at", 7),
        ("facts", {"requirements": 3}),
        ("facts", 3),
        ("facts", {"auto_close": 3}),
        ("wait/q-1", {"type": "t"}),
        ("visits", [1, 1]),
        ("visit/2", {"node": "keep", "parent": 0, "scope": 0, "value": 1, "began_at": 0.0}),
        ("visit/2", {"node": SUB, "parent": 2, "scope": 0, "value": 1, "began_at": 0.0}),
        ("visit/2", {"node": SUB, "parent": 0, "scope": 99, "value": 1, "began_at": 0.0}),
        ("visit/2/now", [0, 0, 0.0, None]),
        ("visit/2/now", [900, 0, 0.0, None]),
        ("visit/2/now", [1, 900, 0.0, None]),
        ("state/7/x", 1),
        ("due/90", {"n": SUB, "k": "frame", "e": "2"}),
        ("due/90", {"n": SUB, "k": "frame", "e": "-x"}),
    ],
)
async def test_a_record_that_no_flow_could_have_is_refused(part: str, value: Any):
    """Words, numbers, places: whatever would break only later."""
    saved = await a_full_save()
    fresh = restored()
    with pytest.raises(Damaged):
        fresh.load(resealed(saved, **{part: value}))
    assert fresh.get_status() == "created"


async def test_a_full_save_goes_on_as_if_nothing_had_happened():
    """What the other tests take apart does load and run to its end."""
    saved = await a_full_save()
    door = Door()
    door.opened.set()
    fresh = busy().create_execution(auto_close=False, runtime_resources={"door": door})
    fresh.load(saved)
    await fresh.async_resume()
    for wait_id in list(fresh.get_pending_interrupts()):
        await fresh.async_continue_with(wait_id, wait_id)
    await fresh.async_emit("Right", 3)
    await asyncio.sleep(0)

    assert sorted(await fresh.async_close()) == ["$interventions", "kept", "scratch", "seen"]
