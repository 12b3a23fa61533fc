# SPDX-License-Identifier: Apache-2.0
"""A run that goes on without what fails."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from holdfast import Engine, MemoryStore, SQLiteStore, TriggerFlow
from holdfast.errors import SkippedFailure


async def fail(data: Any) -> None:
    """Raise what names the input."""
    raise LookupError(f"gone: {data.input}")


async def after(data: Any) -> None:
    """Never reached."""
    await data.async_set_state("after", True)


async def fine(data: Any) -> Any:
    """Give the input back."""
    await data.async_set_state("fine", data.input)
    return data.input


def flow(*, skip: bool = True) -> TriggerFlow:
    """One branch that fails beside one that does not."""
    made = TriggerFlow(name="skips", skip_exceptions=skip)
    made.when("Go").to(fail).to(after)
    made.when("Go").to(fine)
    return made


async def test_an_exception_becomes_an_entry_of_the_results() -> None:
    """Siblings continue, the failing branch stops, and neither status nor close tells of it."""
    execution = flow().create_execution(auto_close=False)
    found = await execution.async_emit("Go", 7)
    assert isinstance(found[0], LookupError)
    assert found[1] == 7
    assert execution.get_status() != "failed"
    assert await execution.async_close() == {"fine": 7}
    assert execution.get_status() == "completed"


async def test_a_skipped_failure_is_in_the_record() -> None:
    """Node, text and time, also in a save; a warning is in the stream."""
    execution = flow().create_execution(auto_close=False)
    await execution.async_emit("Go", 7)
    (line,) = execution.get_skipped_failures()
    assert (line["node"], line["error"]) == ("fail", "LookupError: gone: 7")
    loaded = flow().create_execution(auto_close=False)
    loaded.load(json.loads(json.dumps(execution.save())))
    assert loaded.get_skipped_failures() == [line]
    execution.stop_stream()
    items = [item async for item in execution.get_async_runtime_stream()]
    assert [item["code"] for item in items] == ["failure.skipped"]


async def test_only_the_last_failures_are_kept() -> None:
    """The record does not grow with what was skipped."""
    execution = flow().create_execution(auto_close=False)
    for number in range(40):
        await execution.async_emit("Go", number)
    kept = [line["error"] for line in execution.get_skipped_failures()]
    assert len(kept) == 32
    assert kept[-1] == "LookupError: gone: 39"


async def test_an_execution_may_say_otherwise_than_its_flow() -> None:
    """skip_exceptions of create_execution wins."""
    execution = flow(skip=False).create_execution(auto_close=False, skip_exceptions=True)
    assert isinstance((await execution.async_emit("Go", 1))[0], LookupError)
    strict = flow().create_execution(auto_close=False, skip_exceptions=False)
    with pytest.raises(LookupError):
        await strict.async_emit("Go", 1)


async def test_background_failures_do_not_fail_the_close() -> None:
    """What nobody awaits is skipped as well."""
    execution = flow().create_execution(auto_close=False)
    await execution.async_emit_nowait("Go", 1)
    assert await execution.async_close() == {"fine": 1}


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
async def test_a_kept_run_goes_on_without_what_fails(kind: str, tmp_path: Path) -> None:
    """An emit inside a handler gets what stands for the exception, also when it is repeated."""

    async def outer(data: Any) -> None:
        found = await data.async_emit("Go", data.input)
        await data.async_set_state("found", [str(each) for each in found])
        await data.async_set_state("kinds", [type(each).__name__ for each in found])

    made = flow()
    made.to(outer)
    store = MemoryStore() if kind == "memory" else SQLiteStore(tmp_path / "runs.db")
    async with Engine(store, [made]) as engine:
        run = await engine.start(made, 3, run_id="r")
        end = await run.result()
    await store.close()
    assert end["found"] == ["LookupError: gone: 3", "3"]
    assert end["kinds"] == ["SkippedFailure", "int"]


async def test_what_stands_for_a_failure_survives_a_save() -> None:
    """It comes back equal in node and text."""
    made = flow()
    failure = SkippedFailure("LookupError: gone", node="fail")
    execution = made.create_execution(auto_close=False)
    await execution.async_set_state("kept", failure)
    again = made.create_execution(auto_close=False).load(execution.save()).get_state("kept")
    assert (again.node, str(again)) == ("fail", "LookupError: gone")


async def test_an_exit_is_never_skipped() -> None:
    """What is no Exception ends what it has to end."""

    async def leave(_data: Any) -> None:
        raise KeyboardInterrupt

    made = TriggerFlow(name="leaves", skip_exceptions=True)
    made.when("Go").to(leave)
    execution = made.create_execution(auto_close=False)
    with pytest.raises(KeyboardInterrupt):
        await execution.async_emit("Go")
