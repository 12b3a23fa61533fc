# SPDX-License-Identifier: Apache-2.0
"""State of a frame: written through here, so that a change is known and can be taken back.

A dotted key addresses nested dicts; the unit of storing is the first segment. Writes put a new
cell in place, except an append to a list, which grows it: both are O(what changed). Values that
come in are the record's own from then on; values that go out are the record's own too, so
whoever hands them to user code copies containers first.

A frame of a graph has more key spaces than the shared one: each executor has a private one, and
any name is another shared one. Their keys are kept beside the others, under a prefix that no user
key may have.
"""

from __future__ import annotations

from typing import Any

from holdfast.machine import layout
from holdfast.machine.journal import Journal
from holdfast.machine.run import MISSING, Cell, Frame, Grown, Ledger, Run, Undo

#: What no key of a user begins with.
RESERVED = "_"

_PRIVATE, _NAMED = "_own", "_scope"


def private_space(node: str) -> str:
    """What the keys begin with that only this executor reads and writes."""
    return f"{_PRIVATE}/{_escaped(node)}/"


def named_space(scope: str) -> str:
    """What the keys of a named scope begin with; "" is the shared space of plain keys."""
    return f"{_NAMED}/{_escaped(scope)}/" if scope else ""


def shown(key: str) -> str:
    """A key as messages name it."""
    kind, _, rest = key.partition("/")
    if kind not in (_PRIVATE, _NAMED):
        return f"state key {key!r}"
    scope, _, name = rest.partition("/")
    scope = scope.replace("%2F", "/").replace("%25", "%")
    of = "own state" if kind == _PRIVATE else "scope"
    return f"state key {name!r} of {of} {scope!r}"


def _escaped(name: str) -> str:
    return name.replace("%", "%25").replace("/", "%2F")


def read(frame: Frame, key: str) -> Any:
    """The value under a dotted key, or MISSING."""
    cell = frame.state.get(key)
    if cell is not None:
        return cell.value
    if "." not in key:
        return MISSING
    first, *rest = key.split(".")
    cell = frame.state.get(first)
    value = MISSING if cell is None else cell.value
    for segment in rest:
        if not isinstance(value, dict) or segment not in value:
            return MISSING
        value = value[segment]
    return value


def whole(frame: Frame) -> dict[str, Any]:
    """Every key with its value."""
    return {key: cell.value for key, cell in frame.state.items()}


def replaced(frame: Frame, key: str, value: Any) -> tuple[str, Any]:
    """The first segment of a dotted key and its new value with *value* put in place.

    Only the dicts along the path are copied. Raises: TypeError if the path passes through
    something that is not a dict.
    """
    if "." not in key or key in frame.state:
        return key, value
    first, *rest = key.split(".")
    cell = frame.state.get(first)
    top = _descend({} if cell is None else cell.value, first)
    level = top
    for segment in rest[:-1]:
        inner = _descend(level.get(segment, {}), segment)
        level[segment] = inner
        level = inner
    level[rest[-1]] = value
    return first, top


def without(frame: Frame, key: str) -> tuple[str, Any] | None:
    """The first segment and its new value (MISSING: the key goes) after a deletion; None: no-op."""
    if key in frame.state:
        return key, MISSING
    if "." not in key or read(frame, key) is MISSING:
        return None
    first, *rest = key.split(".")
    top = dict(frame.state[first].value)
    level = top
    for segment in rest[:-1]:
        level[segment] = level = dict(level[segment])
    del level[rest[-1]]
    return first, top


def _descend(value: Any, segment: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError(f"state key segment {segment!r} holds a {type(value).__name__}, not a dict")
    return dict(value)


def write(
    run: Run, key: str, value: Any, data: bytes | None, writer: int, frame_id: int = 0
) -> None:
    """Put a value (MISSING removes) under a first-segment key; *data* is its bytes when kept."""
    frame = run.frames[frame_id]
    before = frame.state.get(key)
    if value is MISSING:
        if before is None:
            return
        cell = None
        del frame.state[key]
    else:
        cell = frame.state[key] = Cell(value)
    run.version += 1
    journal = run.journal
    if journal is not None:
        layout.mark_head(run)
        name = f"state/{frame_id}/{key}"
        if cell is None:
            journal.drop(name)
        else:
            journal.put(
                name, data if data is not None else journal.codec.encode(value, f"state.{key}")
            )
    if writer:
        size = len(value) if type(value) is list else -1
        _remember(run, writer, Undo(key, cell, before, None, frame_id, size))


def append(
    run: Run, key: str, item: Any, data: bytes | None, writer: int, frame_id: int = 0
) -> bool:
    """Grow the list under a plain key by one item; False if there is no list under it."""
    frame = run.frames[frame_id]
    cell = frame.state.get(key)
    if cell is None or type(cell.value) is not list:
        return False
    length = len(cell.value)
    cell.value.append(item)
    run.version += 1
    journal = run.journal
    if journal is not None:
        layout.mark_head(run)
        encoded = data if data is not None else journal.codec.encode(item, f"state.{key}[{length}]")
        journal.add(f"state/{frame_id}/{key}", encoded)
    if writer:
        _remember(run, writer, Undo(key, cell, cell, (length, length + 1), frame_id))
    return True


def grow(run: Run, key: str, grown: Grown, frame_id: int = 0) -> None:
    """Append items at a barrier; a key without a list becomes one that holds what was there."""
    for item, data in zip(grown.items, grown.data, strict=True):
        if append(run, key, item, data, 0, frame_id):
            continue
        found = read(run.frames[frame_id], key)
        write(run, key, [item] if found is MISSING else [found, item], None, 0, frame_id)


def _remember(run: Run, writer: int, undo: Undo) -> None:
    ledger = run.ledgers.get(writer)
    if ledger is None:
        ledger = run.ledgers[writer] = Ledger()
    if ledger.undo and ledger.undo_saved < len(ledger.undo) and _merged(ledger.undo[-1], undo):
        return
    ledger.undo.append(undo)


def _merged(last: Undo, new: Undo) -> bool:
    """Fold a write into the one before it, when both are of one key with nothing in between."""
    if last.key != new.key or last.frame != new.frame or last.wrote is not new.before:
        return False
    if (last.length is None) != (new.length is None):
        return False
    if last.length is not None and new.length is not None:
        if last.length[1] != new.length[0]:
            return False
        last.length = (last.length[0], new.length[1])
    else:
        last.wrote = new.wrote
        last.size = new.size
    return True


def take_back(run: Run, ledger: Ledger) -> list[str]:
    """Undo a delivery's writes, last first; returns the keys that others have changed since."""
    left: list[str] = []
    if ledger.undo:
        layout.mark_change(run)
    for undo in reversed(ledger.undo):
        frame = run.frames[undo.frame]
        if frame.state.get(undo.key) is not undo.wrote:
            left.append(undo.key)
            continue
        if undo.length is not None:
            listed = undo.wrote.value if undo.wrote is not None else None
            if not isinstance(listed, list) or len(listed) != undo.length[1]:
                left.append(undo.key)
                continue
            del listed[undo.length[0] :]
            _rewrite(run.journal, undo, undo.wrote)
        elif undo.size >= 0 and undo.wrote is not None and len(undo.wrote.value) != undo.size:
            left.append(undo.key)
        elif undo.before is None:
            # A key that the delivery made and took away again is gone already.
            frame.state.pop(undo.key, None)
            _rewrite(run.journal, undo, None)
        else:
            frame.state[undo.key] = undo.before
            _rewrite(run.journal, undo, undo.before)
    ledger.undo = []
    ledger.undo_saved = 0
    return left


def _rewrite(journal: Journal | None, undo: Undo, cell: Cell | None) -> None:
    if journal is None:
        return
    name = f"state/{undo.frame}/{undo.key}"
    if cell is None:
        journal.drop(name)
    else:
        journal.put(name, journal.codec.encode(cell.value, f"state.{undo.key}"))
