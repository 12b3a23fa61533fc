# SPDX-License-Identifier: Apache-2.0
"""Blocks in a blueprint that no builder could have made are refused, each with its node."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from holdfast import TriggerFlow
from holdfast.errors import DefinitionError
from tests.triggerflow.handlers import add_one, double, keep, same


def is_big(data: Any) -> bool:
    """A condition."""
    return data.input > 3


def source() -> TriggerFlow[Any, Any, Any]:
    """A batch, a match with an else, a loop and a collection."""
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="source")
    chain = flow.batch(double, add_one, concurrency=2, name="b").match(mode="hit_all", name="m")
    chain = chain.case(is_big).to(keep).case("x").case_else().to(same).end_match()
    chain.for_each(name="l").end_for_each().collect("c", "one")
    flow.match(name="first").case(2).end_match().collect("c", "two")
    return flow


def receiver() -> TriggerFlow[Any, Any, Any]:
    """A flow that knows what the source calls."""
    flow: TriggerFlow[Any, Any, Any] = TriggerFlow(name="receiver")
    for function in (double, add_one, keep, same):
        flow.register_chunk_handler(function)
    return flow.register_condition_handler(is_big)


def changed(kind: str, **changes: Any) -> dict[str, Any]:
    """The blueprint with the first node of a kind changed."""
    blueprint = copy.deepcopy(source().save_blueprint())
    node = next(o for o in blueprint["operators"] if o["kind"] == kind)
    for name, change in changes.items():
        node[name] = change(node[name]) if callable(change) else change
    return blueprint


def with_cases(*cases: Any) -> dict[str, Any]:
    """The blueprint with other cases of its match."""
    return changed("match", options=lambda options: {**options, "cases": list(cases)})


def merging_a_batch() -> dict[str, Any]:
    """The blueprint with a merge for the end of its batch."""
    blueprint = changed("merge", group="batch@b")
    blueprint["operators"] = [o for o in blueprint["operators"] if o["id"] != "end:batch@b"]
    return blueprint


WRONG: dict[str, Any] = {
    "a match of an unknown mode": lambda: changed("match", options={"mode": "some", "cases": []}),
    "a collection of an unknown mode": lambda: changed(
        "collect", options={"mode": "once", "branch": "one"}
    ),
    "a batch without exits": lambda: changed("batch", exits=[]),
    "two exits of one key": lambda: changed("batch", exits=lambda e: [e[0], e[0]]),
    "an exit that is no pair": lambda: changed("batch", exits=[["one"]]),
    "exits that are no list": lambda: changed("batch", exits={"double": "x"}),
    "a cap that is no number": lambda: changed("batch", options={"concurrency": "2"}),
    "a cap that is a truth": lambda: changed("batch", options={"concurrency": True}),
    "fewer cases than exits": lambda: with_cases({"if": "is_big"}),
    "cases that are no list": lambda: changed("match", options={"mode": "hit_all", "cases": "x"}),
    "an else among the cases": lambda: changed("match", exits=lambda e: [e[2], e[0], e[1]]),
    "a case of nothing": lambda: with_cases({"if": "is_big"}, {}),
    "a case of both": lambda: with_cases({"if": "is_big"}, {"is": "x", "if": "is_big"}),
    "a case without a name": lambda: with_cases({"if": ""}, {"is": "x"}),
    "a case that names no text": lambda: with_cases({"if": 3}, {"is": "x"}),
    "a case of a list": lambda: with_cases({"if": "is_big"}, {"is": ["x"]}),
    "a case of no number": lambda: with_cases({"if": "is_big"}, {"is": float("nan")}),
    "a case that is no mapping": lambda: with_cases({"if": "is_big"}, "x"),
    "other cases than exits": lambda: with_cases({"if": "is_big"}, {"is": "y"}),
    "an end of no block": lambda: changed("gather", group="nowhere"),
    "an end of a chunk": lambda: changed("gather", group="double"),
    "an end without a block": lambda: changed("merge", group=None),
    "a merge of a batch": merging_a_batch,
    "a second end": lambda: changed("merge", group="match@m"),
    "a branch without a collection": lambda: changed("collect", group=None),
    "a branch without a name": lambda: changed(
        "collect", options={"mode": "filled_and_update", "branch": 3}
    ),
    "a ring": lambda: changed(
        "merge", listens=lambda listens: [*listens, ["event", "matched:first"]]
    ),
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG.keys())
def test_a_blueprint_of_blocks_that_do_not_fit_is_refused(wrong: Any):
    """And the flow is as it was."""
    flow = receiver()
    flow.to(double)
    before = flow.fingerprint
    with pytest.raises((DefinitionError, TypeError)):
        flow.load_blueprint(wrong())

    assert flow.fingerprint == before


def test_the_source_itself_is_taken():
    """So that each change alone is what is refused."""
    flow = receiver().load_blueprint(source().save_blueprint())

    assert flow.fingerprint == source().fingerprint
