# SPDX-License-Identifier: Apache-2.0
"""Before a load one can ask what it will find; each finding has a stable code."""

from __future__ import annotations

import asyncio
import copy
import json
from typing import Any

import pytest

from holdfast import MemoryStore, TriggerFlow
from holdfast.errors import Damaged, DocumentError, NotASave, ResourcesNotReady, RunBusy, RunError
from holdfast.persistence.document import seal
from tests.triggerflow.handlers import Door, ask, collect, keep, same


def needing(**options: Any) -> TriggerFlow[Any, Any, Any]:
    """A flow that pauses, and may declare that it needs a "db"."""
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="needs")
    flow.to(ask).to(keep)
    if options:
        flow.declare_resource_requirement("db", **options)
    return flow


async def paused(flow: TriggerFlow[Any, Any, Any], **resources: Any) -> Any:
    """A save of a run that waits, through text."""
    execution = flow.create_execution(auto_close=False, runtime_resources=resources)
    await execution.async_start(1)
    return json.loads(json.dumps(execution.save()))


def codes(report: dict[str, Any], severity: str = "error") -> list[str]:
    """The codes of one severity, without their common beginning."""
    found = [one for one in report["diagnostics"] if one["severity"] == severity]
    return [one["code"].removeprefix("triggerflow.") for one in found]


async def test_a_run_that_lacks_nothing_is_ready():
    """The report names what there is and says what the save is."""
    saved = await paused(needing(), db=1)
    fresh = needing().create_execution(auto_close=False, runtime_resources={"db": 1, "log": 2})
    report = fresh.inspect_load(saved)

    assert (report["status"], report["ready"]) == ("ready", True)
    assert report["runtime_resources"] == ["db", "log"]
    assert report["resolved_resource_keys"] == ["db"]
    assert report["execution_id"] == saved["run_id"] == report["snapshot"]["run_id"]
    assert report["current_flow_definition_fingerprint"] == needing().fingerprint
    assert report["snapshot"]["flow_definition_fingerprint"] == needing().fingerprint
    assert report["will_run_again"] == []
    assert codes(report, "info") == ["load.resolved_resource"]
    assert fresh.get_status() == "created"
    assert fresh.run_id != saved["run_id"]


async def test_an_inspection_takes_resources_that_a_load_would_be_given():
    """Without mounting them."""
    saved = await paused(needing(), db=1)
    fresh = needing().create_execution(auto_close=False)

    assert fresh.inspect_load(saved)["status"] == "missing_resources"
    assert fresh.inspect_load(saved, runtime_resources={"db": 1})["status"] == "ready"
    assert fresh.get_runtime_resources() == {}


async def test_a_missing_resource_blocks_a_load_that_asks_for_all():
    """Named in the error; the default loads, and the handler finds out."""
    saved = await paused(needing(), db=1, cache=2)
    fresh = needing().create_execution(auto_close=False)
    report = fresh.inspect_load(saved)
    assert report["status"] == "missing_resources"
    assert report["missing_resource_keys"] == ["cache", "db"]
    assert codes(report) == ["load.missing_resource", "load.missing_resource"]
    assert report["diagnostics"][0]["resource_key"] == "cache"

    for load in (
        lambda: fresh.load(saved, validate_resources=True),
        lambda: fresh.load(saved, validate_resources=True, runtime_resources={"db": 1}),
    ):
        with pytest.raises(ResourcesNotReady, match=r"missing resources: \['cache'") as caught:
            load()
        assert isinstance(caught.value, RuntimeError)
        assert fresh.get_status() == "created"
        assert fresh.get_runtime_resources() == {}
    assert fresh.load(saved).is_waiting()


@pytest.mark.parametrize(
    ("options", "severity"),
    [
        ({"required": False}, "info"),
        ({"fail_policy": "fail_open"}, "warning"),
        ({"fail_policy": "fail_closed"}, "error"),
        ({"required": True}, "error"),
    ],
)
async def test_what_a_missing_resource_means_is_declared(options: dict[str, Any], severity: str):
    """Optional ones do not block, and a policy may only warn; today's declaration counts."""
    saved = await paused(needing(), db=1)
    fresh = needing(**options).create_execution(auto_close=False)
    report = fresh.inspect_load(saved)

    assert codes(report, severity) == ["load.missing_resource"]
    assert report["unresolved_resource_keys"] == ["db"]
    assert report["ready"] == (severity != "error")
    assert report["missing_resource_keys"] == (["db"] if severity == "error" else [])
    if severity != "error":
        fresh.load(saved, validate_resources=True)
        assert fresh.is_waiting()


@pytest.mark.parametrize(
    ("word", "code", "severity"),
    [
        ("ok", "load.resolved_resource", "info"),
        ("Ready", "load.resolved_resource", "info"),
        ("who knows", "load.resolved_resource", "info"),
        ("not_found", "load.resolved_resource", "info"),
        ("unavailable", "load.unhealthy_resource", "error"),
        ("forbidden", "load.policy_forbidden_resource", "error"),
    ],
)
async def test_a_declared_health_is_what_is_said_of_a_resource_that_is_there(
    word: str, code: str, severity: str
):
    """Only words that mean trouble block."""
    flow = needing(health=word)
    saved = await paused(flow, db=1)
    report = flow.create_execution(runtime_resources={"db": 1}).inspect_load(saved)

    assert codes(report, severity) == [code]
    assert report["policy_blocked_resource_keys"] == (["db"] if word == "forbidden" else [])


@pytest.mark.parametrize("answer", ["object", "mapping", "async", "sync awaitable"])
async def test_a_resolver_gives_what_nobody_brought(answer: str):
    """Sync or async, the bare object or with a word about its health; it knows the run."""
    asked: list[dict[str, Any]] = []
    db = object()

    def resolve(context: dict[str, Any]) -> Any:
        asked.append(context)
        return {"resource": db, "health": "ok"} if answer == "mapping" else db

    async def resolve_later(context: dict[str, Any]) -> Any:
        await asyncio.sleep(0)
        return resolve(context)

    resolver: Any = resolve_later if answer == "async" else resolve
    if answer == "sync awaitable":
        resolver = lambda context: resolve_later(context)  # noqa: E731, PLW0108 - not known as async
    flow = needing(resolver=resolver, metadata={"pool": 1})
    saved = await paused(flow)
    fresh = flow.create_execution(auto_close=False)
    before = fresh.inspect_load(saved)
    assert (before["status"], before["ready"]) == ("pending_resources", False)
    assert before["pending_resolver_keys"] == ["db"]
    assert codes(before) == ["load.resolver_pending"]

    report = await fresh.async_load(saved)
    assert report["ready"]
    assert codes(report, "info") == ["load.resolver_resolved_resource"]
    assert report["resolved_resource_keys"] == report["runtime_resources"] == ["db"]
    assert fresh.require_runtime_resource("db") is db
    assert fresh.is_waiting()
    assert len(asked) == 1
    assert asked[0]["resource_key"] == "db"
    assert asked[0]["requirement"]["metadata"] == {"scope": "flow", "pool": 1}
    assert asked[0]["execution_id"] == saved["run_id"] == asked[0]["snapshot"]["run_id"]
    assert asked[0]["snapshot"]["state"] == {}
    assert (asked[0]["flow_name"], asked[0]["execution"]) == ("needs", fresh)


async def test_a_resolver_is_not_asked_for_what_somebody_brought():
    """Nor by a plain load, which calls no user code."""

    def resolve(context: dict[str, Any]) -> Any:
        raise AssertionError

    flow = needing(resolver=resolve)
    saved = await paused(flow)
    fresh = flow.create_execution(auto_close=False)
    report = await fresh.async_load(saved, runtime_resources={"db": 5})

    assert report["ready"]
    assert fresh.get_runtime_resource("db") == 5
    plain = flow.create_execution(auto_close=False)
    assert plain.load(saved).is_waiting()
    with pytest.raises(ResourcesNotReady):
        plain.load(saved, validate_resources=True)


def raises(context: dict[str, Any]) -> Any:
    """A resolver whose service is away."""
    raise ConnectionError("secret text")


@pytest.mark.parametrize(
    ("resolver", "code", "text"),
    [
        (raises, "load.resolver_failed", r"resource resolver failed: \['db'\]"),
        (lambda context: None, "load.missing_resource", "missing resources"),
        (
            lambda context: {"resource": None, "health": "ok"},
            "load.missing_resource",
            "missing resources",
        ),
        (
            lambda context: {"resource": 1, "health": "missing"},
            "load.missing_resource",
            "missing resources",
        ),
        (
            lambda context: {"resource": 1, "health": "failed"},
            "load.unhealthy_resource",
            "missing resources",
        ),
        (
            lambda context: {"resource": 1, "health": "policy_forbidden"},
            "load.policy_forbidden_resource",
            "missing resources",
        ),
    ],
)
async def test_a_resolver_that_gives_nothing_usable_blocks_the_load(
    resolver: Any, code: str, text: str
):
    """The execution is as it was; a policy, or the caller, may let the run be loaded without."""
    flow = needing(resolver=resolver)
    saved = await paused(flow)
    fresh = flow.create_execution(auto_close=False)
    before = fresh.save()["body"]
    with pytest.raises(ResourcesNotReady, match=text) as caught:
        await fresh.async_load(saved)
    assert caught.value.missing == ("db",)
    assert caught.value.diagnostics[0]["code"] == f"triggerflow.{code}"
    assert isinstance(caught.value.__cause__, ConnectionError) == (resolver is raises)
    assert "secret text" not in str(caught.value)
    assert (fresh.save()["body"], fresh.get_runtime_resources()) == (before, {})

    report = await fresh.async_load(saved, require_resources=False)
    assert (report["status"], codes(report)) == ("missing_resources", [code])
    assert fresh.is_waiting()
    assert fresh.get_runtime_resources() == {}
    flow.declare_resource_requirement("db", resolver=resolver, fail_policy="fail_open")
    report = await flow.create_execution(auto_close=False).async_load(saved)
    assert (report["status"], codes(report, "warning")) == ("ready", [code])


async def test_a_resolver_that_stayed_elsewhere_is_told_as_such():
    """The save knows that there was one."""
    saved = await paused(needing(resolver=raises))
    report = needing().create_execution(auto_close=False).inspect_load(saved)

    assert codes(report) == ["load.missing_resolver"]
    assert report["missing_resource_keys"] == ["db"]


async def test_an_execution_that_began_to_work_while_resolvers_were_asked_is_left_alone():
    """A load that fails late changes nothing either."""
    door = Door()

    async def resolve(context: dict[str, Any]) -> Any:
        running.append(asyncio.ensure_future(fresh.async_emit("Work", 1)))
        await door.reached.wait()
        return 1

    running: list[Any] = []
    flow = needing(resolver=resolve)
    flow.when("Work").to(door, name="door")
    saved = await paused(flow)
    fresh = flow.create_execution(auto_close=False)
    with pytest.raises(RunBusy):
        await fresh.async_load(saved)
    door.opened.set()
    await running[0]

    assert fresh.run_id != saved["run_id"]
    assert fresh.get_runtime_resources() == {}


async def test_a_run_of_a_store_gets_what_its_resolvers_give():
    """When it is taken up again; if they fail, the run stays free for others."""
    store = MemoryStore()
    given: list[Any] = [ConnectionError("down"), 7]

    async def resolve(context: dict[str, Any]) -> Any:
        answer = given.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def use(data: Any) -> None:
        await data.async_set_state("db", data.require_resource("db"))

    flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="kept")
    flow.to(ask).to(use)
    flow.declare_resource_requirement("db", resolver=resolve)
    kept = flow.create_execution(auto_close=False, store=store, run_id="r")
    await kept.async_start(1)
    await kept.async_release()
    with pytest.raises(ResourcesNotReady):
        await flow.create_execution(store=store, run_id="r").async_resume()
    assert (await store.row("r")).owner is None
    opened = flow.create_execution(auto_close=False, store=store, run_id="r")
    await opened.async_continue_with("q-1", 2)

    assert await opened.async_close() == {"db": 7}


def resealed(saved: dict[str, Any], **body: Any) -> dict[str, Any]:
    """The save with other parts, and a checksum that fits."""
    return seal(
        saved["kind"],
        definition=saved["definition"],
        fingerprint=saved["fingerprint"],
        run_id=saved["run_id"],
        sequence=saved["sequence"],
        resource_keys=saved["resource_keys"],
        body=json.dumps({**saved["body"], **body}).encode(),
        version=saved["version"],
        saved_at=saved["saved_at"],
    )


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        (lambda saved: {**saved, "kind": "workflow.checkpoint"}, "invalid_kind"),
        (lambda saved: {"a": 1}, "invalid_kind"),
        (lambda saved: json.dumps({"a": 1}), "invalid_kind"),
        (lambda saved: {**saved, "format": 99}, "invalid_schema_version"),
        (lambda saved: {**saved, "sha256": "0" * 64}, "damaged"),
        (lambda saved: {**saved, "run_id": "other"}, "damaged"),
        (lambda saved: resealed(saved, facts={"requirements": [{}]}), "damaged"),
        (lambda saved: resealed(saved, due=3), "damaged"),
    ],
)
async def test_what_is_wrong_with_a_save_is_told_and_not_raised(damage: Any, code: str):
    """By a code and a text that quotes nothing; a load raises it."""
    saved = damage(await paused(needing()))
    fresh = needing().create_execution(auto_close=False)
    before = copy.deepcopy(fresh.save()["body"])
    report = fresh.inspect_load(saved)

    assert (report["status"], report["ready"]) == ("invalid_snapshot", False)
    assert codes(report) == [f"snapshot.{code}"]
    with pytest.raises(DocumentError):
        fresh.load(saved)
    with pytest.raises(DocumentError):
        await fresh.async_load(saved)
    assert fresh.save()["body"] == before


@pytest.mark.parametrize("given", [None, 3, [], "no document", b"\xff", "[1]", '{"kind": '])
def test_what_cannot_be_read_is_raised_by_an_inspection_too(given: Any):
    """There is nothing to report on."""
    with pytest.raises((NotASave, Damaged)):
        TriggerFlow().create_execution().inspect_load(given)


async def test_a_changed_flow_is_told_by_what_is_gone_or_only_as_a_warning():
    """With both fingerprints; nodes by name."""
    saved = await paused(needing())
    other: TriggerFlow[Any, Any, Any] = TriggerFlow()
    other.to(same)
    report = other.create_execution().inspect_load(saved)
    told = report["diagnostics"][0]
    assert told["code"] == "triggerflow.snapshot.flow_definition_mismatch"
    assert (told["severity"], told["missing"]) == ("error", ["ask"])
    assert (told["saved"], told["today"]) == (needing().fingerprint, other.fingerprint)

    grown = needing()
    grown.when("New").to(collect)
    report = grown.create_execution().inspect_load(saved)
    told = report["diagnostics"][0]
    assert (report["status"], told["severity"]) == ("ready", "warning")
    assert (told["actual"], told["expected"]) == (needing().fingerprint, grown.fingerprint)


async def test_work_that_runs_again_is_listed_with_the_answers_it_follows():
    """What was under way when the run was saved, by node; nothing vanishes silently."""
    door = Door()
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="busy")
    flow.to(ask).to(door, name="door").to(keep)
    execution = flow.create_execution(auto_close=False)
    await execution.async_start(1)
    answering = asyncio.ensure_future(
        execution.async_continue_with("q-1", "yes", resume_request_id="mail-1")
    )
    await door.reached.wait()
    saved = execution.save()
    door.opened.set()
    await answering

    report = flow.create_execution().inspect_load(saved)
    assert report["ready"]
    assert [one["node"] for one in report["will_run_again"]] == ["door"]
    told = next(one for one in report["diagnostics"] if one["severity"] == "warning")
    assert told["code"] == "triggerflow.resume.dispatched_not_completed"
    assert (told["interrupt_id"], told["resume_request_id"]) == ("q-1", "mail-1")


async def test_a_dead_execution_and_one_of_a_store_take_no_save():
    """They say so before anything else changes."""
    saved = await paused(needing())
    released = needing().create_execution(auto_close=False)
    await released.async_release()
    with pytest.raises(RunError, match="released"):
        released.load(saved)
    kept = needing().create_execution(store=MemoryStore(), run_id="r")
    with pytest.raises(RunError, match="opened by its run_id"):
        kept.load(saved)
    with pytest.raises(RunError, match="opened by its run_id"):
        await kept.async_load(saved)
