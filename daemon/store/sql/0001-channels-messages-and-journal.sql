-- SPDX-License-Identifier: GPL-3.0-or-later
-- The first schema: what a channel is, what it knows, what it said and heard, and the journal.
-- Everything that belongs to a channel goes with it (ON DELETE CASCADE).

PRAGMA application_id = 0x5748494d;

CREATE TABLE meta (
  name TEXT PRIMARY KEY,
  value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- AUTOINCREMENT: the number of a deleted channel is never given again.
CREATE TABLE channels (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  name TEXT,
  department TEXT,
  auto_connect INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  settings TEXT,
  rest_reason TEXT NOT NULL,
  rest_detail TEXT,
  -- last given journal.sequence; a counter, because rows of the journal expire
  journal_sequence INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE credentials (
  channel INTEGER PRIMARY KEY REFERENCES channels (number) ON DELETE CASCADE,
  noise BLOB NOT NULL,
  identity BLOB NOT NULL,
  registration_id INTEGER NOT NULL,
  signed_prekey_id INTEGER NOT NULL,
  signed_prekey BLOB NOT NULL,
  signed_prekey_made_at INTEGER NOT NULL,
  signed_prekey_signature BLOB NOT NULL,
  adv_secret BLOB NOT NULL,
  next_prekey_id INTEGER NOT NULL,
  prekeys_uploaded INTEGER NOT NULL,
  pn TEXT,
  lid TEXT,
  device_identity BLOB,
  key_index INTEGER NOT NULL,
  platform TEXT,
  business_name TEXT,
  push_name TEXT,
  login_count INTEGER NOT NULL,
  noise_root BLOB,
  routing_info BLOB
) STRICT;

-- kind: the numbers of WhimSignalKind
CREATE TABLE signal (
  channel INTEGER NOT NULL REFERENCES channels (number) ON DELETE CASCADE,
  kind INTEGER NOT NULL,
  key TEXT NOT NULL,
  record BLOB NOT NULL,
  uploaded INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (channel, kind, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX signal_to_upload ON signal (channel) WHERE kind = 2 AND uploaded = 0;

-- user parts
CREATE TABLE lid_map (
  channel INTEGER NOT NULL REFERENCES channels (number) ON DELETE CASCADE,
  lid TEXT NOT NULL,
  pn TEXT NOT NULL,
  PRIMARY KEY (channel, lid),
  UNIQUE (channel, pn)
) STRICT, WITHOUT ROWID;

CREATE TABLE device_lists (
  channel INTEGER NOT NULL REFERENCES channels (number) ON DELETE CASCADE,
  jid TEXT NOT NULL,
  list BLOB NOT NULL,
  fetched_at INTEGER NOT NULL,
  PRIMARY KEY (channel, jid)
) STRICT, WITHOUT ROWID;

CREATE TABLE numbers (
  channel INTEGER NOT NULL REFERENCES channels (number) ON DELETE CASCADE,
  digits TEXT NOT NULL,
  jid TEXT,
  lid TEXT,
  asked_at INTEGER NOT NULL,
  PRIMARY KEY (channel, digits)
) STRICT, WITHOUT ROWID;

-- A person's chat has lid or pn or both; any other has jid.
CREATE TABLE chats (
  number INTEGER PRIMARY KEY,
  channel INTEGER NOT NULL REFERENCES channels (number) ON DELETE CASCADE,
  lid TEXT,
  pn TEXT,
  jid TEXT,
  name TEXT,
  timestamp INTEGER NOT NULL,
  unread INTEGER NOT NULL DEFAULT 0,
  UNIQUE (channel, lid),
  UNIQUE (channel, pn),
  UNIQUE (channel, jid),
  CHECK ((jid IS NULL) = (lid IS NOT NULL OR pn IS NOT NULL))
) STRICT;

CREATE INDEX chats_newest ON chats (channel, timestamp, number);

-- status: the numbers of WhimMessageStatus
CREATE TABLE messages (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  channel INTEGER NOT NULL REFERENCES channels (number) ON DELETE CASCADE,
  chat INTEGER NOT NULL REFERENCES chats (number) ON DELETE CASCADE,
  id TEXT NOT NULL,
  from_me INTEGER NOT NULL,
  sender_lid TEXT,
  sender_pn TEXT,
  sender_device INTEGER NOT NULL,
  timestamp INTEGER NOT NULL,
  kind TEXT NOT NULL,
  body TEXT,
  push_name TEXT,
  quoted_id TEXT,
  source TEXT,
  status INTEGER NOT NULL,
  status_reason TEXT,
  status_at INTEGER NOT NULL DEFAULT 0,
  content BLOB
) STRICT;

CREATE INDEX messages_by_id ON messages (channel, id);
CREATE INDEX messages_by_chat ON messages (chat, timestamp, number);
CREATE INDEX messages_by_channel ON messages (channel, timestamp, number);

CREATE TABLE seen (
  channel INTEGER NOT NULL REFERENCES channels (number) ON DELETE CASCADE,
  sender TEXT NOT NULL,
  id TEXT NOT NULL,
  note TEXT NOT NULL,
  seen_at INTEGER NOT NULL,
  PRIMARY KEY (channel, sender, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX seen_by_age ON seen (seen_at);

CREATE TABLE pairing_material (
  channel INTEGER NOT NULL REFERENCES channels (number) ON DELETE CASCADE,
  kind TEXT NOT NULL,
  id TEXT NOT NULL,
  payload BLOB NOT NULL,
  PRIMARY KEY (channel, kind, id)
) STRICT;

-- state: the numbers of WhimOutboxState
CREATE TABLE outbox (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  channel INTEGER NOT NULL REFERENCES channels (number) ON DELETE CASCADE,
  message_id TEXT NOT NULL,
  chat TEXT NOT NULL,
  state INTEGER NOT NULL,
  content BLOB,
  stanza BLOB,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
) STRICT;

CREATE INDEX outbox_by_channel ON outbox (channel, number);

-- AUTOINCREMENT: seq grows over everything, also when the newest rows were deleted.
-- data: a GVariant a{sv}, serialised, little-endian
CREATE TABLE journal (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  channel INTEGER NOT NULL REFERENCES channels (number) ON DELETE CASCADE,
  sequence INTEGER NOT NULL,
  timestamp INTEGER NOT NULL,
  type TEXT NOT NULL,
  data BLOB NOT NULL,
  UNIQUE (channel, sequence)
) STRICT;

CREATE INDEX journal_by_channel ON journal (channel, seq);
CREATE INDEX journal_by_age ON journal (timestamp);

CREATE TABLE api_keys (
  id TEXT PRIMARY KEY,
  name TEXT,
  hash BLOB NOT NULL UNIQUE,
  admin INTEGER NOT NULL,
  read_only INTEGER NOT NULL,
  dialect TEXT,
  created_at INTEGER NOT NULL,
  last_used_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE api_key_channels (
  api_key TEXT NOT NULL REFERENCES api_keys (id) ON DELETE CASCADE,
  channel TEXT NOT NULL REFERENCES channels (id) ON DELETE CASCADE,
  PRIMARY KEY (api_key, channel)
) STRICT, WITHOUT ROWID;

CREATE INDEX api_key_channels_by_channel ON api_key_channels (channel);
