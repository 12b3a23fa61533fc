# SPDX-License-Identifier: Apache-2.0
"""From MODULE:NAME to a flow or workflow, and from VALUE to what it says."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from holdfast import TriggerFlow, Workflow
from holdfast.cli.problems import WrongUse
from holdfast.errors import DefinitionError

_FORM = "Name it as MODULE:NAME, for instance my_app.flows:refund"


def find_definition(app: str | None) -> TriggerFlow[Any, Any, Any] | Workflow:
    """The flow or workflow that MODULE:NAME names; modules of the current folder come first.

    Raises: WrongUse; DefinitionError if the module itself cannot be imported.
    """
    if not app:
        raise WrongUse("which flow or workflow? none was named", f"{_FORM}, or set HOLDFAST_APP.")
    module_name, colon, name = app.partition(":")
    parts = [*module_name.split("."), *name.split(".")]
    if not colon or not all(part.isidentifier() for part in parts):
        raise WrongUse(f"{app!r} does not name a flow or workflow", f"{_FORM}.")
    module = _imported(module_name)
    found: Any = module
    for part in name.split("."):
        found = getattr(found, part, None)
    if isinstance(found, TriggerFlow | Workflow):
        return found
    what = f"is of class {type(found).__name__}, not a flow or workflow"
    raise WrongUse(
        f"{app!r}: there is no {name!r} in {module_name!r}" if found is None else f"{app!r} {what}",
        _candidates(module),
    )


def _imported(name: str) -> ModuleType:
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise _broken(name, error) from error
        raise WrongUse(
            f"there is no module {name!r}",
            "Modules are found from the current folder, as `python -m` finds them.",
        ) from error
    except Exception as error:
        raise _broken(name, error) from error


def _broken(name: str, error: Exception) -> DefinitionError:
    return DefinitionError(
        f"module {name!r} cannot be imported: {type(error).__name__}: {error}",
        hint="Mend the module; --debug shows where it failed.",
    )


def _candidates(module: ModuleType) -> str:
    named = [
        name for name, value in vars(module).items() if isinstance(value, TriggerFlow | Workflow)
    ]
    if named:
        return f"In {module.__name__!r} there is: {', '.join(sorted(named))}."
    return f"In {module.__name__!r} there is no flow and no workflow."


def read_value(text: str, what: str) -> Any:
    """The value of a JSON text, or of the file that `@file` names. Raises: WrongUse."""
    source = what
    if text.startswith("@"):
        source = f"{what}: file {text[1:]!r}"
        try:
            text = Path(text[1:]).read_text("utf-8")
        except (OSError, ValueError) as error:
            raise WrongUse(
                f"{source} cannot be read: {_reason(error)}", "Check the path."
            ) from error
    try:
        return json.loads(text, parse_constant=_no_constant)
    except RecursionError:
        raise WrongUse(f"{source} is nested too deep", "Send something flatter.") from None
    except ValueError as error:
        raise WrongUse(
            f"{source} is not JSON: {error}",
            "Quote it for the shell; a text has quotes of its own: '\"yes\"'.",
        ) from error


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
