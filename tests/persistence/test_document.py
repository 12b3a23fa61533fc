# SPDX-License-Identifier: Apache-2.0
"""The portable document: everything is checked before anything is believed."""

from __future__ import annotations

import copy
import json
import os
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec
import pytest

from holdfast.errors import (
    Damaged,
    DocumentError,
    HoldfastError,
    NotASave,
    TooLarge,
    UnknownVersion,
)
from holdfast.persistence.codec import Codec, Limits
from holdfast.persistence.document import (
    open_document,
    read_file,
    seal,
    to_bytes,
    write_file,
)
from tests.persistence.hostile import KIND, SECRET, forged, small_save
from tests.persistence.values import registry


def _reordered(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _reordered(value[key]) for key in sorted(value, reverse=True)}
    return [_reordered(item) for item in value] if isinstance(value, list) else value


def _changes(value: Any) -> list[Any]:
    """The value with one thing inside changed, for each thing inside."""
    if isinstance(value, dict):
        changed = [{**value, key: other} for key, item in value.items() for other in _changes(item)]
        return [*changed, {**value, "more": 1}, *({**value, key: 0.5} for key in value)]
    if isinstance(value, list):
        whole = enumerate(value)
        return [
            [*value, 1],
            value[1:] if value else [0],
            *(
                [*value[:n], other, *value[n + 1 :]]
                for n, item in whole
                for other in _changes(item)
            ),
        ]
    if isinstance(value, str):
        return [value + "x", None]
    return [str(value), [value], value + 1 if type(value) in (int, float) else 0]


def _sealed(**changes: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {"definition": "d", "fingerprint": "f", "run_id": "r", "sequence": 0}
    fields |= {"resource_keys": (), "body": b"{}"}
    return seal(KIND, **{**fields, **changes})


def test_document_opens_as_dict_text_and_bytes():
    """All three are the same document; other mappings are dicts too."""
    doc = small_save()
    opened = open_document(doc, kind=KIND)
    for source in (to_bytes(doc), to_bytes(doc).decode(), json.dumps(doc, indent=2)):
        assert open_document(source, kind=KIND) == opened
    assert open_document(MappingProxyType(doc), kind=KIND) == opened
    assert (opened.definition, opened.run_id, opened.sequence) == ("refund", "T-1", 3)
    assert opened.resource_keys == ("db",)


def test_body_comes_back_with_its_tags_and_decodes():
    """The document does not touch what the codec wrote."""
    codec = Codec(registry())
    body = b'{"state":' + codec.encode({"x": (1, {2}), "$tuple": 2**70}) + b',"n":-0.0}'
    assert open_document(_sealed(body=body), kind=KIND).body == body


def test_database_may_reorder_the_keys():
    """The checksum is over the values, not over their order."""
    doc = small_save()
    assert open_document(_reordered(doc), kind=KIND).run_id == "T-1"
    assert list(_reordered(doc)) != list(doc)


def test_any_changed_value_is_refused():
    """One value of header or body changed, added or removed: never accepted."""
    doc = small_save()
    changed = _changes(doc)
    assert len(changed) > 150
    for other in changed:
        with pytest.raises((Damaged, NotASave, UnknownVersion)):
            open_document(other, kind=KIND)
    for key in doc:
        with pytest.raises((Damaged, NotASave)):
            open_document({name: doc[name] for name in doc if name != key}, kind=KIND)


@pytest.mark.parametrize("source", [None, 1, 1.5, True, [], [{}], (), object(), Path("x"), {1}])
def test_what_is_no_document_at_all_is_not_a_save(source):
    """Only a dict, text or bytes can be a document; the error is a TypeError too."""
    with pytest.raises(NotASave) as caught:
        open_document(source, kind=KIND)
    assert type(source).__name__ in str(caught.value)
    assert isinstance(caught.value, TypeError)


@pytest.mark.parametrize("source", ["", "null", "[]", "1", b"\xff", "\ud800", "kind: x", "{}"])
def test_text_that_holds_no_document_is_not_a_save(source):
    """JSON of another shape, another format, or nothing."""
    with pytest.raises(NotASave):
        open_document(source, kind=KIND)


def test_text_that_names_a_file_is_not_opened(tmp_path):
    """Text is a document, never a path, even when a good save lies there."""
    path = tmp_path / "save.json"
    write_file(path, small_save())
    for source in (str(path), os.fsencode(path)):
        with pytest.raises(NotASave):
            open_document(source, kind=KIND)


def test_document_of_another_kind_is_not_a_save():
    """A checkpoint is not an execution, and the kinds found are not quoted."""
    with pytest.raises(NotASave, match='"checkpoint"') as caught:
        open_document({**small_save(), "kind": SECRET}, kind="checkpoint")
    assert SECRET not in str(caught.value)


def test_document_of_another_format_is_an_unknown_version():
    """It says which format was found and which is read, before the checksum is looked at."""
    with pytest.raises(UnknownVersion) as caught:
        open_document({**small_save(), "format": 99}, kind=KIND)
    assert (caught.value.found, caught.value.supported) == (99, 1)
    assert "99" in str(caught.value)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("definition", 1), ("fingerprint", None), ("run_id", [SECRET]), ("sequence", -1)),
        *(("sequence", True), ("sequence", 1.0), ("resource_keys", "db"), ("resource_keys", [1])),
        *(("saved_at", SECRET), ("saved_at", True), ("version", 1), ("body", []), ("body", None)),
        *(("format", "1"), ("format", True), ("more", SECRET)),
    ],
)
def test_field_of_the_wrong_type_is_damaged_although_the_checksum_fits(field, value):
    """Who forges a checksum still cannot put anything in a field."""
    with pytest.raises(Damaged) as caught:
        open_document(forged({**small_save(), field: value}), kind=KIND)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "inner", [(1,), {1}, b"x", object(), float("nan"), {1: 2}, 2**70, "\ud800", {"\ud800": 1}]
)
def test_dict_that_holds_more_than_json_is_damaged(inner):
    """A dict that was handed over is held to what JSON can say."""
    doc = small_save()
    doc["body"] = {"state": [inner]}
    with pytest.raises(Damaged):
        open_document(doc, kind=KIND)


def test_dict_that_is_too_deep_wide_or_cyclic_is_too_large():
    """The walk over a dict counts like the scan of bytes does, without recursion."""
    deep: Any = 1
    for _ in range(50_000):
        deep = [deep]
    around: list[Any] = []
    around.append(around)
    wide: Any = 1
    for _ in range(40):
        wide = [wide, wide]
    for body in (deep, around, wide, [0] * 1_000_001, ["x" * 10**6] * 100):
        with pytest.raises(TooLarge):
            open_document({**small_save(), "body": {"a": body}}, kind=KIND)
    while deep != 1:
        deep = deep[0]


def test_limits_hold_for_bytes_too():
    """Size, depth and count are looked at before the JSON is."""
    data = to_bytes(small_save())
    for limits in (Limits(size_bytes=len(data) - 1), Limits(nodes=10)):
        with pytest.raises(TooLarge):
            open_document(data, kind=KIND, limits=limits)
        with pytest.raises(TooLarge):
            open_document(small_save(), kind=KIND, limits=limits)
    with pytest.raises(TooLarge):
        open_document(b'{"a":' * 200, kind=KIND)


def test_deepest_value_fits_in_a_document():
    """The envelope's own depth does not count against the values in it."""
    codec = Codec(registry())
    value: Any = 1
    for _ in range(100):
        value = [value]
    body = b'{"state":{"a":[' + codec.encode(value) + b"]}}"
    opened = open_document(to_bytes(_sealed(body=body)), kind=KIND)
    assert opened.body == body


def test_what_is_sealed_can_be_opened():
    """A document that is over a limit, or no JSON object, is refused when it is made."""
    for body in (b"[]", b"{", b"1", b"", b'{"a":' + b"[" * 300 + b"]" * 300 + b"}"):
        with pytest.raises(DocumentError):
            _sealed(body=body)
    with pytest.raises(TooLarge):
        _sealed(limits=Limits(size_bytes=200))
    with pytest.raises(Damaged, match="sequence"):
        _sealed(sequence=-1)
    with pytest.raises(Damaged, match="saved_at"):
        _sealed(saved_at=float("nan"))


def test_opening_changes_nothing_in_the_source():
    """The caller's dict is read only, and the document shares nothing with it."""
    doc = small_save()
    before = copy.deepcopy(doc)
    open_document(doc, kind=KIND)
    assert doc == before


def test_file_holds_the_document_and_no_draft_stays(tmp_path):
    """Written beside, renamed, and read back as the same bytes."""
    path = tmp_path / "save.json"
    write_file(path, _sealed(sequence=1))
    write_file(path, small_save())
    assert read_file(path) == to_bytes(small_save())
    assert open_document(read_file(str(path)), kind=KIND).sequence == 3
    assert list(tmp_path.iterdir()) == [path]


def test_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    """A full disk, or a document that is no JSON, costs nothing that was there."""
    path = tmp_path / "save.json"
    write_file(path, small_save())

    def full(handle):
        raise OSError(28, "No space left on device")

    with pytest.raises(DocumentError):
        write_file(path, {"a": object()})
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="space"):
        write_file(path, _sealed())
    monkeypatch.undo()
    assert read_file(path) == to_bytes(small_save())
    assert list(tmp_path.iterdir()) == [path]


def test_file_that_is_missing_too_large_or_no_file(tmp_path):
    """A missing file is the builtin error; a folder is no save; no more is read than allowed."""
    with pytest.raises(FileNotFoundError):
        read_file(tmp_path / "none.json")
    with pytest.raises(NotASave):
        read_file(tmp_path)
    path = tmp_path / "big.json"
    path.write_bytes(b"x" * 1000)
    with pytest.raises(TooLarge):
        read_file(path, limits=Limits(size_bytes=999))


def test_errors_of_documents_are_of_one_family():
    """Whoever catches DocumentError, or ValueError, catches all of them."""
    for error in (NotASave, Damaged, UnknownVersion, TooLarge):
        assert issubclass(error, (HoldfastError, ValueError))
        assert issubclass(error, DocumentError)


def test_unusual_numbers_keep_the_checksum():
    """Numbers are compared as numbers: 1e2 written by a database is still 100.0."""
    doc = _sealed(body=b'{"n":[100.0,1e-7,-0.0,123456789012345678]}')
    data = to_bytes(doc).replace(b"100.0", b"1e2").replace(b"1e-7", b"0.0000001")
    assert data != to_bytes(doc)
    opened = open_document(data, kind=KIND)
    assert msgspec.json.decode(opened.body) == {"n": [100.0, 1e-7, -0.0, 123456789012345678]}
