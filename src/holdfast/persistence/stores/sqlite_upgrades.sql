-- SPDX-License-Identifier: Apache-2.0
-- How a file of an earlier format becomes one of this: "<format>: <what>", in order. Each format is
-- reached from the one before it.

-- name: 2: runs_result
ALTER TABLE runs ADD COLUMN result BLOB;

-- name: 2: waits_opened_seq
ALTER TABLE waits ADD COLUMN opened_seq INTEGER;

-- name: 2: waits_settled_seq
ALTER TABLE waits ADD COLUMN settled_seq INTEGER;

-- name: 2: inbox_seq
ALTER TABLE inbox ADD COLUMN seq INTEGER;

-- name: 3: runs_moved_to
ALTER TABLE runs ADD COLUMN moved_to TEXT;
