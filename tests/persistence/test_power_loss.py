# SPDX-License-Identifier: Apache-2.0
"""The power fails at any moment: what was acknowledged is there, whole, and is the newest."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from holdfast import FileCheckpointStorage
from holdfast.persistence.checkpoint import WorkflowCheckpoint
from holdfast.persistence.files import read_file, write_file
from holdfast.testing.power_loss import Image, PowerLoss


def made(run_id: str, number: int) -> WorkflowCheckpoint:
    """A checkpoint with something in it."""
    return WorkflowCheckpoint(
        workflow_name="orders",
        graph_signature_hash="g1",
        checkpoint_id=f"{run_id}@{number}",
        run_id=run_id,
        timestamp=f"2030-01-0{number}T00:00:00+00:00",
        previous_checkpoint_id=None,
        iteration_count=number,
        metadata={"kind": "superstep"},
        parts={"state": b'{"text":"%s"}' % (b"x" * 300 * number)},
    )


@pytest.fixture
def folders(tmp_path: Path) -> Iterator[Callable[[Image], Path]]:
    """A new folder for each image."""
    count = iter(range(1_000_000))

    def made_of(image: Image) -> Path:
        folder = tmp_path / f"image-{next(count)}"
        image.write(folder)
        return folder

    return made_of


def drafts(folder: Path) -> list[Path]:
    """Files that a write left unfinished."""
    return list(folder.glob("*.tmp"))


async def check(folder: Path, kept: dict[str, WorkflowCheckpoint], sure: set[str]) -> None:
    """What the storage finds: all that is sure, nothing that was not given, the last one last."""
    storage = FileCheckpointStorage(folder)
    listed = await storage.list_checkpoint_ids()
    assert sure <= set(listed) <= set(kept)
    assert listed == [one for one in kept if one in listed], "in the order of saving"
    assert [one.checkpoint_id for one in await storage.list_checkpoints()] == listed
    for one in listed:
        assert await storage.load(one) == kept[one]
    latest = await storage.get_latest()
    assert (latest is None) if not listed else latest == kept[listed[-1]]
    assert not drafts(folder)
    after = made("after", 9)
    await storage.save(after)
    assert await storage.get_latest() == after


async def test_a_checkpoint_that_was_saved_survives_a_power_loss_at_any_moment(
    tmp_path: Path, folders: Callable[[Image], Path]
) -> None:
    """It is listed and loaded as it was, no torn one ever is, and no older one comes instead."""
    path = tmp_path / "kept"
    storage = FileCheckpointStorage(path)
    kept: dict[str, WorkflowCheckpoint] = {}
    first = made("run", 1)
    kept[await storage.save(first)] = first
    sure = set(kept)
    seen = 0
    with PowerLoss(path, random.Random(7)) as disk:
        for checkpoint in (made("run", 2), made("other", 1), made("run", 3)):
            kept[checkpoint.checkpoint_id] = checkpoint
            await storage.save(checkpoint)
            for image in disk.take():
                await check(folders(image), kept, sure)
                seen += 1
            sure = set(kept)
            for image in disk.take():
                await check(folders(image), kept, sure)
        await storage.delete("run@2")
        sure.discard("run@2")
        for image in disk.take():
            await check(folders(image), kept, sure)
        del kept["run@2"]
        for image in disk.take():
            await check(folders(image), kept, sure)
        await storage.prune("run", keep_last=1)
        sure.discard("run@1")
        for image in disk.take():
            await check(folders(image), kept, sure)
    assert seen > 20


def test_a_file_that_was_written_survives_a_power_loss_at_any_moment(
    tmp_path: Path, folders: Callable[[Image], Path]
) -> None:
    """It is the old one or the new one, whole; once the call is back, the new one."""
    path = tmp_path / "kept"
    path.mkdir()
    write_file(path / "save.json", b"old")
    with PowerLoss(path, random.Random(7)) as disk:
        write_file(path / "save.json", b"new and longer")
        found = [read_file(folders(image) / "save.json") for image in disk.take()]
        assert set(found) == {b"old", b"new and longer"}
        for image in disk.take():
            assert read_file(folders(image) / "save.json") == b"new and longer"


@pytest.mark.parametrize("skipped", ["file", "folder"])
def test_the_images_show_what_a_missing_sync_costs(
    tmp_path: Path, folders: Callable[[Image], Path], monkeypatch: pytest.MonkeyPatch, skipped: str
) -> None:
    """Without the sync of the file it may be torn, without that of the folder it may be the old."""
    path = tmp_path / "kept"
    path.mkdir()
    write_file(path / "save.json", b"old")
    with PowerLoss(path, random.Random(7)) as disk:
        watched: Any = os.fsync
        monkeypatch.setattr(os, "fsync", lambda handle: _lazy(watched, handle, skipped))
        write_file(path / "save.json", b"new and longer")
        found = {read_file(folders(image) / "save.json") for image in disk.take()}
    assert b"old" in found if skipped == "folder" else found - {b"old", b"new and longer"}


def _lazy(sync: Callable[[int], None], handle: int, skipped: str) -> None:
    """Sync, unless it is the kind that is skipped."""
    is_folder = os.fstat(handle).st_mode & 0o170000 == 0o040000
    if is_folder != (skipped == "folder"):
        sync(handle)
