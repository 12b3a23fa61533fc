-- SPDX-License-Identifier: Apache-2.0
-- The tables of one store. Runs have an integer key, so that no other row repeats the text of an
-- id. Rows of `runs` are never deleted: the key, and with it the order of runs, is never reused.
--
-- A change here is one in `sqlite_upgrades.sql` too, and a new `FORMAT`: columns are added at the
-- end and may be NULL, because rows of before have none. result: of a deleted run.
-- moved_to: the fingerprint of the structure that a run follows by now, where that is another.
--
-- Indexes of `runs` name only columns that a step of a running run leaves alone (see `advance`).

-- name: create_runs
CREATE TABLE runs (
    run INTEGER PRIMARY KEY,
    run_id TEXT NOT NULL UNIQUE,
    definition TEXT NOT NULL,
    front TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    created_at REAL NOT NULL,
    version TEXT,
    input_digest TEXT NOT NULL,
    parent TEXT,
    seq INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    owner TEXT,
    status TEXT NOT NULL,
    due INTEGER NOT NULL,
    updated_at REAL NOT NULL,
    wake_at REAL,
    error TEXT,
    claims INTEGER NOT NULL DEFAULT 0,
    open_waits INTEGER NOT NULL DEFAULT 0,
    inbox INTEGER NOT NULL DEFAULT 0,
    pruned INTEGER NOT NULL DEFAULT 0,
    ended INTEGER NOT NULL,
    result BLOB,
    moved_to TEXT
) STRICT;

-- name: create_runs_status
CREATE INDEX runs_status ON runs (status, run);

-- name: create_runs_definition
CREATE INDEX runs_definition ON runs (definition, run);

-- name: create_runs_due
CREATE INDEX runs_due ON runs (run) WHERE due = 1 AND ended = 0;

-- name: create_runs_wake
CREATE INDEX runs_wake ON runs (wake_at) WHERE wake_at IS NOT NULL AND ended = 0;

-- name: create_runs_owner
CREATE INDEX runs_owner ON runs (owner) WHERE owner IS NOT NULL;

-- A commit with an anchor has no delta. kind, iteration, parent: its checkpoint mark, if any.
-- name: create_commits
CREATE TABLE commits (
    number INTEGER PRIMARY KEY,
    run INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    at REAL NOT NULL,
    crc INTEGER NOT NULL,
    commit_id TEXT NOT NULL,
    delta BLOB,
    kind TEXT,
    iteration INTEGER,
    parent INTEGER
) STRICT;

-- name: create_commits_place
CREATE UNIQUE INDEX commits_place ON commits (run, seq);

-- name: create_commits_marks
CREATE INDEX commits_marks ON commits (number) WHERE kind IS NOT NULL;

-- name: create_commits_run_marks
CREATE INDEX commits_run_marks ON commits (run, number) WHERE kind IS NOT NULL;

-- name: create_anchors
CREATE TABLE anchors (
    run INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    crc INTEGER NOT NULL,
    body BLOB NOT NULL
) STRICT;

-- name: create_anchors_place
CREATE UNIQUE INDEX anchors_place ON anchors (run, seq);

-- AUTOINCREMENT: a cursor must not meet the number of a deleted wait again.
-- name: create_waits
CREATE TABLE waits (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    run INTEGER NOT NULL,
    wait_id TEXT NOT NULL,
    generation INTEGER NOT NULL,
    type TEXT NOT NULL,
    payload BLOB NOT NULL,
    opened_at REAL NOT NULL,
    schema BLOB,
    deadline REAL,
    fallback BLOB,
    status TEXT NOT NULL,
    request_id TEXT,
    value BLOB,
    digest TEXT,
    actor TEXT,
    settled_at REAL,
    opened_seq INTEGER,
    settled_seq INTEGER
) STRICT;

-- name: create_waits_place
CREATE UNIQUE INDEX waits_place ON waits (run, wait_id, generation);

-- name: create_waits_run
CREATE INDEX waits_run ON waits (run, number);

-- name: create_waits_open
CREATE UNIQUE INDEX waits_open ON waits (run, wait_id) WHERE status = 'open';

-- name: create_waits_open_order
CREATE INDEX waits_open_order ON waits (number) WHERE status = 'open';

-- consumed: the seq of the commit that took the post in. seq: the head when it came.
-- name: create_inbox
CREATE TABLE inbox (
    number INTEGER PRIMARY KEY,
    run INTEGER NOT NULL,
    kind TEXT NOT NULL,
    body BLOB NOT NULL,
    at REAL NOT NULL,
    request_id TEXT,
    digest TEXT,
    actor TEXT,
    consumed INTEGER,
    seq INTEGER
) STRICT;

-- name: create_inbox_unread
CREATE INDEX inbox_unread ON inbox (run, number) WHERE consumed IS NULL;

-- name: create_inbox_requests
CREATE UNIQUE INDEX inbox_requests ON inbox (run, request_id) WHERE request_id IS NOT NULL;

-- name: create_inbox_consumed
CREATE INDEX inbox_consumed ON inbox (run, consumed) WHERE consumed IS NOT NULL;

-- name: create_owners
CREATE TABLE owners (
    owner TEXT PRIMARY KEY,
    beat INTEGER NOT NULL
) STRICT;
