# SPDX-License-Identifier: Apache-2.0
"""What passes between a flow and a sub-flow: read from what a user wrote, and checked.

`capture` says what a sub-flow is given, `write_back` what the flow around it gets back. Both map a
target to a source, and a link is one such pair of places. A place is a scope and a path inside it:
`state.order.lines` is ("state", ("order", "lines")). Targets may be grouped by scope
(`{"state": {"order": "value"}}`) or written flat (`{"state.order": "value"}`); `runtime_data` is
another spelling of `state`.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from holdfast.errors import DefinitionError

Path = tuple[str, ...]

_SEGMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ALIASES = {"runtime_data": "state"}


@dataclass(frozen=True, slots=True)
class Link:
    """One value that passes: into which scope and path, from which."""

    scope: str
    path: Path
    source: str
    source_path: Path

    @property
    def text(self) -> str:
        """The source as it is written."""
        return ".".join((self.source, *self.source_path))


@dataclass(frozen=True, slots=True)
class Side:
    """What one side may name. whole: target scopes that a plain text may fill as a whole.

    keyed: sources that mean nothing without a path.
    """

    word: str
    targets: frozenset[str]
    whole: frozenset[str]
    sources: frozenset[str]
    keyed: frozenset[str]


CAPTURE = Side(
    "capture",
    frozenset({"input", "state", "flow_data", "resources"}),
    frozenset({"input"}),
    frozenset({"value", "state", "flow_data", "resources"}),
    frozenset({"resources"}),
)
WRITE_BACK = Side(
    "write_back",
    frozenset({"value", "state", "flow_data"}),
    frozenset({"value"}),
    frozenset({"result", "snapshot"}),
    frozenset(),
)


@dataclass(frozen=True, slots=True)
class Links:
    """All that passes one way. scopes: the target scopes that were named, filled or not."""

    links: tuple[Link, ...]
    scopes: frozenset[str]

    def into(self, scope: str) -> tuple[Link, ...]:
        """The links of one target scope, in the order they were written."""
        return tuple(link for link in self.links if link.scope == scope)


def read(spec: object, side: Side) -> Links | None:
    """The links that a user wrote; None for None, which means the defaults.

    Raises: TypeError for a wrong shape; DefinitionError, a ValueError, for an unknown scope or
    source, a bad path, or two targets of which one lies inside the other.
    """
    if spec is None:
        return None
    if not isinstance(spec, Mapping):
        raise TypeError(f"{side.word}: expected a mapping; found {type(spec).__name__}")
    links: list[Link] = []
    scopes: set[str] = set()
    for key, value in spec.items():
        scope, path = _target(key, side)
        scopes.add(scope)
        links.extend(_links(scope, path, value, side))
    _check_apart(links, side)
    return Links(tuple(links), frozenset(scopes))


def write(links: Links | None) -> dict[str, Any] | None:
    """The links as data that `read` takes, always in one spelling."""
    if links is None:
        return None
    written: dict[str, Any] = {scope: {} for scope in sorted(links.scopes)}
    for link in links.links:
        if link.path:
            written[link.scope][".".join(link.path)] = link.text
        else:
            written[link.scope] = link.text
    return written


def _target(key: object, side: Side) -> tuple[str, Path]:
    if not isinstance(key, str):
        raise TypeError(f"{side.word}: a target is text; found {type(key).__name__}")
    scope, *path = key.split(".")
    scope = _ALIASES.get(scope, scope)
    if scope not in side.targets:
        raise DefinitionError(
            f"{side.word}: target scope {scope!r} is not supported; "
            f"expected {', '.join(sorted(side.targets))}"
        )
    return scope, _segments(path, key, side) if path else ()


def _links(scope: str, path: Path, value: object, side: Side) -> Iterator[Link]:
    if isinstance(value, Mapping) and not path:
        for inner, source in value.items():
            if not isinstance(inner, str):
                raise TypeError(f"{side.word}: a path is text; found {type(inner).__name__}")
            yield _link(scope, _segments(inner.split("."), inner, side), source, side)
    elif not path and scope not in side.whole:
        raise TypeError(f"{side.word}: scope {scope!r} only accepts key-path mappings")
    else:
        yield _link(scope, path, value, side)


def _link(scope: str, path: Path, value: object, side: Side) -> Link:
    if not isinstance(value, str):
        raise TypeError(f"{side.word}: a source is text; found {type(value).__name__}")
    source, *rest = value.split(".")
    source = _ALIASES.get(source, source)
    if source not in side.sources:
        raise DefinitionError(
            f"{side.word}: source scope {source!r} is not supported; "
            f"expected {', '.join(sorted(side.sources))}"
        )
    if not rest and source in side.keyed:
        raise DefinitionError(f"{side.word}: source {value!r} names no key")
    if scope == "resources" and len(path) > 1:
        raise DefinitionError(f"{side.word}: a resource key has no dots: {'.'.join(path)!r}")
    return Link(scope, path, source, _segments(rest, value, side) if rest else ())


def _segments(path: list[str], text: str, side: Side) -> Path:
    if not all(_SEGMENT.fullmatch(segment) for segment in path):
        raise DefinitionError(
            f"{side.word}: path {text!r} is not made of names (letters, digits, _) and dots"
        )
    return tuple(path)


def _check_apart(links: list[Link], side: Side) -> None:
    """No target lies inside another one, or is it: which would win would depend on the order."""
    targets = sorted((link.scope, *link.path) for link in links)
    for one, other in itertools.pairwise(targets):
        if other[: len(one)] == one:
            raise DefinitionError(
                f"{side.word}: target {'.'.join(other)!r} lies inside target {'.'.join(one)!r}"
            )
