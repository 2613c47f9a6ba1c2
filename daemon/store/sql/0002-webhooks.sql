-- SPDX-License-Identifier: GPL-3.0-or-later
-- Webhooks: which there are, what each of them still owes, and what could not be delivered.

-- events: words separated by spaces; headers: lines, names and values in turn
-- format, mode: the numbers of WhimHookFormat, WhimHookMode
-- begins: events of the journal behind it are this hook's
CREATE TABLE hooks (
  number INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  channel INTEGER NOT NULL REFERENCES channels (number) ON DELETE CASCADE,
  name TEXT,
  url TEXT NOT NULL,
  events TEXT NOT NULL,
  format INTEGER NOT NULL,
  mode INTEGER NOT NULL,
  headers TEXT NOT NULL,
  secret BLOB,
  enabled INTEGER NOT NULL,
  off_reason TEXT,
  begins INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  pending INTEGER NOT NULL DEFAULT 0,
  delivered INTEGER NOT NULL DEFAULT 0,
  delivered_at INTEGER NOT NULL DEFAULT 0,
  failed_at INTEGER NOT NULL DEFAULT 0,
  failure TEXT
) STRICT;

CREATE INDEX hooks_by_channel ON hooks (channel);
CREATE UNIQUE INDEX hooks_default ON hooks (channel) WHERE name = 'default';

-- One row per event that a hook still owes or could not deliver; the event itself stays in the
-- journal as long as a row names it.
-- state: the numbers of WhimDeliveryState. Times in milliseconds; the day of tries counts from since.
CREATE TABLE deliveries (
  hook INTEGER NOT NULL REFERENCES hooks (number) ON DELETE CASCADE,
  seq INTEGER NOT NULL,
  lane TEXT NOT NULL,
  state INTEGER NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  since INTEGER NOT NULL,
  due_at INTEGER NOT NULL,
  tried_at INTEGER NOT NULL DEFAULT 0,
  status INTEGER NOT NULL DEFAULT 0,
  failure TEXT,
  PRIMARY KEY (hook, seq)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX deliveries_heads ON deliveries (hook, lane) WHERE state = 1;
CREATE INDEX deliveries_due ON deliveries (hook, due_at) WHERE state = 1;
CREATE INDEX deliveries_waiting ON deliveries (hook, lane, seq) WHERE state = 0;
CREATE INDEX deliveries_dead ON deliveries (hook, seq) WHERE state = 2;
CREATE INDEX deliveries_by_seq ON deliveries (seq);
