# SPDX-License-Identifier: Apache-2.0
"""What a state write means in a flow; a refused value is refused before anything changes.

writer: the delivery that writes, 0 for none; at: the frame whose state it is.
"""

from __future__ import annotations

from typing import Any

from holdfast.machine import state
from holdfast.machine.run import MISSING, Run
from holdfast.persistence.codec import Codec, is_scalar


def put(run: Run, codec: Codec, key: str, value: Any, writer: int, at: int = 0) -> None:
    """Replace the value of a dotted key by an isolated copy. Raises: TypeError, ValueRefused."""
    if not isinstance(key, str) or not key:
        raise TypeError(f"a state key is text; found {type(key).__name__}")
    name, whole = state.replaced(run.frames[at], key, _own(codec, value))
    data = None if run.journal is None else codec.encode(whole, f"state.{name}")
    state.write(run, name, whole, data, writer, at)


def grow(run: Run, codec: Codec, key: str, value: Any, writer: int, at: int = 0) -> None:
    """Append: a missing key begins a list, a set takes the value in, a scalar becomes a list."""
    own = _own(codec, value)
    frame = run.frames[at]
    found = state.read(frame, key)
    if type(found) is list and key in frame.state:
        data = None if run.journal is None else codec.encode(own, f"state.{key}[{len(found)}]")
        state.append(run, key, own, data, writer, at)
    elif found is MISSING:
        put(run, codec, key, [own], writer, at)
    elif isinstance(found, list):
        put(run, codec, key, [*found, own], writer, at)
    elif isinstance(found, set):
        put(run, codec, key, {*found, own}, writer, at)
    else:
        put(run, codec, key, [found, own], writer, at)


def remove(run: Run, codec: Codec, key: str, writer: int, at: int = 0) -> None:
    """Take a dotted key away; nothing happens if it is not there."""
    found = state.without(run.frames[at], key)
    if found is None:
        return
    name, whole = found
    data = None
    if run.journal is not None and whole is not MISSING:
        data = codec.encode(whole, f"state.{name}")
    state.write(run, name, whole, data, writer, at)


def _own(codec: Codec, value: Any) -> Any:
    return value if is_scalar(value) else codec.copy(value)
