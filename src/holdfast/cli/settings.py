# SPDX-License-Identifier: Apache-2.0
"""What holds for a whole call of the command line, and the options that several commands share."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Any, Final

import click
from click.core import ParameterSource

DEFAULT_STORE: Final = "sqlite:///holdfast.db"


@dataclass(slots=True)
class Settings:
    """debug: a failure is shown with its traceback."""

    debug: bool = False


def _set_debug(ctx: click.Context, _option: click.Parameter, value: bool) -> None:
    if value:
        ctx.find_root().ensure_object(Settings).debug = True


debug_option = click.option(
    "--debug",
    is_flag=True,
    expose_value=False,
    callback=_set_debug,
    help="Show the traceback of a failure.",
)

store_option = click.option(
    "--store",
    metavar="URL",
    envvar="HOLDFAST_STORE",
    default=DEFAULT_STORE,
    show_default=True,
    show_envvar=True,
    help="Where the runs are kept.",
)

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")


def store_given(ctx: click.Context) -> str:
    """The --store option for a command to copy, or "" where the next command finds it itself."""
    if ctx.get_parameter_source("store") != ParameterSource.COMMANDLINE:
        return ""
    return f" --store {shlex.quote(ctx.params['store'])}"


def quoted(*words: Any) -> str:
    """Words as a shell takes them."""
    return shlex.join(str(word) for word in words)
