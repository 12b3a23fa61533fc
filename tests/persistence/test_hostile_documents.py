# SPDX-License-Identifier: Apache-2.0
"""Documents from anywhere: they load exactly, or give one of a short list of errors."""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
import sys
import zoneinfo
from pathlib import Path

import pytest

from holdfast.errors import Damaged, NotASave, TooLarge, UnknownVersion
from holdfast.persistence.codec import Codec
from holdfast.persistence.document import open_document, to_bytes
from tests.amounts import BYTE_CHANGES, HOSTILE_DOCUMENTS, SOAK
from tests.persistence import hostile
from tests.persistence.values import registry, same
from tests.triggerflow.test_hostile_saves import a_full_save

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def loaded():
    """How many documents were loaded in a process of their own, and the report."""
    places = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
    done = subprocess.run(
        [sys.executable, "-m", "tests.persistence.hostile"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": places},
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    return json.loads(done.stdout)


def test_hostile_documents_start_nothing(loaded):
    """Loading imports, compiles, connects and starts nothing; it opens time zone data only."""
    count, report = loaded
    zones = tuple(f"open ('{folder}{os.sep}" for folder in zoneinfo.TZPATH)
    assert count > 5000
    assert [event for event in report["events"] if not event.startswith(zones)] == []


def test_hostile_documents_give_only_listed_errors(loaded):
    """Every document loads or gives one of five errors; all five were met."""
    count, report = loaded
    assert report["unlisted"] == []
    assert report["loaded"] + sum(report["refused"].values()) == count
    assert set(report["refused"]) == {listed.__name__ for listed in hostile.LISTED}


def test_errors_of_hostile_documents_show_no_contents(loaded):
    """A secret planted in values, keys and headers is in no text, hint, fact or cause."""
    assert loaded[1]["leaks"] == []


def test_no_hostile_document_takes_long(loaded):
    """A second is the limit; a machine that is busy gets five."""
    assert loaded[1]["slowest_s"] < 5


def test_save_cut_at_any_byte_is_refused():
    """A part of a save is never a save."""
    data = to_bytes(hostile.small_save())
    for size in range(len(data)):
        with pytest.raises((Damaged, NotASave)):
            open_document(data[:size], kind=hostile.KIND)


def test_changed_bytes_never_load_with_another_meaning():
    """What loads in spite of changed bytes is equal to what was saved."""
    codec = Codec(registry())
    whole = codec.decode(open_document(hostile.small_save(), kind=hostile.KIND).body)
    report = hostile.Report()
    for data in hostile.damaged(seed=2, flips=3000):
        value = hostile.attempt(data, report, codec)
        assert value is None or same(value, whole)
    assert report.unlisted == []


@pytest.fixture(scope="module")
def drawn():
    """What came of documents of every kind, drawn from seeds, in a process of their own."""
    places = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
    first = random.SystemRandom().randrange(10**9) if SOAK else 0
    seeds = f"{first}:{first + HOSTILE_DOCUMENTS}"
    done = subprocess.run(
        [sys.executable, "-m", "tests.persistence.hostile_drawn", seeds],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": places},
        capture_output=True,
        text=True,
        check=False,
        timeout=1200,
    )
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


def test_drawn_documents_start_nothing_and_give_only_listed_errors(drawn):
    """Saves, blueprints, checkpoints and rows of a store; a failure is the command to repeat it."""
    assert drawn["wrong"] == []
    assert drawn["events"] == []
    taken, refused = drawn["taken"], drawn["refused"]
    assert sum(taken.values()) + sum(refused.values()) == HOSTILE_DOCUMENTS
    # Every door was tried, took some documents and refused others.
    doors = {"a_save", "a_flow", "a_graph", "a_checkpoint_file", "a_row"}
    assert taken.keys() == {said.partition(":")[0] for said in refused} == doors


def test_drawn_documents_take_neither_long_nor_much(drawn):
    """A second is the limit; a machine that is busy gets five. Memory: some megabytes in all."""
    assert drawn["slowest_s"] < 5
    assert drawn["grown_mb"] < 64


@pytest.mark.parametrize("part", range(4))
def test_saves_with_changed_bytes_never_load_with_another_meaning(part):
    """One to four bytes of a flow's full save: refused, or the very same document."""
    whole = hostile_full_save()
    data = to_bytes(whole)
    seed = random.SystemRandom().randrange(2**32) if SOAK else part
    chance = random.Random(seed)
    again = f"seed {seed} of test_saves_with_changed_bytes_never_load_with_another_meaning"
    taken = 0
    for _ in range(BYTE_CHANGES // 4):
        changed = bytearray(data)
        for _ in range(chance.randint(1, 4)):
            changed[chance.randrange(len(data))] = chance.randrange(256)
        try:
            opened = open_document(bytes(changed), kind=whole["kind"])
        except (Damaged, NotASave, UnknownVersion, TooLarge):
            continue
        taken += 1
        # Bytes that mean nothing: the letters of an escape, or a byte that came out the same.
        assert opened == open_document(whole, kind=whole["kind"]), again
        assert json.loads(bytes(changed)) == whole, again
    assert taken < BYTE_CHANGES // 100


def hostile_full_save():
    """A save with every part that a flow writes."""
    return asyncio.run(a_full_save())
