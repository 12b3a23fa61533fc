# SPDX-License-Identifier: Apache-2.0
"""What an engine needs of a definition and of a run; both fronts offer it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from holdfast.machine.run import Run
from holdfast.persistence.store import Stored
from holdfast.persistence.types import TypeRegistry
from holdfast.runtime.compatible import Change
from holdfast.runtime.home import Home
from holdfast.runtime.live import LiveRun
from holdfast.runtime.migrating import Versions


class Driven(Protocol):
    """A run as an engine carries it; both fronts offer this."""

    @property
    def run_id(self) -> str:
        """The id of the run."""

    @property
    def live(self) -> LiveRun:
        """The run under way."""

    async def begin(self, value: Any, digest: str) -> None:
        """Start it in the store; return after the first commit."""

    async def recover(self, *, retry_parked: bool = False, strict: bool = False) -> None:
        """Take it from the store and start what is unfinished.

        strict: refuse a definition of another structure. Raises: WrongDefinition.
        """

    async def hear(self) -> None:
        """Take in what was posted for it."""

    async def keep_time(self, now: float | None = None) -> None:
        """Act on every time of it that has come, and wait for the next one."""

    async def outcome(self) -> Any:
        """Wait for its end."""

    async def ended(self, stored: Stored) -> Any:
        """The outcome that the record of an ended run holds; nobody owns it for that."""

    async def wind_up(self) -> None:
        """Start nothing new, let what is under way end, and the run too if that was all of it."""

    async def stop(self) -> None:
        """Stop carrying it; unfinished work stays due."""


class Definition(Protocol):
    """A flow or a workflow, as an engine holds it."""

    front: str
    types: TypeRegistry

    @property
    def name(self) -> str:
        """The name that stored runs carry."""

    @property
    def fingerprint(self) -> str:
        """The digest of its structure."""

    @property
    def versions(self) -> Versions:
        """Its version, and the migrations that lead there."""

    @property
    def structure(self) -> Any:
        """The frozen structure that its runs follow."""

    def change_for(self, run: Run, saved: str) -> Change:
        """What has changed for a run of the structure with that fingerprint."""

    def notes_on(self, run: Run, resources: Mapping[str, Any] | None) -> tuple[str, ...]:
        """What to look at before a stored run goes on, one sentence each."""

    def execution_in(self, home: Home | None, run_id: str | None, resources: Any = None) -> Any:
        """A run of it, kept in a home."""
