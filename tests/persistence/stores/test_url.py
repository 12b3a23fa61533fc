# SPDX-License-Identifier: Apache-2.0
"""A store's URL names one store, or is refused with what is known and without its secrets."""

from pathlib import Path

import pytest

from holdfast.errors import StoreUrlUnknown
from holdfast.persistence.stores.memory import MemoryStore
from holdfast.persistence.stores.sqlite import SQLiteStore
from holdfast.persistence.stores.url import open_store


def test_memory_is_a_fresh_store_each_time():
    """There is no registry of named ones."""
    one, other = open_store("memory://"), open_store("memory://")
    assert isinstance(one, MemoryStore)
    assert one is not other


@pytest.mark.parametrize(
    ("url", "path", "durability"),
    [
        ("sqlite:///runs.db", Path.cwd() / "runs.db", "fsync"),
        ("sqlite:///data/my%20runs.db", Path.cwd() / "data/my runs.db", "fsync"),
        ("sqlite:////var/lib/runs.db", Path("/var/lib/runs.db"), "fsync"),
        ("sqlite:////r.db?durability=relaxed&busy_timeout_s=0.5", Path("/r.db"), "relaxed"),
        ("sqlite:////a%3Fb%23c.db", Path("/a?b#c.db"), "fsync"),
    ],
)
def test_a_path_follows_three_slashes(url, path, durability):
    """Relative or absolute; percent signs escape."""
    store = open_store(url)
    assert isinstance(store, SQLiteStore)
    assert (store.path, store.durability) == (str(path), durability)
    again = open_store(store.url)
    assert isinstance(again, SQLiteStore)
    assert (again.path, again.durability) == (store.path, store.durability)


@pytest.mark.parametrize(
    "url",
    [
        "postgres://ann:s3cret@host/db",
        "postgres://ann:s3cret/x@host/db?password=s3cret",
        "sqlite:///runs.db?key=s3cret",
        "sqlite:///runs.db?durability=s3cret",
        "sqlite:///runs.db?busy_timeout_s=-1",
        "sqlite:///runs.db#s3cret",
        "sqlite://s3cret@host/runs.db",
        "sqlite://runs.db",
        "sqlite://",
        "sqlite:///",
        "sqlite:///:memory:",
        "memory://name",
        "memory://?durability=relaxed",
        "http://[s3cret",
        "runs.db",
        "",
        None,
        7,
        b"sqlite:///runs.db",
    ],
)
def test_what_names_no_store_is_refused_without_showing_secrets(url):
    """The message lists what there is; nothing falls back to memory."""
    with pytest.raises(StoreUrlUnknown, match=r"memory:// and sqlite:///") as told:
        open_store(url)
    assert "s3cret" not in str(told.value) + str(told.value.facts)
    assert told.value.__cause__ is None
