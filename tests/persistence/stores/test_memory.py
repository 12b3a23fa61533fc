# SPDX-License-Identifier: Apache-2.0
"""The store in memory keeps the whole contract, and nothing beyond its process."""

from pathlib import Path

from holdfast.persistence.store import Store
from holdfast.persistence.stores.memory import MemoryStore
from holdfast.testing.store_suite import StoreSuite
from holdfast.testing.suite_hooks import begin, commit


class TestMemoryStore(StoreSuite):
    """The contract."""

    def make_store(self, folder: Path) -> Store:
        return MemoryStore()


async def test_pieces_of_an_anchor_are_kept_as_they_came():
    """No copies: joining is done by whoever reads."""
    store = MemoryStore()
    pieces = (b'{"a":', b"1}")
    await begin(store, anchor=pieces)
    assert all(
        kept is given
        for kept, given in zip(store._runs["run-1"].commits[1].anchor, pieces, strict=True)
    )
    await store.close()


async def test_a_list_given_as_anchor_may_be_reused_by_its_maker():
    """The store keeps the pieces, not the list."""
    store = MemoryStore()
    pieces = [b"{}"]
    claim = await begin(store, anchor=pieces)
    pieces.append(b"garbage")
    assert (await store.read("run-1")).anchor == b"{}"
    assert await store.append(claim, commit("c2"), after=1) == 2
    await store.close()
