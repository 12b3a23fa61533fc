# SPDX-License-Identifier: Apache-2.0
"""Programs written for the library that this front answers to run with another import line."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast import TriggerFlow


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
