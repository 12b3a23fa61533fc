# SPDX-License-Identifier: Apache-2.0
"""A stored run of an older version is brought to today's when it goes on, whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from holdfast import (
    Engine,
    Executor,
    FileCheckpointStorage,
    InMemoryCheckpointStorage,
    MemoryStore,
    TriggerFlow,
    WorkflowBuilder,
    WorkflowContext,
    handler,
    response_handler,
)
from holdfast.errors import (
    DefinitionError,
    HoldfastError,
    MigrationFailed,
    UnknownVersion,
    WorkflowCheckpointException,
)
from holdfast.persistence.store import Store
from tests.runtime.test_checking import asked, content, ended

Doc = dict[str, Any]
Migrate = Callable[[Doc], Any]


async def ask(data: Any) -> Any:
    """Ask, with an amount in the state."""
    await data.async_set_state("amount", 12)
    return await data.async_pause_for(payload="?", interrupt_id="q")


async def tell(data: Any) -> None:
    """Keep the answer beside what there is."""
    await data.async_set_state("told", data.input)


def flow(version: str | None = None, asker: str = "ask", **migrations: Migrate) -> Any:
    """A flow of a version; the names of migrations are such as v1_v2."""
    made: TriggerFlow[Any, Any, Any] = TriggerFlow(
        name="priced", version=version, migrations=_steps(migrations)
    )
    made.to(ask, name=asker).to(tell)
    return made


class Asker(Executor):
    """Asks, with an amount in the shared state, and yields that with the answer."""

    @handler
    async def ask(self, message: str, ctx: WorkflowContext[str, Any]) -> None:
        ctx.set_state("amount", 12)
        await ctx.request_info({"about": message}, str, request_id="q")

    @response_handler
    async def answered(
        self, original_request: dict, response: str, ctx: WorkflowContext[str, Any]
    ) -> None:
        cents, amount = ctx.get_state("cents"), ctx.get_state("amount")
        await ctx.yield_output({"cents": cents, "amount": amount, "told": response})


def workflow(version: str | None = None, asker: str = "ask", **migrations: Migrate) -> Any:
    """The same as a workflow."""
    builder = WorkflowBuilder(name="priced", version=version, migrations=_steps(migrations))
    builder.register(asker, lambda: Asker(asker)).set_start_executor(asker)
    return builder.build()


def _steps(migrations: dict[str, Migrate]) -> dict[tuple[str, str], Migrate]:
    found = {}
    for name, function in migrations.items():
        first, _, second = name.partition("_")
        found[first[1:], second[1:]] = function
    return found


def to_cents(doc: Doc) -> Doc:
    """Version 2 counts in cents."""
    doc["body"]["state/0/cents"] = doc["body"].pop("state/0/amount") * 100
    return doc


def to_text(doc: Doc) -> Doc:
    """Version 3 writes text."""
    doc["body"]["state/0/cents"] = str(doc["body"]["state/0/cents"])
    return doc


def renamed(doc: Doc) -> Doc:
    """The asker is called otherwise."""
    text = json.dumps(doc["body"]).replace('"ask"', '"inquire"')
    return {**doc, "body": json.loads(text)}


BOTH = pytest.mark.parametrize("build", [flow, workflow], ids=["flow", "workflow"])
Build = Callable[..., Any]


async def begun(build: Build, version: str | None = "1") -> Store:
    """A store with a run "r" of a version, which waits for its answer."""
    store = MemoryStore()
    before = build(version)
    async with Engine(store, [before]) as engine:
        await asked(await engine.start(before, "in", run_id="r"))
    return store


async def result(engine: Engine) -> Any:
    """What the run comes to once it is answered, without what a workflow has around it."""
    handle = await engine.open("r")
    if (await handle.row()).open_waits:
        await handle.answer("q", "yes")
    found = await handle.result()
    await ended(handle)
    return found[0] if isinstance(found, list) else found


@BOTH
async def test_a_run_is_brought_over_every_step_when_it_is_taken_up(build: Build) -> None:
    """By whoever holds the new version; then it is of that one, for everybody."""
    store = await begun(build)
    assert (await store.row("r")).head.version == "1"
    today = build("3", v1_v2=to_cents, v2_v3=to_text)
    async with Engine(store, [today], recover=False) as engine:
        (told,) = await engine.check(today)
        assert (told.verdict, told.version, told.migrations) == ("migrates", "1", ("1", "2", "3"))
        await engine.resume("r")
        (told,) = await engine.check(today)
        assert (told.verdict, told.version) == ("same", "3")

    def never(doc: Doc) -> Doc:
        raise AssertionError

    async with Engine(store, [build("3", v1_v2=never, v2_v3=never)]) as engine:
        found = await result(engine)
    assert (found["cents"], found["told"]) == ("1200", "yes")
    assert not found.get("amount")


@BOTH
async def test_an_engine_brings_over_what_it_takes_up_by_itself(build: Build) -> None:
    """A run of the same structure and another version is due: nobody has to be asked."""
    store = await begun(build)
    async with Engine(store, recover=False) as outside:
        await outside.answer("r", "q", "yes")
    async with Engine(store, [build("2", v1_v2=to_cents)]) as engine:
        assert (await result(engine))["cents"] == 1200


@BOTH
async def test_a_migration_may_rename_where_a_run_stands(build: Build) -> None:
    """Then strict has nothing to refuse, and there is nothing to warn of."""
    store = await begun(build)
    today = build("2", "inquire", v1_v2=renamed)
    async with Engine(store, [today]) as engine:
        await engine.resume("r", strict=True)
        assert (await store.row("r")).fingerprint == today.fingerprint
        assert (await result(engine))["told"] == "yes"


@BOTH
async def test_without_a_way_a_run_is_refused_and_the_check_says_so(build: Build) -> None:
    """A missing link; both versions are named."""
    store = await begun(build)
    before = await content(store)
    today = build("3", v1_v2=to_cents)
    async with Engine(store, [today], recover=False) as engine:
        (told,) = await engine.check(today)
        assert (told.verdict, told.version) == ("cannot", "1")
        assert "'1'" in told.problems[0]
        assert "'3'" in told.problems[0]
        with pytest.raises(HoldfastError, match=r"'1'.*'3'") as caught:
            await engine.resume("r")
    named = caught.value if build is flow else caught.value.__cause__
    assert isinstance(named, UnknownVersion)
    await unchanged(store, before)


async def unchanged(store: Store, before: Any) -> None:
    """The run is as it was, and free."""
    after = await content(store)
    assert (after[0].owner, after[0].seq, after[0].moved_to) == (None, before[0].seq, None)
    assert (after[1].anchor, after[1].deltas) == (before[1].anchor, before[1].deltas)
    assert after[2:4] == before[2:4]


def asks_otherwise(doc: Doc) -> Doc:
    """Changes a question that people were told."""
    doc["body"]["wait/q"]["payload"] = "what?"
    return doc


def asks_no_more(doc: Doc) -> Doc:
    """Takes a question away that people were told."""
    del doc["body"]["wait/q"]
    return doc


@BOTH
@pytest.mark.parametrize(
    "migration",
    [
        lambda doc: doc["body"]["nothing"],
        lambda doc: None,
        lambda doc: {},
        lambda doc: {**doc, "body": 3},
        lambda doc: {**doc, "body": {**doc["body"], "state/0/x": {1, 2}}},
        asks_otherwise,
        asks_no_more,
    ],
    ids=["raises", "none", "empty", "no body", "no JSON", "asks otherwise", "asks no more"],
)
async def test_a_migration_that_fails_leaves_the_run_as_it_was(
    build: Build, migration: Migrate
) -> None:
    """The error is typed, so that an engine that looks goes on with other runs."""
    store = await begun(build)
    before = await content(store)
    async with Engine(store, [build("2", v1_v2=migration)], recover=False) as engine:
        with pytest.raises(HoldfastError) as caught:
            await engine.resume("r")
    named = caught.value if build is flow else caught.value.__cause__
    assert isinstance(named, MigrationFailed)
    await unchanged(store, before)
    async with Engine(store, recover=False) as outside:
        await outside.answer("r", "q", "yes")
    async with Engine(store, [build("2", v1_v2=migration)]) as engine:
        assert isinstance(engine.failures["r"], MigrationFailed | WorkflowCheckpointException)
        await (await engine.start(build("2"), "in", run_id="another")).until_idle()


@BOTH
async def test_a_run_without_a_version_is_taken_as_it_is(build: Build) -> None:
    """And a definition without one takes runs of any."""

    def never(doc: Doc) -> Doc:
        raise AssertionError

    for saved, today in ((None, build("2", v1_v2=never)), ("1", build())):
        store = await begun(build, saved)
        async with Engine(store, [today]) as engine:
            (told,) = await engine.check(today)
            assert (told.verdict, told.version) == ("same", saved)
            assert (await result(engine))["amount"] == 12


@pytest.mark.parametrize("kind", ["memory", "file", "store"])
async def test_a_checkpoint_of_an_older_workflow_is_brought_over_wherever_it_is_kept(
    kind: str, tmp_path: Path
) -> None:
    """Questions included: in a storage they are only in the checkpoint."""
    storage: Any = {
        "memory": InMemoryCheckpointStorage,
        "file": lambda: FileCheckpointStorage(tmp_path),
        "store": MemoryStore,
    }[kind]()
    first = await workflow("1").run("in", checkpoint_storage=storage)
    assert len(first.get_request_info_events()) == 1
    checkpoint = (await storage.get_latest()).checkpoint_id
    today = workflow("2", "inquire", v1_v2=lambda doc: to_cents(renamed(doc)))
    done = await today.run(
        checkpoint_id=checkpoint,
        checkpoint_storage=storage,
        responses={"q": "yes"},
        on_graph_change="fail",
    )
    assert done.get_outputs() == [{"cents": 1200, "amount": None, "told": "yes"}]
    later = (await storage.get_latest()).checkpoint_id
    assert await workflow("2", "inquire").get_checkpoint_outputs(later, storage) == (
        done.get_outputs()
    )
    with pytest.raises(WorkflowCheckpointException, match=r"'1'.*'9'"):
        await workflow("9").run(checkpoint_id=checkpoint, checkpoint_storage=storage)


async def test_a_migration_sees_the_record_in_the_shape_of_a_save() -> None:
    """One function serves saves and stored runs alike; flows and workflows alike."""
    seen: list[Doc] = []

    def look(doc: Doc) -> Doc:
        seen.append(json.loads(json.dumps(doc)))
        return doc

    for build, kind in ((flow, "triggerflow.execution"), (workflow, "workflow.run")):
        store = await begun(build)
        async with Engine(store, [build("2", v1_v2=look)], recover=False) as engine:
            await engine.resume("r")
        doc = seen.pop()
        body = doc.pop("body")
        assert body["state/0/amount"] == 12
        assert {**doc, "fingerprint": "", "sequence": 0, "saved_at": 0} == {
            "kind": kind,
            "format": 1,
            "definition": "priced",
            "fingerprint": "",
            "run_id": "r",
            "sequence": 0,
            "resource_keys": [],
            "saved_at": 0,
            "version": "1",
        }


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"version": 2}, TypeError),
        ({"version": "2", "migrations": {"1": to_cents}}, TypeError),
        ({"migrations": {("1", "2"): to_cents}}, DefinitionError),
    ],
)
def test_versions_of_workflows_that_make_no_sense_are_refused(options: Any, error: Any) -> None:
    """When the builder is made."""
    with pytest.raises(error):
        WorkflowBuilder(**options)


async def test_a_workflow_from_a_blueprint_is_given_its_version() -> None:
    """A blueprint is structure alone: version and migrations come with the code."""
    store = await begun(workflow)
    built = WorkflowBuilder.from_blueprint(
        workflow().save_blueprint(),
        executors={"ask": lambda: Asker("ask")},
        version="2",
        migrations={("1", "2"): to_cents},
    ).build()
    async with Engine(store, [built]) as engine:
        await engine.resume("r")
        assert (await result(engine))["cents"] == 1200
