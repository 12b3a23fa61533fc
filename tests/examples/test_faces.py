# SPDX-License-Identifier: Apache-2.0
"""The examples of interventions, streams and contracts do what they say."""

from __future__ import annotations

import asyncio

import pytest

from examples import contracts, interventions, streams


def test_hints_reach_a_run_in_another_process(capsys: pytest.CaptureFixture[str]) -> None:
    """Those before the point are used, the one behind it expires."""
    asyncio.run(interventions.main())

    assert capsys.readouterr().out.splitlines() == [
        "outlined: a letter about the delay",
        "letter: ['Dear customer', 'be brief', 'offer a refund']",
        "ann: inserted, used by write",
        "bob: inserted, used by write",
        "cy: expired, used by nobody",
    ]


def test_a_reader_watches_and_answers(capsys: pytest.CaptureFixture[str]) -> None:
    """Words as they come, then the question; a late reader sees the same."""
    asyncio.run(streams.main())

    assert capsys.readouterr().out.splitlines() == [
        "word: Dear",
        "word: reader,",
        "word: about",
        "word: streams",
        "asked: Dear reader, about streams",
        "sent: yes",
        "a late reader sees all: 2 items beside the words",
        "without a loop: threads",
    ]


def test_a_wrong_order_is_refused_and_burns_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """The right one is turned into the model, and so is each line."""
    asyncio.run(contracts.main())

    assert capsys.readouterr().out.splitlines() == [
        "refused: initial_input - count: Input should be greater than or equal to 1",
        "started: False",
        "total: 360",
        "line: text='3 x pen' cents=360",
        "takes: Order ['item', 'count']",
        "meta: {'currency': 'EUR'}",
    ]
