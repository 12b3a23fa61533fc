# SPDX-License-Identifier: Apache-2.0
"""A failure in a run that goes on without what fails: a result, and a line in the record."""

from __future__ import annotations

from typing import Any

from holdfast.errors import SkippedFailure
from holdfast.machine.effects import Finished
from holdfast.machine.run import Delivery, Run
from holdfast.persistence.types import TypeRegistry

#: So many skipped failures stay in the record, the last ones.
KEPT_SKIPPED = 32


def register(types: TypeRegistry) -> None:
    """Let what stands for a failure be kept among the results of an emit."""
    types.register(SkippedFailure, "holdfast.skipped", to=_facts, make=_made)


def _facts(failure: SkippedFailure) -> dict[str, str]:
    return {"node": failure.node, "error": failure.message}


def _made(plain: dict[str, str]) -> SkippedFailure:
    return SkippedFailure(plain["error"], node=plain["node"])


def skipped(run: Run, delivery: Delivery, error: Exception, at: float) -> Finished:
    """End the branch: the error is its result, nothing follows, and the record says so."""
    text = text_of(error)
    line = {"node": delivery.node, "error": text, "at": at}
    run.facts["skipped"] = [*run.facts.get("skipped", []), line][-KEPT_SKIPPED:]
    value: Exception = error
    if run.journal is not None:
        run.journal.put("facts", run.journal.codec.encode(run.facts, "facts"))
        value = SkippedFailure(text, node=delivery.node)
        value.__cause__ = error
    return Finished(delivery, value, None, paused=True)


def text_of(error: Exception) -> str:
    """The type and the text of what was raised."""
    return f"{type(error).__name__}: {error}"


def skipped_failures(run: Run) -> list[dict[str, Any]]:
    """The last failures that the run went on without, oldest first."""
    return [dict(line) for line in run.facts.get("skipped", [])]
