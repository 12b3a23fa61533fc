# SPDX-License-Identifier: Apache-2.0
"""What counts as an agent: anything with `run`, and an id or a name. Nothing is imported for it."""

from __future__ import annotations

from typing import Any, Protocol


class Agent(Protocol):
    """What can stand at a node without an executor of its own; it has an `id` or a `name` too."""

    def run(self, messages: Any, /) -> Any:
        """Answer messages: an awaitable of a response."""


def is_agent(one: object) -> bool:
    """Tell whether this can be wrapped: an object with `run`, and an id or a name."""
    if isinstance(one, type) or not callable(getattr(one, "run", None)):
        return False
    return name_of(one) is not None


def name_of(agent: object) -> str | None:
    """The id that an agent brings to its node: its name, else its id."""
    for found in (getattr(agent, "name", None), getattr(agent, "id", None)):
        if isinstance(found, str) and found:
            return found
    return None
