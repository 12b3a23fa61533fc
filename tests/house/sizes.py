# SPDX-License-Identifier: Apache-2.0
"""How big the files, classes and functions of a tree are, and which of them say why."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FILE_LINES = 600
FILE_LINES_TO_ASK_ABOUT = 400
FUNCTION_LINES = 60
CLASS_LINES = 300
PARAMETERS = 6

LONG = "Long because"
MANY = "Many parameters because"

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Source:
    """A parsed file: its place below the root, its lines, its tree, its comments by line."""

    place: str
    lines: list[str]
    tree: ast.Module
    comments: dict[int, str]


def sources_of(root: Path) -> Iterator[Source]:
    """Every Python file under *root*."""
    for path in sorted(root.rglob("*.py")):
        text = path.read_text("utf-8")
        comments = {
            token.start[0]: token.string
            for token in tokenize.generate_tokens(io.StringIO(text).readline)
            if token.type == tokenize.COMMENT
        }
        place = path.relative_to(root).as_posix()
        yield Source(place, text.splitlines(), ast.parse(text), comments)


def long_files(root: Path, limit: int = FILE_LINES) -> list[str]:
    """Files of more than *limit* lines."""
    return [
        f"{source.place}: {len(source.lines)} lines"
        for source in sources_of(root)
        if len(source.lines) > limit
    ]


def long_functions(root: Path) -> list[str]:
    """Functions over the limit that give no reason in a comment of their own body."""
    return [
        f"{source.place}:{function.lineno} {function.name}: {length} lines"
        for source in sources_of(root)
        for function in _functions(source.tree)
        if (length := _length(function)) > FUNCTION_LINES and not _says(source, function, LONG)
    ]


def long_classes(root: Path) -> list[str]:
    """Classes over the limit whose docstring gives no reason."""
    return [
        f"{source.place}:{node.lineno} {node.name}: {length} lines"
        for source in sources_of(root)
        for node in ast.walk(source.tree)
        if isinstance(node, ast.ClassDef)
        and (length := _length(node)) > CLASS_LINES
        and f"{LONG}: " not in (ast.get_docstring(node) or "")
    ]


def wide_functions(root: Path) -> list[str]:
    """Functions with too many parameters that give no reason in a comment of their own body."""
    return [
        f"{source.place}:{function.lineno} {function.name}: {count} parameters"
        for source in sources_of(root)
        for function, owned in _with_owners(source.tree)
        if (count := _parameters(function, owned=owned)) > PARAMETERS
        and not _restates(function)
        and not _says(source, function, MANY)
    ]


def _restates(function: Function) -> bool:
    """An overload has the parameters of its implementation, which gives the reason."""
    return any(isinstance(d, ast.Name) and d.id == "overload" for d in function.decorator_list)


def _functions(tree: ast.AST) -> Iterator[Function]:
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def _with_owners(tree: ast.Module) -> Iterator[tuple[Function, bool]]:
    """Functions, and whether a class gives them their first argument."""
    methods = {
        id(node)
        for owner in ast.walk(tree)
        if isinstance(owner, ast.ClassDef)
        for node in owner.body
        if isinstance(node, Function) and not _is_static(node)
    }
    return ((function, id(function) in methods) for function in _functions(tree))


def _is_static(function: Function) -> bool:
    return any(ast.unparse(wrapper) == "staticmethod" for wrapper in function.decorator_list)


def _parameters(function: Function, *, owned: bool) -> int:
    arguments = function.args
    named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    rest = [star for star in (arguments.vararg, arguments.kwarg) if star]
    return len(named) + len(rest) - owned


def _length(node: Function | ast.ClassDef) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def _says(source: Source, function: Function, reason: str) -> bool:
    inner = [nested for nested in _functions(function) if nested is not function]
    taken = {line for nested in inner for line in _extent(source, nested)}
    return any(
        source.comments.get(line, "").partition(f"# {reason}: ")[2].strip()
        for line in _extent(source, function)
        if line not in taken
    )


def _extent(source: Source, function: Function) -> range:
    """The lines of a function, with the comments that end its body."""
    end = function.end_lineno or function.lineno
    while (line := source.lines[end : end + 1]) and line[0][: function.col_offset + 1].isspace():
        if not line[0].lstrip().startswith("#"):
            break
        end += 1
    return range(function.lineno, end + 1)
