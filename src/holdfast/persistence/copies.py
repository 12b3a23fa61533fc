# SPDX-License-Identifier: Apache-2.0
"""A copy that its holder may change without changing the original."""

from __future__ import annotations

import copy as standard
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from holdfast.persistence.limits import no_stack
from holdfast.persistence.tags import LEAVES

_Memo = dict[int, Any]

ATOMS: Final = frozenset(
    {type(None), bool, int, float, complex, str, range} | (LEAVES.keys() - {bytearray})
)


def isolated(value: Any) -> Any:
    """A copy that shares nothing that can be changed.

    Containers are copied with all they hold; tuples and frozen sets only when something inside
    was. An object that cannot be copied is itself: live objects are legal in memory.
    Raises: TooLarge for what is nested deeper than Python's stack.
    """
    kind = type(value)
    if kind in ATOMS:
        return value
    try:
        return _copy(value, {})
    except RecursionError:
        raise no_stack("the value") from None


def _copy(value: Any, memo: _Memo) -> Any:
    kind = type(value)
    if kind in ATOMS:
        return value
    copier = _COPIERS.get(kind)
    if copier is None:
        return _object(value, memo)
    known = memo.get(id(value))
    return copier(value, memo) if known is None else known


def _list(value: list[Any], memo: _Memo) -> list[Any]:
    if ATOMS.issuperset(map(type, value)):
        memo[id(value)] = made = value.copy()
        return made
    memo[id(value)] = made = []
    for item in value:
        made.append(item if type(item) in ATOMS else _copy(item, memo))
    return made


def _dict(value: dict[Any, Any], memo: _Memo) -> dict[Any, Any]:
    memo[id(value)] = made = value.copy()
    if not ATOMS.issuperset(map(type, value.values())):
        for key, item in value.items():
            if type(item) not in ATOMS:
                made[key] = _copy(item, memo)
    return made


def _tuple(value: tuple[Any, ...], memo: _Memo) -> tuple[Any, ...]:
    if ATOMS.issuperset(map(type, value)):
        return value
    made = tuple([_copy(item, memo) for item in value])
    if all(new is old for new, old in zip(made, value, strict=True)):
        made = value
    memo[id(value)] = made
    return made


def _deque(value: deque[Any], memo: _Memo) -> deque[Any]:
    made: deque[Any] = deque(maxlen=value.maxlen)
    memo[id(value)] = made
    made.extend([_copy(item, memo) for item in value])
    return made


def _object(value: Any, memo: _Memo) -> Any:
    try:
        return standard.deepcopy(value, memo)
    except (TypeError, NotImplementedError, standard.Error):
        return value


#: Elements of sets and keys of dicts are hashable, and taken to be unchangeable for that.
_COPIERS: Final[dict[type, Callable[[Any, _Memo], Any]]] = {
    list: _list,
    dict: _dict,
    tuple: _tuple,
    deque: _deque,
    set: lambda value, _memo: value.copy(),
    frozenset: lambda value, _memo: value,
    bytearray: lambda value, _memo: value.copy(),
}
