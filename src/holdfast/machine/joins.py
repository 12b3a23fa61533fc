# SPDX-License-Identifier: Apache-2.0
"""What has come at a join so far: values by key, kept in the scope that they came in.

Each value is a part of its own, so an arrival costs its own size, however many have come. A join
that its scope outlives is dropped with the scope.
"""

from __future__ import annotations

from typing import Any

from holdfast.machine import layout
from holdfast.machine.run import Run


def note(
    run: Run, scope: int, join_id: str, key: str, value: Any, data: bytes | None
) -> dict[str, Any]:
    """Keep the latest value of a key; returns all that have come."""
    # Many parameters because: the first four say where, the last two are a value and its bytes.
    place = (scope, join_id)
    join = run.joins.get(place)
    if join is None:
        join = run.joins[place] = {}
        if scope:
            home = run.scopes[scope]
            if home.joins is None:
                home.joins = {}
            home.joins[join_id] = None
    join[key] = value
    journal = run.journal
    if journal is not None:
        if data is None:
            data = journal.codec.encode(value, f"join {join_id}")
        journal.put(layout.join_name(scope, join_id, key), data)
    return join


def empty(run: Run, scope: int, join_id: str) -> dict[str, Any] | None:
    """Forget what has come; returns it, None if nothing had."""
    join = run.joins.pop((scope, join_id), None)
    if join is not None and run.journal is not None:
        for key in join:
            run.journal.drop(layout.join_name(scope, join_id, key))
    return join
