# SPDX-License-Identifier: Apache-2.0
"""YAML is JSON in another spelling: what goes out comes back, and nothing else comes in."""

from __future__ import annotations

import builtins
import subprocess
import sys
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.errors import Damaged, DocumentError, ExtraMissing, TooLarge
from holdfast.persistence.limits import Limits
from holdfast.persistence.yaml_text import dump, parse

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | _TEXT
    | st.sampled_from(["yes", "on", "~", "null", "1:30", "0x1f", "2024-01-01", "<<", "=", "- a"])
)
_VALUES = st.recursive(
    _LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=4)
)


@settings(max_examples=300)
@given(_VALUES)
def test_a_json_value_comes_back_equal_and_of_the_same_type(value: Any):
    """Text that looks like something else in YAML is quoted; floats keep every digit."""
    back = parse(dump(value), "text")

    assert repr(back) == repr(value)


def test_an_installation_without_the_fast_parser_reads_and_writes_the_same(
    monkeypatch: pytest.MonkeyPatch,
):
    """The library may have been built without its C part."""
    value = {"a": [1, 2.5, None, True, "yes", "x: y", "\U0001f600", ""], "b": {}, "c": []}
    fast = dump(value)
    for name in ("CSafeLoader", "CSafeDumper"):
        monkeypatch.delattr(yaml, name, raising=False)
    assert parse(dump(value), "text") == parse(fast, "text") == value
    with pytest.raises(Damaged, match="a tag"):
        parse("a: !!python/name:os.system x", "text")


def test_a_text_written_by_hand_is_read():
    """Block and flow style, comments, anchors, numbers; a date is text, since JSON has none."""
    text = """
    # a comment
    name: a flow
    on: 1
    when: 2024-01-01
    list: &seen [1, 2.5, ~, true, "x"]
    again: *seen
    deep: {a: {b: !!str 7}}
    """

    assert parse(text.replace("    on:", "    'on':"), "text") == {
        "name": "a flow",
        "on": 1,
        "when": "2024-01-01",
        "list": [1, 2.5, None, True, "x"],
        "again": [1, 2.5, None, True, "x"],
        "deep": {"a": {"b": "7"}},
    }


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a: [", "not YAML that can be read, at line"),
        ("a: b: c", "line 1"),
        ("a: 1\na: 2", "a key twice, at line 2"),
        ("1: a", "a key that is not text"),
        ("? [a]\n: b", "a key that is not text"),
        ("a: !!python/object/apply:os.system [exit]", "a tag"),
        ("a: !!python/name:os.system x", "a tag"),
        ("a: !mine x", "a tag"),
        ("a: !!set {x}", "a tag"),
        ("a: .nan", "a number that JSON does not have"),
        ("a: !!int x", "a number that cannot be read"),
        ("a: &b [*b]", "an alias of something that is not complete"),
        ("a: *b", "line 1"),
        ("a: 1\n---\nb: 2", "more than one"),
        ("", "is empty"),
        ("# nothing", "is empty"),
        ("a: \x00", "not YAML"),
    ],
)
def test_what_is_not_json_is_refused_with_its_line(text: str, place: str):
    """No tag builds anything; the contents are never quoted."""
    with pytest.raises(Damaged, match=place):
        parse(text, "the text")


def test_aliases_cannot_make_a_small_text_large():
    """Each use of an anchor counts with all that is behind it, in number and in depth."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    with pytest.raises(TooLarge, match="values"):
        parse("\n".join(lines), "the text")

    nested = [f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 300)]
    with pytest.raises(TooLarge, match="levels"):
        parse("\n".join(["a0: &a0 [x]", *nested]), "the text")


@pytest.mark.parametrize(
    ("text", "unit"),
    [("[" * 30 + "]" * 30, "levels"), ("[" + "1," * 50 + "]", "values"), ("x" * 2000, "bytes")],
)
def test_limits_hold_before_anything_is_built(text: str, unit: str):
    """Size, depth and number of values."""
    with pytest.raises(TooLarge, match=unit):
        parse(text, "the text", limits=Limits(size_bytes=1000, depth=20, nodes=40))


def test_a_value_that_is_not_json_is_not_written():
    """Also where YAML would have a tag for it."""
    for value in (object(), {1, 2}, [print]):
        with pytest.raises(DocumentError):
            dump(value)


def test_the_missing_library_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch):
    """And importing holdfast does not need it."""
    real = builtins.__import__

    def without(name: str, *args: Any) -> Any:
        if name == "yaml":
            raise ImportError(name)
        return real(name, *args)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ExtraMissing, match='extra "yaml"') as caught:
        dump({})
    assert isinstance(caught.value, ImportError)
    assert caught.value.extra == "yaml"
    assert 'pip install "holdfast[yaml]"' in caught.value.hint
    monkeypatch.undo()

    told = subprocess.run(
        [sys.executable, "-c", "import holdfast, sys; print('yaml' in sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.strip() == "False"
