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

    def deliver(
        self, node: Node, value: Any, data: bytes | None, scope: int, by: tuple[str, str], slot: int
    ) -> None:
        """A handler call is due."""

    def arrive(
        self, node: Node, value: Any, data: bytes | None, scope: int, by: tuple[str, str], slot: int
    ) -> None:
        """A value reaches a node by a signal."""

    def beside(self, group: int, emitter: int) -> Router:
        """A routing of the same step for another group."""

    def rested(self, frame: int) -> None:
        """All that is left of a frame's work is waiting."""

    def ended(self, frame: int) -> None:
        """Nothing of a frame's work is left."""
