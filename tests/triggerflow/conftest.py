# SPDX-License-Identifier: Apache-2.0
"""Executions that stay open, kept in each of the ways there are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from holdfast import MemoryStore, TriggerFlow
from holdfast.triggerflow.compat import deprecation


@pytest.fixture(autouse=True)
def _told_of_nothing() -> Iterator[None]:
    """A warning that is given once in a process is given in each test."""
    deprecation.reset()
    yield
    deprecation.reset()


@pytest.fixture(params=["memory", "store"])
def opened(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Makes an execution of a flow that stays open, kept in memory or in a store."""

    def make(flow: TriggerFlow[Any, Any, Any], **options: Any) -> Any:
        store = MemoryStore() if request.param == "store" else None
        return flow.create_execution(auto_close=False, store=store, **options)

    return make
