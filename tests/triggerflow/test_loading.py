# SPDX-License-Identifier: Apache-2.0
"""What a document is refused for, and what else a load takes: files, grown flows, released runs."""

from __future__ import annotations

import asyncio
import copy
import json
from pathlib import Path
from typing import Any

import pytest

from holdfast import TriggerFlow
from holdfast.errors import (
    Damaged,
    HoldfastError,
    NotASave,
    RunBusy,
    RunError,
    UnknownVersion,
    WrongDefinition,
)
from tests.triggerflow import journeys
from tests.triggerflow.handlers import Door, ask, collect, double, fail, keep, same

ROOT = Path(__file__).resolve().parents[2]


def held(**resources: Any) -> Any:
    """An execution of the journeys."""
    return journeys.flow().create_execution(auto_close=False, runtime_resources=resources)


def through_text(saved: dict[str, Any]) -> Any:
    """What any store of JSON would give back."""
    return json.loads(json.dumps(saved, sort_keys=True))


async def test_values_come_back_of_the_same_type():
    """In state, in payloads, in joins and in answers."""
    odd = {1: (1, 2), "set": {3}, "bytes": b"b", "$tuple": "text"}
    execution = held()
    await execution.async_set_state("odd", odd)
    await execution.async_emit("Left", odd)
    await execution.async_emit("Pause", "x")
    restored = held()
    restored.load(through_text(execution.save()))
    await restored.async_emit("Right", (1,))

    assert restored.get_state("odd") == odd
    assert restored.get_state("seen") == [{"event": {"Left": odd, "Right": (1,)}}]


async def test_a_save_can_be_written_to_a_file_and_loaded_from_it(tmp_path: Path):
    """A `Path` is a file; folders are made; text and bytes are the document itself."""
    execution = held()
    await execution.async_emit("Pause", 1)
    path = tmp_path / "deep" / "run.json"
    saved = execution.save(path)

    for source in (path, path.read_text("utf-8"), path.read_bytes(), saved):
        restored = held()
        restored.load(source)
        assert restored.is_waiting()


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "latin-1"])
@pytest.mark.parametrize("ending", ["json", "yaml"])
async def test_a_file_may_have_another_encoding(tmp_path: Path, encoding: str, ending: str):
    """Whoever writes it so says so when it is read; bytes are read alike."""
    execution = journeys.flow().create_execution(auto_close=False)
    execution.set_state("city", "Zürich")
    path = tmp_path / f"run.{ending}"
    execution.save(path, encoding=encoding)

    for given in (path, path.read_bytes()):
        restored = journeys.flow().create_execution(auto_close=False)
        assert restored.inspect_load(given, encoding=encoding)["status"] == "ready"
        assert restored.load(given, encoding=encoding).get_state("city") == "Zürich"
        other = journeys.flow().create_execution(auto_close=False)
        await other.async_load(given, encoding=encoding)
        assert other.get_state("city") == "Zürich"


def test_an_encoding_that_does_not_fit_is_refused(tmp_path: Path):
    """The document is damaged for whoever reads it wrongly; an unknown name is a LookupError."""
    execution = journeys.flow().create_execution(auto_close=False)
    path = tmp_path / "run.json"
    execution.set_state("city", "Zürich")
    execution.save(path)

    with pytest.raises(Damaged, match="ascii"):
        execution.load(path, encoding="ascii")
    with pytest.raises(LookupError):
        execution.load(path, encoding="no-such-encoding")
    with pytest.raises(LookupError):
        execution.save(path, encoding="no-such-encoding")
    with pytest.raises(UnicodeEncodeError):
        execution.save(path, encoding="ascii")
    assert execution.load(path).get_state("city") == "Zürich"


async def test_text_that_names_a_file_is_no_path(tmp_path: Path):
    """A document from a client must not read a file of the server."""
    execution = held()
    await execution.async_emit("Pause", 1)
    path = tmp_path / "run.json"
    execution.save(path)

    for given in (str(path), str(path).encode()):
        with pytest.raises(NotASave):
            held().load(given)


@pytest.mark.parametrize("ending", ["yaml", "yml", "YAML"])
async def test_a_file_may_be_yaml(tmp_path: Path, ending: str):
    """By its ending; the text, and a file of another ending, are told by how they begin."""
    odd = {1: (1, 2), "text": "yes\n- no: 1", "float": 1e-300, "none": None}
    execution = held()
    await execution.async_set_state("odd", odd)
    await execution.async_emit("Pause", 1)
    path = tmp_path / f"run.{ending}"
    saved = execution.save(path)
    text = path.read_text("utf-8")
    assert text.startswith("kind: ")
    other = tmp_path / "run.txt"
    other.write_text(text)

    for source in (path, other, text, path.read_bytes(), f"# mine\n---\n{text}"):
        restored = held()
        restored.load(source)
        assert restored.get_state("odd") == odd
        assert restored.is_waiting()
        assert restored.run_id == saved["run_id"]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("kind: [", Damaged),
        ("kind: a\nkind: b", Damaged),
        ("kind: !!python/name:os.system x", Damaged),
        ("kind: workflow.checkpoint", NotASave),
        (b"kind: \xff", Damaged),
    ],
)
async def test_yaml_that_is_no_save_is_refused(tmp_path: Path, text: Any, error: type[Exception]):
    """As text, as bytes, and from a file; nothing that it names is built."""
    path = tmp_path / "run.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    for source in (text, path):
        with pytest.raises(error):
            held().load(source)
    path.write_text("- 1")
    with pytest.raises(NotASave):
        held().load(path)


async def test_require_idle_refuses_while_work_is_under_way():
    """A run that waits for an answer is idle."""
    door = Door()
    execution = held(gate=door)
    running = asyncio.ensure_future(execution.async_emit("Chain", 1))
    await door.reached.wait()
    with pytest.raises(RunBusy) as caught:
        execution.save(require_idle=True)
    assert isinstance(caught.value, RuntimeError)
    door.opened.set()
    await running
    await execution.async_emit("Pause", 1)

    assert execution.save(require_idle=True)["run_id"] == execution.id


def changed(**fields: Any) -> Any:
    """A save with other fields at its top."""

    def change(saved: dict[str, Any]) -> Any:
        return {**saved, **fields}

    return change


@pytest.mark.parametrize(
    ("damage", "error"),
    [
        (lambda saved: None, NotASave),
        (lambda saved: 3, NotASave),
        (lambda saved: "no document", NotASave),
        (lambda saved: "[1]", NotASave),
        (lambda saved: {}, NotASave),
        (lambda saved: json.dumps(saved)[:-50], HoldfastError),
        (lambda saved: Path("/nowhere/at/all.json"), NotASave),
        (changed(kind="workflow.checkpoint"), NotASave),
        (changed(format=99), UnknownVersion),
        (changed(sha256="0" * 64), Damaged),
        (changed(run_id="other"), Damaged),
        (changed(body={}), Damaged),
    ],
)
async def test_a_load_that_fails_leaves_the_execution_untouched(
    damage: Any, error: type[Exception]
):
    """Everything is checked before anything is changed, and nothing of the save is quoted."""
    execution = held()
    await execution.async_emit("Pause", "secret")
    saved = damage(through_text(execution.save()))
    other = held()
    await other.async_set_state("k", 1)
    before = copy.deepcopy(other.save()["body"])

    with pytest.raises(error) as caught:
        other.load(saved)
    assert "secret" not in str(caught.value)
    assert other.save()["body"] == before
    await other.async_emit("Left", 1)


def test_only_documents_are_loaded():
    """A text is a document, never a path."""
    with pytest.raises(NotASave):
        held().load("/etc/hostname")


async def test_another_flow_is_refused_by_what_it_lacks():
    """Names of nodes are told; the execution is as it was."""
    execution = held()
    await execution.async_emit("Pause", 1)
    other = TriggerFlow()
    other.to(same)
    fresh = other.create_execution(auto_close=False)

    with pytest.raises(WrongDefinition, match="ask") as caught:
        fresh.load(execution.save())
    assert isinstance(caught.value, ValueError)
    report = fresh.inspect_load(execution.save())
    assert (report["status"], report["ready"]) == ("invalid_snapshot", False)
    assert report["diagnostics"][0]["code"] == "triggerflow.snapshot.flow_definition_mismatch"
    assert fresh.get_status() == "created"


async def test_a_flow_that_has_grown_takes_the_run_with_a_warning():
    """What the run refers to is still there; `strict=True` refuses."""
    flow = TriggerFlow()
    flow.to(ask).to(keep)
    execution = flow.create_execution(auto_close=False)
    await execution.async_start(1)
    saved = execution.save()
    grown = TriggerFlow(name="another name")
    grown.to(ask).to(keep)
    grown.when("New").to(collect)
    fresh = grown.create_execution(auto_close=False)

    assert fresh.inspect_load(saved)["diagnostics"][0]["severity"] == "warning"
    with pytest.raises(WrongDefinition):
        fresh.load(saved, strict=True)
    with pytest.warns(RuntimeWarning, match="changed") as caught:
        fresh.load(saved)
    assert caught[0].filename == __file__
    await fresh.async_continue_with("q-1", 2)
    assert await fresh.async_close() == {"kept": 2}


async def test_a_flow_built_by_the_same_code_takes_the_run_wherever_the_code_stands():
    """Lambdas are known by their place in the graph, not by their line."""

    def built(extra_line: int) -> TriggerFlow[Any, Any, Any]:
        made: TriggerFlow[Any, Any, Any] = TriggerFlow()
        chain = made.to(lambda data: data.input + 1)
        if extra_line:
            return chain_end(made, chain)
        chain.to(ask).to(lambda data: data.set_state("end", data.input))
        return made

    def chain_end(made: Any, chain: Any) -> TriggerFlow[Any, Any, Any]:
        chain.to(ask).to(lambda data: data.set_state("end", data.input))
        return made

    execution = built(0).create_execution(auto_close=False)
    await execution.async_start(1)
    restored = built(1).create_execution(auto_close=False)
    restored.load(through_text(execution.save()))
    await restored.async_continue_with("q-2", 7)

    assert await restored.async_close() == {"end": 7}


async def test_a_released_run_goes_on_elsewhere():
    """It is stopped without being closed; whoever waits, and every later call, is told."""
    door = Door()
    execution = held(gate=door)
    running = asyncio.ensure_future(execution.async_emit("Chain", 4))
    await door.reached.wait()
    saved = await execution.async_release()

    with pytest.raises(RunError, match="released"):
        await running
    with pytest.raises(RunError, match="released"):
        await execution.async_emit("Left", 1)
    assert door.cancelled == 1
    restored = held()
    restored.load(through_text(saved))
    assert await restored.async_close() == {"log": [4], "begun": [4], "kept": 8}


async def test_a_save_does_not_grow_with_what_has_happened():
    """After ten thousand handled events it is no bigger than after ten."""
    flow = TriggerFlow(name="counts")

    async def count(data: Any) -> None:
        await data.async_set_state("count", data.input % 10)

    flow.when("E").to(count)
    flow.when("E").to(double)
    execution = flow.create_execution(auto_close=False)
    sizes = {}
    for n in range(1, 10_001):
        await execution.async_emit("E", n)
        if n in (10, 10_000):
            sizes[n] = len(json.dumps(execution.save()))

    assert sizes[10_000] <= sizes[10] + 20


async def test_a_failed_handler_in_the_save_tells_its_type_and_text_only():
    """The error is a line of text; the exception itself is no part of a document."""
    flow = TriggerFlow()
    flow.to(fail)
    execution = flow.create_execution(auto_close=False)
    with pytest.raises(LookupError):
        await execution.async_start(1)

    assert "LookupError: no 1" in json.dumps(execution.save())
