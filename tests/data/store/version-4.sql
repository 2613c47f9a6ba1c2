PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE meta (
  name TEXT PRIMARY KEY,
  value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO meta VALUES('journal_pruned',2);
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
INSERT INTO channels VALUES(3,'ch_abcdefghijkl','Sales','EU',1,1700000000,'{"presence":false}','none',NULL,4);
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
INSERT INTO credentials VALUES(3,X'01',X'02',1234,1,X'03',99,X'04',X'05',813,1,'46701:3@s.whatsapp.net','111:3@lid',X'06',1,'android',NULL,'Anna',2,X'07',X'08');
CREATE TABLE signal (
  channel INTEGER NOT NULL REFERENCES channels (number) ON DELETE CASCADE,
  kind INTEGER NOT NULL,
  key TEXT NOT NULL,
  record BLOB NOT NULL,
  uploaded INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (channel, kind, key)
) STRICT, WITHOUT ROWID;
INSERT INTO signal VALUES(3,0,'111_1.0',X'0a',0);
INSERT INTO signal VALUES(3,2,'9',X'0b',1);
CREATE TABLE lid_map (
  channel INTEGER NOT NULL REFERENCES channels (number) ON DELETE CASCADE,
  lid TEXT NOT NULL,
  pn TEXT NOT NULL,
  PRIMARY KEY (channel, lid),
  UNIQUE (channel, pn)
) STRICT, WITHOUT ROWID;
INSERT INTO lid_map VALUES(3,'111','4670');
CREATE TABLE device_lists (
  channel INTEGER NOT NULL REFERENCES channels (number) ON DELETE CASCADE,
  jid TEXT NOT NULL,
  list BLOB NOT NULL,
  fetched_at INTEGER NOT NULL,
  PRIMARY KEY (channel, jid)
) STRICT, WITHOUT ROWID;
INSERT INTO device_lists VALUES(3,'111@lid',X'0c',1700000001);
CREATE TABLE numbers (
  channel INTEGER NOT NULL REFERENCES channels (number) ON DELETE CASCADE,
  digits TEXT NOT NULL,
  jid TEXT,
  lid TEXT,
  asked_at INTEGER NOT NULL,
  PRIMARY KEY (channel, digits)
) STRICT, WITHOUT ROWID;
INSERT INTO numbers VALUES(3,'4670','4670@s.whatsapp.net','111@lid',1700000002);
CREATE TABLE chats (
  number INTEGER PRIMARY KEY,
  channel INTEGER NOT NULL REFERENCES channels (number) ON DELETE CASCADE,
  lid TEXT,
  pn TEXT,
  jid TEXT,
  name TEXT,
  timestamp INTEGER NOT NULL,
  unread INTEGER NOT NULL DEFAULT 0, heard_at INTEGER NOT NULL DEFAULT 0, contacted_at INTEGER NOT NULL DEFAULT 0, expiration INTEGER NOT NULL DEFAULT 0, expiration_set_at INTEGER NOT NULL DEFAULT 0,
  UNIQUE (channel, lid),
  UNIQUE (channel, pn),
  UNIQUE (channel, jid),
  CHECK ((jid IS NULL) = (lid IS NOT NULL OR pn IS NOT NULL))
) STRICT;
INSERT INTO chats VALUES(5,3,'111@lid','4670@s.whatsapp.net',NULL,'Anna',1700000003,1,0,0,0,0);
INSERT INTO chats VALUES(6,3,NULL,NULL,'12036@g.us',NULL,1700000004,0,0,0,0,0);
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
, edited_at INTEGER NOT NULL DEFAULT 0, deleted_at INTEGER NOT NULL DEFAULT 0, secret BLOB) STRICT;
INSERT INTO messages VALUES(7,3,5,'3EB0AA',0,'111@lid','4670@s.whatsapp.net',0,1700000003,'text','hello','Anna',NULL,NULL,0,NULL,0,X'0d',0,0,NULL);
INSERT INTO messages VALUES(8,3,6,'3EB0BB',1,NULL,NULL,0,1700000004,'text','it''s',NULL,'3EB0AA','api',3,NULL,1700000005,X'0e',0,0,NULL);
CREATE TABLE seen (
  channel INTEGER NOT NULL REFERENCES channels (number) ON DELETE CASCADE,
  sender TEXT NOT NULL,
  id TEXT NOT NULL,
  note TEXT NOT NULL,
  seen_at INTEGER NOT NULL,
  PRIMARY KEY (channel, sender, id)
) STRICT, WITHOUT ROWID;
INSERT INTO seen VALUES(3,'111@lid','3EB0CC','',1700000006);
CREATE TABLE pairing_material (
  channel INTEGER NOT NULL REFERENCES channels (number) ON DELETE CASCADE,
  kind TEXT NOT NULL,
  id TEXT NOT NULL,
  payload BLOB NOT NULL,
  PRIMARY KEY (channel, kind, id)
) STRICT;
INSERT INTO pairing_material VALUES(3,'app-state-key','AAAA',X'0f');
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
, not_before INTEGER NOT NULL DEFAULT 0, typing_ms INTEGER NOT NULL DEFAULT 0, immediate INTEGER NOT NULL DEFAULT 0) STRICT;
INSERT INTO outbox VALUES(9,3,'3EB0BB','12036@g.us',1,X'10',X'11',1700000004,1700086404,0,0,0);
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
INSERT INTO journal VALUES(12,'evt_abcdefghijkl',3,4,1700000003,'message.received',X'12');
CREATE TABLE api_keys (
  id TEXT PRIMARY KEY,
  name TEXT,
  hash BLOB NOT NULL UNIQUE,
  admin INTEGER NOT NULL,
  read_only INTEGER NOT NULL,
  dialect TEXT,
  created_at INTEGER NOT NULL,
  last_used_at INTEGER NOT NULL
, rate_limit INTEGER NOT NULL DEFAULT 0) STRICT, WITHOUT ROWID;
INSERT INTO api_keys VALUES('key_abcdefghijkl','shop',X'13',0,1,'both',1700000007,0,0);
CREATE TABLE api_key_channels (
  api_key TEXT NOT NULL REFERENCES api_keys (id) ON DELETE CASCADE,
  channel TEXT NOT NULL REFERENCES channels (id) ON DELETE CASCADE,
  PRIMARY KEY (api_key, channel)
) STRICT, WITHOUT ROWID;
INSERT INTO api_key_channels VALUES('key_abcdefghijkl','ch_abcdefghijkl');
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
CREATE TABLE privacy_tokens (
  channel INTEGER NOT NULL REFERENCES channels (number) ON DELETE CASCADE,
  user TEXT NOT NULL,
  token BLOB,
  token_at INTEGER NOT NULL DEFAULT 0,
  issued_at INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (channel, user)
) STRICT, WITHOUT ROWID;
CREATE TABLE timeline (
  message INTEGER NOT NULL REFERENCES messages (number) ON DELETE CASCADE,
  at INTEGER NOT NULL,
  what TEXT NOT NULL,
  who TEXT NOT NULL DEFAULT '',
  detail TEXT,
  PRIMARY KEY (message, at, what, who)
) STRICT, WITHOUT ROWID;
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
CREATE TABLE restrictions (
  channel INTEGER NOT NULL REFERENCES channels (number) ON DELETE CASCADE,
  kind TEXT NOT NULL,
  detail TEXT,
  since INTEGER NOT NULL,
  ends_at INTEGER NOT NULL,
  PRIMARY KEY (channel, kind)
) STRICT, WITHOUT ROWID;
CREATE TABLE reactions (
  message INTEGER NOT NULL REFERENCES messages (number) ON DELETE CASCADE,
  sender TEXT NOT NULL,
  emoji TEXT NOT NULL,
  timestamp INTEGER NOT NULL,
  PRIMARY KEY (message, sender)
) STRICT, WITHOUT ROWID;
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence VALUES('channels',3);
INSERT INTO sqlite_sequence VALUES('messages',8);
INSERT INTO sqlite_sequence VALUES('outbox',9);
INSERT INTO sqlite_sequence VALUES('journal',12);
CREATE INDEX signal_to_upload ON signal (channel) WHERE kind = 2 AND uploaded = 0;
CREATE INDEX chats_newest ON chats (channel, timestamp, number);
CREATE INDEX messages_by_id ON messages (channel, id);
CREATE INDEX messages_by_chat ON messages (chat, timestamp, number);
CREATE INDEX messages_by_channel ON messages (channel, timestamp, number);
CREATE INDEX seen_by_age ON seen (seen_at);
CREATE INDEX outbox_by_channel ON outbox (channel, number);
CREATE INDEX journal_by_channel ON journal (channel, seq);
CREATE INDEX journal_by_age ON journal (timestamp);
CREATE INDEX api_key_channels_by_channel ON api_key_channels (channel);
CREATE INDEX hooks_by_channel ON hooks (channel);
CREATE UNIQUE INDEX hooks_default ON hooks (channel) WHERE name = 'default';
CREATE UNIQUE INDEX deliveries_heads ON deliveries (hook, lane) WHERE state = 1;
CREATE INDEX deliveries_due ON deliveries (hook, due_at) WHERE state = 1;
CREATE INDEX deliveries_waiting ON deliveries (hook, lane, seq) WHERE state = 0;
CREATE INDEX deliveries_dead ON deliveries (hook, seq) WHERE state = 2;
CREATE INDEX deliveries_by_seq ON deliveries (seq);
CREATE INDEX repairs_by_sender ON repairs (channel, sender, asked_at);
CREATE INDEX repairs_by_age ON repairs (first_at);
CREATE INDEX answers_by_device ON answers (channel, device, answered_at);
CREATE INDEX answers_by_age ON answers (answered_at);
CREATE INDEX outbox_by_message ON outbox (channel, message_id);
CREATE INDEX idempotency_by_age ON idempotency (made_at);
COMMIT;
