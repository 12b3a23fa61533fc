# SPDX-License-Identifier: Apache-2.0
"""What a pause asks for: its keywords, checked before anything is asked."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

from holdfast.definition.schema import check_schema, problems, schema_of
from holdfast.errors import DefinitionError
from holdfast.machine.run import MISSING
from holdfast.runtime.timers import Deadline


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One pause as asked for. resume: "next", "self" or "event:<name>".

    lapse: what follows when the deadline passes: "default", "event:<name>" or "".
    """

    type: str
    payload: Any
    resume: str
    interrupt_id: str | None = None
    max_resumes: int | None = 1
    schema: dict[str, Any] | None = None
    deadline: Deadline | None = None
    lapse: str = ""
    default: Any = None
    exchange_kind: str | None = None


def asked(
    *,
    type: str,
    payload: Any,
    resume_to: Any,
    resume_event: str | None,
    interrupt_id: str | None,
    max_resumes: Any,
    response_schema: Any,
    deadline: Deadline | None,
    default: Any,
    timeout_event: str | None,
    exchange_kind: str | None,
) -> Ask:
    """The keywords of `pause_for` as one value. Raises: DefinitionError (a ValueError)."""
    # Many parameters because: they are the documented keywords of a pause.
    schema = checked_schema(response_schema)
    return Ask(
        type=type,
        payload=payload,
        resume=resume_word(resume_to, resume_event),
        interrupt_id=interrupt_id,
        max_resumes=checked_limit(max_resumes),
        schema=schema,
        deadline=deadline,
        lapse=lapse_word(deadline, default, timeout_event, schema),
        default=None if default is MISSING else default,
        exchange_kind=_label(exchange_kind),
    )


def resume_word(resume_to: Any, resume_event: str | None) -> str:
    """The two spellings of where an answer goes, as one word. Raises: ValueError."""
    if resume_to is None:
        return "next" if resume_event is None else f"event:{resume_event}"
    if resume_to in ("next", "self"):
        return str(resume_to)
    if isinstance(resume_to, dict) and list(resume_to) == ["event"]:
        event = resume_to["event"]
        if isinstance(event, str) and event:
            return f"event:{event}"
    raise DefinitionError(
        'resume_to: expected "next", "self" or {"event": name}; '
        f"found {resume_to if isinstance(resume_to, str) else type(resume_to).__name__!r}"
    )


def checked_limit(value: Any) -> int | None:
    """max_resumes: an int of at least 0, or None for no limit. Raises: ValueError."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise DefinitionError("max_resumes: expected an int of at least 0, or None")
    return value


def checked_schema(given: Any) -> dict[str, Any] | None:
    """A schema of the closed subset, or that of a Python type; None accepts anything.

    Raises: DefinitionError naming the place where it leaves the subset.
    """
    if given is None:
        return None
    if isinstance(given, dict):
        check_schema(given)
        return copy.deepcopy(given) or None
    schema = schema_of(given)
    if schema is None:
        raise DefinitionError(
            f"response_schema: nothing can be said about answers of {given!r}",
            hint="Give a schema as a dict, or a type of plain values, a dataclass or a model.",
        )
    return schema or None


def lapse_word(
    deadline: Any, default: Any, timeout_event: str | None, schema: dict[str, Any] | None = None
) -> str:
    """What follows when the deadline passes, as one word. Raises: DefinitionError."""
    has_default = default is not MISSING
    if has_default and timeout_event is not None:
        raise DefinitionError("a deadline has a default or a timeout_event, not both")
    if (has_default or timeout_event is not None) and deadline is None:
        name = "default" if has_default else "timeout_event"
        raise DefinitionError(f"{name}= needs a deadline")
    if has_default:
        found = () if schema is None else problems(schema, default, "default")
        if found:
            raise DefinitionError(f"the default is no answer that fits: {'; '.join(found)}")
        return "default"
    if timeout_event is None:
        return ""
    if not isinstance(timeout_event, str) or not timeout_event:
        raise DefinitionError("timeout_event: expected the name of an event")
    return f"event:{timeout_event}"


def _label(value: Any) -> str | None:
    if value is not None and not isinstance(value, str):
        raise DefinitionError("exchange_kind: expected a text")
    return value
