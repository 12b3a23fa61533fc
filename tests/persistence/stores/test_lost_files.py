# SPDX-License-Identifier: Apache-2.0
"""Files that are removed, replaced or cut: told by type, and never read as something else."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from holdfast import Engine, SQLiteStore, TriggerFlow
from holdfast.errors import RunNotFound, StoreDamaged, StoreUnavailable
from holdfast.testing.suite_hooks import begin, commit


@pytest.mark.parametrize("which", ["runs.db", "runs.db-wal"])
@pytest.mark.parametrize("is_replaced", [False, True])
async def test_a_file_that_is_gone_under_an_open_store_is_told(
    tmp_path: Path, which: str, is_replaced: bool
) -> None:
    """Writing and reading are refused until it is back; what was kept is whole then."""
    path, aside = tmp_path / which, tmp_path / "aside"
    store = SQLiteStore(tmp_path / "runs.db")
    claim = await begin(store)
    await store.append(claim, commit("c2"), after=1)
    assert (await store.read("run-1")).seq == 2
    path.rename(aside)
    if is_replaced:
        shutil.copy(aside, path)
    with pytest.raises(StoreUnavailable, match="was replaced" if is_replaced else "was removed"):
        await store.append(claim, commit("c3"), after=2)
    with pytest.raises(StoreUnavailable):
        await store.read("run-1")
    aside.rename(path)
    assert await store.append(claim, commit("c3"), after=2) == 3
    await store.close()


async def test_no_handler_begins_once_the_database_was_removed(tmp_path: Path) -> None:
    """The step that removes it ends; the caller is told, and the next one does not begin."""
    path = tmp_path / "runs.db"
    begun: list[str] = []

    async def remove(data: Any) -> None:
        begun.append("remove")
        path.unlink()

    async def after(data: Any) -> None:
        begun.append("after")

    flow: Any = TriggerFlow(name="removing")
    flow.to(remove).to(after)
    store = SQLiteStore(path)
    engine = Engine(store, [flow])
    await engine.look()
    run = await engine.start(flow, 0, run_id="r")
    with pytest.raises(StoreUnavailable, match="was removed"):
        await run.result()
    with pytest.raises(StoreUnavailable, match="was removed"):
        await engine.close()
    assert begun == ["remove"]
    assert not path.exists()
    await store.close()


async def filled(path: Path) -> list[bytes]:
    """A store of one run with some commits, open; the deltas of all."""
    store = SQLiteStore(path)
    claim = await begin(store)
    for seq in range(1, 13):
        await store.append(claim, commit(f"c{seq + 1}", delta=bytes([64 + seq]) * 900), after=seq)
    deltas = list((await store.read("run-1")).deltas)
    for name in (path.name, f"{path.name}-wal"):
        shutil.copy(path.parent / name, path.parent / f"copied-{name}")
    await store.close()
    return deltas


async def test_a_log_that_was_cut_anywhere_gives_a_state_that_there_was(tmp_path: Path) -> None:
    """The last commits are gone with it, as after a power loss; what is read is a beginning."""
    written = await filled(tmp_path / "runs.db")
    whole = (tmp_path / "copied-runs.db-wal").read_bytes()
    seen = set()
    for number in range(40):
        path = tmp_path / f"{number}.db"
        shutil.copy(tmp_path / "copied-runs.db", path)
        (tmp_path / f"{number}.db-wal").write_bytes(whole[: len(whole) * (number + 1) // 41])
        store = SQLiteStore(path)
        try:
            found = list((await store.read("run-1")).deltas)
            assert found == written[: len(found)]
            seen.add(len(found))
        except RunNotFound:
            seen.add(0)
        await store.close()
    assert len(seen) > 5


async def test_a_database_that_was_cut_anywhere_is_damaged_or_whole(tmp_path: Path) -> None:
    """A page that is missing is told; nothing is read as something else."""
    written = await filled(tmp_path / "runs.db")
    whole = (tmp_path / "runs.db").read_bytes()
    damaged = 0
    for number in range(40):
        path = tmp_path / f"{number}.db"
        path.write_bytes(whole[: max(len(whole) * number // 40, 1)])
        store = SQLiteStore(path)
        try:
            assert list((await store.read("run-1")).deltas) == written
        except (StoreDamaged, StoreUnavailable):
            damaged += 1
        await store.close()
    assert damaged > 30
