# SPDX-License-Identifier: Apache-2.0
"""`____`: a line in the program text, which tells what passes it if it is asked to."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from holdfast import MemoryStore, TriggerFlow
from tests.triggerflow.handlers import add_one, double, keep


async def test_a_bare_separator_declares_nothing():
    """It is for the eye; the cursor stays, and it may stand anywhere, as often as one likes."""
    plain: TriggerFlow[Any, Any, Any] = TriggerFlow()
    plain.to(double).to(keep)
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow()
    flow.to(double).____().____("prepare", step=1).to(keep).____("the end")

    assert flow.fingerprint == plain.fingerprint
    assert await flow.async_start(2) == {"kept": 4}


async def test_it_prints_its_notes_and_the_value_each_time_one_passes(
    capsys: pytest.CaptureFixture[str],
):
    """Beside the chain, whose value it leaves alone."""
    flow = TriggerFlow()
    body = flow.for_each().____("item", print_info=True, show_value=True, owner="ann")
    body.to(add_one).____(print_info=True).____("value only", show_value=True).end_for_each()
    body.to("add_one")

    await flow.async_start([7])
    out = capsys.readouterr().out
    assert "item\nowner: ann\nvalue: 7\n" in out
    assert "____\n" in out
    assert "value only\nvalue: 8\n" in out
    assert out.count("value:") == 2


async def test_it_logs_its_notes(caplog: pytest.LogCaptureFixture):
    """At the level of information, under the front's name."""
    flow = TriggerFlow()
    flow.to(double).____("passed", log_info=True).to(keep)
    with caplog.at_level(logging.INFO, logger="holdfast.triggerflow"):
        await flow.async_start(2)

    assert [record.message for record in caplog.records] == ["passed"]


async def test_it_can_be_exported_and_kept(capsys: pytest.CaptureFixture[str]):
    """It has no function of the user's, so a blueprint holds all of it."""
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="told")
    flow.to(double).____("passed", show_value=True).to(keep)
    again = TriggerFlow(name="told")
    again.register_chunk_handler(double).register_chunk_handler(keep)
    again.load_blueprint(json.dumps(flow.save_blueprint()))
    execution = again.create_execution(store=MemoryStore(), run_id="r")

    assert await execution.async_start(2) == {"kept": 4}
    assert capsys.readouterr().out == "passed\nvalue: 4\n"


def test_it_stands_where_an_operator_may():
    """Not behind a match without a case."""
    with pytest.raises(NotImplementedError, match="case"):
        TriggerFlow().match().____("here")
