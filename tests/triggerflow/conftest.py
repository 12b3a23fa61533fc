# SPDX-License-Identifier: Apache-2.0
"""Executions that stay open, kept in each of the ways there are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from holdfast import MemoryStore, TriggerFlow


@pytest.fixture(params=["memory", "store"])
def opened(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Makes an execution of a flow that stays open, kept in memory or in a store."""

    def make(flow: TriggerFlow[Any, Any, Any], **options: Any) -> Any:
        store = MemoryStore() if request.param == "store" else None
        return flow.create_execution(auto_close=False, store=store, **options)

    return make
