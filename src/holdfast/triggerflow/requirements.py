# SPDX-License-Identifier: Apache-2.0
"""What a run needs from outside itself: declared by key, so that a load can say what is missing.

A requirement is data; only its resolver is code, and that stays in this process. A save lists the
requirements, so that whoever loads it knows what to bring.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

from holdfast.errors import DefinitionError
from holdfast.triggerflow.chunk import own_name

#: How a problem with a resource counts: it keeps a run from being loaded, or it is only told.
FAIL_POLICIES: Final = ("fail_closed", "fail_open")
#: What is known of a resource, in a word; other words mean unknown, which blocks nothing.
_HEALTH: Final = {
    "healthy": ("ok", "ready", "healthy", "resolved"),
    "missing": ("missing", "not_found"),
    "unhealthy": ("unhealthy", "failed", "error", "unavailable"),
    "policy_forbidden": ("forbidden", "policy_forbidden"),
}
_WORDS: Final = {word: meaning for meaning, words in _HEALTH.items() for word in words}
#: What may be said of a requirement beside the rest; holdfast keeps it and does not read it.
NOTES: Final = (
    "provider_kind",
    "secret_ref",
    "config_ref",
    "resolver_version",
    "resolver_fingerprint",
)

#: Given a context, it returns the live object, {"resource": ..., "health": ...}, or None.
Resolver = Callable[[dict[str, Any]], Any]


def health_of(word: object) -> str:
    """healthy, missing, unhealthy, policy_forbidden, or unknown."""
    return _WORDS.get(str(word).strip().lower(), "unknown")


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """One thing that a run needs. source: who declared it, "flow" or "execution".

    health: what its declarer knows of it. notes: texts for whoever provides it.
    """

    key: str
    kind: str = "runtime_resource"
    required: bool = True
    source: str = "flow"
    metadata: Mapping[str, Any] = field(default_factory=dict)
    resolver: Resolver | None = None
    resolver_name: str | None = None
    health: str | None = None
    fail_policy: str | None = None
    notes: Mapping[str, str] = field(default_factory=dict)

    @property
    def place(self) -> tuple[str, str]:
        """What a later declaration replaces."""
        return self.kind, self.key

    def told(self) -> dict[str, Any]:
        """The requirement as data, its resolver by name."""
        texts = {
            "resolver": self.resolver_name,
            "health": self.health,
            "fail_policy": self.fail_policy,
            **self.notes,
        }
        return {
            "kind": self.kind,
            "key": self.key,
            "required": self.required,
            "source": self.source,
            "metadata": copy.deepcopy({"scope": self.source, **self.metadata}),
            **{name: text for name, text in texts.items() if text is not None},
        }


def declared(key: str, source: str, options: Mapping[str, Any]) -> Requirement:
    """A requirement from the arguments of a declaration. Raises: TypeError, DefinitionError."""
    kind, required, resolver = options["kind"], options["required"], options["resolver"]
    for name, value in (("key", key), ("kind", kind)):
        if not isinstance(value, str) or not value:
            raise TypeError(f"a resource requirement's {name} is text; found {_type(value)}")
    if not isinstance(required, bool):
        raise TypeError(f"required is True or False; found {_type(required)}")
    if resolver is not None and not callable(resolver):
        raise TypeError(
            f"a resolver is a function that returns the resource; found {_type(resolver)}"
        )
    metadata = options["metadata"] or {}
    if not isinstance(metadata, Mapping):
        raise TypeError(f"metadata is a mapping; found {_type(metadata)}")
    policy = options["fail_policy"]
    if policy is not None and policy not in FAIL_POLICIES:
        raise DefinitionError(f"fail_policy: expected one of {', '.join(FAIL_POLICIES)}")
    health = options["health"]
    return Requirement(
        key=key,
        kind=kind,
        required=required,
        source=source,
        metadata=_plain(metadata),
        resolver=resolver,
        resolver_name=None if resolver is None else own_name(resolver) or "lambda",
        health=None if health is None else str(health),
        fail_policy=policy,
        notes={name: str(options[name]) for name in NOTES if options[name] is not None},
    )


def from_told(told: Mapping[str, Any]) -> Requirement:
    """A requirement out of a save; its resolver has stayed where it was declared."""
    return Requirement(
        key=str(told["key"]),
        kind=str(told["kind"]),
        required=bool(told["required"]),
        source=str(told["source"]),
        metadata={k: v for k, v in dict(told["metadata"]).items() if k != "scope"},
        resolver_name=told.get("resolver"),
        health=told.get("health"),
        fail_policy=told.get("fail_policy"),
        notes={name: str(told[name]) for name in NOTES if name in told},
    )


class Requirements:
    """The declarations of an execution over those of its flow; the same kind and key replaces."""

    __slots__ = ("_own", "_under", "source")

    def __init__(self, source: str, under: Requirements | None = None) -> None:
        self.source = source
        self._under = under
        self._own: dict[tuple[str, str], Requirement] = {}

    def __iter__(self) -> Iterator[Requirement]:
        """All of them, each place once, in the order of their first declaration."""
        under = {} if self._under is None else {one.place: one for one in self._under}
        return iter({**under, **self._own}.values())

    def add(self, requirement: Requirement) -> Self:
        """Declare, or declare anew."""
        self._own[requirement.place] = requirement
        return self

    def own(self) -> list[dict[str, Any]]:
        """The declarations of this layer, as data."""
        return [one.told() for one in self._own.values()]

    def told(self) -> list[dict[str, Any]]:
        """All declarations, as data."""
        return [one.told() for one in self]

    def take_over(self, kept: Iterable[Requirement]) -> None:
        """Have what a record holds of this layer; what was declared here stands: it can resolve."""
        for found in kept:
            if found.source == self.source:
                self._own.setdefault(found.place, found)


def _plain(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """A copy that any save can hold. Raises: TypeError, DefinitionError."""
    try:
        copied: dict[str, Any] = json.loads(json.dumps(dict(metadata), allow_nan=False))
    except TypeError as error:
        raise TypeError(f"metadata is JSON data: {error}") from error
    except ValueError as error:
        raise DefinitionError(
            "metadata is JSON data: it holds what JSON has no form for"
        ) from error
    return copied


def _type(value: object) -> str:
    return type(value).__name__
