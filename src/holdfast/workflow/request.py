# SPDX-License-Identifier: Apache-2.0
"""One call of `Workflow.run`, checked before anything begins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from holdfast.errors import DefinitionError
from holdfast.workflow.keeping import Keeping


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """What a run call was given. has_message: None is a message too."""

    message: Any
    has_message: bool
    responses: Mapping[str, Any] | None
    checkpoint_id: str | None
    fresh: bool
    resume: bool
    run_id: str | None
    keeping: Keeping


def checked(request: RunRequest) -> RunRequest:
    """The request, or a DefinitionError (a ValueError) that says which combination is meant."""
    given = [
        name
        for name, is_given in (
            ("message", request.has_message),
            ("responses", request.responses is not None),
            ("checkpoint_id", request.checkpoint_id is not None),
            ("resume", request.resume),
        )
        if is_given
    ]
    allowed = (["message"], ["responses"], ["checkpoint_id"], ["resume"])
    if given not in (*allowed, ["responses", "checkpoint_id"]):
        raise DefinitionError(
            "run() takes a message, or responses, or a checkpoint_id (with responses or without), "
            f"or resume=True; found {' and '.join(given) or 'none of them'}"
        )
    if (request.fresh or request.run_id is not None) and not request.has_message:
        raise DefinitionError("fresh= and run_id= are for a run that a message begins")
    return request
