# SPDX-License-Identifier: Apache-2.0
"""JSON values as YAML text, and back; it needs the extra `yaml`.

What is read is JSON in another spelling: text, numbers, booleans, null, lists, and mappings with
text as keys. The tree is built here from the parser's events, so that nothing is nested deeper or
repeated more often than the limits allow, and no tag builds anything.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Final

from holdfast.errors import Damaged, DocumentError, ExtraMissing
from holdfast.persistence.limits import Limits, check_size, no_stack, too_large

_TAG: Final = "tag:yaml.org,2002:"
#: The scalars that JSON has; whatever else plain text could mean in YAML stays text.
_SCALARS: Final = frozenset(_TAG + kind for kind in ("str", "int", "float", "bool", "null"))
_WRITTEN: Final = (dict, list, str, int, float, bool, type(None))
_COLLECTIONS: Final = frozenset({_TAG + "map", _TAG + "seq"})


def dump(value: Any) -> str:
    """A JSON value as YAML, its keys in their order. Raises: ExtraMissing, DocumentError."""
    yaml = _library()
    base = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    known = base.yaml_representers
    members = {
        "yaml_representers": {kind: known[kind] for kind in (*_WRITTEN, None)},
        "ignore_aliases": lambda _self, _data: True,
    }
    dumper = type("Dumper", (base,), members)
    try:
        text: str = yaml.dump(value, Dumper=dumper, sort_keys=False, allow_unicode=False)
    except (yaml.YAMLError, RecursionError, UnicodeError):
        raise DocumentError("the document holds something that is not JSON") from None
    return text


def parse(
    text: str,
    what: str,
    *,
    limits: Limits = Limits(),  # noqa: B008 - frozen
) -> Any:
    """The JSON value that a YAML text stands for. what: how errors call the text.

    Raises: Damaged for what is no YAML, or not JSON in it; TooLarge; ExtraMissing.
    """
    yaml = _library()
    check_size(len(text), limits, what)
    events = yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    try:
        return _Tree(yaml, what, limits).build(events)
    except RecursionError:
        raise no_stack(what) from None
    except (yaml.YAMLError, UnicodeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = "" if mark is None else f", at line {mark.line + 1}"
        raise Damaged(f"{what} is not YAML that can be read{where}") from None


def _library() -> Any:
    try:
        import yaml  # type: ignore[import-untyped]  # noqa: PLC0415 - the extra may not be installed
    except ImportError as error:
        raise ExtraMissing(
            'YAML needs the extra "yaml"',
            hint='Install it: pip install "holdfast[yaml]". JSON needs no extra.',
            extra="yaml",
        ) from error
    return yaml


class _Tree:
    """Builds the value of one document; every value counts, also one repeated by an alias."""

    def __init__(self, yaml: Any, what: str, limits: Limits) -> None:
        self.yaml = yaml
        self.what = what
        self.limits = limits
        self.nodes = 0
        self.resolver = yaml.resolver.Resolver()
        self.constructor = yaml.constructor.SafeConstructor()
        #: What an anchor stands for, how many values it has and how deep it is.
        self.anchors: dict[str, tuple[Any, int, int]] = {}

    def build(self, events: Iterator[Any]) -> Any:
        made: list[Any] = []
        for event in events:
            if isinstance(event, self.yaml.DocumentStartEvent) and made:
                raise Damaged(f"{self.what} is more than one YAML document")
            if isinstance(event, self.yaml.NodeEvent):
                made.append(self._value(event, events, 1)[0])
        if not made:
            raise Damaged(f"{self.what} is empty")
        return made[0]

    def _value(self, event: Any, events: Iterator[Any], depth: int) -> tuple[Any, int]:
        """The value that begins with the event, and how deep it is."""
        if isinstance(event, self.yaml.AliasEvent):
            return self._alias(event, depth)
        before = self.nodes
        self._count(1)
        if isinstance(event, self.yaml.ScalarEvent):
            value, deep = self._scalar(event), 0
        else:
            if depth > self.limits.depth:
                raise too_large(self.what, "levels", self.limits.depth, depth)
            if event.tag not in (None, "!") and event.tag not in _COLLECTIONS:
                raise self._refused("a tag", event)
            is_list = isinstance(event, self.yaml.SequenceStartEvent)
            read = self._list if is_list else self._mapping
            value, deep = read(events, depth + 1)
        if event.anchor is not None:
            self.anchors[event.anchor] = (value, self.nodes - before, deep)
        return value, deep

    def _list(self, events: Iterator[Any], depth: int) -> tuple[list[Any], int]:
        items: list[Any] = []
        deepest = 0
        for event in events:
            if isinstance(event, self.yaml.SequenceEndEvent):
                break
            value, deep = self._value(event, events, depth)
            items.append(value)
            deepest = max(deepest, deep)
        return items, deepest + 1

    def _mapping(self, events: Iterator[Any], depth: int) -> tuple[dict[str, Any], int]:
        found: dict[str, Any] = {}
        deepest = 0
        for event in events:
            if isinstance(event, self.yaml.MappingEndEvent):
                break
            key = self._scalar(event) if isinstance(event, self.yaml.ScalarEvent) else None
            if not isinstance(key, str):
                raise self._refused("a key that is not text", event)
            if key in found:
                raise self._refused("a key twice", event)
            found[key], deep = self._value(next(events), events, depth)
            deepest = max(deepest, deep)
        return found, deepest + 1

    def _scalar(self, event: Any) -> Any:
        tag = event.tag
        if tag in (None, "!"):
            tag = self.resolver.resolve(self.yaml.ScalarNode, event.value, event.implicit)
            if tag not in _SCALARS:
                return event.value
        elif tag not in _SCALARS:
            raise self._refused("a tag", event)
        try:
            value = self.constructor.construct_object(self.yaml.ScalarNode(tag, event.value))
        except (ValueError, KeyError):
            raise self._refused("a number that cannot be read", event) from None
        if isinstance(value, float) and not math.isfinite(value):
            raise self._refused("a number that JSON does not have", event)
        return value

    def _alias(self, event: Any, depth: int) -> tuple[Any, int]:
        known = self.anchors.get(event.anchor)
        if known is None:
            raise self._refused("an alias of something that is not complete", event)
        value, nodes, deep = known
        self._count(nodes)
        if depth + deep - 1 > self.limits.depth:
            raise too_large(self.what, "levels", self.limits.depth, depth + deep - 1)
        return value, deep

    def _count(self, nodes: int) -> None:
        self.nodes += nodes
        if self.nodes > self.limits.nodes:
            raise too_large(self.what, "values", self.limits.nodes, self.nodes)

    def _refused(self, found: str, event: Any) -> Damaged:
        return Damaged(f"{self.what} has {found}, at line {event.start_mark.line + 1}")
