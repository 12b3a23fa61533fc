# SPDX-License-Identifier: Apache-2.0
"""Agents for the tests: plain objects with `run`, of every shape that is allowed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any


class Echo:
    """The least that an agent is: a name, and `run`. Keeps what it heard."""

    def __init__(self, name: str = "echo") -> None:
        self.name = name
        self.heard: list[list[Any]] = []

    async def run(self, messages: Any) -> str:
        self.heard.append(list(messages))
        return f"{self.name}: {'|'.join(map(str, messages))}"


@dataclass
class Question:
    """What an agent wants to know."""

    id: str
    text: str = ""


@dataclass
class Said:
    """A response with messages of its own."""

    messages: list[Any] = field(default_factory=list)
    user_input_requests: list[Question] = field(default_factory=list)

    @property
    def text(self) -> str:
        return " ".join(map(str, self.messages))


@dataclass
class Session:
    """Counts the turns of one conversation."""

    turns: int = 0

    def to_dict(self) -> dict[str, Any]:
        return {"turns": self.turns}

    @classmethod
    def from_dict(cls, kept: dict[str, Any]) -> Session:
        return cls(kept["turns"])


class WithSession:
    """Makes sessions, and counts turns in the one it is given."""

    name = "counting"

    def create_session(self) -> Session:
        return Session()

    async def run(self, messages: Any, *, session: Session | None = None) -> Said:
        assert session is not None
        session.turns += 1
        return Said([f"turn {session.turns}: {messages[-1]}"])


class Streams:
    """Gives updates where it is asked to stream."""

    name = "streams"

    def __init__(self, *, final: bool = False) -> None:
        self.final = final
        self.asked: list[bool] = []

    def run(self, messages: Any, *, stream: bool = False) -> Any:
        self.asked.append(stream)
        return Updates(final=self.final) if stream else self._whole()

    async def _whole(self) -> str:
        return "one two"


class Updates:
    """A stream of updates, perhaps with a response at its end."""

    def __init__(self, *, final: bool) -> None:
        if final:
            self.get_final_response = self._final

    async def __aiter__(self) -> AsyncIterator[str]:
        yield "one "
        yield "two"

    async def _final(self) -> Said:
        return Said(["final"])


class Asks:
    """Wants to know two things before it answers."""

    name = "asks"

    def __init__(self) -> None:
        self.heard: list[list[Any]] = []

    async def run(self, messages: Any) -> Said:
        self.heard.append(list(messages))
        if len(self.heard) == 1:
            return Said([], [Question("size", "how large?"), Question("color", "which?")])
        return Said([f"made with {messages}"])
