# SPDX-License-Identifier: Apache-2.0
"""What an exception means on a command line: one line, a hint, and an exit code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import click

from holdfast.errors import DefinitionNotFound, HoldfastError, InvalidId, StoreUrlUnknown

FAILED: Final = 1
WRONGLY_ASKED: Final = 2

#: Errors of ours that are about what was typed.
_USAGE: Final = (StoreUrlUnknown, DefinitionNotFound, InvalidId)


@dataclass(frozen=True, slots=True)
class Problem:
    """What to print, and the exit code."""

    message: str
    hint: str
    code: int


class WrongUse(click.UsageError):
    """Something typed on the command line that cannot be meant. It says what to do."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


def problem_of(error: BaseException) -> Problem:
    """What to tell of an exception."""
    match error:
        case WrongUse():
            return Problem(error.message, error.hint, WRONGLY_ASKED)
        case click.UsageError():
            where = error.ctx.command_path if error.ctx is not None else "holdfast"
            return Problem(error.format_message(), f"See: {where} --help", WRONGLY_ASKED)
        case click.ClickException():
            return Problem(error.format_message(), "", error.exit_code)
        case HoldfastError():
            code = WRONGLY_ASKED if isinstance(error, _USAGE) else FAILED
            return Problem(error.message, error.hint, code)
        case _:
            text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            return Problem(text, "Add --debug to see where it was raised.", FAILED)
