-- SPDX-License-Identifier: GPL-3.0-or-later
-- A queue that can be looked at and steered, what became of a message after it was accepted, what
-- people did to messages that are stored, and what the account may not do for a while.

-- not_before: Unix ms; nothing of the row leaves earlier (pacing, holds)
-- typing_ms: "typing…" is shown so long before it leaves; immediate: pacing and holds do not apply
ALTER TABLE outbox ADD COLUMN not_before INTEGER NOT NULL DEFAULT 0;
ALTER TABLE outbox ADD COLUMN typing_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE outbox ADD COLUMN immediate INTEGER NOT NULL DEFAULT 0;

CREATE INDEX outbox_by_message ON outbox (channel, message_id);

-- at: Unix ms; who: the address of the device or person, or ''. A repeat changes nothing.
CREATE TABLE timeline (
  message INTEGER NOT NULL REFERENCES messages (number) ON DELETE CASCADE,
  at INTEGER NOT NULL,
  what TEXT NOT NULL,
  who TEXT NOT NULL DEFAULT '',
  detail TEXT,
  PRIMARY KEY (message, at, what, who)
) STRICT, WITHOUT ROWID;

-- The first answer to a request with an idempotency key; request: SHA-256 of its parameters;
-- answer: a GVariant a{sv}, serialised, little-endian
CREATE TABLE idempotency (
  channel INTEGER NOT NULL REFERENCES channels (number) ON DELETE CASCADE,
  api_key TEXT NOT NULL,
  operation TEXT NOT NULL,
  key TEXT NOT NULL,
  request BLOB NOT NULL,
  answer BLOB NOT NULL,
  made_at INTEGER NOT NULL,
  PRIMARY KEY (channel, api_key, operation, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX idempotency_by_age ON idempotency (made_at);

-- kind: "reachout", "new_chats", "temporary_ban"; ends_at: Unix seconds, 0 = nobody said
CREATE TABLE restrictions (
  channel INTEGER NOT NULL REFERENCES channels (number) ON DELETE CASCADE,
  kind TEXT NOT NULL,
  detail TEXT,
  since INTEGER NOT NULL,
  ends_at INTEGER NOT NULL,
  PRIMARY KEY (channel, kind)
) STRICT, WITHOUT ROWID;

-- secret: messageSecret of the first content; an edit replaces content, not the secret
ALTER TABLE messages ADD COLUMN edited_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE messages ADD COLUMN deleted_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE messages ADD COLUMN secret BLOB;

-- sender: bare address, LID if known; '' is the account itself
CREATE TABLE reactions (
  message INTEGER NOT NULL REFERENCES messages (number) ON DELETE CASCADE,
  sender TEXT NOT NULL,
  emoji TEXT NOT NULL,
  timestamp INTEGER NOT NULL,
  PRIMARY KEY (message, sender)
) STRICT, WITHOUT ROWID;

-- heard_at: their newest message; contacted_at: our first one. expiration: seconds, of
-- disappearing messages; expiration_set_at decides which of two settings is newer
ALTER TABLE chats ADD COLUMN heard_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE chats ADD COLUMN contacted_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE chats ADD COLUMN expiration INTEGER NOT NULL DEFAULT 0;
ALTER TABLE chats ADD COLUMN expiration_set_at INTEGER NOT NULL DEFAULT 0;

-- requests a minute; 0 = what the configuration says
ALTER TABLE api_keys ADD COLUMN rate_limit INTEGER NOT NULL DEFAULT 0;
