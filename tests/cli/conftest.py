# SPDX-License-Identifier: Apache-2.0
"""The command line as tests type it: one store of their own, no terminal."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from holdfast.cli.app import app

Type = Callable[..., Result]


@pytest.fixture
def store(tmp_path: Path) -> str:
    """The URL of a store that is not there yet."""
    return f"sqlite:///{tmp_path / 'runs.db'}"


@pytest.fixture
def holdfast(store: str) -> Type:
    """Type `holdfast` and these words."""

    def run(*words: str, **environment: str) -> Result:
        runner = CliRunner(env={"HOLDFAST_STORE": store, "HOLDFAST_APP": None, **environment})
        return runner.invoke(app, words, prog_name="holdfast")

    return run


@pytest.fixture
def asked(holdfast: Type) -> Type:
    """A store with one run "r1" that asks one question "approve"; type commands on it."""
    started = holdfast(
        "run", "tests.cli.apps:approval", "--run-id", "r1", "--input", '{"text": "x", "amount": 3}'
    )
    assert started.exit_code == 0, started.output
    return holdfast


@pytest.fixture
def listed(holdfast: Type) -> Callable[..., Any]:
    """What a list prints with --json."""

    def run(*words: str) -> Any:
        result = holdfast(*words, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    return run
