# SPDX-License-Identifier: Apache-2.0
"""What the operators of an event flow need of the routing that reached them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from holdfast.definition.blueprint import Blueprint, Node
    from holdfast.machine.effects import Effect
    from holdfast.machine.run import Fan, Run


class Router(Protocol):
    """One routing under way (`dispatch.Route`): with whom a value goes on, and what it makes."""

    run: Run
    plan: Blueprint
    group: int
    emitter: int
    effects: list[Effect]

    def as_of(self, fan: Fan) -> Router:
        """The routing of what belongs to a pass: its group, its emitter, no answer."""

    def follow(self, node: Node, value: Any, data: bytes | None, scope: int) -> None:
        """Give off the signal of a node that is done."""

    def branch(self, node: Node, key: str, value: Any, data: bytes | None, scope: int) -> None:
        """Lead a value into one of a node's exits."""

    def give(self, by: tuple[str, str], value: Any, data: bytes | None, scope: int) -> None:
        """Let a signal reach whoever listens to it."""
