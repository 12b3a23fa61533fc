# SPDX-License-Identifier: Apache-2.0
"""What goes into an agent's node and comes out of it; messages are whatever the agent takes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class AgentResponse:
    """What an agent said, where it is plain text or a stream of updates.

    An agent may give any other object instead; of that, `messages`, `text` and
    `user_input_requests` are read where it has them.
    """

    messages: list[Any] = field(default_factory=list)

    @property
    def text(self) -> str:
        """All of it as text."""
        return "".join(map(text_of, self.messages))


@dataclass(slots=True)
class AgentExecutorRequest:
    """Messages for an agent. should_respond: False only puts them beside what it hears next."""

    messages: list[Any]
    should_respond: bool = True


@dataclass(slots=True)
class AgentExecutorResponse:
    """An agent's turn, sent along the edges of its node.

    full_conversation: what was said before it, and the messages of this turn.
    """

    executor_id: str
    agent_response: Any
    full_conversation: list[Any] = field(default_factory=list)

    def with_text(self, text: str) -> AgentExecutorResponse:
        """The same turn in other words: what was said before it stays."""
        said = len(messages_of(self.agent_response))
        before = self.full_conversation[: max(len(self.full_conversation) - said, 0)]
        return AgentExecutorResponse(self.executor_id, AgentResponse([text]), [*before, text])


def messages_of(response: Any) -> list[Any]:
    """The messages of a response: its own, or itself where it has none."""
    messages = getattr(response, "messages", None)
    if isinstance(messages, Iterable) and not isinstance(messages, str | bytes):
        return list(messages)
    return [response]


def text_of(message: Any) -> str:
    """A message or update as text."""
    if isinstance(message, str):
        return message
    text = getattr(message, "text", None)
    return text if isinstance(text, str) else str(message)
