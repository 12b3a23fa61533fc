# SPDX-License-Identifier: Apache-2.0
"""Staged writes of graphs: seen by their writer at once, by all others after the barrier.

What an executor wrote is looked up, not searched for. The look-up of an executor changes only when
its handler ends, so a handler in a thread may read while others end.
"""

from __future__ import annotations

from typing import Any

from holdfast.machine import frames, layout, state
from holdfast.machine.effects import Finished
from holdfast.machine.run import MISSING, Frame, Grown, Own, Run


def stage(run: Run, done: Finished) -> None:
    """Keep what a handler wrote until the barrier."""
    delivery = done.delivery
    frame = frames.of(run, delivery.frame)
    staged = frame.staged
    for write in done.writes:
        line = (delivery.node, write.key, write.value, write.data)
        staged.append(line)
        _index(frame, line)
        if run.journal is not None:
            name = f"staged/{delivery.frame}"
            run.journal.add(name, layout.staged_line(line, run.journal.codec))


def index(frame: Frame) -> None:
    """After a load: look through what is staged."""
    frame.own = {}
    for line in frame.staged:
        _index(frame, line)


def owned(frame: Frame, node: str) -> dict[str, Own] | None:
    """What an executor has staged, by key; None if nothing."""
    return frame.own.get(node)


def _index(frame: Frame, line: tuple[str, str, Any, bytes | None]) -> None:
    node, key, value, _ = line
    own = frame.own.setdefault(node, {})
    found = own.get(key)
    if not isinstance(value, Grown):
        own[key] = Own(value, [])
        return
    if found is None:
        found = own[key] = Own()
    found.more.extend(value.items)


def read(frame: Frame, node: str, key: str) -> Any:
    """A value as its executor sees it, or MISSING."""
    cell = frame.state.get(key)
    seen = MISSING if cell is None else cell.value
    if not frame.staged:
        return seen
    found = (owned(frame, node) or {}).get(key)
    if found is None:
        return seen
    base = seen if found.base is ... else found.base
    return grown(base, found.more) if found.more else base


def grown(base: Any, items: list[Any]) -> list[Any]:
    """A list with more at its end; a key without a list becomes one that holds what was there."""
    if base is MISSING:
        return list(items)
    return [*base, *items] if isinstance(base, list) else [base, *items]


def conflicts(frame: Frame) -> list[str]:
    """A sentence for each key that several executors wrote; appends of several all stand."""
    staged = frame.staged
    if len({line[0] for line in staged}) < 2:
        return []
    writers: dict[str, set[str]] = {}
    replaced: set[str] = set()
    for node, key, value, _ in staged:
        writers.setdefault(key, set()).add(node)
        if not isinstance(value, Grown):
            replaced.add(key)
    return [
        f"{state.shown(key)} was written by {', '.join(sorted(nodes))} in one superstep; "
        f"{max(nodes)} wins"
        for key, nodes in writers.items()
        if len(nodes) > 1 and key in replaced
    ]


def apply(run: Run, frame_id: int) -> None:
    """Make the staged writes of a frame visible, in the order of executor ids."""
    frame = run.frames[frame_id]
    for _, key, value, data in sorted(frame.staged, key=lambda line: line[0]):
        if isinstance(value, Grown):
            state.grow(run, key, value, frame_id)
        else:
            state.write(run, key, value, data, 0, frame_id)
    drop(run, frame_id)


def drop(run: Run, frame_id: int) -> None:
    """Nothing is staged in a frame any more."""
    frame = run.frames[frame_id]
    frame.staged = []
    frame.own = {}
    if run.journal is not None:
        run.journal.drop(f"staged/{frame_id}")
