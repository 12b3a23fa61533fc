# SPDX-License-Identifier: Apache-2.0
"""Agents in a graph: one writes, one reviews, and both may be anything that has `run`.

Run it::

    python examples/agents.py

The two agents here answer from rules, so that the example needs no model and no network. An agent
of any framework takes their place if it has a name and `run(messages)`.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from holdfast import Workflow, WorkflowBuilder, WorkflowContext, executor
from holdfast.workflow import AgentExecutor, AgentExecutorResponse


@dataclass
class Question:
    """What an agent has to know before it can answer."""

    id: str
    text: str


@dataclass
class Answer:
    """What an agent says, or what it wants to know first."""

    messages: list[str]
    user_input_requests: list[Question] = field(default_factory=list)

    @property
    def text(self) -> str:
        """All of it."""
        return " ".join(self.messages)


class Writer:
    """Writes about a topic, once it knows for whom."""

    name = "writer"

    async def run(self, messages: list[Any]) -> Answer:
        """Answer, or ask."""
        *_, last = messages
        if not str(last).startswith("for "):
            return Answer([], [Question("reader", f"Who will read about {last}?")])
        return Answer([f"A text {last}."])


class Reviewer:
    """Says whether a text will do; looks at the last turn only."""

    name = "reviewer"

    async def run(self, messages: list[Any]) -> Answer:
        """Judge."""
        return Answer([f"approved: {messages[-1]}"])


@executor
async def publish(turn: AgentExecutorResponse, ctx: WorkflowContext[None, str]) -> None:
    """Give out what the reviewer said, and how long the conversation was."""
    said = len(turn.full_conversation)
    await ctx.yield_output(f"{turn.agent_response.text} ({said} messages)")


def make() -> Workflow:
    """Writer, reviewer, publisher; only what the last one yields is a result."""
    writer = Writer()
    reviewer = AgentExecutor(Reviewer(), context_mode="last_agent")
    return (
        WorkflowBuilder(name="editorial", start_executor=writer, output_from=[publish])
        .add_chain([writer, reviewer, publish])
        .build()
    )


async def main() -> list[str]:
    """Ask for a text; the writer asks back; answer it."""
    workflow = make()
    asked = await workflow.run("supersteps")
    (question,) = asked.get_request_info_events()
    print(question.data.text)
    result = await workflow.run(responses={question.request_id: "for engineers"})
    outputs: list[str] = result.get_outputs()
    print(outputs)
    return outputs


if __name__ == "__main__":
    asyncio.run(main())
