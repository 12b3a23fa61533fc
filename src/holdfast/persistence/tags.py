# SPDX-License-Identifier: Apache-2.0
"""Values without parts of their own that JSON has no form for: each to a tag and back.

A tagged value is a JSON object with one key that starts with "$"; what is under the key is the
body. A reader gets a body from anywhere, so it may raise anything for one that no writer makes;
the caller turns that into `Damaged`. Bodies have one form: most readers write what they made once
more and compare.
"""

from __future__ import annotations

import binascii
import datetime as dt
import math
import re
import uuid
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from decimal import Decimal
from pathlib import PosixPath, PurePosixPath, PureWindowsPath, WindowsPath
from typing import Any, Final
from zoneinfo import ZoneInfo

from holdfast.persistence.zones import zone_named

SMALLEST: Final = -(2**63)
LARGEST: Final = 2**63 - 1
#: About 300,000 decimal digits; arithmetic on longer numbers would stop the program for seconds.
LONGEST_INT_BITS: Final = 1_000_000

_DAY_US: Final = 86_400_000_000
_INT = re.compile(r"-?[1-9a-f][0-9a-f]*")
_PATHS: Final[dict[str, Any]] = {
    "PurePosixPath": PurePosixPath,
    "PosixPath": PosixPath,
    "PureWindowsPath": PureWindowsPath,
    "WindowsPath": WindowsPath,
}
_FLOATS: Final = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


class Unwritable(Exception):
    """The value has a part that could not come back. Its text says which."""


def _same(made: Any, written: Any, body: object) -> Any:
    if written != body:
        raise ValueError
    return made


def write_int(value: int) -> str:
    """An integer as hexadecimal digits: no limit on decimal digits, no quadratic time."""
    if value.bit_length() > LONGEST_INT_BITS:
        raise Unwritable(f"is an integer of more than {LONGEST_INT_BITS} bits")
    return format(value, "x")


def _read_int(body: str) -> int:
    if not _INT.fullmatch(body) or len(body) > LONGEST_INT_BITS // 4 + 1:
        raise ValueError
    value = int(body, 16)
    if SMALLEST <= value <= LARGEST or value.bit_length() > LONGEST_INT_BITS:
        raise ValueError
    return value


def write_float(value: float) -> str:
    """The names of the three kinds of float that JSON cannot say."""
    return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"


def write_surrogates(text: str) -> str:
    """Text that has no UTF-8 form because a surrogate stands alone in it."""
    return write_bytes(text.encode("utf-8", "surrogatepass"))


def is_lone(text: str) -> bool:
    """Whether a surrogate stands alone in the text."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _read_surrogates(body: str) -> str:
    text = _read_bytes(body).decode("utf-8", "surrogatepass")
    if not is_lone(text):
        raise ValueError
    return text


def write_bytes(value: bytes | bytearray) -> str:
    """Base64."""
    return binascii.b2a_base64(value, newline=False).decode("ascii")


def _read_bytes(body: str) -> bytes:
    return binascii.a2b_base64(body, strict_mode=True)


def _read_decimal(body: str) -> Decimal:
    made = Decimal(body)
    return _same(made, str(made), body)  # type: ignore[no-any-return]


def _read_uuid(body: str) -> uuid.UUID:
    made = uuid.UUID(body)
    return _same(made, str(made), body)  # type: ignore[no-any-return]


def _write_path(value: Any) -> list[str]:
    return [type(value).__name__, str(value)]


def _read_path(body: list[str]) -> Any:
    name, text = body
    made = _PATHS[name](text)
    return _same(made, str(made), text)


def _write_zone(zone: dt.tzinfo | None) -> Any:
    """A fixed offset in microseconds, with its name when it has one, or the key of a zone."""
    if zone is None:
        return None
    if type(zone) is dt.timezone:
        offset, *name = zone.__getinitargs__()  # type: ignore[attr-defined]
        micros = offset // dt.timedelta(microseconds=1)
        return [micros, *name] if name else micros
    if type(zone) is ZoneInfo:
        if zone.key is None or zone_named(zone.key) is not zone:
            raise Unwritable("has a time zone that was not made by ZoneInfo(key)")
        return zone.key
    raise Unwritable(f"has a time zone of the class {type(zone).__qualname__}")


def _read_zone(body: Any) -> dt.tzinfo | None:
    if body is None:
        return None
    if type(body) is str:
        return zone_named(body)
    micros, *name = body if type(body) is list else [body]
    if type(micros) is not int or abs(micros) >= _DAY_US:
        raise ValueError
    offset = dt.timedelta(microseconds=micros)
    if not name:
        return dt.timezone(offset) if micros else dt.UTC
    return dt.timezone(offset, *name)


def _write_datetime(value: dt.datetime | dt.time) -> Any:
    if value.tzinfo is None and not value.fold:
        return value.isoformat()
    return [value.replace(tzinfo=None).isoformat(), value.fold, _write_zone(value.tzinfo)]


def _reader_of_times(cls: Any) -> Callable[[Any], Any]:
    def read(body: Any) -> Any:
        text, fold, zone = body if type(body) is list else (body, 0, None)
        if type(fold) is not int:
            raise TypeError
        bare = cls.fromisoformat(text)
        _same(bare, bare.isoformat(), text)
        return bare.replace(tzinfo=_read_zone(zone), fold=fold)

    return read


def _read_date(body: str) -> dt.date:
    made = dt.date.fromisoformat(body)
    return _same(made, made.isoformat(), body)  # type: ignore[no-any-return]


def _write_timedelta(value: dt.timedelta) -> list[int]:
    return [value.days, value.seconds, value.microseconds]


def _read_timedelta(body: list[int]) -> dt.timedelta:
    if [type(part) for part in body] != [int, int, int]:
        raise TypeError
    made = dt.timedelta(*body)
    return _same(made, _write_timedelta(made), body)  # type: ignore[no-any-return]


#: class -> (tag, writer of the body). A body may hold text that needs a tag itself.
LEAVES: Final[dict[type, tuple[str, Callable[[Any], Any]]]] = {
    bytes: ("$bytes", write_bytes),
    bytearray: ("$bytearray", write_bytes),
    dt.datetime: ("$datetime", _write_datetime),
    dt.date: ("$date", dt.date.isoformat),
    dt.time: ("$time", _write_datetime),
    dt.timedelta: ("$timedelta", _write_timedelta),
    dt.timezone: ("$timezone", _write_zone),
    ZoneInfo: ("$zone", _write_zone),
    Decimal: ("$decimal", str),
    uuid.UUID: ("$uuid", str),
    **dict.fromkeys(_PATHS.values(), ("$path", _write_path)),
}

#: tag -> reader of a body whose own tags are read already.
LEAF_READERS: Final[dict[str, Callable[[Any], Any]]] = {
    "$int": _read_int,
    "$float": _FLOATS.__getitem__,
    "$str": _read_surrogates,
    "$bytes": _read_bytes,
    "$bytearray": lambda body: bytearray(_read_bytes(body)),
    "$datetime": _reader_of_times(dt.datetime),
    "$date": _read_date,
    "$time": _reader_of_times(dt.time),
    "$timedelta": _read_timedelta,
    "$timezone": _read_zone,
    "$zone": _read_zone,
    "$decimal": _read_decimal,
    "$uuid": _read_uuid,
    "$path": _read_path,
}

#: Classes that need no registration, and `defaultdict`, which none could help.
BUILT_IN: Final = frozenset(
    {type(None), bool, int, float, complex, str, list, dict, tuple, set, frozenset, range}
    | {deque, OrderedDict, Counter, defaultdict, object, type}
    | LEAVES.keys()
)
