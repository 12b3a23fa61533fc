# SPDX-License-Identifier: Apache-2.0
"""From a store's URL to the store. A password in a URL never reaches a message."""

from __future__ import annotations

from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from holdfast.errors import StoreUrlUnknown
from holdfast.persistence.store import Store
from holdfast.persistence.stores.memory import MemoryStore
from holdfast.persistence.stores.sqlite import SQLiteStore

_KNOWN = "known: memory:// and sqlite:///path/to/file.db, with ?durability= and ?busy_timeout_s="


def open_store(url: str) -> Store:
    """The store that the URL names; nothing is opened before its first call.

    memory:// is a fresh store in this process. sqlite:///runs.db is a path relative to the
    current folder, sqlite:////var/lib/runs.db an absolute one; durability is "fsync" (default) or
    "relaxed".
    Raises: StoreUrlUnknown.
    """
    try:
        parts = urlsplit(url)
        if parts.scheme == "memory":
            return _memory(parts, url)
        if parts.scheme == "sqlite":
            return _sqlite(parts, url)
    except (ValueError, AttributeError, TypeError) as error:
        if isinstance(error, StoreUrlUnknown):
            raise
        # The parser's own message may hold the password.
        raise _unknown(url, "it is no URL") from None
    raise _unknown(url, "the scheme names no store")


def _memory(parts: SplitResult, url: str) -> Store:
    if parts.netloc or parts.path.strip("/") or parts.query or parts.fragment:
        raise _unknown(url, "memory:// takes neither a name nor parameters")
    return MemoryStore()


def _sqlite(parts: SplitResult, url: str) -> Store:
    path = unquote(parts.path.removeprefix("/"))
    if parts.netloc:
        raise _unknown(url, "a path follows three slashes")
    if not path or path == ":memory:":
        raise _unknown(url, "a path is missing; a store in memory is memory://")
    if parts.fragment:
        raise _unknown(url, "in a path, # is written %23")
    durability = "fsync"
    busy_timeout_s = 5.0
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        if name == "durability" and value in ("fsync", "relaxed"):
            durability = value
        elif name == "busy_timeout_s" and _is_number(value):
            busy_timeout_s = float(value)
        else:
            raise _unknown(url, f"the parameter {name!r}, or its value, is unknown")
    return SQLiteStore(
        path,
        durability="relaxed" if durability == "relaxed" else "fsync",
        busy_timeout_s=busy_timeout_s,
    )


def _is_number(text: str) -> bool:
    return len(text) < 10 and text.replace(".", "", 1).isdecimal() and text.isascii()


def masked(url: object) -> str:
    """The URL with everything that may be a secret hidden.

    Of a scheme that is not ours nobody here knows where secrets stand, so only the scheme is shown.
    """
    if not isinstance(url, str):
        return f"({type(url).__name__})"
    scheme, colon, rest = url.partition("://")
    if not colon or not scheme.isalnum():
        return "(no scheme)"
    if scheme not in ("memory", "sqlite"):
        return f"{scheme}://***"
    rest, query, _ = rest.partition("#")[0].partition("?")
    before, at, after = rest.rpartition("@")
    # "@" in a path is part of its name; before the path it ends a password.
    shown = f"***@{after}" if at and not before.startswith("/") else rest
    return f"{scheme}://{shown}{'?***' if query else ''}"


def _unknown(url: object, why: str) -> StoreUrlUnknown:
    shown = masked(url)
    return StoreUrlUnknown(f"store URL {shown}: {why} ({_KNOWN})", url=shown)
