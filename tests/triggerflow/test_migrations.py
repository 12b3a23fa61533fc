# SPDX-License-Identifier: Apache-2.0
"""A flow may have a version, and functions that bring saves of older versions to it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from holdfast import Engine, TriggerFlow
from holdfast.errors import (
    Damaged,
    DefinitionError,
    MigrationFailed,
    UnknownVersion,
    WrongDefinition,
)
from tests.triggerflow.handlers import ask, collect, keep


def built(version: str | None = None, **migrations: Any) -> TriggerFlow[Any, Any, Any]:
    """A flow that asks and keeps the answer; version 2 calls its second chunk otherwise."""
    steps = {tuple(step.split("_to_")): function for step, function in migrations.items()}
    named = {tuple(part.removeprefix("v") for part in step): f for step, f in steps.items()}
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow(
        name="versions", version=version, migrations=named
    )
    flow.to(ask).to(keep)
    return flow


async def saved_by(version: str | None) -> Any:
    """A save of a paused run that has written a key."""
    execution = built(version).create_execution(auto_close=False)
    await execution.async_start(1)
    execution.set_state("amount", 10)
    return json.loads(json.dumps(execution.save()))


def to_cents(doc: dict[str, Any]) -> dict[str, Any]:
    """Version 2 counts in cents."""
    doc["body"]["state/0/cents"] = doc["body"].pop("state/0/amount") * 100
    return doc


def to_text(doc: dict[str, Any]) -> dict[str, Any]:
    """Version 3 writes text."""
    doc["body"]["state/0/cents"] = str(doc["body"]["state/0/cents"])
    return doc


async def test_a_version_stands_in_every_save():
    """None where the flow has none."""
    assert (await saved_by("1"))["version"] == "1"
    assert (await saved_by(None))["version"] is None


async def test_a_save_of_an_older_version_is_brought_along_every_step():
    """By the shortest chain; the given document stays as it was, and new saves are of today."""
    saved = await saved_by("1")
    before = json.dumps(saved)
    flow = built("3", v1_to_v2=to_cents, v2_to_v3=to_text)
    for given in (saved, before, before.encode()):
        restored = flow.create_execution(auto_close=False)
        restored.load(given)
        assert restored.get_state() == {"cents": "1000"}
    assert json.dumps(saved) == before
    assert restored.save()["version"] == "3"
    await restored.async_continue_with("q-1", "yes")
    assert await restored.async_close() == {"cents": "1000", "kept": "yes"}


async def test_a_save_of_the_same_version_or_of_none_is_taken_as_it_is():
    """And a flow without a version takes any."""

    def never(doc: dict[str, Any]) -> dict[str, Any]:
        raise AssertionError

    for version, flow in (
        ("2", built("2", v1_to_v2=never)),
        (None, built("2", v1_to_v2=never)),
        ("1", built()),
    ):
        restored = flow.create_execution(auto_close=False)
        restored.load(await saved_by(version))
        assert restored.get_state() == {"amount": 10}


async def test_without_a_way_to_todays_version_a_save_is_refused():
    """With both versions; nothing changes."""
    flow = built("3", v1_to_v2=to_cents)
    fresh = flow.create_execution(auto_close=False)
    with pytest.raises(UnknownVersion, match=r"'1'.*'3'") as caught:
        fresh.load(await saved_by("1"))
    assert (caught.value.found, caught.value.supported) == ("1", "3")
    report = fresh.inspect_load(await saved_by("1"))
    assert report["diagnostics"][0]["code"] == "triggerflow.snapshot.invalid_schema_version"
    assert fresh.get_state() == {}


@pytest.mark.parametrize(
    ("migration", "error"),
    [
        (lambda doc: doc["body"]["nothing"], MigrationFailed),
        (lambda doc: None, MigrationFailed),
        (lambda doc: {}, MigrationFailed),
        (lambda doc: {**doc, "body": 3}, MigrationFailed),
        (lambda doc: {**doc, "body": {"weird": 1}}, Damaged),
        (lambda doc: {**doc, "saved_at": object()}, MigrationFailed),
        (lambda doc: {**doc, "kind": "workflow.run"}, MigrationFailed),
        (lambda doc: {**doc, "body": {**doc["body"], "state/0/x": {1, 2}}}, MigrationFailed),
    ],
)
async def test_a_migration_that_fails_changes_nothing(migration: Any, error: type[Exception]):
    """What it raised is the cause, the step is named; the result is checked as a save is."""
    flow = built("2", v1_to_v2=migration)
    fresh = flow.create_execution(auto_close=False)
    before = fresh.save()["body"]
    with pytest.raises(error) as caught:
        fresh.load(await saved_by("1"))
    if "raised" in str(caught.value):
        assert "from version '1' to '2' raised KeyError" in str(caught.value)
        assert (caught.value.found, caught.value.wanted) == ("1", "2")
    assert fresh.save()["body"] == before
    report = fresh.inspect_load(await saved_by("1"))
    assert report["status"] == "invalid_snapshot"
    if error is MigrationFailed:
        code = report["diagnostics"][0]["code"]
        assert code == "triggerflow.snapshot.migration_failed"


async def test_a_migration_may_say_what_a_node_is_called_now():
    """Then a changed flow is no surprise: strict takes it, but not what is gone."""

    def renamed(doc: dict[str, Any]) -> dict[str, Any]:
        text = json.dumps(doc["body"]).replace('"ask"', '"inquire"')
        return {**doc, "body": json.loads(text)}

    def new_flow(**migrations: Any) -> TriggerFlow[Any, Any, Any]:
        flow: TriggerFlow[Any, Any, Any] = TriggerFlow(
            version="2", migrations={("1", "2"): migrations["how"]}
        )
        flow.to(ask, name="inquire").to(keep)
        flow.when("New").to(collect)
        return flow

    restored = new_flow(how=renamed).create_execution(auto_close=False)
    restored.load(await saved_by("1"), strict=True)
    await restored.async_continue_with("q-1", "yes")
    assert restored.get_state("kept") == "yes"
    with pytest.raises(WrongDefinition, match="ask"):
        new_flow(how=lambda doc: doc).create_execution().load(await saved_by("1"))


async def test_a_store_adopts_a_save_of_an_older_version():
    """Through the same migrations."""
    flow = built("2", v1_to_v2=to_cents)
    async with Engine("memory://", [flow]) as engine:
        handle = await engine.adopt(await saved_by("1"))
        await handle.answer("q-1", "yes")
        assert await handle.result() == {"cents": 1000, "kept": "yes"}


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"version": 2}, TypeError),
        ({"version": "2", "migrations": [to_cents]}, TypeError),
        ({"version": "2", "migrations": {"1": to_cents}}, TypeError),
        ({"version": "2", "migrations": {("1", 2): to_cents}}, TypeError),
        ({"version": "2", "migrations": {("1", "2"): "module:to_cents"}}, TypeError),
        ({"migrations": {("1", "2"): to_cents}}, DefinitionError),
    ],
)
def test_versions_that_make_no_sense_are_refused(options: dict[str, Any], error: Any):
    """When the flow is made."""
    with pytest.raises(error):
        TriggerFlow(**options)
