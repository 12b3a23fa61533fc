# SPDX-License-Identifier: Apache-2.0
"""Documents that somebody made to do harm, and a program that loads them under an audit hook.

Run as a module it imports and builds everything first, installs the hook, loads each document, and
prints what happened as JSON: test_hostile_documents.py starts it in a process of its own.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import random
import sys
import time
from collections.abc import Iterator
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from holdfast.errors import (
    Damaged,
    DocumentError,
    NotASave,
    TooLarge,
    TypeNotAllowed,
    UnknownVersion,
)
from holdfast.persistence.codec import Codec
from holdfast.persistence.document import open_document, seal, to_bytes
from tests.persistence.values import BERLIN, INDIA, Color, Order, Spot, registry

KIND = "execution"
SECRET = "hunter2canary"
LISTED = (NotASave, Damaged, UnknownVersion, TooLarge, TypeNotAllowed)
WATCHED = ("import", "exec", "compile", "open", "os.", "subprocess.", "socket.", "ctypes.")
WATCHED += ("pickle.", "marshal.", "shutil.", "pty.", "glob.", "tempfile.", "urllib.", "code.")

TAGS = [
    *("int", "float", "str", "bytes", "bytearray", "tuple", "set", "frozenset", "dict", "odict"),
    *("counter", "deque", "range", "complex", "datetime", "date", "time", "timedelta"),
    *("timezone", "zone", "decimal", "uuid", "path", ":Order", ":Color", ":Spot", ":money.v1"),
    *(":Right", ":os.system", ":builtins.eval", ":subprocess.Popen", "type", "class"),
    *("py/object", "reduce", "import"),
    *(f"{SECRET}!", f":{SECRET}!"),  # no name of a class: not shown
]

_MILLION = 10**6
BODIES: list[Any] = [
    *(
        None,
        True,
        0,
        -1,
        2**63,
        2**64 - 1,
        1.5,
        1e308,
        "",
        "0",
        "-",
        "nan",
        "1_0",
        "\u0661",
        SECRET,
    ),
    *([], [[]], {}, [None], [1, 2], [1, 2, 3], [[1, 2], [1, 3]], [[[], 1]], [[{}, 1]], [{}]),
    *(["a"], [SECRET, SECRET], [[SECRET]], {"a": SECRET}, {SECRET: SECRET}, {"$int": "zz"}),
    *(["os", "system", ["echo"]], {"number": 1, SECRET: 2}, {"number": SECRET}, {"x": []}),
    *([1, 1], [1, True], [[1, 0], [True, 0]], [2**63, []], [-1, []], [0, 1, 0], [0, 10**18, 1]),
    *("1e999999999999999999999", "1E+999999999999999999", "sNaN", "9" * 50_000, "-0x1", " 1"),
    *([10**12, 0, 0], [0, 86_400, 0], [2**63, 2**63, 2**63], [0, 0, -1], [1.0, 0, 0]),
    *("2024-13-01", "2024-01-01T25:00:00", "0001-01-01", ["2024-01-01T00:00:00", 2, None]),
    *(
        ["2024-01-01T00:00:00", 0, key]
        for key in ("../../etc/passwd", "/etc/passwd", "leapseconds")
    ),
    *(["2024-01-01T00:00:00", True, None], ["2024-01-01T00:00:00", 0, 86_400_000_000]),
    *("../etc/passwd", "Europe/../Berlin", "tzdata.zi", "No/Such", "Europe", "a" * 5000, "C:\\x"),
    *(86_400_000_000, -(2**63), [0, SECRET, 1], [10**17, "x"], [1.5, "x"], [0, 5], [0, None]),
    *(["PosixPath", "a//b"], ["Path", "a"], ["os.system", "a"], ["WindowsPath", "a"]),
    *("AA=", "AA==AA==", "é", "YQ==\n", "7aCA", "zz" * 1000, "RED", "__class__", 7, 2**40),
    [{"$frozenset": [{"$frozenset": [[]]}]}],
    {"$int": "f" * _MILLION},
    [{"$int": format(n * (2**61 - 1), "x")} for n in range(40, 2000)],
    [[{"$int": format(n * (2**61 - 1), "x")}, 0] for n in range(40, 2000)],
]


def small_save() -> dict[str, Any]:
    """A save with a value of most kinds in it."""
    value = {
        "text": f"{SECRET} é \U0001f600",
        "many": [1, -2.5, None, True, (1, 2), {3}, {4: 5}, b"x", 2**70, "\ud800"],
        "time": [dt.datetime(2024, 1, 2, tzinfo=BERLIN), dt.time(1, tzinfo=INDIA)],
        "mine": [Order(1), Color.RED, Spot(1, {"$tuple": 2})],
    }
    body = b'{"state":' + Codec(registry()).encode(value) + b"}"
    return seal(
        KIND,
        definition="refund",
        fingerprint="f1",
        run_id="T-1",
        sequence=3,
        resource_keys=["db"],
        body=body,
    )


def forged(doc: dict[str, Any]) -> dict[str, Any]:
    """The document with a checksum that fits what it holds now."""
    rest = {key: value for key, value in doc.items() if key != "sha256"}
    data = msgspec.json.encode(rest, order="sorted")
    return {**rest, "sha256": hashlib.sha256(data).hexdigest()}


def structured() -> Iterator[Any]:
    """Several thousand documents that keep every outer rule and break an inner one."""
    whole = small_save()
    for tag in TAGS:
        for body in BODIES:
            for held in ({"$" + tag: body}, [{"a": {"$" + tag: [body]}}]):
                yield forged({**whole, "body": {"state": held}})
    wrong = [None, True, -1, 1.5, 2**64 - 1, "", SECRET, [], [SECRET], [1], {}, {SECRET: 1}]
    for name in whole:
        yield forged({key: value for key, value in whole.items() if key != name})
        for value in wrong:
            yield forged({**whole, name: value})
            yield {**whole, name: value}
    yield from (forged({**whole, extra: SECRET}) for extra in (SECRET, "epoch", "$type", ""))
    yield from (wrong_root for wrong_root in (*wrong, object(), SECRET.encode(), b"\xff", "\ud800"))


def in_bytes() -> Iterator[Any]:
    """Documents whose bytes are the attack: depth, counts, numbers, encodings."""
    head = to_bytes(small_save()).partition(b'"body":')[0] + b'"body":{"state":'
    tail = b'},"sha256":"' + b"0" * 64 + b'"}'
    deep = [b"[" * n + b"]" * n for n in (200, 10_000, 2 * _MILLION)]
    deep += [b'{"a":' * n + b"1" + b"}" * n for n in (200, 10_000, 500_000)]
    inside = [
        *deep,
        *(b"[" * _MILLION, b"]" * _MILLION, b"[" * 50 + b"}" * 50, b'"' * 3 * _MILLION),
        *(b"[" + b"1," * (_MILLION + 5) + b"1]", b'"' + b"\\" * 999_999, b'"\\ud800"'),
        *(b'["' + b'\\"[' * 300_000 + b'"]', b"1e999", b"-" * 1000, b"9" * _MILLION, b"NaN"),
        *(b'{"a":1' + b',"a":1' * 100_000 + b"}", b"[" * 101 + b'"]"' + b"]" * 101, b"\x00"),
    ]
    for data in inside:
        yield head + data + tail
        yield data


def damaged(seed: int, flips: int) -> Iterator[bytes]:
    """A whole save cut at every byte, then with one to four bytes changed."""
    data = to_bytes(small_save())
    yield from (data[:size] for size in range(len(data)))
    chance = random.Random(seed)
    for _ in range(flips):
        changed = bytearray(data)
        for _ in range(chance.randint(1, 4)):
            changed[chance.randrange(len(data))] = chance.randrange(256)
        if changed != data:
            yield bytes(changed)


class Finder:
    """Stands before the real finders; imports made through importlib give no audit event."""

    def __init__(self, events: list[str]) -> None:
        self.events = events

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        """Note the name, and leave the import to the others."""
        self.events.append(f"find {name}")


class Report(msgspec.Struct):
    """What loading many documents came to."""

    loaded: int = 0
    refused: dict[str, int] = {}
    events: list[str] = []
    leaks: list[str] = []
    unlisted: list[str] = []
    slowest_s: float = 0.0


def attempt(source: Any, report: Report, codec: Codec) -> Any:
    """Load one document as a program would; note what came of it. The value, or None."""
    started = time.perf_counter()
    value = None
    try:
        value = codec.decode(open_document(source, kind=KIND).body, "document")
        report.loaded += 1
    except DocumentError as error:
        name = type(error).__name__
        report.refused[name] = report.refused.get(name, 0) + 1
        if type(error) not in LISTED:
            report.unlisted.append(repr(error)[:200])
        shown = (str(error), repr(error), error.hint, repr(error.facts), repr(error.__cause__))
        if any(SECRET in text for text in shown):
            report.leaks.append(name)
    except BaseException as error:
        report.unlisted.append(repr(error)[:200])
    report.slowest_s = max(report.slowest_s, time.perf_counter() - started)
    return value


def main() -> None:
    """Import and build everything, then install the hook, then load."""
    codec = Codec(registry())
    documents = [*structured(), *in_bytes(), *damaged(seed=1, flips=2000)]
    kept = [ZoneInfo(key) for key in ("Europe/Berlin", "Europe/Rome")]
    assert codec.decode(open_document(small_save(), kind=KIND).body)
    report = Report()
    watching = True

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if watching and event.startswith(WATCHED):
            report.events.append(f"{event} {arguments!r:.80}")

    sys.addaudithook(hook)
    sys.meta_path.insert(0, Finder(report.events))
    for document in documents:
        attempt(document, report, codec)
    watching = False
    del sys.meta_path[0], kept
    print(json.dumps([len(documents), msgspec.to_builtins(report)]))  # noqa: T201


if __name__ == "__main__":
    main()
