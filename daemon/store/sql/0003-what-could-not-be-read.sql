-- SPDX-License-Identifier: GPL-3.0-or-later
-- Repair in both directions: what we could not read and how often we asked, whom we sent something again,
-- and the tokens that let us write to people.

-- chat, sender: as the ratchet names them; count: retry receipts sent; told: the journal says so;
-- request: id of the peer message that asked the phone
CREATE TABLE repairs (
  channel INTEGER NOT NULL REFERENCES channels (number) ON DELETE CASCADE,
  chat TEXT NOT NULL,
  sender TEXT NOT NULL,
  id TEXT NOT NULL,
  count INTEGER NOT NULL,
  told INTEGER NOT NULL DEFAULT 0,
  hidden INTEGER NOT NULL DEFAULT 0,
  request TEXT,
  first_at INTEGER NOT NULL,
  asked_at INTEGER NOT NULL,
  PRIMARY KEY (channel, chat, sender, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX repairs_by_sender ON repairs (channel, sender, asked_at);
CREATE INDEX repairs_by_age ON repairs (first_at);

-- base_key: of the session in use at the second request; renewed_at: when the session was made anew
CREATE TABLE answers (
  channel INTEGER NOT NULL REFERENCES channels (number) ON DELETE CASCADE,
  device TEXT NOT NULL,
  id TEXT NOT NULL,
  count INTEGER NOT NULL,
  base_key BLOB,
  renewed_at INTEGER NOT NULL DEFAULT 0,
  answered_at INTEGER NOT NULL,
  PRIMARY KEY (channel, device, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX answers_by_device ON answers (channel, device, answered_at);
CREATE INDEX answers_by_age ON answers (answered_at);

-- token: theirs, which admits us; issued_at: when we gave them ours
CREATE TABLE privacy_tokens (
  channel INTEGER NOT NULL REFERENCES channels (number) ON DELETE CASCADE,
  user TEXT NOT NULL,
  token BLOB,
  token_at INTEGER NOT NULL DEFAULT 0,
  issued_at INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (channel, user)
) STRICT, WITHOUT ROWID;
