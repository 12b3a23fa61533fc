# SPDX-License-Identifier: Apache-2.0
"""Types as the graph uses them: does this value fit, does this edge fit, which type is narrower.

`matcher` turns a type into a plain predicate once, because it is asked on every delivery.
`fits` compares two types for validation. `narrower` is the strict form of it that chooses between
handlers. Only the built-in containers are looked into; other generics count as their class.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable
from typing import (
    Annotated,
    Any,
    Literal,
    Never,
    NewType,
    NoReturn,
    TypeVar,
    Union,
    get_args,
    get_origin,
    is_typeddict,
)

from holdfast.errors import DefinitionError

Test = Callable[[object], bool]

_SINGLE_ITEM = (list, set)


def plain(form: Any) -> Any:
    """Give the type behind None, Annotated, NewType and `type X = ...`."""
    while True:
        if form is None:
            return types.NoneType
        if get_origin(form) is Annotated:
            form = get_args(form)[0]
        elif isinstance(form, NewType):
            form = form.__supertype__
        elif type(form).__name__ == "TypeAliasType":
            form = form.__value__
        else:
            return form


def is_type_form(form: Any) -> bool:
    """Tell whether this can stand where a type is expected."""
    form = plain(form)
    if isinstance(form, type) or form in (Any, Never, NoReturn) or isinstance(form, TypeVar):
        return True
    return get_origin(form) is not None


def is_union(form: Any) -> bool:
    """Tell whether this is `A | B`, `Union[A, B]` or `Optional[A]`."""
    return get_origin(form) in (Union, types.UnionType)


def flatten_union(form: Any) -> tuple[Any, ...]:
    """Give all members of a union, nested ones too, in order and once; nothing for Never."""
    form = plain(form)
    if form in (Never, NoReturn):
        return ()
    if not is_union(form):
        return (form,)
    found: list[Any] = []
    for argument in get_args(form):
        found += [member for member in flatten_union(argument) if member not in found]
    return tuple(found)


def has_typevar(form: Any) -> bool:
    """Tell whether a type variable is left anywhere inside."""
    form = plain(form)
    if isinstance(form, TypeVar):
        return True
    if isinstance(form, list):  # the arguments of Callable[[...], ...]
        return any(has_typevar(part) for part in form)
    if isinstance(form, type) and get_origin(form) is None:
        return False
    return any(has_typevar(part) for part in get_args(form) if get_origin(form) is not Literal)


def is_instance_of(value: object, form: Any) -> bool:
    """Tell whether a value is of a type, looking into built-in containers."""
    return matcher(form)(value)


def matcher(form: Any) -> Test:
    """Make the predicate of a type.

    Raises: DefinitionError for what no value can be tested against, such as a TypedDict.
    """
    form = plain(form)
    if form is Any or form is object:
        return _anything
    origin, arguments = get_origin(form), get_args(form)
    if is_union(form):
        return _any_of(tuple(matcher(member) for member in flatten_union(form)))
    if origin is Literal:
        return _literal(arguments)
    if origin is tuple and not _is_bare(form):
        return _tuple(arguments)
    if origin in _SINGLE_ITEM and arguments:
        return _items(origin, matcher(arguments[0]))
    if origin is dict and arguments:
        return _mapping(matcher(arguments[0]), matcher(arguments[1]))
    return _class(origin or form)


def _anything(_value: object) -> bool:
    return True


def _class(kind: Any) -> Test:
    if not isinstance(kind, type):
        raise DefinitionError(f"{kind!r} is not a type that a value can be tested against")
    try:
        isinstance(None, kind)
    except TypeError as error:
        remedy = "dict[str, object]" if is_typeddict(kind) else "a class"
        raise DefinitionError(
            f"No value can be tested against {kind.__name__}: {error}",
            hint=f"Use {remedy} in its place.",
        ) from error
    return lambda value: isinstance(value, kind)


def _any_of(tests: tuple[Test, ...]) -> Test:
    return lambda value: any(test(value) for test in tests)


def _literal(choices: tuple[Any, ...]) -> Test:
    return lambda value: any(
        value.__class__ is choice.__class__ and value == choice for choice in choices
    )


def _items(container: type[Iterable[Any]], item: Test) -> Test:
    def test(value: Any) -> bool:
        return isinstance(value, container) and all(item(one) for one in value)

    return test


def _mapping(key: Test, item: Test) -> Test:
    def test(value: object) -> bool:
        return isinstance(value, dict) and all(key(k) and item(v) for k, v in value.items())

    return test


def _tuple(arguments: tuple[Any, ...]) -> Test:
    if arguments[1:] == (...,):
        return _items(tuple, matcher(arguments[0]))
    tests = tuple(matcher(argument) for argument in arguments)

    def test(value: object) -> bool:
        return (
            isinstance(value, tuple)
            and len(value) == len(tests)
            and all(one(item) for one, item in zip(tests, value, strict=True))
        )

    return test


def shell(form: Any) -> tuple[type, ...]:
    """Give the classes outside of which no value of the type can be.

    For a class that is all there is to know; see `known_by_class`.
    """
    form = plain(form)
    origin = get_origin(form)
    if form is Any:
        return (object,)
    if is_union(form):
        return tuple(kind for member in flatten_union(form) for kind in shell(member))
    if origin is Literal:
        return tuple(type(choice) for choice in get_args(form))
    kind: type = origin or form
    return (object,) if getattr(kind, "_is_protocol", False) else (kind,)


def known_by_class(form: Any) -> bool:
    """Tell whether the class of a value alone decides if it is of the type."""
    form = plain(form)
    if form is Any:
        return True
    origin, arguments = get_origin(form), get_args(form)
    if is_union(form):
        return all(known_by_class(member) for member in flatten_union(form))
    if origin is Literal or (origin is tuple and not _is_bare(form)):
        return False
    if origin in (*_SINGLE_ITEM, dict) and arguments:
        return False
    return not getattr(origin or form, "_is_protocol", False)


def fits(source: Any, target: Any) -> bool:
    """Tell whether what is declared as *source* can be taken where *target* is declared.

    Any fits both ways, and so does a bare container beside its form with arguments.
    """
    return _fits(source, target, lenient=True)


def narrower(one: Any, other: Any) -> bool:
    """Tell whether every value of *one* is a value of *other* but not the reverse."""
    return _fits(one, other, lenient=False) and not _fits(other, one, lenient=False)


def _fits(source: Any, target: Any, *, lenient: bool) -> bool:
    source, target = plain(source), plain(target)
    if source == target or target is Any or target is object:
        return True
    if source is Any:
        return lenient
    if is_union(source):
        return all(_fits(member, target, lenient=lenient) for member in flatten_union(source))
    if is_union(target):
        return any(_fits(source, member, lenient=lenient) for member in flatten_union(target))
    if get_origin(source) is Literal:
        return all(_literal_fits(value, target, lenient=lenient) for value in get_args(source))
    if get_origin(target) is Literal:
        return False
    return _classes_fit(source, target, lenient=lenient)


def _literal_fits(value: object, target: Any, *, lenient: bool) -> bool:
    if get_origin(target) is Literal:
        return _literal(get_args(target))(value)
    return _fits(type(value), target, lenient=lenient)


def _classes_fit(source: Any, target: Any, *, lenient: bool) -> bool:
    inner, outer = get_origin(source) or source, get_origin(target) or target
    if not (isinstance(inner, type) and isinstance(outer, type)):
        return False
    if not _is_subclass(inner, outer, lenient=lenient):
        return False
    if _is_bare(target):
        return True
    if _is_bare(source):
        return lenient
    given, wanted = get_args(source), get_args(target)
    if inner is tuple and outer is tuple:
        return _tuples_fit(given, wanted, lenient=lenient)
    if inner is not outer and outer.__module__ != "collections.abc":
        return False
    return len(given) == len(wanted) and all(
        _arguments_fit(a, b, lenient=lenient) for a, b in zip(given, wanted, strict=True)
    )


def _is_bare(form: Any) -> bool:
    return not get_args(form) and form != tuple[()]


def _arguments_fit(given: Any, wanted: Any, *, lenient: bool) -> bool:
    if isinstance(given, list) or given is ... or wanted is ...:
        return bool(given == wanted)
    return _fits(given, wanted, lenient=lenient)


def _tuples_fit(given: tuple[Any, ...], wanted: tuple[Any, ...], *, lenient: bool) -> bool:
    given_any_length, wanted_any_length = given[-1:] == (...,), wanted[-1:] == (...,)
    if wanted_any_length:
        items = given[:1] if given_any_length else given
        return all(_fits(item, wanted[0], lenient=lenient) for item in items)
    if given_any_length or len(given) != len(wanted):
        return False
    return all(_fits(a, b, lenient=lenient) for a, b in zip(given, wanted, strict=True))


def _is_subclass(inner: type, outer: type, *, lenient: bool) -> bool:
    try:
        return issubclass(inner, outer)
    except TypeError:  # a protocol with data members: only a value can tell
        return lenient
