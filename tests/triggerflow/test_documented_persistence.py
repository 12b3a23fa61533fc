# SPDX-License-Identifier: Apache-2.0
"""Programs written for the library that this front answers to run with another import line."""

from __future__ import annotations

import json
from typing import Any

import pytest

from holdfast import TriggerFlow
from holdfast.errors import ValueRefused, WrongDefinition


class Shelf:
    """An application's own place for documents."""

    def __init__(self) -> None:
        self.documents: dict[str, Any] = {}

    def save(self, key: str, document: Any) -> None:
        """Keep a document."""
        self.documents[key] = document

    def load(self, key: str) -> Any:
        """The document again."""
        return self.documents[key]


class Answers:
    """A model's result."""

    async def async_get_data(self, ensure_keys: list[str]) -> dict[str, Any]:
        """What the keys hold."""
        return dict.fromkeys(ensure_keys, "found")


class Agent:
    """A model, asked in a chain of calls."""

    def input(self, question: str) -> Agent:
        """Take the question."""
        return self

    def output(self, shape: dict[str, Any]) -> Agent:
        """Take the shape of the answer."""
        return self

    def get_result(self) -> Answers:
        """The answer."""
        return Answers()


async def test_a_run_crosses_a_pause_on_the_shelf():
    """Saved by one worker, loaded by another with resources of its own."""

    async def review(data):
        return await data.async_pause_for(type="approval", payload=data.input)

    async def finish(data):
        await data.async_set_state("approved", data.input["approved"])

    flow = TriggerFlow(name="tickets")
    flow.to(review).to(finish)
    store, db_client, agent = Shelf(), object(), Agent()
    execution = flow.create_execution(auto_close=False)
    await execution.async_start({"ticket_id": "T-1024"})
    saved = execution.save()
    store.save(execution.id, saved)

    restored = flow.create_execution(
        auto_close=False, runtime_resources={"db": db_client, "agent": agent}
    )
    restored.load(store.load(execution.id))
    interrupt_id = next(iter(restored.get_pending_interrupts()))
    await restored.async_continue_with(interrupt_id, {"approved": True})
    snapshot = await restored.async_close()

    assert snapshot == {"approved": True}


async def test_a_blueprint_goes_to_where_the_handlers_are_registered():
    """And fails, by name, where they are not."""

    async def normalize(data):
        await data.async_set_state("normalized", data.input)
        return data.input

    async def store_output(data):
        await data.async_set_state("output", data.input)

    source = TriggerFlow(name="source")
    source.register_chunk_handler(normalize)
    source.register_chunk_handler(store_output)
    source.to(normalize).to(store_output)
    blueprint = source.save_blueprint()

    restored = TriggerFlow(name="restored")
    restored.register_chunk_handler(normalize)
    with pytest.raises(ValueError, match="store_output"):
        restored.load_blueprint(blueprint)
    restored.register_chunk_handler(store_output)
    restored.load_blueprint(blueprint)

    assert await restored.async_start(3) == {"normalized": 3, "output": 3}


async def test_a_service_keeps_values_in_state_and_live_objects_in_resources():
    """Module functions as chunks, resources of the tenant given to the execution."""

    async def analyze(data):
        agent = data.require_resource("agent")
        question = data.input["question"]
        await data.async_set_state("question", question)
        result = (
            agent.input(question)
            .output({"intent": (str, "what", True), "need_policy": (bool, "whether", True)})
            .get_result()
        )
        return await result.async_get_data(ensure_keys=["intent", "need_policy"])

    async def answer(data):
        policy_doc = data.require_resource("policy_doc")
        question = data.get_state("question")
        await data.async_set_state("answer", {"question": question, "policy": policy_doc})

    def build_policy_flow():
        flow = TriggerFlow(name="policy")
        flow.to(analyze).to(answer)
        return flow

    flow = build_policy_flow()
    execution = flow.create_execution(
        runtime_resources={"agent": Agent(), "policy_doc": "two nights at most"}
    )
    snapshot = await execution.async_start({"question": "How much?"})

    assert snapshot == {
        "question": "How much?",
        "answer": {"question": "How much?", "policy": "two nights at most"},
    }


async def test_a_run_that_is_held_open_is_saved_where_it_rests():
    """A start without auto-close, then a save; the other side loads it with its own clients."""
    flow = TriggerFlow(name="refund")
    flow.to(lambda data: data.set_state("refund_id", data.input["refund_id"]))
    store = Shelf()
    execution = flow.create_execution(auto_close=False)
    await execution.async_start({"refund_id": "R-2048"})
    store.save(execution.id, execution.save())

    restored = flow.create_execution(
        auto_close=False,
        runtime_resources={"db": object(), "logger": object(), "search": object()},
    )
    restored.load(store.load(execution.id))

    assert restored.id == execution.id
    assert await restored.async_close() == {"refund_id": "R-2048"}


async def test_a_save_holds_what_the_page_lists_and_nothing_live():
    """State, lifecycle, open questions, interventions, resource keys; no object, no function."""
    flow = TriggerFlow(name="listed")

    async def review(data):
        await data.async_set_state("refund_id", data.input["refund_id"])
        return await data.async_pause_for(type="approval", payload=data.input)

    flow.to(review)
    flow.intervention_point(name="notes")
    execution = flow.create_execution(auto_close=False, runtime_resources={"db": object()})
    await execution.async_start({"refund_id": "R-2048"})
    await execution.async_intervene({"note": "look twice"})
    await execution.async_seal(reason="shift ends")
    saved = execution.save()
    assert saved["resource_keys"] == ["db"]

    restored = flow.create_execution(auto_close=False)
    restored.load(json.loads(json.dumps(saved)))
    assert restored.id == execution.id
    assert restored.get_state() == {"refund_id": "R-2048"}
    assert restored.get_lifecycle_state() == "sealed"
    assert restored.get_status() == "waiting"
    assert restored.get_pending_interrupts() == execution.get_pending_interrupts()
    assert restored.get_interventions() == execution.get_interventions()
    assert restored.get_runtime_resource("db") is None


async def test_the_mistakes_the_page_warns_of_are_told():
    """No definition, a client in state, shared data as progress: each where it is made."""

    async def review(data):
        return await data.async_pause_for(type="approval", payload=data.input)

    flow = TriggerFlow(name="mistakes")
    flow.to(review)
    execution = flow.create_execution(auto_close=False)
    await execution.async_start(1)
    await flow.async_set_flow_data("progress", 1, no_warning=True)
    saved = execution.save()
    with pytest.raises(WrongDefinition, match="review"):
        TriggerFlow(name="mistakes").create_execution().load(saved)

    elsewhere = TriggerFlow(name="mistakes")
    elsewhere.to(review)
    elsewhere.create_execution().load(saved)
    assert elsewhere.get_flow_data(no_warning=True) == {}
    flow.create_execution().load(saved)
    assert flow.get_flow_data(no_warning=True) == {"progress": 1}

    await execution.async_set_state("db", object())
    with pytest.raises(ValueRefused, match=r"state\.db"):
        execution.save()


async def test_a_worker_loads_the_blueprint_and_then_the_run():
    """Structure from one document, progress from the other."""

    async def review(data):
        return await data.async_pause_for(type="approval", payload=data.input)

    async def finish(data):
        await data.async_set_state("approved", data.input["approved"])

    flow = TriggerFlow(name="tickets")
    flow.to(review).to(finish)
    execution = flow.create_execution(auto_close=False)
    await execution.async_start({"ticket_id": "T-1024"})
    blueprint, saved = json.dumps(flow.save_blueprint()), json.dumps(execution.save())

    worker = TriggerFlow(name="worker")
    worker.register_chunk_handler(review)
    worker.register_chunk_handler(finish)
    worker.load_blueprint(blueprint)
    restored = worker.create_execution(auto_close=False)
    restored.load(saved)
    interrupt_id = next(iter(restored.get_pending_interrupts()))
    await restored.async_continue_with(interrupt_id, {"approved": False})
    assert await restored.async_close() == {"approved": False}


async def test_stable_clients_are_the_flows_and_those_of_a_request_its_executions():
    """Both are found under their key; business values of one request are in its state."""
    search, policy, other = object(), object(), object()
    seen = []

    async def analyze(data):
        await data.async_set_state("question", data.input["question"])
        seen.append((data.require_resource("search"), data.require_resource("policy_doc")))

    flow = TriggerFlow(name="policy")
    flow.to(analyze)
    flow.update_runtime_resources(search=search, policy_doc=other)
    execution = flow.create_execution(runtime_resources={"policy_doc": policy})

    assert await execution.async_start({"question": "How much?"}) == {"question": "How much?"}
    assert seen == [(search, policy)]
    assert flow.get_runtime_resource("policy_doc") is other
    assert execution.save()["resource_keys"] == ["policy_doc", "search"]
