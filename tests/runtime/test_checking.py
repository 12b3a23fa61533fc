# SPDX-License-Identifier: Apache-2.0
"""A check says beforehand what a resume with today's definition does, and changes nothing."""

from __future__ import annotations

import asyncio
import warnings
from typing import Any

import pytest

from holdfast import Engine, MemoryStore, TriggerFlow, WorkflowBuilder
from holdfast.errors import (
    DefinitionNotFound,
    HoldfastError,
    RunNotFound,
    TypeNotAllowed,
    WorkflowGraphChanged,
    WrongDefinition,
)
from holdfast.persistence.codec import Codec
from holdfast.persistence.store import Settlement, Store
from holdfast.runtime.engine import RunHandle
from tests.runtime import changes
from tests.runtime.changes import Case

CASES = [pytest.param(case, id=f"flow, {case.name}") for case in changes.FLOWS]
CASES += [pytest.param(case, id=f"workflow, {case.name}") for case in changes.GRAPHS]


async def begun(store: Store, case: Case) -> None:
    """A run "r" of the definition as it was, waiting for its answer; its process is gone."""
    definition = case.before()
    async with Engine(store, [definition]) as engine:
        await asked(await engine.start(definition, "in", run_id="r"))


async def asked(handle: RunHandle) -> None:
    """Return when the run's question is in the store."""
    await handle.until_idle()
    assert await handle.waits(), "it did not ask"


async def ended(handle: RunHandle) -> None:
    """Return when the store knows that the run is completed; it hears that a moment later."""
    for _ in range(1000):
        if (await handle.row()).status == "completed":
            return
        await asyncio.sleep(0)
    raise AssertionError("it did not end")


async def content(store: Store) -> Any:
    """All that the store says of the run, and who is there."""
    row, stored, waits = (
        await store.row("r"),
        await store.read("r"),
        await store.waits(run_id="r", limit=100),
    )
    return row, stored, waits, await store.inbox("r"), await store.owners()


@pytest.mark.parametrize("case", CASES)
async def test_a_check_says_yes_where_a_resume_works_and_only_there(case: Case) -> None:
    """For each way to change a definition: the verdict, the names, no change, and the resume."""
    store = MemoryStore()
    await begun(store, case)
    before = await content(store)
    async with Engine(store, [case.after()], recover=False) as engine:
        (row,) = await engine.check("changing")
    assert await content(store) == before
    assert (row.run_id, row.verdict) == ("r", case.verdict), row
    told = " ".join((*row.problems, *row.notes, *row.missing, *row.unnamed, *row.types))
    for text in case.says:
        assert text in told
    assert row.can_go_on == (row.verdict != "cannot") == (not row.problems)

    definition = case.after()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        async with Engine(store, [definition], recover=False) as engine:
            if not row.can_go_on:
                with pytest.raises(HoldfastError) as refused:
                    await engine.resume("r")
                for name in (*row.missing, *row.unnamed, *row.types):
                    assert name in str(refused.value)
                # It was let go again, so that somebody who has what it needs may take it.
                assert (await engine.store.row("r")).owner is None
            else:
                handle = await engine.resume("r")
                (wait,) = await handle.waits()
                await handle.answer(wait.wait_id, "yes")
                await handle.result()
                await ended(handle)
    texts = [str(one.message) for one in caught]
    assert any("has changed" in text for text in texts) == (row.verdict == "changed"), texts


async def test_a_refusal_names_what_is_missing_in_a_typed_error() -> None:
    """WrongDefinition for both fronts, with the names as facts; TypeNotAllowed for a type."""
    for front, cases in (("flow", changes.FLOWS), ("workflow", changes.GRAPHS)):
        for case in cases:
            if case.verdict != "cannot" or not case.says:
                continue
            store = MemoryStore()
            await begun(store, case)
            async with Engine(store, [case.after()], recover=False) as engine:
                with pytest.raises(HoldfastError) as caught:
                    await engine.resume("r")
            error = caught.value
            if case.name == "a type gone":
                named = error if front == "flow" else error.__cause__
                assert isinstance(named, TypeNotAllowed)
                continue
            assert isinstance(error, WrongDefinition)
            assert isinstance(error, WorkflowGraphChanged) == (front == "workflow")
            facts = " ".join((*error.missing, *error.unnamed, str(error)))
            assert all(text in facts for text in case.says)


async def test_a_check_is_about_the_open_runs_of_a_definition_or_about_one_run() -> None:
    """Ended runs and runs of others are left out, unless they are asked for by id."""
    definition = changes.flow_of(changes.ask, changes.finish)()
    other: TriggerFlow[Any, Any, Any] = TriggerFlow(name="other")
    other.to(changes.finish)
    async with Engine("memory://", [definition, other]) as engine:
        for run_id in ("a", "b"):
            await (await engine.start(definition, 1, run_id=run_id)).until_idle()
        await (await engine.start(other, 1, run_id="c")).result()
        handle = await engine.open("b")
        await handle.answer("q", 1)
        await handle.result()
        assert [row.run_id for row in await engine.check(definition)] == ["a"]
        assert await engine.check("other") == ()
        (ended,) = await engine.check(definition, run_id="b")
        assert ended.problems == ("it has ended: completed",)
        (foreign,) = await engine.check(other, run_id="a")
        assert (foreign.definition, foreign.missing) == ("changing", ("ask",))
        with pytest.raises(DefinitionNotFound):
            await engine.check("nobody")
        with pytest.raises(RunNotFound):
            await engine.check(definition, run_id="nobody")


async def test_a_parked_run_is_checked_for_what_failed() -> None:
    """Its delivery waits for a decision, and needs its node as much as one that is due."""

    async def fails(data: Any) -> None:
        raise RuntimeError("no")

    before = changes.flow_of((fails, "work"))()
    async with Engine("memory://", [before]) as engine:
        await (await engine.start(before, 1, run_id="r")).until_idle()
        (same,) = await engine.check(before)
        assert (same.status, same.verdict) == ("parked", "same")
        (gone,) = await engine.check(changes.flow_of(changes.plain)())
        assert (gone.verdict, gone.missing) == ("cannot", ("work",))


async def test_an_answer_that_nobody_took_in_counts_with_its_types() -> None:
    """It lies in the inbox, in bytes; the run needs its class when it goes on."""
    store = MemoryStore()
    definition = changes.flow_of(changes.ask, changes.finish, register=True)()
    async with Engine(store, [definition]) as engine:
        await asked(await engine.start(definition, 1, run_id="r"))
    async with Engine(store, recover=False) as outside:
        data = Codec(definition.types).encode(changes.Order(4))
        settled = Settlement(status="answered", at=1.0, value=data, digest="d")
        await outside.store.settle("r", "q", settled)
        today = changes.flow_of(changes.ask, changes.finish)()
        (row,) = await outside.check(today, run_id="r")
        assert (row.verdict, row.types) == ("cannot", ("order.v1",))


async def test_no_user_code_runs_in_a_check() -> None:
    """No class is made, no handler, no resolver, no hook is called."""
    called: list[str] = []

    class Watched:
        pass

    def make(_plain: Any) -> Watched:
        called.append("make")
        return Watched()

    async def keep_watched(data: Any) -> Any:
        await data.async_set_state("w", Watched())
        return data.input

    def resolver(_context: Any) -> None:
        called.append("resolver")

    definition = changes.flow_of(keep_watched, changes.ask)()
    definition.types.register(Watched, "watched", to=lambda _one: 1, make=make)
    definition.declare_resource_requirement("db", resolver=resolver)
    definition.declare_resource_requirement("queue", required=False)
    async with Engine("memory://", [definition]) as engine:
        await (await engine.start(definition, 1, run_id="r")).until_idle()
        called.clear()
        (row,) = await engine.check(definition)
    assert called == []
    assert row.verdict == "same"
    assert [note.partition(" is ")[0] for note in row.notes] == [
        "resource 'db'",
        "resource 'queue'",
    ]


async def test_a_workflow_of_instances_goes_on_without_an_engine() -> None:
    """The record fits; who carries it is another matter, and a note."""
    store = MemoryStore()
    builder = WorkflowBuilder(name="instances", start_executor=changes.Asker("ask"))
    workflow = builder.build()
    await workflow.run("in", checkpoint_storage=store, run_id="r")
    async with Engine(store, recover=False) as engine:
        (row,) = await engine.check(workflow)
    assert row.verdict == "same"
    assert row.notes == (
        "'ask' were given as instances: no engine carries it, workflow.run(...) does",
    )


async def test_a_fork_of_a_moved_run_follows_what_its_record_follows() -> None:
    """From before the move the old structure, from after it the new one."""
    store = MemoryStore()
    pair = changes.flow_of(changes.ask)(), changes.flow_of(changes.ask, changes.finish)()
    async with Engine(store, [pair[0]]) as engine:
        await asked(await engine.start(pair[0], "in", run_id="r"))
        early = (await store.row("r")).seq
    async with Engine(store, [pair[1]], recover=False) as engine:
        with pytest.warns(RuntimeWarning, match="has changed"):
            handle = await engine.resume("r")
        late = (await store.row("r")).seq
        await handle.answer("q", "yes")
        await handle.result()
    async with Engine(store, recover=False) as engine:
        for at, definition in ((early, pair[0]), (late, pair[1])):
            forked = await engine.fork("r", at)
            assert (await forked.row()).fingerprint == definition.fingerprint
