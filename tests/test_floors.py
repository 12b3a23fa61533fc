# SPDX-License-Identifier: Apache-2.0
"""Imports point down the floors, never form a ring, and keep the engines pure."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house import floors
from tests.house.planting import plant, shown

SRC = Path(__file__).resolve().parent.parent / "src"

UP_OR_SIDEWAYS = {
    "up": ("machine/run.py", "from holdfast.runtime import carry"),
    "up, by a plain import": ("machine/run.py", "import holdfast.runtime.carry"),
    "up, for type checkers only": (
        "persistence/codec.py",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from holdfast.machine import run",
    ),
    "up, late": ("runtime/carry.py", "def f():\n    from holdfast.triggerflow import flow"),
    "up, relative": ("definition/graph.py", "from ..machine import run"),
    "up, by a call": (
        "machine/run.py",
        "import importlib\nimportlib.import_module('holdfast.runtime.carry')",
    ),
    "sideways on floor 2": ("persistence/codec.py", "from holdfast.definition import graph"),
    "sideways the other way": ("definition/graph.py", "import holdfast.persistence"),
    "one front into the other": ("workflow/graph.py", "from holdfast.triggerflow import flow"),
    "the other way": ("triggerflow/flow.py", "import holdfast.workflow.graph"),
    "a front into its readers": ("workflow/graph.py", "from holdfast.testing import clock"),
    "the face, from below": ("runtime/carry.py", "import holdfast"),
    "a name of the face, from a front": ("triggerflow/flow.py", "from holdfast import Engine"),
    "a front's inside, from a reader": ("cli/show.py", "from holdfast.workflow.graph import Graph"),
    "errors, up": ("errors.py", "from holdfast.definition import graph"),
}

DOWN = {
    "machine/run.py": "import holdfast.definition.graph\nfrom holdfast.persistence import codec",
    "definition/graph.py": "from holdfast.errors import DefinitionError",
    "persistence/codec.py": "import msgspec\nfrom holdfast import errors",
    "runtime/carry.py": "import asyncio\nfrom . import clock\nfrom ..machine import run",
    "runtime/clock.py": "import time",
    "triggerflow/flow.py": "from holdfast.runtime.carry import carry",
    "workflow/graph.py": "from holdfast.runtime import carry",
    "workflow/types.py": "import typing\nif typing.TYPE_CHECKING:\n    import typing_extensions",
    "cli/show.py": "import click\nimport rich.table\nfrom holdfast import Engine\n"
    "from holdfast.triggerflow import TriggerFlow",
    "testing/crash.py": "from holdfast import Engine",
    "__init__.py": "from holdfast.triggerflow.flow import TriggerFlow",
    "errors.py": "",
}


def package(root: Path, files: dict[str, str]) -> Path:
    """Plant files of the package."""
    return plant(root, {f"holdfast/{place}": text for place, text in files.items()})


def test_every_module_stands_on_a_floor() -> None:
    """A new part of the package is given a floor before it is given a file."""
    assert shown(floors.without_a_floor(SRC)) == ""


def test_imports_point_down() -> None:
    """A module imports from lower floors and from its own part only, late and typed ones too."""
    assert shown(floors.upward(SRC)) == ""


def test_no_modules_import_each_other() -> None:
    """There is no ring of modules, of any size, through any kind of import."""
    assert shown(floors.rings(SRC)) == ""


def test_third_party_modules_stay_where_they_belong() -> None:
    """The core imports msgspec and the standard library, the command line click and rich too."""
    assert shown(floors.foreign(SRC)) == ""


def test_engines_have_no_clock_chance_or_world() -> None:
    """In definition and machine there is no I/O, no clock, no random number and no async code."""
    assert shown(floors.impure(SRC)) == ""


def test_private_names_stay_in_their_module() -> None:
    """Nobody imports another module's underscore names, or another part's underscore modules."""
    assert shown(floors.private(SRC)) == ""


def test_importing_holdfast_loads_nothing_but_msgspec() -> None:
    """`import holdfast` loads the standard library and msgspec: no extra and no driver.

    msgspec itself takes typing_extensions where it happens to be installed.
    """
    loaded = {name for name in loaded_by_import(SRC) if not name.startswith("_sysconfigdata")}
    assert loaded <= {"holdfast", "msgspec", "typing_extensions"}


def test_a_sound_tree_has_no_findings(tmp_path: Path) -> None:
    """What the floors allow is not reported."""
    root = package(tmp_path, DOWN)

    assert floors.without_a_floor(root) == []
    assert floors.upward(root) == []
    assert floors.rings(root) == []
    assert floors.foreign(root) == []
    assert floors.impure(root) == []
    assert floors.private(root) == []


@pytest.mark.parametrize("case", UP_OR_SIDEWAYS)
def test_an_import_up_or_sideways_is_found(case: str, tmp_path: Path) -> None:
    """Every way to write an import that does not point down is found, once."""
    place, text = UP_OR_SIDEWAYS[case]
    root = package(tmp_path, DOWN | {place: text})

    assert [found.partition(":")[0] for found in floors.upward(root)] == [
        "holdfast." + place.removesuffix(".py").replace("/", ".")
    ]


def test_a_module_without_a_floor_is_found(tmp_path: Path) -> None:
    """A part that the floors do not name is reported."""
    root = package(tmp_path, {"utils/text.py": ""})

    assert floors.without_a_floor(root) == ["holdfast.utils", "holdfast.utils.text"]


def test_a_ring_is_found_through_late_and_typed_imports(tmp_path: Path) -> None:
    """Three modules that reach each other are one ring, however they import."""
    root = package(
        tmp_path,
        {
            "machine/a.py": "from holdfast.machine import b",
            "machine/b.py": "def f():\n    from holdfast.machine.c import x",
            "machine/c.py": "import typing\nif typing.TYPE_CHECKING:\n    from . import a",
            "machine/d.py": "from holdfast.machine import a",
        },
    )

    assert floors.rings(root) == [
        "holdfast.machine.a <-> holdfast.machine.b <-> holdfast.machine.c"
    ]


def test_a_package_face_may_import_its_modules_but_not_be_imported_by_them(tmp_path: Path) -> None:
    """Siblings import each other directly; a name taken from the package's own face is a ring."""
    files = {
        "runtime/__init__.py": "from holdfast.runtime.carry import carry",
        "runtime/carry.py": "from holdfast.runtime import clock",
        "runtime/clock.py": "",
    }
    assert floors.rings(package(tmp_path / "sound", files)) == []

    files["runtime/clock.py"] = "from holdfast.runtime import carried"
    assert floors.rings(package(tmp_path / "ring", files)) == [
        "holdfast.runtime <-> holdfast.runtime.carry <-> holdfast.runtime.clock"
    ]


@pytest.mark.parametrize(
    ("place", "text"),
    [
        ("runtime/carry.py", "import anyio"),
        ("runtime/carry.py", "import click"),
        ("triggerflow/flow.py", "def f():\n    import rich.table"),
        ("definition/graph.py", "import msgspec"),
        ("errors.py", "import msgspec"),
        ("cli/show.py", "import requests"),
        ("workflow/types.py", "import typing_extensions"),
    ],
)
def test_a_foreign_import_is_found(place: str, text: str, tmp_path: Path) -> None:
    """A third-party module outside its own part is reported."""
    assert len(floors.foreign(package(tmp_path, {place: text}))) == 1


@pytest.mark.parametrize(
    "text",
    [
        "import asyncio",
        "import os.path",
        "from time import time",
        "def f():\n    import uuid",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import logging",
        "import datetime\nat = datetime.datetime.now()",
        "from datetime import date\nday = date.today()",
        "async def f(): pass",
    ],
)
@pytest.mark.parametrize("part", ["definition", "machine"])
def test_an_impure_engine_is_found(part: str, text: str, tmp_path: Path) -> None:
    """A clock, a random source, the outside world or async code in an engine is reported."""
    assert len(floors.impure(package(tmp_path, {f"{part}/rules.py": text}))) == 1


@pytest.mark.parametrize(
    "text", ["from holdfast.machine.run import _step", "from holdfast.machine import _step"]
)
def test_a_private_import_is_found(text: str, tmp_path: Path) -> None:
    """An underscore name of another module is reported, and so is another part's module."""
    root = package(tmp_path, {"runtime/carry.py": text, "machine/_step.py": ""})

    assert len(floors.private(root)) == 1


def test_a_heavy_import_is_found(tmp_path: Path) -> None:
    """A third-party module that an import of the package loads is seen."""
    root = package(tmp_path, {"__init__.py": "import click"})

    assert "click" in loaded_by_import(root)


def loaded_by_import(root: Path) -> set[str]:
    """Top-level modules outside the standard library that `import holdfast` loads."""
    program = (
        "import json, sys\n"
        f"sys.path.insert(0, {str(root)!r})\n"
        "before = set(sys.modules)\n"
        "import holdfast\n"
        f"assert holdfast.__file__.startswith({str(root)!r}), holdfast.__file__\n"
        "loaded = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "print(json.dumps(sorted(loaded - sys.stdlib_module_names)))\n"
    )
    ended = subprocess.run(
        [sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True
    )
    return set(json.loads(ended.stdout))
