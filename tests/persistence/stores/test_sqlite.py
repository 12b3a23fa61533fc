# SPDX-License-Identifier: Apache-2.0
"""x"""
import sqlite3
from pathlib import Path
from holdfast.persistence.store import Store
from holdfast.persistence.stores.sqlite import SQLiteStore
from holdfast.testing.store_suite import StoreSuite
from holdfast.testing.faults import FaultPlan


def failing(plan: FaultPlan) -> type[sqlite3.Connection]:
    class Failing(sqlite3.Connection):
        def execute(self, sql, *values):
            if not plan.due():
                return super().execute(sql, *values)
            if plan.when == "after":
                super().execute(sql, *values)
            error = sqlite3.OperationalError("disk I/O error (planned)")
            error.sqlite_errorcode = sqlite3.SQLITE_IOERR
            raise error
    return Failing


class TestSQLiteStore(StoreSuite):
    shared = True
    reopen = True

    def make_store(self, folder: Path) -> Store:
        return SQLiteStore(folder / "runs.db")

    def make_failing_store(self, folder, plan):
        return SQLiteStore(folder / "runs.db", factory=failing(plan))
