# SPDX-License-Identifier: Apache-2.0
"""Make the blocking twins of async methods, as source: `start` beside `async_start`.

Only async code is written. For every class listed in `TWINS` a mixin is written beside its module:
`execution.py` gets `execution_twins.py`, whose class `ExecutionTwins` holds one blocking method for
each async one. The class takes the mixin as a base. `--check` writes nothing and fails on a drift.

A method is refused when its twin could not be told from it: no `async_` before its name, a
decorator, a `yield`, a missing annotation, or a name in its signature that the module defines
itself (the twin would have to import the module that imports it). The class's own name is fine.
"""

from __future__ import annotations

import argparse
import ast
import builtins
import copy
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
ROOT = PROJECT / "src" / "holdfast"
PREFIX = "async_"
SUFFIX = "_twins"
PARAMETERS = 6
METHODS = 12
LONG = "\n\n    Long because: it has two signatures for each of many methods.\n    "
ENDING = "Blocks until done."
DOCSTRING_LINE = 92  # 100, less the indent of a method's body
Function = ast.FunctionDef | ast.AsyncFunctionDef
AsyncFunction = ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Twins:
    """The async methods of one class that get blocking twins. module: path below `ROOT`."""

    module: str
    name: str
    methods: tuple[str, ...]

    @property
    def mixin(self) -> str:
        """The name of the class of twins."""
        return f"{self.name}Twins"


TWINS: tuple[Twins, ...] = (
    Twins(
        "triggerflow/execution.py",
        "Execution",
        ("async_pause_for", "async_continue_with", "async_retry", "async_skip"),
    ),
    Twins("triggerflow/signal_face.py", "SignalFace", ("async_emit",)),
    Twins(
        "triggerflow/frame_face.py",
        "FrameFace",
        ("async_cancel_sub_flow", "async_emit_to_sub_flow"),
    ),
    Twins(
        "triggerflow/intervention_face.py",
        "Intervenable",
        ("async_intervene", "async_mark_intervention_consumed"),
    ),
    Twins("triggerflow/flow_starts.py", "FlowStarts", ("async_start_execution",)),
)


class TwinError(Exception):
    """An entry of the list does not fit the source it names."""


def make(entries: Iterable[Twins], root: Path) -> dict[Path, str]:
    """The text of every file of twins below *root*. Raises: TwinError."""
    by_module: dict[str, list[Twins]] = {}
    for entry in entries:
        by_module.setdefault(entry.module, []).append(entry)
    return {
        (root / module).with_name(f"{Path(module).stem}{SUFFIX}.py"): _file(root, module, listed)
        for module, listed in by_module.items()
    }


def drifted(made: dict[Path, str], root: Path) -> list[str]:
    """The files below *root* that are not as made: missing, changed, or made by no entry."""
    found = {path: path.read_text("utf-8") for path in root.rglob(f"*{SUFFIX}.py")}
    return sorted(
        path.relative_to(root).as_posix()
        for path in made.keys() | found.keys()
        if made.get(path) != found.get(path)
    )


def main(arguments: Sequence[str], entries: Iterable[Twins] = TWINS, root: Path = ROOT) -> int:
    """Write the twins, or check them; 1 if something is wrong."""
    parser = argparse.ArgumentParser(description="Make the blocking twins of async methods.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail on a drift")
    only_check = parser.parse_args(arguments).check
    try:
        made = make(entries, root)
    except TwinError as error:
        print(f"make_twins: {error}")
        return 1
    if not only_check:
        for path, text in made.items():
            path.write_text(text, "utf-8")
    for place in (drift := drifted(made, root)):
        print(f"make_twins: {place} is not what the list makes: run scripts/make_twins.py")
    return 1 if drift else 0


def _file(root: Path, module: str, entries: Sequence[Twins]) -> str:
    path = root / module
    if not path.is_file():
        raise TwinError(f"{module}: no such file")
    tree = ast.parse(path.read_text("utf-8"))
    chosen = {entry: _methods(entry, tree) for entry in entries}
    owners = " and ".join(f"`{entry.name}`" for entry in entries)
    lines = [
        "# SPDX-License-Identifier: Apache-2.0",
        f'"""Blocking twins of {owners}, made from `{path.name}` by scripts/make_twins.py."""',
        "from __future__ import annotations",
        *_imports(tree, chosen, ["holdfast", *Path(module).parent.parts]),
        *(line for entry, methods in chosen.items() for line in _mixin(entry, methods)),
    ]
    return _formatted("\n".join(lines), path)


def _formatted(text: str, path: Path) -> str:
    ruff = [sys.executable, "-m", "ruff"]
    options = ["--quiet", f"--config={PROJECT / 'pyproject.toml'}", f"--stdin-filename={path}", "-"]
    for command in (["check", "--select=I,UP037", "--fix"], ["format"]):
        text = subprocess.run(
            [*ruff, *command, *options], input=text, capture_output=True, text=True, check=True
        ).stdout
    return text


# What is asked of a method before it gets a twin.


def _methods(entry: Twins, tree: ast.Module) -> list[ast.AsyncFunctionDef]:
    place = f"{entry.module}: {entry.name}"
    owners = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    owner = next((node for node in owners if node.name == entry.name), None)
    if owner is None:
        raise TwinError(f"{place}: no such class")
    if entry.mixin not in map(ast.unparse, owner.bases):
        raise TwinError(f"{place}: the class does not take {entry.mixin} as a base")
    if not entry.methods:
        raise TwinError(f"{place}: the entry lists no method")
    defined = {node.name: node for node in owner.body if isinstance(node, Function)}
    for name in entry.methods:
        if problem := _problem(name, defined):
            raise TwinError(f"{place}.{name}: {problem}")
    return [node for name in entry.methods if isinstance(node := defined[name], AsyncFunction)]


def _problem(name: str, defined: Mapping[str, ast.FunctionDef | AsyncFunction]) -> str | None:
    node = defined.get(name)
    if not name.startswith(PREFIX) or name == PREFIX:
        return f"the name does not begin with {PREFIX}"
    if node is None:
        return "no such method"
    if name.removeprefix(PREFIX) in defined:
        return "the class has a method of the twin's name already"
    return _oddity(node) if isinstance(node, AsyncFunction) else "the method is not async"


def _oddity(node: ast.AsyncFunctionDef) -> str | None:
    """What an async method has that its twin could not have."""
    if node.decorator_list:
        return "a decorated method gets no twin"
    if any(isinstance(inner, ast.Yield) for inner in ast.walk(node)):
        return "an async generator gets no twin"
    if [one.arg for one in [*node.args.posonlyargs, *node.args.args]][:1] != ["self"]:
        return "the first parameter is not self"
    if node.returns is None or any(one.annotation is None for one in _parameters(node)):
        return "a parameter or the result has no annotation"
    return None if _sentence(node) else "no docstring that begins with a sentence on one line"


def _sentence(node: ast.AsyncFunctionDef) -> str:
    """The first sentence of the docstring, or nothing if it does not end on the first line."""
    first = (ast.get_docstring(node) or "").partition("\n")[0]
    sentence, end, _ = f"{first} ".partition(". ")
    return f"{sentence}." if end else ""


def _parameters(node: ast.AsyncFunctionDef) -> list[ast.arg]:
    """All parameters but self."""
    arguments = node.args
    stars = [star for star in (arguments.vararg, arguments.kwarg) if star]
    return [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, *stars][1:]


# The text of a mixin.


def _mixin(entry: Twins, methods: Sequence[ast.AsyncFunctionDef]) -> Iterator[str]:
    sentence = f"The blocking form of each method `{PREFIX}x` of `{entry.name}`, as `x`."
    reason = LONG if len(methods) >= METHODS else ""
    yield f"class {entry.mixin}:"
    yield f'    """{sentence}{reason}"""'
    yield "    __slots__ = ()"
    yield ""
    yield "    if TYPE_CHECKING:"
    for node in methods:
        yield f"        async def {node.name}({_signature(entry, node)}:"
        yield from (f"            {line}" for line in (*_excuse(node), "..."))
    for node in methods:
        name = node.name.removeprefix(PREFIX)
        call = f"blocking(self.{node.name}({_forwarded(node)}))"
        is_none = isinstance(node.returns, ast.Constant) and node.returns.value is None
        yield f"    def {name}({_signature(entry, node)}:"
        yield from (f"        {line}" for line in (*_docstring(node), *_excuse(node)))
        yield f"        {call}" if is_none else f"        return {call}"


def _docstring(node: ast.AsyncFunctionDef) -> list[str]:
    sentence = _sentence(node).replace("\\", "\\\\")
    line = f'"""{sentence} {ENDING}"""'
    return [line] if len(line) <= DOCSTRING_LINE else [f'"""{sentence}', "", ENDING, '"""']


def _excuse(node: ast.AsyncFunctionDef) -> list[str]:
    if len(_parameters(node)) <= PARAMETERS:
        return []
    return [f"# Many parameters because: {node.name} has them."]


def _signature(entry: Twins, node: ast.AsyncFunctionDef) -> str:
    """Parameters and result, from behind the opening bracket. The class itself is `Self`."""
    shown = ast.FunctionDef("f", node.args, [ast.Pass()], [], node.returns)
    owned = _OwnName(entry.name).visit(copy.deepcopy(shown))
    text = ast.unparse(ast.fix_missing_locations(owned))
    return text.removeprefix("def f(").removesuffix(":\n    pass")


class _OwnName(ast.NodeTransformer):
    """Writes a class's own name as `Self`, which a mixin can say without importing the class."""

    def __init__(self, name: str) -> None:
        self.name = name

    def visit_Name(self, node: ast.Name) -> ast.Name:
        return ast.Name("Self", node.ctx) if node.id == self.name else node

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        return ast.Name("Self", ast.Load()) if node.value == self.name else node


def _forwarded(node: ast.AsyncFunctionDef) -> str:
    arguments = node.args
    by_place = [one.arg for one in [*arguments.posonlyargs, *arguments.args][1:]]
    if arguments.vararg:
        by_place.append(f"*{arguments.vararg.arg}")
    by_name = [f"{one.arg}={one.arg}" for one in arguments.kwonlyargs]
    if arguments.kwarg:
        by_name.append(f"**{arguments.kwarg.arg}")
    return ", ".join([*by_place, *by_name])


# The imports of a file of twins.


def _imports(
    tree: ast.Module,
    chosen: Mapping[Twins, Sequence[ast.AsyncFunctionDef]],
    package: Sequence[str],
) -> list[str]:
    """What the signatures need: defaults when the file is imported, annotations for checkers."""
    known = dict(_imported(tree, package))
    live: set[str] = set()
    typed: set[str] = set()
    for entry, methods in chosen.items():
        for node in methods:
            arguments = node.args
            defaults = [*arguments.defaults, *filter(None, arguments.kw_defaults)]
            notes = [*(one.annotation for one in _parameters(node)), node.returns]
            needed = {name for value in defaults for name in _names(value, is_note=False)}
            noted = {name for note in notes if note for name in _names(note, is_note=True)}
            if entry.name in noted:
                noted = noted - {entry.name} | {"Self"}
                known.setdefault("Self", "from typing import Self")
            live |= needed
            typed |= noted
            for name in sorted(needed | noted):
                if name not in known and not hasattr(builtins, name):
                    raise TwinError(
                        f"{entry.module}: {entry.name}.{node.name}: {name} is not imported there, "
                        "so its twin cannot have it; move it to a module below"
                    )
    hidden = [known[name] for name in sorted(typed - live) if name in known]
    return [
        "from typing import TYPE_CHECKING",
        "from holdfast.runtime.portal import blocking",
        *(known[name] for name in sorted(live) if name in known),
        *(["if TYPE_CHECKING:", *(f"    {line}" for line in hidden)] if hidden else []),
    ]


def _imported(tree: ast.Module, package: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Every name the module imports, and the line that imports it alone."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                for alias in names:
                    line = ast.unparse(ast.Import([alias]))
                    yield alias.asname or alias.name.partition(".")[0], line
            case ast.ImportFrom(module=source, names=names, level=level):
                base = package[: len(package) - level + 1] if level else []
                origin = ".".join([*base, *filter(None, [source])])
                for alias in names:
                    line = ast.unparse(ast.ImportFrom(origin, [alias], 0))
                    yield alias.asname or alias.name, line
            case _:
                pass


def _names(node: ast.expr, *, is_note: bool) -> Iterator[str]:
    """The names an expression needs; text in an annotation is read, but not that of a Literal."""
    match node:
        case ast.Name(id=name):
            yield name
        case ast.Constant(value=str(text)) if is_note:
            yield from _names(ast.parse(text, mode="eval").body, is_note=True)
        case ast.Subscript(value=ast.Name(id="Literal") as literal):
            yield from _names(literal, is_note=True)
        case _:
            for inner in ast.iter_child_nodes(node):
                if isinstance(inner, ast.expr):
                    yield from _names(inner, is_note=is_note)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
