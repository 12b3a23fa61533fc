# SPDX-License-Identifier: Apache-2.0
"""What libraries of this kind lose when a flow's structure goes out as data: here it stays."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from holdfast import TriggerFlow
from holdfast.errors import ContractRefused
from tests.triggerflow.handlers import ask, keep, same

ROOT = Path(__file__).resolve().parents[2]

BUILD = """
from holdfast import TriggerFlow

def build():
    flow = TriggerFlow(name="moved")
    chain = flow.to(lambda data: data.input + 1){gap}
    chain.collect("c", "left").to(ask).to(lambda data: data.set_state("end", data.input))
    flow.to(lambda data: data.input * 2).collect("c", "right")
    return flow

async def ask(data):
    return await data.async_pause_for(interrupt_id="q")
"""

RUN = """
import asyncio, json, sys

async def main():
    execution = build().create_execution(auto_close=False)
    if sys.argv[1] == "save":
        await execution.async_start(1)
        print(json.dumps(execution.save()))
    else:
        execution.load(sys.stdin.read(), strict=True)
        await execution.async_continue_with("q", 7)
        print(json.dumps(await execution.async_close()))

asyncio.run(main())
"""


def run(path: Path, source: str, word: str, given: str = "") -> str:
    """What the program prints, from a file of its own."""
    path.parent.mkdir(parents=True)
    path.write_text(source + RUN)
    ended = subprocess.run(
        [sys.executable, "-W", "error", str(path), word],
        input=given,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_a_comment_a_blank_line_or_another_folder_makes_no_save_unloadable(tmp_path: Path):
    """Lambdas and collections are known by their place in the graph, not by file and line."""
    saved = run(tmp_path / "a" / "one.py", BUILD.format(gap=""), "save")
    moved = "# one more line\n\n\n" + BUILD.format(gap="  # and a remark\n")
    came = run(tmp_path / "elsewhere" / "two.py", moved, "load", saved)

    assert json.loads(came) == {"end": 7}


async def test_a_contract_still_holds_after_a_blueprint_was_loaded():
    """What the flow takes and gives is part of its structure, and is checked there too."""
    source: TriggerFlow[Any, Any, Any] = TriggerFlow(name="source")
    source.set_contract(initial_input=dict[str, int], result=str, meta={"owner": "ann"})
    source.to(same).to(keep)
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow()
    flow.register_chunk_handler(same).register_chunk_handler(keep)
    flow.load_blueprint(json.dumps(source.save_blueprint()))

    assert flow.fingerprint == source.fingerprint
    assert flow.get_contract_metadata() == source.get_contract_metadata()
    assert await flow.async_start({"n": 1}) == {"kept": {"n": 1}}
    execution = flow.create_execution(auto_close=False)
    with pytest.raises(ContractRefused, match="initial_input"):
        await execution.async_start({"n": "one"})
    assert not execution.started
    await execution.async_start({"n": 1})
    await execution.async_close()


async def test_a_contract_with_classes_stays_when_the_same_is_loaded():
    """Code that declares what the blueprint says keeps turning values into its classes."""

    class Order(dict[str, int]):
        """A class of its own."""

    flow: TriggerFlow[Any, Any, Any] = TriggerFlow()
    flow.set_contract(initial_input=Order).to(keep)
    flow.load_blueprint(flow.save_blueprint())
    assert flow.get_contract().initial_input is Order


def test_a_blueprint_holds_no_place_of_the_code():
    """No path, no line, no module: another checkout writes the same."""
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="plain")
    flow.to(ask).to(keep)
    text = flow.get_json_flow()

    assert not any(part in text for part in (str(ROOT), ".py", "tests", "line", "module"))
