# SPDX-License-Identifier: Apache-2.0
"""Blocking twins are made from async methods, and a drift is found."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from scripts import make_twins
from scripts.make_twins import TwinError, Twins, make
from tests.house.planting import plant

SRC = Path(__file__).resolve().parents[2] / "src"

SOURCE = '''
from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from ..limits import DEFAULT
from .made_twins import JobTwins

if TYPE_CHECKING:
    from pathlib import Path


class Job(JobTwins):
    """A job."""

    async def async_start(
        self, value: Any = None, /, *more: int, mode: Literal["a", "b"] = "a", **extra: "Path"
    ) -> Mapping[str, Any]:
        """Start with a value. It may be anything.

        Raises: nothing.
        """
        return {"value": value, "more": more, "mode": mode, "extra": extra}

    async def async_wait(self, timeout: float = DEFAULT) -> None:
        """Wait for the end."""

    async def async_seal(self) -> Job:
        """Take nothing more, ever, whatever anybody says or does or wants or asks from now on."""
        return self

    async def async_wide(
        self, a: int, b: int, c: int, d: int, e: int, f: int, *, g: int
    ) -> list[Job]:
        """Take many."""
        return [self] * (a + b + c + d + e + f + g)

    async def plain(self) -> None:
        """Do."""

    def async_sync(self) -> None:
        """Do."""

    async def async_bare(self, value) -> None:
        """Do."""

    async def async_silent(self) -> None:
        pass

    async def async_wordy(self) -> None:
        """Say a thing
        on two lines.
        """

    async def async_items(self) -> Any:
        """Give items."""
        yield 1

    @classmethod
    async def async_load(cls) -> None:
        """Load."""

    async def async_local(self, value: Local) -> None:
        """Take a type of this module."""

    async def async_taken(self) -> None:
        """Do."""

    def taken(self) -> None:
        """Do."""


class Local:
    """A type of this module."""


class Apart:
    """Takes no mixin."""

    async def async_do(self) -> None:
        """Do."""
'''

GOOD = ("async_start", "async_wait", "async_seal", "async_wide")
ENTRY = Twins("front/made.py", "Job", GOOD)
MADE = "front/made_twins.py"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A package `holdfast` with the planted module, and a stand-in for the portal."""
    plant(
        tmp_path,
        {
            "holdfast/front/made.py": SOURCE,
            "holdfast/limits.py": "DEFAULT = 1.5\n",
            "holdfast/runtime/portal.py": (
                "import asyncio\n"
                "from collections.abc import Coroutine\n"
                "from typing import Any, TypeVar\n\n"
                'T = TypeVar("T")\n\n\n'
                "def blocking(call: Coroutine[Any, Any, T]) -> T:\n"
                "    return asyncio.run(call)\n"
            ),
        },
    )
    return tmp_path / "holdfast"


def test_the_twins_of_this_tree_are_up_to_date() -> None:
    """Every entry of the list matches its source, and every file of twins is as made."""
    assert make_twins.main(["--check"]) == 0


def test_a_twin_has_the_name_signature_and_first_sentence(root: Path) -> None:
    """`async_x` becomes `x` with the same parameters, result and first sentence."""
    text = make([ENTRY], root)[root / MADE]
    mixin = next(node for node in ast.parse(text).body if isinstance(node, ast.ClassDef))
    twins = {node.name: node for node in mixin.body if isinstance(node, ast.FunctionDef)}

    assert mixin.name == "JobTwins"
    assert list(twins) == ["start", "wait", "seal", "wide"]
    assert ast.get_docstring(twins["start"]) == "Start with a value. Blocks until done."
    assert ast.unparse(twins["start"].args) == (
        "self, value: Any=None, /, *more: int, mode: Literal['a', 'b']='a', **extra: Path"
    )
    assert ast.unparse(twins["start"].body[-1]) == (
        "return blocking(self.async_start(value, *more, mode=mode, **extra))"
    )


def test_the_class_itself_is_written_as_self(root: Path) -> None:
    """A mixin that named its class would import the module that imports it."""
    text = make([ENTRY], root)[root / MADE]

    assert "def seal(self) -> Self:" in text
    assert "-> list[Self]:" in text
    assert "made import" not in text


def test_a_twin_of_many_parameters_says_why(root: Path) -> None:
    """What the size test asks of written code, it finds in made code."""
    assert "# Many parameters because: async_wide has them." in make([ENTRY], root)[root / MADE]


def test_twins_satisfy_the_linter_the_formatter_and_the_type_checker(root: Path) -> None:
    """What is made passes the checks of the project, with no exception of its own."""
    tools = Path(__file__).resolve().parents[2] / "pyproject.toml"
    made = root / MADE
    source = root / "front/made.py"
    kept = SOURCE.partition("    async def plain")[0]
    source.write_text(kept + "\n\nanswer: Job = Job().seal()\nJob().wait()\n")
    assert make_twins.main([], [ENTRY], root) == 0

    for command in (
        ["ruff", "check", "--config", tools, "--no-cache", made],
        ["ruff", "format", "--check", "--config", tools, "--no-cache", made],
        ["mypy", "--strict", "--config-file=", f"--cache-dir={root.parent}/cache", made, source],
    ):
        ended = subprocess.run(
            [sys.executable, "-m", *command],
            capture_output=True,
            text=True,
            check=False,
            cwd=root.parent,
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr


def test_a_twin_runs_its_async_method(root: Path) -> None:
    """The arguments arrive as they were given, and the result comes back."""
    make_twins.main([], [ENTRY], root)
    program = (
        f"import sys; sys.path.insert(0, {str(root.parent)!r})\n"
        "from holdfast.front.made import Job\n"
        "job = Job()\n"
        "print(job.start(1, 2, 3, mode='b', k=4), job.wait(), job.seal() is job)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True
    )

    assert ended.stdout == (
        "{'value': 1, 'more': (2, 3), 'mode': 'b', 'extra': {'k': 4}} None True\n"
    )


def test_twins_are_found_up_to_date_and_drifted(root: Path, capsys: pytest.CaptureFixture) -> None:
    """A check passes on what was just made; a change on either side, or a lost file, fails it."""
    source, made = root / "front/made.py", root / MADE
    assert make_twins.main(["--check"], [ENTRY], root) == 1
    assert make_twins.main([], [ENTRY], root) == 0
    assert make_twins.main(["--check"], [ENTRY], root) == 0

    made.write_text(made.read_text() + "# by hand\n")
    assert make_twins.main(["--check"], [ENTRY], root) == 1

    assert make_twins.main([], [ENTRY], root) == 0
    source.write_text(SOURCE.replace("timeout: float", "limit: float"))
    capsys.readouterr()
    assert make_twins.main(["--check"], [ENTRY], root) == 1
    assert MADE in capsys.readouterr().out


def test_a_file_of_twins_that_no_entry_makes_is_found(root: Path) -> None:
    """A module whose entry was taken off the list leaves no twins behind."""
    make_twins.main([], [ENTRY], root)

    assert make_twins.main(["--check"], [], root) == 1


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        (Twins("front/gone.py", "Job", GOOD), "no such file"),
        (Twins("front/made.py", "Gone", GOOD), "no such class"),
        (Twins("front/made.py", "Apart", ("async_do",)), "does not take ApartTwins"),
        (Twins("front/made.py", "Job", ()), "lists no method"),
        (Twins("front/made.py", "Job", ("async_gone",)), "no such method"),
        (Twins("front/made.py", "Job", ("plain",)), "does not begin with async_"),
        (Twins("front/made.py", "Job", ("async_sync",)), "not async"),
        (Twins("front/made.py", "Job", ("async_bare",)), "no annotation"),
        (Twins("front/made.py", "Job", ("async_silent",)), "no docstring"),
        (Twins("front/made.py", "Job", ("async_wordy",)), "no docstring"),
        (Twins("front/made.py", "Job", ("async_items",)), "async generator"),
        (Twins("front/made.py", "Job", ("async_load",)), "decorated"),
        (Twins("front/made.py", "Job", ("async_local",)), "Local is not imported"),
        (Twins("front/made.py", "Job", ("async_taken",)), "twin's name already"),
    ],
)
def test_an_entry_that_does_not_fit_is_refused(entry: Twins, problem: str, root: Path) -> None:
    """The error names the place and what is wrong, and nothing is written."""
    with pytest.raises(TwinError, match=problem):
        make([entry], root)

    assert make_twins.main([], [entry], root) == 1
    assert not (root / MADE).exists()


def test_two_classes_of_a_module_share_a_file(root: Path) -> None:
    """The twins of one module stand in one file, a mixin for each class."""
    source = root / "front/made.py"
    source.write_text(SOURCE.replace("class Apart:", "class Apart(ApartTwins):"))
    text = make([ENTRY, Twins("front/made.py", "Apart", ("async_do",))], root)[root / MADE]

    assert "class JobTwins:" in text
    assert "class ApartTwins:" in text
