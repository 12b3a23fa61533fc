# SPDX-License-Identifier: Apache-2.0
"""Lists that open nothing, keeping less, forgetting a run, and files that are damaged."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from holdfast import (
    CheckpointInfo,
    FileCheckpointStorage,
    InMemoryCheckpointStorage,
    MemoryStore,
    SQLiteStore,
    WorkflowCheckpoint,
    checkpoint_type,
)
from holdfast.errors import DefinitionError, RunNotFound, ValueRefused, WorkflowCheckpointException
from holdfast.persistence.codec import Codec
from holdfast.persistence.storages import checkpoint_file
from holdfast.persistence.types import default_types


def made(run_id: str, number: int, **changes: Any) -> WorkflowCheckpoint:
    """A checkpoint of a run."""
    facts: dict[str, Any] = {
        "workflow_name": "orders",
        "graph_signature_hash": "g1",
        "checkpoint_id": f"{run_id}@{number}",
        "run_id": run_id,
        "timestamp": f"2030-01-0{number}T00:00:00+00:00",
        "previous_checkpoint_id": f"{run_id}@{number - 1}" if number > 1 else None,
        "iteration_count": number,
        "metadata": {"kind": "entry" if number == 1 else "superstep"},
        "parts": {"state": b'{"n":%d}' % number},
    }
    return WorkflowCheckpoint(**{**facts, **changes})


@pytest.fixture(params=["memory", "files", "memory store", "sqlite"])
async def storage(request: Any, tmp_path: Path) -> Any:
    """Every storage and store that ships, with two runs of one workflow and one of another."""
    kinds: dict[str, Any] = {
        "memory": InMemoryCheckpointStorage,
        "files": lambda: FileCheckpointStorage(tmp_path / "kept"),
        "memory store": MemoryStore,
        "sqlite": lambda: SQLiteStore(tmp_path / "runs.db", durability="relaxed"),
    }
    one = kinds[request.param]()
    for run_id, number in (("A", 1), ("B", 1), ("A", 2), ("A", 3), ("B", 2)):
        await one.save(made(run_id, number))
    await one.save(made("C", 1, workflow_name="audits"))
    yield one
    if hasattr(one, "close"):
        await one.close()


async def test_every_place_lists_by_name_run_and_number(storage: Any) -> None:
    """By position or keyword, alone or together, in the order of creation."""
    ids = storage.list_checkpoint_ids
    assert await ids() == ["A@1", "B@1", "A@2", "A@3", "B@2", "C@1"]
    assert await ids("orders") == ["A@1", "B@1", "A@2", "A@3", "B@2"]
    assert await ids(workflow_name="audits") == ["C@1"]
    assert await ids(run_id="A") == ["A@1", "A@2", "A@3"]
    assert await ids("orders", run_id="B", limit=1) == ["B@1"]
    assert await ids("audits", run_id="B") == []
    assert await ids(limit=0) == []
    for kwargs in ({}, {"run_id": "A"}, {"limit": 2}, {"workflow_name": "audits"}):
        whole = await storage.list_checkpoints(**kwargs)
        infos = await storage.list_infos(**kwargs)
        assert [one.checkpoint_id for one in whole] == await ids(**kwargs)
        assert [one.checkpoint_id for one in infos] == await ids(**kwargs)


async def test_the_latest_of_one_run_is_not_that_of_another(storage: Any) -> None:
    """Two orders under one workflow name: each finds its own."""
    assert (await storage.get_latest("orders", run_id="A")).checkpoint_id == "A@3"
    assert (await storage.get_latest(run_id="B")).checkpoint_id == "B@2"
    assert (await storage.get_latest("orders")).checkpoint_id == "B@2"
    assert await storage.get_latest("audits", run_id="A") is None


async def test_infos_say_what_a_list_shows(storage: Any) -> None:
    """Parent, step, kind, time and size; each is an info that leads to its checkpoint."""
    first, second, _ = await storage.list_infos(run_id="A")

    assert (first.kind, first.iteration_count, first.previous_checkpoint_id) == ("entry", 1, None)
    assert (second.kind, second.iteration_count) == ("superstep", 2)
    assert second.previous_checkpoint_id == "A@1"
    assert second.workflow_name == "orders"
    assert second.timestamp.startswith("2030-01-02T00:00:00")
    assert second.size_bytes >= len(b'{"n":2}')
    assert isinstance(second, CheckpointInfo)
    assert (await storage.load(second.checkpoint_id)).iteration_count == 2


async def test_listing_infos_opens_no_payload(tmp_path: Path, monkeypatch: Any) -> None:
    """Headers are read once, and whole files never: a list costs the same for any size."""
    files = FileCheckpointStorage(tmp_path)
    big = b'"' + b"x" * 3_000_000 + b'"'
    for number in (1, 2, 3):
        await files.save(made("A", number, parts={"state": big}))
    again = FileCheckpointStorage(tmp_path)
    read = []
    real = checkpoint_file.read_header

    def counted(source: Any, size_bytes: int) -> Any:
        def chunk(size: int) -> bytes:
            data: bytes = source(size)
            read.append(len(data))
            return data

        return real(chunk, size_bytes)

    monkeypatch.setattr("holdfast.persistence.storages.files.read_header", counted)
    monkeypatch.setattr("holdfast.persistence.storages.files.decode", None)
    infos = await again.list_infos()
    assert [info.size_bytes > 3_000_000 for info in infos] == [True] * 3
    assert sum(read) < 100_000
    before = len(read)
    assert len(await again.list_infos("orders", run_id="A")) == 3
    assert len(read) == before


async def test_pruning_keeps_the_last_of_one_run(storage: Any) -> None:
    """Others stay; what is kept can be loaded; again, there is nothing to drop."""
    assert await storage.prune("A", keep_last=1) > 0
    assert await storage.prune("A", keep_last=1) == 0

    assert await storage.list_checkpoint_ids() == ["B@1", "A@3", "B@2", "C@1"]
    assert (await storage.load("A@3")).parts["state"] == b'{"n":3}'
    with pytest.raises(WorkflowCheckpointException):
        await storage.load("A@1")
    with pytest.raises(ValueError, match="keep_last"):
        await storage.prune("A", keep_last=-1)


async def test_pruning_to_more_than_there_are_drops_nothing(storage: Any) -> None:
    """The list is as it was."""
    before = await storage.list_checkpoint_ids()
    assert await storage.prune("A", keep_last=99) == 0
    assert await storage.list_checkpoint_ids() == before


async def test_a_run_is_forgotten_whole(storage: Any) -> None:
    """Its checkpoints are gone, those of others are not; an unknown run is an error."""
    await storage.delete_run("A")

    assert await storage.list_checkpoint_ids(run_id="A") == []
    assert await storage.list_checkpoint_ids("orders") == ["B@1", "B@2"]
    with pytest.raises(RunNotFound):
        await storage.delete_run("nobody")


async def test_order_goes_on_after_pruning(storage: Any) -> None:
    """What is saved next is the newest."""
    await storage.prune("B", keep_last=1)
    await storage.save(made("B", 3))
    assert (await storage.list_checkpoint_ids())[-1] == "B@3"
    assert (await storage.get_latest(run_id="B")).iteration_count == 3


async def test_removing_a_file_is_synced_and_told_when_it_fails(
    tmp_path: Path, monkeypatch: Any
) -> None:
    """A folder that cannot be written: an error of ours, and the rest is still there."""
    files = FileCheckpointStorage(tmp_path)
    for number in (1, 2, 3):
        await files.save(made("A", number))

    def refuse(self: Path, *, missing_ok: bool = False) -> None:
        raise PermissionError(13, "not yours")

    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(WorkflowCheckpointException, match="not yours"):
        await files.prune("A", keep_last=1)
    monkeypatch.undo()
    assert await files.list_checkpoint_ids() == ["A@1", "A@2", "A@3"]


@pytest.mark.parametrize("part", ["header", "parts"])
async def test_a_damaged_file_is_left_out_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, part: str
) -> None:
    """Never fatal to a list; told once, and again only if it was written again."""
    files = FileCheckpointStorage(tmp_path)
    for number in (1, 2):
        await files.save(made("A", number))
    path = tmp_path / "A@1.json"
    text = path.read_text("utf-8")
    path.write_text(
        text.replace('"orders"', '"ordure"')
        if part == "header"
        else text.replace('"n": 1', '"n": 9')
    )
    with caplog.at_level(logging.WARNING, "holdfast.persistence"):
        for _ in range(3):
            assert [one.checkpoint_id for one in await files.list_checkpoints()] == ["A@2"]

    (record,) = caplog.records
    assert "A@1.json is damaged" in record.getMessage()


async def test_a_memory_that_verifies_refuses_what_a_file_would() -> None:
    """An id that is no file name, a part that is no JSON; nothing is kept of it."""
    trusting, verifying = InMemoryCheckpointStorage(), InMemoryCheckpointStorage(verify=True)
    wrong = (
        made("A", 1, parts={"state": b"{"}),
        made("A", 1, checkpoint_id="../A"),
        made("A", 1, metadata={"when": object()}),
    )
    for checkpoint in wrong[:2]:
        await trusting.save(checkpoint)
    for checkpoint in wrong:
        with pytest.raises(WorkflowCheckpointException):
            await verifying.save(checkpoint)
    assert await verifying.list_checkpoint_ids() == []
    await verifying.save(made("A", 1))
    assert (await verifying.load("A@1")).parts == made("A", 1).parts


@dataclass
class UpkeptParcel:
    """A class of an application; registered for the whole program, so named like no other."""

    weight: int


@dataclass
class UpkeptLetter:
    """Another one."""

    text: str


def test_allowed_types_are_registered_and_nothing_is_imported(tmp_path: Path) -> None:
    """By the class or by "module:qualname"; twice is fine; an unknown one is refused."""
    codec = Codec(default_types)
    with pytest.raises(ValueRefused, match="UpkeptParcel") as caught:
        codec.encode(UpkeptParcel(3), "state.parcel")
    assert "register_type(UpkeptParcel" in str(caught.value.hint)
    assert caught.value.place == "state.parcel"
    for _ in range(2):
        FileCheckpointStorage(
            tmp_path, allowed_checkpoint_types=[UpkeptLetter, f"{__name__}:UpkeptParcel", int]
        )
    assert codec.decode(codec.encode(UpkeptParcel(3))) == UpkeptParcel(3)
    assert codec.decode(codec.encode(UpkeptLetter("hi"))) == UpkeptLetter("hi")
    for wrong in ("no.such.module:Thing", f"{__name__}:Nothing", "json", f"{__name__}:made"):
        with pytest.raises(DefinitionError, match="names no class"):
            FileCheckpointStorage(tmp_path, allowed_checkpoint_types=[wrong])
    assert not list(tmp_path.iterdir())


def test_a_type_is_registered_by_decoration_and_brings_old_values_up_to_date() -> None:
    """What was saved under the older name and shape is read as the present class."""
    codec = Codec(default_types)

    @checkpoint_type("upkeep.order.v1")
    @dataclass
    class Old:
        total: int

    saved = codec.encode(Old(5)).replace(b"upkeep.order.v1", b"upkeep.order.v0")

    @checkpoint_type(
        "upkeep.order.v2", upgrade={"upkeep.order.v0": lambda old: {**old, "currency": "EUR"}}
    )
    @dataclass
    class Order:
        total: int
        currency: str

    assert codec.decode(saved) == Order(5, "EUR")
    assert b"upkeep.order.v2" in codec.encode(Order(1, "USD"))
    assert Order(1, "USD").total == 1
