# SPDX-License-Identifier: Apache-2.0
"""Processes that open one new file at once: whoever makes the tables, all find a store."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path
from typing import Any

from holdfast.persistence.stores.sqlite_database import connect


def opened(path: Path, factory: type[sqlite3.Connection] = sqlite3.Connection) -> None:
    """Open the file as a store does, and let it go."""
    options: dict[str, Any] = {"synchronous": "NORMAL", "busy_timeout_s": 10.0}
    connect(str(path), factory=factory, query_only=False, **options).con.close()


def test_a_file_that_becomes_a_store_while_it_is_looked_at_is_a_store(tmp_path: Path) -> None:
    """Two looks at an empty file, with another's tables in between, are no look at either."""
    path = tmp_path / "runs.db"
    other = threading.Thread(target=opened, args=(path,))

    class Overtaken(sqlite3.Connection):
        def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
            found = super().execute(sql, *parameters)
            if sql == "PRAGMA application_id" and other.ident is None:
                other.start()
                other.join(0.2)  # it is done by then, or waits for us
            return found

    opened(path, Overtaken)
    other.join()
    opened(path)
