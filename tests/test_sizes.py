# SPDX-License-Identifier: Apache-2.0
"""Files, classes and functions fit on a page, or say why they do not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.house import sizes
from tests.house.planting import plant, shown

SRC = Path(__file__).resolve().parent.parent / "src"


def test_no_file_is_over_600_lines() -> None:
    """A file holds one concept: over 600 lines does not merge, over 400 is worth a question."""
    ask = sizes.long_files(SRC, sizes.FILE_LINES_TO_ASK_ABOUT)

    assert shown(sizes.long_files(SRC)) == "", f"over the line to ask about: {shown(ask)}"


def test_a_function_over_60_lines_says_why() -> None:
    """A function fits on a screen, or has a comment `# Long because: ...` in its body."""
    assert shown(sizes.long_functions(SRC)) == ""


def test_a_class_over_300_lines_says_why() -> None:
    """A class of more than 300 lines gives its reason, `Long because: ...`, in its docstring."""
    assert shown(sizes.long_classes(SRC)) == ""


def test_a_function_with_more_than_six_parameters_says_why() -> None:
    """Six parameters beyond self at most, or a comment `# Many parameters because: ...`."""
    assert shown(sizes.wide_functions(SRC)) == ""


def test_a_long_file_is_found(tmp_path: Path) -> None:
    """The limit is passed at line 601, and the question asked from line 401 on."""
    root = plant(tmp_path, {"a.py": "x = 1\n" * 600, "b.py": "x = 1\n" * 601})

    assert sizes.long_files(root) == ["b.py: 601 lines"]
    assert len(sizes.long_files(root, sizes.FILE_LINES_TO_ASK_ABOUT)) == 2


def test_a_long_function_is_found(tmp_path: Path) -> None:
    """The limit is passed at line 61; methods, async and nested functions count."""
    body = "    x = 1\n" * 60
    nested = "".join(f"    {line}\n" for line in ["def inner():", *["    x = 1"] * 60])
    root = plant(
        tmp_path,
        {
            "fits.py": "def f():\n" + "    x = 1\n" * 59,
            "long.py": f"def f():\n{body}",
            "waits.py": f"async def f():\n{body}",
            "method.py": f"class A:\n{nested}",
        },
    )

    assert [found.partition(":")[0] for found in sizes.long_functions(root)] == [
        "long.py",
        "method.py",
        "waits.py",
    ]


@pytest.mark.parametrize(
    ("comment", "found"),
    [
        ("# Long because: one branch for each kind of message.", 0),
        ("# Long because:", 1),
        ("# It is long.", 1),
        ('text = "# Long because: this is no comment."', 1),
    ],
)
def test_only_a_comment_with_a_reason_excuses_length(
    comment: str, found: int, tmp_path: Path
) -> None:
    """The reason is a comment, in the body, and not empty."""
    root = plant(tmp_path, {"a.py": f"def f():\n    {comment}\n" + "    x = 1\n" * 60})

    assert len(sizes.long_functions(root)) == found


def test_a_nested_function_does_not_excuse_the_outer_one(tmp_path: Path) -> None:
    """A reason belongs to the innermost function around it."""
    inner = "    def g():\n        # Long because: of this one.\n        pass\n"
    root = plant(tmp_path, {"a.py": "def f():\n" + inner + "    x = 1\n" * 60})

    assert sizes.long_functions(root) == ["a.py:1 f: 64 lines"]


def test_a_long_class_is_found(tmp_path: Path) -> None:
    """Over 300 lines without a reason in the docstring is reported."""
    body = "    x = 1\n" * 300
    root = plant(
        tmp_path,
        {
            "a.py": f"class A:\n{body}",
            "b.py": f'class B:\n    """B.\n\n    Long because: it must.\n    """\n{body}',
        },
    )

    assert sizes.long_classes(root) == ["a.py:1 A: 301 lines"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("def f(a, b, c, d, e, g): pass", 0),
        ("def f(a, b, c, d, e, g, h): pass", 1),
        ("def f(a, b, /, c, *, d, e, g, h=1): pass", 1),
        ("def f(a, b, c, d, e, *args, **kwargs): pass", 1),
        ("class A:\n    def f(self, a, b, c, d, e, g): pass", 0),
        ("class A:\n    def f(self, a, b, c, d, e, g, h): pass", 1),
        ("class A:\n    @classmethod\n    def f(cls, a, b, c, d, e, g): pass", 0),
        ("class A:\n    @staticmethod\n    def f(a, b, c, d, e, g, h): pass", 1),
    ],
)
def test_a_wide_function_is_found(text: str, found: int, tmp_path: Path) -> None:
    """Every named parameter counts, keyword-only and starred ones too; self and cls do not."""
    assert len(sizes.wide_functions(plant(tmp_path, {"a.py": text}))) == found


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("    # Many parameters because: callers know them.\n    pass\n", 0),
        ('    """Do."""\n    # Many parameters because: callers know them.\n', 0),
        ("    pass\n# Many parameters because: this is outside.\n", 1),
    ],
)
def test_only_a_comment_in_the_body_excuses_width(body: str, found: int, tmp_path: Path) -> None:
    """The reason stands in the body, at its end too; after the function it counts for nothing."""
    root = plant(tmp_path, {"a.py": "def f(a, b, c, d, e, g, h):\n" + body})

    assert len(sizes.wide_functions(root)) == found
