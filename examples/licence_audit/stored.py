# SPDX-License-Identifier: Apache-2.0
"""Which audits a store holds: read from the record of the run, without the program that wrote it.

An audit that has ended left its row in the record: as a loop's result, in the shared state or in
a delivery. Wherever it is, it stands there under the name of its class.
"""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

from holdfast import open_store
from holdfast.errors import HoldfastError
from holdfast.persistence.parts import joined, merge

ROW = "$:Row"
"""How the codec tags a row."""


def stored_audits(url: str, run_id: str) -> set[str]:
    """Give the keys of the audits that the store holds; none while there is no such run."""
    return asyncio.run(_stored_audits(url, run_id))


async def _stored_audits(url: str, run_id: str) -> set[str]:
    store = open_store(url)
    try:
        stored = await store.read(run_id)
    except HoldfastError:
        return set()
    finally:
        await store.close()
    parts = merge(stored.anchor, stored.deltas)
    return {row["key"] for part in parts.values() for row in _rows(json.loads(joined(part)))}


def _rows(tree: Any) -> Iterator[dict[str, Any]]:
    if isinstance(tree, dict):
        if ROW in tree:
            yield tree[ROW]
        for value in tree.values():
            yield from _rows(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from _rows(value)
