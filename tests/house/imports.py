# SPDX-License-Identifier: Apache-2.0
"""The imports of a package, read from its source: late and type-only ones are imports too."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """One name that one module takes from another.

    module: what is imported, as far as it is a module. name: what is taken out of it, or "".
    typed: only type checkers see it.
    """

    importer: str
    line: int
    module: str
    name: str = ""
    typed: bool = False

    def __str__(self) -> str:
        taken = f" ({self.name})" if self.name else ""
        return f"{self.importer}:{self.line} imports {self.module}{taken}"


def modules_of(root: Path) -> dict[str, Path]:
    """Every module under the folder that holds the package: dotted name -> file."""
    found = {}
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports_of(root: Path) -> list[Import]:
    """Every import of every module under *root*."""
    modules = modules_of(root)
    return [
        found for name, path in modules.items() for found in _Reader(name, path, modules).read()
    ]


def graph_of(root: Path) -> dict[str, set[str]]:
    """Module -> the modules of the same tree that it imports."""
    graph: dict[str, set[str]] = {name: set() for name in modules_of(root)}
    for found in imports_of(root):
        if found.module in graph:
            graph[found.importer].add(found.module)
    return graph


def rings_of(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """The groups of modules that reach each other, each sorted.

    Tarjan's algorithm: a module that reaches nothing older than itself closes its group.
    """
    number: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    rings: list[list[str]] = []

    def visit(name: str) -> None:
        number[name] = low[name] = len(number)
        stack.append(name)
        for target in sorted(graph[name]):
            if target not in number:
                visit(target)
                low[name] = min(low[name], low[target])
            elif target in stack:
                low[name] = min(low[name], number[target])
        if low[name] == number[name]:
            place = stack.index(name)
            ring = stack[place:]
            del stack[place:]
            if len(ring) > 1 or name in graph[name]:
                rings.append(sorted(ring))

    for name in sorted(graph):
        if name not in number:
            visit(name)
    return rings


class _Reader:
    """Reads the imports of one module."""

    def __init__(self, importer: str, path: Path, modules: Mapping[str, Path]) -> None:
        self.importer = importer
        self.package = importer if path.name == "__init__.py" else importer.rpartition(".")[0]
        self.modules = modules
        self.tree = ast.parse(path.read_text("utf-8"))
        self.typed = {
            id(inner)
            for node in ast.walk(self.tree)
            if isinstance(node, ast.If) and _asks_for_a_type_checker(node.test)
            for statement in node.body
            for inner in ast.walk(statement)
        }

    def read(self) -> Iterator[Import]:
        for node in ast.walk(self.tree):
            match node:
                case ast.Import(names=names):
                    for alias in names:
                        yield self._import(node, alias.name)
                case ast.ImportFrom(module=module, names=names, level=level):
                    base = self._absolute(module or "", level)
                    for alias in names:
                        yield self._taken(node, base, alias.name)
                case ast.Call(args=[ast.Constant(value=str(module)), *_]) if _imports(node.func):
                    yield self._import(node, module)
                case _:
                    pass

    def _import(self, node: ast.stmt | ast.expr, module: str, name: str = "") -> Import:
        return Import(
            importer=self.importer,
            line=node.lineno,
            module=module,
            name=name,
            typed=id(node) in self.typed,
        )

    def _absolute(self, module: str, level: int) -> str:
        if not level:
            return module
        parts = self.package.split(".")
        return ".".join([*parts[: len(parts) - level + 1], *filter(None, [module])])

    def _taken(self, node: ast.stmt, base: str, name: str) -> Import:
        if f"{base}.{name}" in self.modules:
            return self._import(node, f"{base}.{name}")
        return self._import(node, base, name)


def _asks_for_a_type_checker(test: ast.expr) -> bool:
    return ast.unparse(test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}


def _imports(function: ast.expr) -> bool:
    match function:
        case ast.Name(id="__import__" | "import_module") | ast.Attribute(attr="import_module"):
            return True
        case _:
            return False
