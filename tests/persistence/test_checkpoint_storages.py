# SPDX-License-Identifier: Apache-2.0
"""Checkpoint storages: the six verbs, in memory, as files, and by any store."""

import asyncio
import json
import os
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import holdfast
from holdfast.errors import WorkflowCheckpointException
from holdfast.persistence.checkpoint import CheckpointStorage, WorkflowCheckpoint
from holdfast.persistence.storages.files import FileCheckpointStorage
from holdfast.persistence.storages.memory import InMemoryCheckpointStorage
from holdfast.persistence.stores.memory import MemoryStore

STORAGES = {
    "memory": lambda folder: InMemoryCheckpointStorage(),
    "files": FileCheckpointStorage,
    "files without fsync": lambda folder: FileCheckpointStorage(folder, durability="none"),
    "store": lambda folder: MemoryStore(),
}


def made(number: int, **changes) -> WorkflowCheckpoint:
    """The checkpoint with this number; each has an earlier timestamp than the one before."""
    facts = {
        "workflow_name": "flow",
        "graph_signature_hash": "g1",
        "checkpoint_id": f"run-1@{number}",
        "run_id": "run-1",
        "timestamp": f"{2040 - number}-01-01T00:00:00+00:00",
        "iteration_count": number,
        "metadata": {"kind": "superstep", "note": {"deep": [number]}},
        "parts": {"state": b'{"n":%d}' % number, "text": '"\u2603"'.encode()},
    }
    return WorkflowCheckpoint(**{**facts, **changes})


@pytest.fixture(params=STORAGES)
def storage(request, tmp_path):
    """One storage of each kind."""
    return STORAGES[request.param](tmp_path / "kept")


@pytest.fixture
def files(tmp_path):
    """Checkpoints as files."""
    return FileCheckpointStorage(tmp_path / "kept")


async def test_a_checkpoint_comes_back_as_it_went(storage):
    """All fields, and each part with the value it had."""
    assert isinstance(storage, CheckpointStorage)
    saved = await storage.save(made(1, previous_checkpoint_id="run-1@0"))
    loaded = await storage.load(saved)
    assert loaded.to_dict() == made(1, previous_checkpoint_id="run-1@0").to_dict()
    assert json.loads(loaded.parts["text"]) == "\u2603"


async def test_what_could_not_be_loaded_is_not_saved(storage):
    """A part that is no JSON is refused at once, or comes back as the bytes it was."""
    bad = made(1, parts={"state": b"{"})
    try:
        await storage.save(bad)
    except WorkflowCheckpointException:
        assert await storage.list_checkpoint_ids() == []
    else:
        assert (await storage.load("run-1@1")).parts == bad.parts


async def test_text_that_utf8_cannot_hold_is_kept_in_a_file(files):
    """A lone surrogate stays escaped."""
    await files.save(made(1, parts={"text": b'"\\u2603 \\ud800"'}))
    loaded = await files.load("run-1@1")
    assert json.loads(loaded.parts["text"]) == "\u2603 \ud800"


async def test_order_is_creation_though_every_clock_runs_backwards(storage):
    """In lists and for the latest; names and runs are filters; a limit takes the first."""
    ids = [await storage.save(made(number)) for number in (1, 2, 3)]
    for other in (1, 2):
        changes = {"checkpoint_id": f"other@{other}", "run_id": "other", "workflow_name": "b"}
        await storage.save(made(other, **changes))
    assert await storage.list_checkpoint_ids("flow") == ids
    assert await storage.list_checkpoint_ids(workflow_name="flow", limit=2) == ids[:2]
    assert await storage.list_checkpoint_ids(run_id="other") == ["other@1", "other@2"]
    assert await storage.list_checkpoint_ids("flow", run_id="other") == []
    assert await storage.list_checkpoint_ids(limit=0) == []
    found = [one.iteration_count for one in await storage.list_checkpoints()]
    assert found == [1, 2, 3, 1, 2]
    latest = [await storage.get_latest(name) for name in ("flow", "b", "none")]
    assert [one and one.checkpoint_id for one in latest] == ["run-1@3", "other@2", None]
    assert (await storage.get_latest()).checkpoint_id == "other@2"


async def test_deleting_takes_one_away_once(storage):
    """The second time there is nothing; the others stay."""
    for number in (1, 2, 3):
        await storage.save(made(number))
    assert await storage.delete("run-1@3")
    assert not await storage.delete("run-1@3")
    with pytest.raises(WorkflowCheckpointException):
        await storage.load("run-1@3")
    assert (await storage.get_latest()).checkpoint_id == "run-1@2"
    assert await storage.list_checkpoint_ids() == ["run-1@1", "run-1@2"]


async def test_an_empty_storage_has_no_latest(storage):
    """And nothing else either."""
    assert await storage.get_latest() is None
    assert await storage.list_checkpoints() == []
    with pytest.raises(WorkflowCheckpointException):
        await storage.load("run-1@1")


async def test_what_was_handed_out_can_be_changed_without_harm():
    """Copies on both sides."""
    storage = InMemoryCheckpointStorage()
    given = made(1)
    await storage.save(given)
    given.metadata["note"]["deep"].append("garbage")
    got = await storage.load("run-1@1")
    got.metadata["note"]["deep"].append("garbage")
    got.parts.clear()
    assert (await storage.load("run-1@1")).to_dict() == made(1).to_dict()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda fields: fields.pop("run_id"),
        lambda fields: fields.pop("parts"),
        lambda fields: fields.update(parts=[1]),
        lambda fields: fields.update(run_id=7),
        lambda fields: fields.update(iteration_count="1"),
        lambda fields: fields.update(iteration_count=True),
        lambda fields: fields.update(metadata=None),
        lambda fields: fields.update(surprise=1),
        lambda fields: fields.update(parts={"a": {1, 2}}),
        lambda fields: fields.update(parts={"a": float("nan")}),
        lambda fields: fields.update(previous_checkpoint_id=3),
    ],
)
def test_a_mapping_of_another_shape_is_no_checkpoint(spoil):
    """Every way of being wrong is one kind of error."""
    fields = made(1).to_dict()
    spoil(fields)
    with pytest.raises(WorkflowCheckpointException):
        WorkflowCheckpoint.from_dict(fields)


def test_a_checkpoint_is_a_mapping_and_back():
    """Integers of any size stay exact."""
    whole = made(1, parts={"n": b"123456789012345678901234567890"})
    assert WorkflowCheckpoint.from_dict(whole.to_dict()) == whole
    with pytest.raises(WorkflowCheckpointException):
        WorkflowCheckpoint.from_dict([])
    for bad in (b"NaN", b"{", b"\xff", b"[" * 100_000):
        with pytest.raises(WorkflowCheckpointException):
            made(1, parts={"n": bad}).to_dict()


async def test_a_checkpoint_is_one_readable_file_of_its_owner(files):
    """Indented JSON under its id, 0600 in 0700, and no temporary file beside it."""
    await files.save(made(1))
    path = files.path / "run-1@1.json"
    shown = json.loads(path.read_text("utf-8"))
    assert shown["parts"]["state"] == {"n": 1}
    assert shown["metadata"]["kind"] == "superstep"
    assert path.read_text("utf-8").count("\n") > 10
    assert rights(files.path, path) == [0o700, 0o600]
    assert [one.name for one in files.path.iterdir() if one.suffix == ".tmp"] == []


def rights(*paths: Path) -> list[int]:
    """The rights on each."""
    return [stat.S_IMODE(path.stat().st_mode) for path in paths]


HOSTILE_IDS = (
    "..",
    "../up",
    "/etc/passwd",
    "a/b",
    "a\\b",
    "nul\x00",
    "x" * 5000,
    "\ud800",
    "",
    ".hidden",
    "CON",
    "nul.x",
    "COM1",
    "a\nb",
    "*",
    "%2e%2e",
    "\u0430",
    "-rf",
    "trailing.",
    7,
    None,
)


@pytest.mark.parametrize("hostile", HOSTILE_IDS)
async def test_no_id_leaves_the_folder(files, hostile):
    """Saved, loaded or deleted: refused before the disk is touched."""
    await files.save(made(1))
    around = sorted(files.path.parent.rglob("*"))
    for call in (files.load, files.delete):
        with pytest.raises(WorkflowCheckpointException):
            await call(hostile)
    with pytest.raises(WorkflowCheckpointException):
        await files.save(replace(made(2), checkpoint_id=hostile))
    assert sorted(files.path.parent.rglob("*")) == around


async def test_a_link_is_not_followed(files, tmp_path):
    """Neither for reading nor for writing."""
    secret = tmp_path / "secret.json"
    secret.write_text("{}")
    await files.save(made(1))
    (files.path / "run-1@2.json").symlink_to(secret)
    with pytest.raises(WorkflowCheckpointException):
        await files.load("run-1@2")
    assert await files.list_checkpoint_ids() == ["run-1@1"]
    await files.save(made(2))
    assert secret.read_text() == "{}"
    assert (await files.load("run-1@2")).iteration_count == 2


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


def _changed(path: Path) -> None:
    path.write_text(path.read_text("utf-8").replace('"n": 3', '"n": 4'), "utf-8")


def _beheaded(path: Path) -> None:
    path.write_text(path.read_text("utf-8").replace('"number": 3', '"number": 1'), "utf-8")


def _emptied(path: Path) -> None:
    path.write_bytes(b"")


def _zeroed(path: Path) -> None:
    path.write_bytes(b"\x00" * 500)


@pytest.mark.parametrize("damage", [_cut, _changed, _beheaded, _emptied, _zeroed])
async def test_a_damaged_newest_checkpoint_is_an_error_never_a_step_back(files, damage):
    """Lists go on without it; the latest is not silently the one before; moving it away helps."""
    for number in (1, 2, 3):
        await files.save(made(number))
    damage(files.path / "run-1@3.json")
    again = FileCheckpointStorage(files.path)
    for one in (files, again):
        with pytest.raises(WorkflowCheckpointException, match=r"run-1@3"):
            await one.get_latest()
        with pytest.raises(WorkflowCheckpointException):
            await one.load("run-1@3")
        found = [kept.checkpoint_id for kept in await one.list_checkpoints()]
        assert found == ["run-1@1", "run-1@2"]
    (files.path / "run-1@3.json").unlink()
    assert (await files.get_latest()).checkpoint_id == "run-1@2"


async def test_a_damaged_older_checkpoint_does_not_hide_the_newest(files):
    """Its header says that it is older; of another run, its name does."""
    for number in (1, 2):
        await files.save(made(number))
    _changed(files.path / "run-1@1.json")
    _emptied(files.path / "run-1@1.json")
    with pytest.raises(WorkflowCheckpointException):
        await files.get_latest(run_id="run-1")
    await files.save(made(5, checkpoint_id="other@5", run_id="other"))
    assert (await files.get_latest(run_id="other")).iteration_count == 5


async def test_foreign_files_in_the_folder_are_left_alone(files):
    """A package.json, a copy under another name, a folder, a text."""
    await files.save(made(1))
    (files.path / "package.json").write_text('{"name": "x"}')
    (files.path / "list.json").write_text("[1, 2]")
    (files.path / "run-1@1 copy.json").write_bytes((files.path / "run-1@1.json").read_bytes())
    (files.path / "folder.json").mkdir()
    (files.path / "notes.txt").write_text("?")
    assert await files.list_checkpoint_ids() == ["run-1@1"]
    assert (await files.get_latest()).checkpoint_id == "run-1@1"


async def test_a_file_indented_anew_is_still_whole(files):
    """The checksum is of the values; the header is found anywhere."""
    await files.save(made(1))
    path = files.path / "run-1@1.json"
    shown = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps(dict(reversed(shown.items())), indent=7), "utf-8")
    assert (await files.get_latest()).to_dict() == made(1).to_dict()


async def test_what_a_killed_writer_left_is_swept_at_first_use(files):
    """Only its own temporary files."""
    await files.save(made(1))
    (files.path / ".holdfast-abc.tmp").write_text("half")
    (files.path / "mine.tmp").write_text("mine")
    again = FileCheckpointStorage(files.path)
    assert await again.list_checkpoint_ids() == ["run-1@1"]
    names = {one.name for one in files.path.iterdir()}
    assert names == {"run-1@1.json", "mine.tmp", ".holdfast.lock"}


@pytest.mark.parametrize("call", ["fsync", "write", "rename", "open"])
async def test_a_failed_save_changes_nothing_and_is_told(files, monkeypatch, call):
    """The checkpoint of the same id before it is whole; afterwards saving works."""
    await files.save(made(1))
    before = (files.path / "run-1@1.json").read_bytes()

    def fail(*_arguments, **_names):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        if call == "rename":
            patch.setattr(Path, "replace", fail)
        elif call == "write":
            patch.setattr(os, "fdopen", fail)
        else:
            patch.setattr(os, call, fail)
        with pytest.raises(WorkflowCheckpointException, match="No space left"):
            await files.save(made(1, iteration_count=9))
    assert (files.path / "run-1@1.json").read_bytes() == before
    await files.save(made(1, iteration_count=9))
    assert (await files.get_latest()).iteration_count == 9
    assert len(list(files.path.iterdir())) == 2


async def test_writes_are_synced_before_and_after_the_rename(files, monkeypatch):
    """File, rename, folder: in this order; nothing of it without fsync."""
    seen = []
    fsync, rename = os.fsync, Path.replace

    def note_sync(handle):
        seen.append("folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else "file")
        fsync(handle)

    def note_rename(path, target):
        seen.append("rename")
        return rename(path, target)

    monkeypatch.setattr(os, "fsync", note_sync)
    monkeypatch.setattr(Path, "replace", note_rename)
    await files.save(made(1))
    assert seen == ["file", "rename", "folder"]
    await FileCheckpointStorage(files.path, durability="none").save(made(2))
    assert seen == ["file", "rename", "folder", "rename"]


async def test_savers_in_one_process_give_numbers_once(files):
    """Many at once, through two objects: every one listed, each number used once."""
    other = FileCheckpointStorage(files.path, durability="none")
    await asyncio.gather(*((files, other)[n % 2].save(made(n)) for n in range(20)))
    numbers = [json.loads(one.read_text("utf-8"))["number"] for one in files.path.glob("*.json")]
    assert sorted(numbers) == list(range(1, 21))
    assert len(await files.list_checkpoint_ids()) == 20


SAVER = """
import asyncio, sys
from holdfast.persistence.checkpoint import WorkflowCheckpoint
from holdfast.persistence.storages.files import FileCheckpointStorage

async def main(folder, run_id):
    storage = FileCheckpointStorage(folder, durability="none")
    sys.stdin.readline()
    for number in range(40):
        await storage.save(WorkflowCheckpoint(
            workflow_name="flow", graph_signature_hash="g", checkpoint_id=f"{run_id}@{number}",
            run_id=run_id, timestamp="2020-01-01T00:00:00+00:00", iteration_count=number,
            metadata={"kind": "superstep"}, parts={"state": b"{}"}))

asyncio.run(main(*sys.argv[1:]))
"""


async def test_savers_in_two_processes_give_numbers_once(files):
    """One order over both, and each process's own order within it."""
    source = str(Path(holdfast.__file__).parents[1])
    savers = [
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", SAVER, str(files.path), name),
            stdin=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": source},
        )
        for name in ("a", "b")
    ]
    await asyncio.gather(*(saver.communicate(b"go\n") for saver in savers))
    assert [saver.returncode for saver in savers] == [0, 0]
    found = await files.list_checkpoint_ids()
    assert len(found) == 80
    for name in ("a", "b"):
        own = [one for one in found if one.startswith(name)]
        assert own == [f"{name}@{number}" for number in range(40)]
    numbers = {json.loads(one.read_text("utf-8"))["number"] for one in files.path.glob("*.json")}
    assert numbers == set(range(1, 81))
