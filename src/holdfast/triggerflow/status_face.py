# SPDX-License-Identifier: Apache-2.0
"""What an execution is called and how it stands: the part that only answers questions."""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any, Self

from holdfast.triggerflow.kept import Kept
from holdfast.triggerflow.skipping import skipped_failures


@dataclass(frozen=True, slots=True)
class RunContext:
    """The run that an execution stands for."""

    run_id: str


class StatusFace(Kept):
    """Identity, status and lifecycle."""

    @property
    def id(self) -> str:
        """The id of the execution: that of its run, since an execution is one run."""
        return self._flow.run.run_id

    @property
    def run_context(self) -> RunContext:
        """The run's id, for those who look for it here."""
        return RunContext(self._flow.run.run_id)

    @property
    def started(self) -> bool:
        """Whether the run has been started."""
        return bool(self._flow.run.facts.get("started"))

    @property
    def settings(self) -> MutableMapping[str, Any]:
        """Settings of this execution, over those of its flow; the engine reads none of them."""
        return self._flow.settings

    def set_concurrency(self, concurrency: int | None) -> Self:
        """Let so many handlers work at once; None, 0 and less for any number. Returns itself.

        A handler that waits for others of this execution does not count. Not saved.
        Raises: TypeError.
        """
        self._flow.limit(concurrency)
        return self

    @property
    def skip_exceptions(self) -> bool:
        """Whether a failing handler ends its branch only."""
        return self._flow.skips

    @skip_exceptions.setter
    def skip_exceptions(self, skips: bool) -> None:
        self._flow.skips = skips

    def get_skipped_failures(self) -> list[dict[str, Any]]:
        """The last failures that the run went on without: node, error, at; oldest first."""
        return skipped_failures(self._flow.run)

    def get_status(self) -> str:
        """created, running, waiting, completed, failed or cancelled."""
        return self._flow.status

    def get_lifecycle_state(self) -> str:
        """open, sealed or closed."""
        return self._flow.run.lifecycle

    def is_open(self) -> bool:
        """Whether signals from outside are taken."""
        return self._flow.run.lifecycle == "open"

    def is_sealed(self) -> bool:
        """Whether only work that descends from accepted signals goes on."""
        return self._flow.run.lifecycle == "sealed"

    def is_closed(self) -> bool:
        """Whether the run has ended."""
        return self._flow.run.lifecycle == "closed"

    def is_idle(self) -> bool:
        """Whether nothing is under way; an execution that waits for an answer is idle."""
        return not self._flow.run.live

    def is_waiting(self) -> bool:
        """Whether an interrupt is open."""
        return self._flow.is_waiting
