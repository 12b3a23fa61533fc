# SPDX-License-Identifier: Apache-2.0
"""Records and blueprints of which one thing is made up: each is refused where it is read."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from holdfast.errors import Damaged, HandlersMissing, WorkflowCheckpointException
from holdfast.machine import snapshot
from holdfast.persistence.codec import Codec
from holdfast.persistence.types import default_types
from tests.persistence import hostile_drawn
from tests.persistence.hostile_drawn import Doors
from tests.triggerflow.test_hostile_saves import busy


@pytest.fixture
def doors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Whole documents, and a way in for what is made of one."""
    made = Doors(tmp_path)
    yield (
        made,
        lambda document: monkeypatch.setattr(
            hostile_drawn, "changed", lambda _rng, _whole: document
        ),
    )
    made.loop.close()


@pytest.mark.parametrize("facts", [b'"x"', b"[]", b"7", b"null"])
def test_facts_that_are_no_names_and_values_are_refused(facts: bytes):
    """Whatever reads a record looks into them."""
    plan = busy().create_execution()._flow.compiled.plan
    with pytest.raises(Damaged):
        snapshot.restore("r", "flow", plan, {"facts": facts}, Codec(default_types))


def test_facts_of_a_stored_run_are_what_was_asked_for(doors):
    """A row of a store is checked like a save before the run goes on."""
    made, let_in = doors
    let_in({**made.anchor, "facts": {"auto_close": "x"}})
    with pytest.raises(Damaged, match="auto_close"):
        made.a_row(random.Random(2))


def test_a_write_that_is_to_be_taken_back_is_of_a_frame_that_is_there(doors):
    """What an unfinished handler wrote is looked for in its own state."""
    made, let_in = doors
    (name,) = (name for name in made.anchor if name.startswith("ledger/"))
    lines = [
        ["wrote", 900, *line[2:]] if line[0] == "wrote" else line for line in made.anchor[name]
    ]
    assert lines != made.anchor[name]
    let_in({**made.anchor, name: lines})
    with pytest.raises(Damaged, match="frame 900"):
        made.a_row(random.Random(2))


def test_only_a_chunk_of_a_blueprint_may_name_a_handler_that_is_not_there(doors):
    """Another node that names one is told with the others."""
    made, let_in = doors
    nodes = json.loads(json.dumps(made.flow["operators"]))
    next(node for node in nodes if node["kind"] != "chunk")["handler"] = "nobody"
    let_in({**made.flow, "operators": nodes})
    with pytest.raises(HandlersMissing, match="nobody"):
        made.a_flow(random.Random(2))


def test_a_request_of_a_checkpoint_has_an_executor_that_made_it(doors):
    """Its answer would have nowhere to go."""
    made, let_in = doors
    (name,) = (name for name in made.checkpoint["parts"] if name.startswith("wait/"))
    wait = {k: v for k, v in made.checkpoint["parts"][name].items() if k != "origin"}
    assert wait != made.checkpoint["parts"][name]
    let_in({**made.checkpoint, "parts": {**made.checkpoint["parts"], name: wait}})
    with pytest.raises(WorkflowCheckpointException, match="no executor made"):
        made.a_checkpoint_file(random.Random(2))
