# SPDX-License-Identifier: Apache-2.0
"""The portable document of a run: a header, the body, and a checksum over both.

The checksum is taken over the values in one order of keys, so a database that reorders the keys of
JSON keeps a document whole. Nothing of a document is believed before everything was checked, in
this order: what kind of thing it is, size, depth, JSON, kind, format, checksum, fields.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from holdfast.errors import Damaged, NotASave, UnknownVersion
from holdfast.persistence.files import read_file, to_bytes, write_file
from holdfast.persistence.limits import DEEPEST, Limits, check_shape, check_size, too_large

__all__ = ["Document", "open_document", "read_file", "seal", "to_bytes", "write_file"]

FORMAT: Final = 1

#: What an envelope and a record's own structure may add to the depth of the values in it.
ENVELOPE_DEPTH: Final = 16

_compact = msgspec.json.Encoder().encode
_sorted = msgspec.json.Encoder(order="sorted").encode
_parse = msgspec.json.Decoder().decode


class Document(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A document that was checked.

    sequence: the number of the commit that it was taken after. saved_at: seconds since 1970.
    resource_keys: live objects that the run needs. body: one JSON object, tags and all.
    """

    kind: str
    definition: str
    fingerprint: str
    run_id: str
    sequence: int
    resource_keys: tuple[str, ...]
    saved_at: float | None
    version: str | None
    body: bytes


def seal(
    kind: str,
    *,
    definition: str,
    fingerprint: str,
    run_id: str,
    sequence: int,
    resource_keys: Any,
    body: bytes,
    version: str | None = None,
    saved_at: float | None = None,
    limits: Limits = Limits(),  # noqa: B008 - frozen
) -> dict[str, Any]:
    """The document as a dict that any JSON library can write.

    body: one JSON object as bytes. Raises: Damaged when it is not; TooLarge when `open_document`
    of the same limits would refuse the document.
    """
    # Many parameters because: they are the fields of the header, all named at the call.
    inside = _inside(limits)
    check_shape(body, inside, "the document's body")
    doc: dict[str, Any] = {
        "kind": kind,
        "format": FORMAT,
        "definition": definition,
        "fingerprint": fingerprint,
        "run_id": run_id,
        "sequence": sequence,
        "resource_keys": sorted(resource_keys),
        "saved_at": saved_at,
        "version": version,
        "body": _json_of(body, "the document's body"),
    }
    _check_fields(doc)
    canonical = _sorted(doc)
    check_shape(canonical, _inside(limits, spare=1), "the document")
    doc["sha256"] = hashlib.sha256(canonical).hexdigest()
    return doc


def open_document(
    source: bytes | str | Mapping[str, Any],
    *,
    kind: str,
    limits: Limits = Limits(),  # noqa: B008 - frozen
) -> Document:
    """Check a document from anywhere.

    source: the dict that `seal` made, or its JSON as text or bytes; text is never a path.
    kind: the only kind that is taken.
    Raises: NotASave, TooLarge, Damaged, UnknownVersion; nothing else.
    """
    inside = _inside(limits)
    if isinstance(source, Mapping):
        doc = _checked_tree(dict(source), inside)
    else:
        data = _as_bytes(source)
        check_shape(data, inside, "the document")
        doc = _json_of(data, "the document")
    if type(doc) is not dict:
        raise NotASave(f"the document is JSON, but {_found(doc)} instead of an object")
    _check_header(doc, kind)
    _check_sum(doc)
    _check_fields(doc)
    return Document(
        kind=kind,
        definition=doc["definition"],
        fingerprint=doc["fingerprint"],
        run_id=doc["run_id"],
        sequence=doc["sequence"],
        resource_keys=tuple(doc["resource_keys"]),
        saved_at=doc["saved_at"],
        version=doc["version"],
        body=_compact(doc["body"]),
    )


def _inside(limits: Limits, spare: int = 0) -> Limits:
    """The limits of values, with room for the envelope around them.

    spare: values that are still to be added.
    """
    return Limits(
        size_bytes=limits.size_bytes - 80 * spare if limits.size_bytes > 80 else 1,
        depth=min(limits.depth + ENVELOPE_DEPTH, DEEPEST),
        nodes=max(limits.nodes - spare, 1),
    )


def _as_bytes(source: object) -> bytes:
    if isinstance(source, bytes | bytearray | memoryview):
        return bytes(source)
    if not isinstance(source, str):
        raise NotASave(
            f"expected a document as a dict, text or bytes, found {type(source).__name__}",
            hint="Pass the document itself; to read a file, use the _file variant.",
        )
    try:
        return source.encode()
    except UnicodeEncodeError:
        raise NotASave("the text is not a document: it holds a lone surrogate") from None


def _json_of(data: bytes, what: str) -> Any:
    try:
        return _parse(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        if data.lstrip()[:1] == b"{":
            raise Damaged(f"{what} is not whole JSON") from None
        raise NotASave(
            f"{what} is not JSON",
            hint="Pass the document itself; text is never taken for a path.",
        ) from None


def _checked_tree(doc: dict[Any, Any], limits: Limits) -> dict[str, Any]:
    """A dict that was handed over: only JSON, not too much of it, and ours alone.

    Raises: TooLarge, Damaged.
    """
    nodes, size = 0, 0
    waiting: list[tuple[Any, int]] = [(doc, 1)]
    while waiting:
        value, depth = waiting.pop()
        nodes += 1
        size += 1
        kind = type(value)
        if kind is str:
            size += len(value)
        elif kind is dict or kind is list:
            if depth > limits.depth:
                raise too_large("the document", "levels", limits.depth, depth)
            if len(value) + nodes > limits.nodes:
                raise too_large("the document", "values", limits.nodes, len(value) + nodes)
            size += _queue(value, depth + 1, waiting)
        elif not _is_json_scalar(value):
            raise Damaged(f"the document holds a {kind.__name__}, which is not JSON")
        if nodes + len(waiting) > limits.nodes:
            raise too_large("the document", "values", limits.nodes, nodes + len(waiting))
        check_size(size, limits, "the document")
    try:
        data = _compact(doc)
    except (ValueError, TypeError, OverflowError, RecursionError):
        raise Damaged("the document holds text or numbers that are not JSON") from None
    check_size(len(data), limits, "the document")
    return _json_of(data, "the document")  # type: ignore[no-any-return]


def _queue(value: Any, depth: int, waiting: list[tuple[Any, int]]) -> int:
    """Add what is inside to what waits; the bytes that its keys take at least."""
    if type(value) is list:
        waiting.extend([(item, depth) for item in value])
        return 0
    if not all(type(key) is str for key in value):
        raise Damaged("the document has a key that is not text")
    waiting.extend([(item, depth) for item in value.values()])
    return sum(map(len, value))


def _is_json_scalar(value: Any) -> bool:
    if type(value) is float:
        return math.isfinite(value)
    return value is None or type(value) is bool or (type(value) is int and abs(value) < 1 << 64)


def _check_header(doc: dict[str, Any], kind: str) -> None:
    found = doc.get("kind")
    if type(found) is not str:
        raise NotASave("the document has no kind")
    if found != kind:
        raise NotASave(f'expected a document of the kind "{kind}", found another kind')
    version = doc.get("format")
    if type(version) is not int:
        raise Damaged("format: expected an integer, found " + _found(version))
    if version != FORMAT:
        raise UnknownVersion(
            f"the document has format {version if abs(version) < 10**6 else '?'};"
            f" this release reads format {FORMAT}",
            found=version,
            supported=FORMAT,
        )


def _check_sum(doc: dict[str, Any]) -> None:
    said = doc.get("sha256")
    rest = {key: value for key, value in doc.items() if key != "sha256"}
    if said != hashlib.sha256(_sorted(rest)).hexdigest():
        raise Damaged("the document does not have the checksum it was written with")


def _check_fields(doc: dict[str, Any]) -> None:
    for name, (expected, fits) in _FIELDS.items():
        if name not in doc:
            raise Damaged(f"the document has no {name}")
        if not fits(doc[name]):
            raise Damaged(f"{name}: expected {expected}, found {_found(doc[name])}")
    if not doc.keys() <= _KEYS:
        raise Damaged("the document has a key that this format does not have")


def _found(value: object) -> str:
    return {type(None): "null", dict: "an object", list: "an array", str: "text"}.get(
        type(value), type(value).__name__
    )


def _is_text(value: object) -> bool:
    return type(value) is str


_Fits = Callable[[Any], bool]
_FIELDS: Final[dict[str, tuple[str, _Fits]]] = {
    "definition": ("text", _is_text),
    "fingerprint": ("text", _is_text),
    "run_id": ("text", _is_text),
    "sequence": ("an integer from 0", lambda value: type(value) is int and value >= 0),
    "resource_keys": (
        "an array of text",
        lambda value: type(value) is list and all(map(_is_text, value)),
    ),
    "saved_at": (
        "a number or null",
        lambda value: type(value) is not bool and type(value) is not str and _is_json_scalar(value),
    ),
    "version": ("text or null", lambda value: value is None or _is_text(value)),
    "body": ("an object", lambda value: type(value) is dict),
}
_KEYS: Final = frozenset({"kind", "format", "sha256", *_FIELDS})
