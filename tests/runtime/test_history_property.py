# SPDX-License-Identifier: Apache-2.0
"""Whatever a run writes: each of its commits is read back as the run was then."""

from __future__ import annotations

import asyncio
import copy
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast import Engine, MemoryStore, TriggerFlow

KEYS = st.sampled_from(["a", "b", "c.d", "c.e"])
VALUES = st.one_of(
    st.integers(),
    st.text(max_size=5),
    st.none(),
    st.lists(st.integers(), max_size=3),
    st.tuples(st.integers(), st.text(max_size=3)),
    st.sets(st.integers(), max_size=3),
    st.dictionaries(st.sampled_from(["$tuple", "x", "y"]), st.integers(), max_size=2),
)
WRITES = st.one_of(
    st.tuples(st.just("set"), KEYS, VALUES),
    st.tuples(st.just("append"), st.just("list"), VALUES),
    st.tuples(st.just("del"), st.sampled_from(["a", "b", "c", "list"]), st.none()),
)
STEPS = st.lists(st.lists(WRITES, max_size=4), min_size=1, max_size=6)


def step_of(writes: list[tuple[str, str, Any]], states: list[dict[str, Any]]) -> Any:
    """A handler that makes these writes and notes what the state is then."""

    async def step(data: Any) -> None:
        for word, key, value in writes:
            if word == "set":
                await data.async_set_state(key, value)
            elif word == "append":
                await data.async_append_state(key, value)
            else:
                await data.async_del_state(key)
        states.append(copy.deepcopy(data.get_state()))

    return step


async def lived(steps: list[list[tuple[str, str, Any]]]) -> None:
    """Let a run make all writes; then compare each of its commits with what was noted."""
    states: list[dict[str, Any]] = [{}]
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="writes")
    chain: Any = flow
    for number, writes in enumerate(steps):
        step = step_of(writes, states)
        step.__name__ = f"step_{number}"
        chain = chain.to(step)
    async with Engine(MemoryStore(), [flow]) as engine:
        await (await engine.start(flow, 0, run_id="r")).result()
        moments = (await engine.history("r")).items
        ends = [m.seq for m in moments if m.label == "start" or "ended" in m.label]
        assert len(ends) == len(states)
        for seq, state in zip(ends, states, strict=True):
            assert (await engine.state("r", seq)).state == state
            assert not await engine.diff("r", seq, seq)
        for (a, before), (b, after) in zip(
            zip(ends, states, strict=True), zip(ends[1:], states[1:], strict=True), strict=False
        ):
            found = await engine.diff("r", a, b)
            assert found.added.keys() == after.keys() - before.keys()
            assert found.removed.keys() == before.keys() - after.keys()
            rebuilt = {key: value for key, value in before.items() if key not in found.removed}
            rebuilt |= found.added | {key: new for key, (_, new) in found.changed.items()}
            assert rebuilt == after
        # The forks run the same handlers, which note what they see too.
        for seq, state in zip(ends, tuple(states), strict=True):
            fork = await engine.fork("r", seq)
            assert (await engine.state(fork.run_id, 1)).state == state
            assert await fork.result() == states[len(ends) - 1]


@given(STEPS)
@settings(max_examples=25, deadline=None)
def test_every_commit_is_read_back_and_forked_as_the_run_was(
    steps: list[list[tuple[str, str, Any]]],
) -> None:
    """Its state equals what the handler saw; a diff leads from one to the next."""
    asyncio.run(lived(steps))
