# SPDX-License-Identifier: Apache-2.0
"""Old names work and say so: once per process and name, at the caller's line, unless silenced."""

from __future__ import annotations

import subprocess
import sys
import warnings
from typing import Any

import pytest

from holdfast import TriggerFlow, settings
from holdfast.runtime.settings import SHOW_DEPRECATIONS
from holdfast.triggerflow.compat import deprecation
from holdfast.triggerflow.compat.deprecation import warn_once
from tests.triggerflow.handlers import keep, same


def told(*calls: Any) -> list[str]:
    """The first words of the deprecation warnings that the calls give."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for call in calls:
            call()
    assert all(one.category is DeprecationWarning for one in caught)
    return [str(one.message).partition(" ")[0] for one in caught]


def test_each_name_warns_once_in_a_process():
    """The second call of a name is silent; another name speaks for itself."""
    execution = TriggerFlow().create_execution(auto_close=False)

    assert told(
        lambda: execution.set_runtime_data("k", 1),
        lambda: execution.set_runtime_data("k", 2),
        lambda: execution.get_runtime_data("k"),
        lambda: TriggerFlow().create_execution().get_runtime_data("k"),
    ) == ["set_runtime_data", "get_runtime_data"]


@pytest.mark.parametrize(
    "off", [False, 0, "0", "false", "False", " no ", "OFF", "disable", "disabled"]
)
def test_a_setting_silences_all_and_counts_nothing_as_told(off: Any):
    """Switched on again, the warning comes."""
    settings["runtime.show_deprecation_warnings"] = off
    assert told(lambda: warn_once("old", "use new")) == []

    settings["runtime.show_deprecation_warnings"] = True
    assert told(lambda: warn_once("old", "use new")) == ["old"]


@pytest.mark.parametrize("on", [True, 1, "1", "yes", "on", "anything"])
def test_whatever_is_not_false_like_leaves_the_warnings_on(on: Any):
    """Text too."""
    settings[SHOW_DEPRECATIONS] = on
    assert told(lambda: warn_once("old", "use new")) == ["old"]


def test_the_environment_decides_where_nothing_was_set(monkeypatch: pytest.MonkeyPatch):
    """A value that the program set wins; forgetting it lets the environment speak again."""
    monkeypatch.setenv("HOLDFAST_SHOW_DEPRECATION_WARNINGS", "no")
    assert settings[SHOW_DEPRECATIONS] == "no"
    assert told(lambda: warn_once("old", "use new")) == []

    settings[SHOW_DEPRECATIONS] = True
    assert told(lambda: warn_once("old", "use new")) == ["old"]
    del settings[SHOW_DEPRECATIONS]
    assert not settings.is_on(SHOW_DEPRECATIONS)


def test_a_setting_that_does_not_exist_is_a_key_error():
    """A slip in a name is told, not kept."""
    for use in (
        lambda: settings["runtime.show_deprecations"],
        lambda: settings.__setitem__("show", 1),
        lambda: settings.__delitem__("show"),
    ):
        with pytest.raises(KeyError, match=r"known: runtime\.show_deprecation_warnings"):
            use()
    assert dict(settings) == {SHOW_DEPRECATIONS: True}
    assert len(settings) == 1


def test_a_filter_that_makes_errors_of_warnings_raises_at_every_call():
    """So that a test run finds every place."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(2):
            with pytest.raises(DeprecationWarning):
                warn_once("old", "use new")
    assert told(lambda: warn_once("old", "use new")) == ["old"]


PROGRAM = """
import asyncio
from holdfast import TriggerFlow

def sync_chunk(data):
    data.set_runtime_data("a", 1)                           # LINE sync
    return data.input

async def async_chunk(data):
    await data.async_append_runtime_data("b", 2)            # LINE async

flow = TriggerFlow()
flow.to(sync_chunk).to(async_chunk).end()                   # LINE end
flow.start("x", wait_for_result=True)                       # LINE twin

async def main():
    await flow.async_start("x", wait_for_result=True)       # (told before)
    execution = flow.create_execution(auto_close=False)
    await execution.async_start("x", wait_for_result=False) # LINE execution

asyncio.run(main())
"""


def test_a_warning_points_at_the_line_that_uses_the_old_name(tmp_path: Any):
    """In handlers, in threads, at definition time, and through a blocking twin."""
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    ended = subprocess.run(
        [sys.executable, "-W", "always", str(path)], capture_output=True, text=True, check=True
    )
    lines = [number for number, line in enumerate(PROGRAM.split("\n"), 1) if "# LINE" in line]
    found = [line for line in ended.stderr.split("\n") if "DeprecationWarning" in line]

    assert len(found) == len(lines)
    for number in lines:
        assert any(line.startswith(f"{path}:{number}: ") for line in found), ended.stderr


async def test_wait_for_result_is_ignored_whatever_it_says():
    """What a start returns is decided by auto_close alone; each kind of start warns once."""
    flow = TriggerFlow()
    flow.to(keep)
    for value in (True, False):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            assert await flow.async_start(1, wait_for_result=value) == {"kept": 1}
            execution = flow.create_execution(auto_close=False)
            assert await execution.async_start(1, wait_for_result=value) is execution
        assert len(caught) == (2 if value else 0)

    with pytest.raises(TypeError):
        await flow.async_start(1, wait_for_results=True)


async def test_each_kind_of_start_tells_of_wait_for_result_by_itself():
    """Whatever is passed, its default of old included."""
    flow = TriggerFlow()
    flow.to(keep)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        execution = await flow.async_start_execution(1, wait_for_result=False)
        await execution.async_close()
        await flow.async_start(1, wait_for_result=True)
        await flow.create_execution().async_start(1, wait_for_result=True)
    assert [str(one.message).partition(" is")[0] for one in caught] == [
        "flow.start_execution(wait_for_result=...)",
        "flow.start(wait_for_result=...)",
        "execution.start(wait_for_result=...)",
    ]


async def test_nothing_warns_where_no_old_name_is_used():
    """Warnings are errors in these tests, so this run would have failed."""
    flow = TriggerFlow()
    flow.to(same).to(keep)
    await flow.async_start(1)

    assert not deprecation._SHOWN
