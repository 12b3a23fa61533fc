# SPDX-License-Identifier: Apache-2.0
"""One flow for each operator, with a run that stops half-way: to be moved, and gone on with.

`python -m tests.triggerflow.shapes NAME` reads a blueprint and a save on stdin, in a process that
built none of it, goes on as the shape says, and writes what came of it on stdout.
"""

from __future__ import annotations

import asyncio
import json
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from holdfast import TriggerFlow
from tests.triggerflow.handlers import add_one, ask, collect, double, keep, same

Flow = TriggerFlow[Any, Any, Any]


async def is_big(data: Any) -> bool:
    """A condition."""
    return bool(data.input > 10)


def is_odd(data: Any) -> int:
    """A condition that answers with a number."""
    return int(data.input % 2)


async def emit_more(data: Any) -> None:
    """Emit, with and without waiting, under a name that it declares."""
    await data.async_emit_nowait("More", data.input)


@dataclass(frozen=True)
class Shape:
    """A structure, what is sent before the move, and what after it; then all is answered."""

    build: Callable[[Flow], Any]
    before: tuple[tuple[str, Any], ...] = (("START", 1),)
    after: tuple[tuple[str, Any], ...] = ()


def _chunks(flow: Flow) -> None:
    flow.chunk("emits")(emit_more).declare_emits("More", "Less")
    flow.to("emits").to(ask).to(double).side_branch(collect).to(keep)
    flow.when("More").to(add_one).to(collect)


def _gates(flow: Flow) -> None:
    flow.when(["A", "B", "C"]).to(collect)
    flow.when({"event": "A", "runtime_data": "seen"}, mode="or").to(same).to(keep)
    flow.when(["B", "C"], mode="simple_or").to(ask)


def _loops(flow: Flow) -> None:
    rows = flow.for_each(concurrency=2).for_each(name="cells").to(ask)
    rows.end_for_each().end_for_each().to(keep)


def _batches(flow: Flow) -> None:
    flow.batch(("one", same), ("two", ask), ("three", double), concurrency=2).to(keep)


def _choices(flow: Flow) -> None:
    chain = flow.to(same).if_condition(is_big).to(double, name="halve").elif_condition(is_odd)
    chain.to(ask).else_condition().to(add_one).end_condition().to(keep)


def _matches(flow: Flow) -> None:
    match = flow.match(mode="hit_all").case(1).to(ask).case(is_odd).to(double)
    match.case("x").to(same).case_else().to(add_one).end_match().to(keep)


def _collections(flow: Flow) -> None:
    flow.to(ask).collect("both", "asked").to(keep)
    flow.to(double).collect("both", "doubled")
    flow.when({"collect": "both"}).to(collect)


def _points(flow: Flow) -> None:
    chain = flow.intervention_point(name="before").to(ask)
    chain.intervention_point(name="after", target="x").to(keep)


def _notes(flow: Flow) -> None:
    flow.to(same).____("a", "b", log_info=True).to(ask).to(keep)


def _ends(flow: Flow) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        flow.to(ask).end()


def _sub_flows(flow: Flow) -> None:
    inner: Flow = TriggerFlow(name="inner")
    inner.batch(("one", same), ("two", ask)).to(keep)
    outer: Flow = TriggerFlow(name="outer")
    outer.chunk("emits")(emit_more).declare_emits("More")
    outer.set_contract(initial_input=int)
    outer.to(same).to_sub_flow(inner, write_back={"value": "snapshot"}).to(keep)
    flow.to(add_one).to_sub_flow(
        outer, capture={"input": "value"}, write_back={"state.inside": "result"}
    ).to(collect)


SHAPES = {
    "chunks": Shape(_chunks, (("START", 1), ("Elsewhere", 2)), (("More", 5),)),
    "gates": Shape(_gates, (("A", 1), ("B", 2)), (("C", 3), ("A", 4))),
    "loops": Shape(_loops, (("START", [[1, 2], [3]]),)),
    "batches": Shape(_batches),
    "choices": Shape(_choices, (("START", 3),), (("START", 11), ("START", 2))),
    "matches": Shape(_matches, after=(("START", 2),)),
    "collections": Shape(_collections),
    "points": Shape(_points),
    "notes": Shape(_notes),
    "ends": Shape(_ends),
    "sub_flows": Shape(_sub_flows),
}


def built(name: str) -> Flow:
    """The flow of a shape, as code builds it."""
    flow: Flow = TriggerFlow(name=name)
    SHAPES[name].build(flow)
    return flow


def receiver() -> Flow:
    """A flow that knows every handler and has no structure."""
    flow: Flow = TriggerFlow(name="receiver")
    for function in (add_one, ask, collect, double, keep, same):
        flow.register_chunk_handler(function)
    for name, function in (
        ("emits", emit_more),
        ("one", same),
        ("two", ask),
        ("three", double),
        ("halve", double),
    ):
        flow.register_chunk_handler(function, name=name)
    flow.register_condition_handler(is_big).register_condition_handler(is_odd)
    return flow


async def half_way(flow: Flow, shape: Shape) -> Any:
    """A save of a run that has gone as far as it can without answers."""
    execution = flow.create_execution(auto_close=False)
    for event, value in shape.before:
        await execution.async_emit(event, value)
    await execution.live.until_quiet()
    saved = execution.save()
    await execution.async_release()
    return saved


async def gone_on(flow: Flow, shape: Shape, saved: Any) -> Any:
    """The close snapshot of the run after the rest was sent, and every question answered."""
    execution = flow.create_execution(auto_close=False)
    execution.load(saved, strict=True)
    for event, value in shape.after:
        await execution.async_emit(event, value)
    while pending := execution.get_pending_interrupts():
        await execution.async_continue_with(next(iter(pending)), 7)
    return await execution.async_close()


async def _here(name: str, blueprint: Any, saved: Any) -> Any:
    return await gone_on(receiver().load_blueprint(blueprint), SHAPES[name], saved)


if __name__ == "__main__":
    given = json.load(sys.stdin)
    came = asyncio.run(_here(sys.argv[1], given["blueprint"], given["saved"]))
    sys.stdout.write(json.dumps(came))
