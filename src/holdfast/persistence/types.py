# SPDX-License-Identifier: Apache-2.0
"""Which classes may stand in saved values, and under which names.

Nothing is found by name in a module: a class is saved, and made again, only because the program
registered it. A definition has a registry of its own that also sees its parent's entries.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from holdfast.errors import DefinitionError
from holdfast.persistence.annotations import classes_in
from holdfast.persistence.kinds import Shape, shape_of
from holdfast.persistence.places import type_name
from holdfast.persistence.tags import BUILT_IN

C = TypeVar("C", bound=type)

LONGEST_NAME = 200


class Entry:
    """One name of a registered class, and how instances come apart and are made under it."""

    __slots__ = ("cls", "make", "name", "to")

    def __init__(self, cls: type, name: str, shape: Shape) -> None:
        self.cls = cls
        self.name = name
        self.to = shape.to
        self.make = shape.make


class TypeRegistry:
    """Names for classes, and what a parent registry names.

    A child may add names; it may not give a name that its parents use to another class.
    """

    __slots__ = ("_by_class", "_by_name", "_parent")

    def __init__(self, parent: TypeRegistry | None = None) -> None:
        self._parent = parent
        self._by_class: dict[type, Entry] = {}
        self._by_name: dict[str, Entry] = {}

    def register(
        self,
        cls: C,
        name: str | None = None,
        *,
        to: Callable[[Any], Any] | None = None,
        make: Callable[[Any], Any] | None = None,
        upgrade: Mapping[str, Callable[[Any], Any]] | None = None,
    ) -> C:
        """Let instances of exactly this class stand in values, saved under `name`.

        name: the class's `__qualname__` when not given; choose one that will not change, such as
        "order.v1". to, make: how an instance becomes a plain value and is made from one; not
        needed for dataclasses, enums, named tuples, attrs, pydantic and msgspec classes.
        upgrade: older names, each with a function from the old plain value to the present one.
        A class may be registered again: the last name is written, every name is read.
        Returns: the class. Raises: DefinitionError, also when the name belongs to another class.
        """
        shape = _shape(cls, to, make)
        name = cls.__qualname__ if name is None else name
        entry = Entry(cls, name, shape)
        older = {
            old: Entry(cls, old, Shape(shape.to, _upgraded(shape.make, bring)))
            for old, bring in (upgrade or {}).items()
        }
        for each in (name, *older):
            self._check_name(each, cls)
        self._by_name.update(older)
        self._by_name[name] = self._by_class[cls] = entry
        return cls

    def register_annotation(self, annotation: Any) -> None:
        """Register every supported class that a type annotation names, each by `__qualname__`.

        Looks into unions, generics and the fields of the classes it finds. Leaves out what is
        registered already, here or in a parent, and what cannot be registered without `to` and
        `make`. Raises: DefinitionError when two classes claim one name.
        """
        for cls in classes_in(annotation):
            if cls in BUILT_IN or self.entry(cls) is not None:
                continue
            try:
                shape = shape_of(cls)
            except DefinitionError:
                continue
            if shape is not None:
                self.register(cls)

    def include(self, other: TypeRegistry) -> None:
        """Know what another registry names itself; what is known here already stays as it is.

        Raises: DefinitionError when a name belongs to another class here.
        """
        for name, entry in other._by_name.items():
            if self.for_name(name) is None:
                self._by_name[name] = entry
                continue
            self._check_name(name, entry.cls)
        for cls, entry in other._by_class.items():
            if self.entry(cls) is None:
                self._by_class[cls] = entry

    def child(self) -> TypeRegistry:
        """A registry that adds to this one without changing it."""
        return TypeRegistry(self)

    def for_class(self, cls: type) -> Entry | None:
        """The entry to write instances of exactly `cls` with."""
        entry = self.entry(cls)
        if entry is not None and self._parent is not None:
            read = self.for_name(entry.name)
            if read is None or read.cls is not cls:  # the parent took the name after the child
                raise _clash(entry.name, cls, read.cls if read else cls)
        return entry

    def for_name(self, name: str) -> Entry | None:
        """The entry to read what was written under `name`, also under an older one."""
        entry = self._by_name.get(name)
        if entry is None and self._parent is not None:
            return self._parent.for_name(name)
        return entry

    def entry(self, cls: type) -> Entry | None:
        """The entry of exactly this class, here or in a parent."""
        entry = self._by_class.get(cls)
        if entry is None and self._parent is not None:
            return self._parent.entry(cls)
        return entry

    def _check_name(self, name: str, cls: type) -> None:
        if not (0 < len(name) <= LONGEST_NAME and name.isprintable()):
            raise DefinitionError(
                f"a type name must be 1 to {LONGEST_NAME} printable characters"
                f" ({type_name(cls)} was given another)"
            )
        other = self.for_name(name)
        if other is not None and other.cls is not cls:
            raise _clash(name, cls, other.cls)


def _shape(cls: type, to: Callable[[Any], Any] | None, make: Callable[[Any], Any] | None) -> Shape:
    if not isinstance(cls, type):
        raise DefinitionError(f"only a class can be registered, not a {type(cls).__name__}")
    if cls in BUILT_IN:
        raise DefinitionError(
            f"{type_name(cls)} is supported without being registered", hint="Leave this call out."
        )
    if to is not None and make is not None:
        return Shape(to, make)
    if to is not None or make is not None:
        raise DefinitionError(f"{type_name(cls)} needs both to= and make=, or neither")
    shape = shape_of(cls)
    if shape is None:
        raise DefinitionError(
            f"{type_name(cls)} is not of a kind whose fields are known",
            hint="Pass to= and make=: functions to and from a plain value.",
        )
    return shape


def _upgraded(make: Callable[[Any], Any], bring: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda plain: make(bring(plain))


def _clash(name: str, one: type, other: type) -> DefinitionError:
    return DefinitionError(
        f'two classes claim the type name "{name}": one of module {other.__module__},'
        f" one of module {one.__module__}",
        hint='Give each a name of its own: register_type(Order, "order.v1").',
        name=name,
    )


def remedy_for(cls: type) -> str:
    """What to do about a value of a class that is not registered."""
    for base in (str, bytes, bool, int, float, list, dict, tuple, set, frozenset):
        if issubclass(cls, base) and not hasattr(cls, "_fields"):
            return (
                f"Convert it with {base.__name__}(...), or register the class:"
                f' register_type({cls.__name__}, "name.v1").'
            )
    return (
        f'Register the class: register_type({cls.__name__}, "name.v1"); convert the value;'
        " or keep live objects in runtime resources."
    )


#: What `register_type` adds to, and what definitions look in after their own registry.
default_types = TypeRegistry()


def register_type(
    cls: C,
    name: str | None = None,
    *,
    to: Callable[[Any], Any] | None = None,
    make: Callable[[Any], Any] | None = None,
    upgrade: Mapping[str, Callable[[Any], Any]] | None = None,
) -> C:
    """Register a class for every definition of this program; see `TypeRegistry.register`."""
    return default_types.register(cls, name, to=to, make=make, upgrade=upgrade)


def checkpoint_type(
    name: str | None = None, *, upgrade: Mapping[str, Callable[[Any], Any]] | None = None
) -> Callable[[C], C]:
    """`register_type` as a decorator: `@checkpoint_type("order.v2", upgrade={"order.v1": bring})`.

    The functions in upgrade take the plain value that was saved under the older name, and give
    the present one.
    """
    return lambda cls: register_type(cls, name, upgrade=upgrade)


def allow_type(allowed: type | str) -> None:
    """Register a class given as itself or as "module:qualname", unless it is known.

    Nothing is imported: the module has to be. Raises: DefinitionError.
    """
    cls = allowed if isinstance(allowed, type) else _named(allowed)
    if cls not in BUILT_IN and default_types.entry(cls) is None:
        default_types.register(cls)


def _named(place: str) -> type:
    module, _, qualname = place.partition(":")
    found: Any = sys.modules.get(module)
    for part in qualname.split("."):
        found = getattr(found, part, None)
    if not isinstance(found, type):
        raise DefinitionError(
            f"{place!r} names no class of a module that is imported",
            hint='Import the module first, and write "module:Class"; or pass the class itself.',
        )
    return found
