# SPDX-License-Identifier: Apache-2.0
"""The example of a checkpoint storage of one's own does what it says."""

from __future__ import annotations

import pytest

from examples import own_storage
from holdfast import CheckpointManager, CheckpointStorage
from holdfast.errors import WorkflowCheckpointException


async def test_a_run_goes_on_from_texts_alone(capsys: pytest.CaptureFixture[str]) -> None:
    """From the middle, with the handlers that were left and no other."""
    assert await own_storage.main() == [4, 3]
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "6 checkpoints, each one text:"
    assert lines[-1] == "from the middle: [4], 3 handlers ran"


async def test_the_object_is_a_storage_for_everything_that_takes_one() -> None:
    """By its methods alone; managers and handles work over it; rows can be deleted."""
    storage = own_storage.KeyValueStorage()
    assert isinstance(storage, CheckpointStorage)
    run = await own_storage.build().start(0, checkpoint_manager=CheckpointManager(storage))
    await run.until_idle()
    await run.restore_checkpoint(run.checkpoints[0])
    await run.until_idle()

    assert run.outputs == [4]
    assert len(await storage.list_checkpoint_ids("count")) == 11
    latest = await storage.get_latest("count")
    assert latest is not None
    assert await storage.delete(latest.checkpoint_id)
    assert not await storage.delete(latest.checkpoint_id)
    with pytest.raises(WorkflowCheckpointException, match="no row"):
        await storage.load(latest.checkpoint_id)
