# SPDX-License-Identifier: Apache-2.0
"""Runs and questions as plain JSON records: what `--json` prints, and what tables are made of."""

from __future__ import annotations

from typing import Any

import msgspec

from holdfast.cli.text import moment, plain
from holdfast.persistence.store import RunRow, WaitRow


def run_record(row: RunRow) -> dict[str, Any]:
    """A run. steps: commits so far. due: something of it should be carried on by somebody.

    parent: what it was forked from, "<run>@<commit>".
    """
    return {
        "run_id": row.run_id,
        "definition": row.head.definition,
        "front": row.head.front,
        "status": "deleted" if row.pruned else row.status,
        "steps": row.seq,
        "open_questions": row.open_waits,
        "unread_posts": row.inbox,
        "due": row.due or row.inbox > 0,
        "parent": row.head.parent,
        "owner": row.owner,
        "error": row.error,
        "created_at": moment(row.head.created_at),
        "updated_at": moment(row.updated_at),
        "fingerprint": row.fingerprint,
    }


def wait_record(row: WaitRow) -> dict[str, Any]:
    """A question, with its answer once it has one."""
    return {
        "run_id": row.run_id,
        "wait_id": row.wait_id,
        "type": row.type,
        "status": row.status,
        "payload": plain(row.payload),
        "schema": None if row.schema is None else msgspec.json.decode(row.schema),
        "opened_at": moment(row.opened_at),
        "deadline": moment(row.deadline),
        "value": None if row.value is None else plain(row.value),
        "actor": row.actor,
        "request_id": row.request_id,
        "settled_at": moment(row.settled_at),
    }
