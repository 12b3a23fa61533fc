# SPDX-License-Identifier: Apache-2.0
"""One call of `Workflow.run`, checked before anything begins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypedDict

from holdfast.errors import DefinitionError
from holdfast.machine.run import MISSING
from holdfast.persistence.checkpoint import CheckpointStorage
from holdfast.persistence.manager import CheckpointManager
from holdfast.persistence.store import Store, check_run_id
from holdfast.workflow.keeping import Keeping, keeping_of

Storage = Store | CheckpointStorage | CheckpointManager
GraphChange = Literal["fail", "allow"]

#: No message. None is a message too.
NOTHING: Any = MISSING


class RunOptions(TypedDict, total=False):
    """The keywords of `Workflow.run` beside stream; it says what each means."""

    responses: Mapping[str, Any] | None
    checkpoint_id: str | None
    checkpoint_storage: Storage | None
    include_status_events: bool
    fresh: bool
    resume: bool
    run_id: str | None
    run_context: Mapping[str, Any] | None
    on_graph_change: GraphChange


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """What a run call was given. on_graph_change: what a checkpoint of another graph is.

    checkpoint_run: the run that the checkpoint has to be of, if the caller knows it.
    cancelled: requests that are to be asked no more.
    """

    message: Any = NOTHING
    responses: Mapping[str, Any] | None = None
    checkpoint_id: str | None = None
    checkpoint_run: str | None = None
    fresh: bool = False
    resume: bool = False
    run_id: str | None = None
    run_context: Mapping[str, Any] | None = None
    on_graph_change: GraphChange = "allow"
    keeping: Keeping = None
    cancelled: tuple[str, ...] = ()

    @property
    def names_run(self) -> str | None:
        """The run that is meant, if the request says which."""
        return self.run_id or self.checkpoint_run

    @property
    def has_message(self) -> bool:
        """Whether a message was given; None is one."""
        return self.message is not NOTHING


def requested(message: Any, options: RunOptions, built_in: Any) -> RunRequest:
    """The request, or a DefinitionError (a ValueError) that says what cannot be meant.

    built_in: the checkpoint storage that the builder was given.
    """
    storage = options.get("checkpoint_storage")
    run_id = options.get("run_id")
    request = RunRequest(
        message=message,
        responses=options.get("responses"),
        checkpoint_id=options.get("checkpoint_id"),
        fresh=options.get("fresh", False),
        resume=options.get("resume", False),
        run_id=None if run_id is None else check_run_id(run_id),
        run_context=options.get("run_context"),
        on_graph_change=options.get("on_graph_change", "allow"),
        keeping=keeping_of(built_in if storage is None else storage),
    )
    _check_combination(request)
    _check_types(request)
    return request


def _check_combination(request: RunRequest) -> None:
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
    if request.fresh and not request.has_message:
        raise DefinitionError("fresh= is for a run that a message begins")
    if request.checkpoint_id is not None:
        if request.run_id is not None:
            raise DefinitionError("run_id= goes without checkpoint_id=: a checkpoint names its run")
        if request.keeping is None:
            raise DefinitionError(
                "a checkpoint_id needs a checkpoint storage",
                hint="Pass checkpoint_storage= to run(...) or to WorkflowBuilder(...).",
            )


def _check_types(request: RunRequest) -> None:
    responses = request.responses
    if responses is not None and not (
        isinstance(responses, Mapping) and all(isinstance(key, str) for key in responses)
    ):
        raise DefinitionError("responses= is a mapping of request ids, which are text, to answers")
    if request.checkpoint_id is not None and not isinstance(request.checkpoint_id, str):
        found = type(request.checkpoint_id).__name__
        raise DefinitionError(
            f"checkpoint_id= is text; found {found}", hint="Pass checkpoint.checkpoint_id."
        )
    if request.run_context is not None and not isinstance(request.run_context, Mapping):
        raise DefinitionError("run_context= is a mapping of names to what handlers may use")
    if request.on_graph_change not in ("fail", "allow"):
        raise DefinitionError(
            f'on_graph_change= is "fail" or "allow"; found {request.on_graph_change!r}'
        )
