-- SPDX-License-Identifier: Apache-2.0
-- Every statement of the SQLite store, by name. Values are bound, never written into the text, and
-- bound by place: Python 3.12 takes a numbered parameter for a named one.

-- Runs

-- name: run_key
SELECT run FROM runs WHERE run_id = ?;

-- name: insert_run
INSERT INTO runs (
    run_id, definition, front, fingerprint, created_at, version, input_digest, parent,
    seq, epoch, owner, status, due, updated_at, wake_at, error, open_waits, ended
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: first_commit
SELECT r.seq, r.epoch, r.owner, c.commit_id
FROM runs AS r LEFT JOIN commits AS c ON c.run = r.run AND c.seq = 1
WHERE r.run_id = ?;

-- One step of a running run: all checks in the WHERE, and no indexed column in the SET.
-- name: advance
UPDATE runs SET seq = seq + 1, updated_at = ?, error = ?, claims = claims * ?
WHERE run = ? AND seq = ? AND epoch = ? AND owner = ?
    AND status = ? AND due = ? AND wake_at IS ?;

-- name: advance_all
UPDATE runs SET
    seq = ?, updated_at = ?, error = ?, claims = claims * ?, status = ?, due = ?, wake_at = ?,
    ended = ?, open_waits = open_waits + ?, inbox = inbox - ?, owner = ?
WHERE run = ?;

-- name: move_run
UPDATE runs SET moved_to = ? WHERE run = ?;

-- name: run_motion
SELECT seq, epoch, owner, status, pruned, claims FROM runs WHERE run = ?;

-- name: insert_commit
INSERT INTO commits (run, seq, at, crc, commit_id, delta) VALUES (?, ?, ?, ?, ?, ?);

-- name: insert_checkpoint
INSERT INTO commits (run, seq, at, crc, commit_id, delta, kind, iteration, parent)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: insert_anchor
INSERT INTO anchors (run, seq, crc, body) VALUES (?, ?, ?, ?);

-- name: commit_id_at
SELECT commit_id FROM commits WHERE run = ? AND seq = ?;

-- name: unmark
UPDATE commits SET kind = NULL, iteration = NULL, parent = NULL
WHERE run = ? AND seq = ? AND kind IS NOT NULL;

-- name: marked_seqs
SELECT seq, at FROM commits WHERE run = ? AND kind IS NOT NULL ORDER BY number;

-- name: all_seqs
SELECT seq, at FROM commits WHERE run = ? ORDER BY seq;

-- name: anchored_seqs
SELECT seq FROM anchors WHERE run = ? ORDER BY seq;

-- name: drop_commits
DELETE FROM commits WHERE run = ? AND seq BETWEEN ? AND ?;

-- name: drop_anchors
DELETE FROM anchors WHERE run = ? AND seq BETWEEN ? AND ?;

-- The number of the newest commit stays in use, so that no cursor meets it again.
-- name: empty_head
UPDATE commits SET delta = NULL, crc = 0, kind = NULL, iteration = NULL, parent = NULL
WHERE run = ? AND seq = ?;

-- name: drop_waits
DELETE FROM waits WHERE run = ?;

-- name: drop_inbox
DELETE FROM inbox WHERE run = ?;

-- name: bury_run
UPDATE runs SET
    status = CASE WHEN ended THEN status ELSE 'cancelled' END,
    due = 0, wake_at = NULL, open_waits = 0, inbox = 0, pruned = 1, ended = 1, epoch = epoch + 1,
    result = ?
WHERE run = ?;

-- name: kept_result
SELECT result FROM runs WHERE run = ?;

-- Ownership

-- name: claim_run
UPDATE runs SET claims = ?, epoch = epoch + 1, owner = ? WHERE run = ?;

-- name: release_run
UPDATE runs SET owner = NULL, epoch = epoch + 1 WHERE run_id = ? AND epoch = ?;

-- name: release_owner
UPDATE runs SET owner = NULL, epoch = epoch + 1 WHERE owner = ?;

-- name: enrol_owner
INSERT INTO owners (owner, beat) VALUES (?, 0) ON CONFLICT (owner) DO UPDATE SET beat = 0;

-- name: renew_owner
UPDATE owners SET beat = beat + 1 WHERE owner = ?;

-- name: forget_owner
DELETE FROM owners WHERE owner = ?;

-- name: forget_idle_owner
DELETE FROM owners WHERE owner = ? AND NOT EXISTS (SELECT 1 FROM runs WHERE runs.owner = owners.owner);

-- name: all_owners
SELECT owner, beat FROM owners ORDER BY owner;

-- Waits and inbox

-- name: newest_wait
SELECT generation, status FROM waits WHERE run = ? AND wait_id = ?
ORDER BY generation DESC LIMIT 1;

-- name: insert_wait
INSERT INTO waits (
    run, wait_id, generation, type, payload, opened_at, schema, deadline, fallback, opened_seq, status
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'open');

-- name: close_waits
UPDATE waits SET status = 'closed', settled_at = ?, settled_seq = ?
WHERE run = ? AND status = 'open';

-- name: withdraw_wait
UPDATE waits SET status = 'withdrawn', settled_at = ?, settled_seq = ?
WHERE run = ? AND wait_id = ? AND status = 'open';

-- name: settle_wait
UPDATE waits SET
    status = ?, request_id = ?, value = ?, digest = ?, actor = ?, settled_at = ?, settled_seq = ?
WHERE run = ? AND wait_id = ? AND status = 'open';

-- name: count_settled
UPDATE runs SET open_waits = open_waits - 1, inbox = inbox + 1 WHERE run = ?;

-- name: count_posted
UPDATE runs SET inbox = inbox + 1 WHERE run = ?;

-- name: insert_post
INSERT INTO inbox (run, seq, kind, body, at, request_id, digest, actor)
VALUES (?, ?, ?, ?, ?, ?, ?, ?);

-- name: post_of_request
SELECT number, kind, body, at, request_id, digest, actor FROM inbox
WHERE run = ? AND request_id = ?;

-- name: consume
UPDATE inbox SET consumed = ? WHERE number = ? AND run = ? AND consumed IS NULL;

-- name: unread
SELECT number, kind, body, at, request_id, digest, actor FROM inbox
WHERE run = ? AND consumed IS NULL ORDER BY number;

-- name: consumed_between
SELECT number FROM inbox WHERE run = ? AND consumed > ? AND consumed <= ? ORDER BY number;

-- Reading one run

-- name: anchor_before
SELECT seq, crc, body FROM anchors WHERE run = ? AND seq <= ? ORDER BY seq DESC LIMIT 1;

-- name: deltas_between
SELECT seq, crc, delta FROM commits WHERE run = ? AND seq > ? AND seq <= ? ORDER BY seq;

-- name: commit_facts
SELECT commit_id, at, kind, iteration, parent FROM commits WHERE run = ? AND seq = ?;

-- Lists: one SELECT, any of the conditions after it, one order

-- name: runs
SELECT
    r.run, r.run_id, r.definition, r.front, r.fingerprint, r.created_at, r.version,
    r.input_digest, r.parent, r.seq, r.epoch, r.owner, r.status, r.due, r.updated_at, r.wake_at,
    r.error, r.claims, r.open_waits, r.inbox, r.pruned, r.moved_to
FROM runs AS r WHERE 1

-- name: runs_of_id
AND r.run_id = ?

-- name: runs_of_status
AND r.status = ?

-- name: runs_of_definition
AND r.definition = ?

-- name: runs_after
AND r.run > ?

-- name: runs_before
AND r.run < ?

-- name: runs_claimable
AND r.ended = 0 AND r.run IN (
    SELECT run FROM runs WHERE due = 1 AND ended = 0
    UNION SELECT run FROM runs WHERE wake_at <= ? AND wake_at IS NOT NULL AND ended = 0
    UNION SELECT run FROM inbox WHERE consumed IS NULL
)

-- name: runs_beside
AND (r.owner IS NULL OR r.owner NOT IN (SELECT value FROM json_each(?)))

-- name: runs_oldest_first
ORDER BY r.run LIMIT ?

-- name: runs_newest_first
ORDER BY r.run DESC LIMIT ?

-- name: checkpoints
SELECT
    c.number, r.run_id, c.seq, c.commit_id, r.definition, r.fingerprint, c.kind, c.iteration,
    c.parent, c.at, coalesce(length(c.delta), 0) + coalesce(length(a.body), 0)
FROM commits AS c
JOIN runs AS r ON r.run = c.run
LEFT JOIN anchors AS a ON a.run = c.run AND a.seq = c.seq
WHERE c.kind IS NOT NULL

-- name: checkpoints_of_run
AND c.run = (SELECT run FROM runs WHERE run_id = ?)

-- name: checkpoints_of_definition
AND r.definition = ?

-- name: checkpoints_after
AND c.number > ?

-- name: checkpoints_before
AND c.number < ?

-- name: checkpoints_oldest_first
ORDER BY c.number LIMIT ?

-- name: checkpoints_newest_first
ORDER BY c.number DESC LIMIT ?

-- name: commits
SELECT
    c.seq, c.commit_id, c.at, a.seq IS NOT NULL,
    coalesce(length(c.delta), 0) + coalesce(length(a.body), 0), c.kind, c.iteration, c.parent
FROM commits AS c LEFT JOIN anchors AS a ON a.run = c.run AND a.seq = c.seq
WHERE c.run = ?

-- name: commits_after
AND c.seq > ?

-- name: commits_before
AND c.seq < ?

-- name: commits_oldest_first
ORDER BY c.seq LIMIT ?

-- name: commits_newest_first
ORDER BY c.seq DESC LIMIT ?

-- name: posts
SELECT number, kind, body, at, request_id, digest, actor, seq, consumed FROM inbox WHERE run = ?

-- name: posts_after
AND number > ?

-- name: posts_oldest_first
ORDER BY number LIMIT ?

-- name: waits
SELECT
    w.number, r.run_id, w.wait_id, w.generation, w.type, w.payload, w.opened_at, w.schema,
    w.deadline, w.fallback, w.status, w.request_id, w.value, w.digest, w.actor, w.settled_at,
    w.opened_seq, w.settled_seq
FROM waits AS w JOIN runs AS r ON r.run = w.run WHERE 1

-- name: waits_of_run
AND w.run = (SELECT run FROM runs WHERE run_id = ?)

-- name: waits_of_status
AND w.status = ?

-- A constant, so that the partial index on open waits is usable.
-- name: waits_open
AND w.status = 'open'

-- name: waits_of_id
AND w.wait_id = ?

-- name: waits_of_request
AND w.request_id = ?

-- name: waits_newest_generation
ORDER BY w.generation DESC LIMIT ?

-- name: waits_after
AND w.number > ?

-- name: waits_oldest_first
ORDER BY w.number LIMIT ?
