# SPDX-License-Identifier: Apache-2.0
"""The contract of a store as tests: inherit `StoreSuite`, give `make_store`, run pytest.

    class TestMyStore(StoreSuite):
        shared = True
        reopen = True

        def make_store(self, folder):
            return MyStore(folder / "runs")

Needs pytest and pytest-asyncio. Every case makes its own store in an empty folder and closes it.
"""

from __future__ import annotations

from holdfast.testing.suite_faults import FaultCases
from holdfast.testing.suite_history import HistoryCases
from holdfast.testing.suite_lists import ListCases, SixVerbCases
from holdfast.testing.suite_owners import OwnerCases
from holdfast.testing.suite_races import RaceCases
from holdfast.testing.suite_runs import RunCases
from holdfast.testing.suite_waits import InboxCases, WaitCases


class StoreSuite(
    RunCases,
    OwnerCases,
    WaitCases,
    InboxCases,
    HistoryCases,
    ListCases,
    SixVerbCases,
    RaceCases,
    FaultCases,
):
    """Everything a store promises. Hooks and declarations: `suite_hooks.SuiteHooks`."""
