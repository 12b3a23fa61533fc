# SPDX-License-Identifier: Apache-2.0
"""The floors of holdfast, and what each may import."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

from tests.house.imports import Import, graph_of, imports_of, modules_of, rings_of

PACKAGE = "holdfast"

#: The part of the package that a module belongs to -> its floor. "" is the face.
FLOORS = {
    "errors": 1,
    "definition": 2,
    "persistence": 2,
    "machine": 3,
    "runtime": 4,
    "triggerflow": 5,
    "workflow": 5,
    "cli": 5,
    "testing": 5,
    "": 6,
}

#: Readers of the fronts: they may use what the face and the fronts promise, though it is not below.
READERS = frozenset({"cli", "testing"})
PROMISES = frozenset({PACKAGE, f"{PACKAGE}.triggerflow", f"{PACKAGE}.workflow"})

#: Third-party modules, by the parts that may import them.
CORE = frozenset({"persistence", "machine", "runtime", "triggerflow", "workflow", "testing", "cli"})
THIRD_PARTY = {
    "msgspec": CORE,
    "click": frozenset({"cli"}),
    "rich": frozenset({"cli"}),
    "pydantic": frozenset({"triggerflow"}),
    "pytest": frozenset({"testing"}),
    "typing_extensions": frozenset({"triggerflow"}),  # pydantic brings it along
    "yaml": frozenset({"persistence"}),
}

#: Type checkers bring these along, so an import that only they see needs no installation.
TYPING = frozenset({"typing_extensions"})

#: Parts without I/O, and the modules that would bring it in: clocks, chance, tasks, the world.
PURE = frozenset({"definition", "machine"})
TASKS = frozenset({"asyncio", "concurrent", "multiprocessing", "signal", "subprocess", "threading"})
WORLD = frozenset(
    {
        "http",
        "logging",
        "os",
        "select",
        "selectors",
        "socket",
        "sqlite3",
        "ssl",
        "tempfile",
        "urllib",
    }
)
IMPURE = frozenset({"time", "random", "secrets", "uuid"}) | TASKS | WORLD
CLOCK_CALLS = frozenset({"now", "today", "utcnow"})


def part_of(module: str) -> str:
    """The part of the package that a module belongs to; "" for the face."""
    return module.removeprefix(PACKAGE).lstrip(".").partition(".")[0]


def without_a_floor(root: Path) -> list[str]:
    """Modules that stand on no floor."""
    return [name for name in modules_of(root) if part_of(name) not in FLOORS]


def upward(root: Path) -> list[str]:
    """Imports that point up, or sideways into another part of the same floor."""
    return [str(found) for found in imports_of(root) if _is_ours(found) and not _points_down(found)]


def foreign(root: Path) -> list[str]:
    """Imports of third-party modules where they may not be used."""
    return [
        str(found)
        for found in imports_of(root)
        if not _is_ours(found)
        and (top := found.module.partition(".")[0]) not in sys.stdlib_module_names
        and part_of(found.importer) not in THIRD_PARTY.get(top, ())
        and not (found.typed and top in TYPING)
    ]


def impure(root: Path) -> list[str]:
    """What an engine may not have: imports of the outside world, reads of the clock, async code."""
    return [
        str(found)
        for found in imports_of(root)
        if part_of(found.importer) in PURE and found.module.partition(".")[0] in IMPURE
    ] + [
        f"{name}:{line} {what}"
        for name, path in modules_of(root).items()
        if part_of(name) in PURE
        for line, what in _impure_code(path)
    ]


def private(root: Path) -> list[str]:
    """Imports of another module's private names, and of private modules of another part."""
    return [
        str(found)
        for found in imports_of(root)
        if _is_ours(found) and (_is_private(found.name) or _is_private_module(found))
    ]


def rings(root: Path) -> list[str]:
    """Groups of modules that import each other."""
    return [" <-> ".join(ring) for ring in rings_of(graph_of(root))]


def _is_ours(found: Import) -> bool:
    return found.module.partition(".")[0] == PACKAGE


def _points_down(found: Import) -> bool:
    source, target = part_of(found.importer), part_of(found.module)
    if source == target:
        return True
    if source in READERS and found.module in PROMISES:
        return True
    return FLOORS.get(target, 0) < FLOORS.get(source, 0)


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def _is_private_module(found: Import) -> bool:
    last = found.module.rpartition(".")[2]
    return _is_private(last) and part_of(found.importer) != part_of(found.module)


def _impure_code(path: Path) -> list[tuple[int, str]]:
    found = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        match node:
            case ast.AsyncFunctionDef() | ast.Await() | ast.AsyncFor() | ast.AsyncWith():
                found.append((node.lineno, "is async"))
            case ast.Call(func=ast.Attribute(value=source, attr=attribute)) if (
                attribute in CLOCK_CALLS and ast.unparse(source).endswith(("date", "datetime"))
            ):
                found.append((node.lineno, f"reads the clock: {ast.unparse(node.func)}"))
            case _:
                pass
    return found
