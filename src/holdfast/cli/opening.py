# SPDX-License-Identifier: Apache-2.0
"""Opening a store for one command."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from holdfast import Engine, MemoryStore, SQLiteStore, TriggerFlow, Workflow
from holdfast.cli.problems import WrongUse
from holdfast.errors import StoreUnavailable


@asynccontextmanager
async def opened(
    url: str, definition: TriggerFlow[Any, Any, Any] | Workflow | None = None, *, new: bool = False
) -> AsyncIterator[Engine]:
    """An engine on the store. It takes over nothing by itself: a command is about one run.

    new: the store may begin here. Raises: StoreUrlUnknown, StoreUnavailable, WrongUse.
    """
    engine = Engine(url, () if definition is None else (definition,), recover=False)
    try:
        if not new:
            _check_exists(engine.store)
        async with engine:
            yield engine
    finally:
        await engine.store.close()


def _check_exists(store: Any) -> None:
    """Looking at a store must not make one: a wrong path would seem to be an empty store."""
    if isinstance(store, MemoryStore):
        raise WrongUse(
            "memory:// lives as long as one process: there is nothing in it to look at",
            "Use a store that lasts: --store sqlite:///holdfast.db",
        )
    if isinstance(store, SQLiteStore) and not Path(store.path).exists():
        raise StoreUnavailable(
            f"there is no store at {store.path!r}",
            hint="Start a run there first, or correct --store (or HOLDFAST_STORE).",
        )
