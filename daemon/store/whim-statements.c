/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "store/whim-statements-private.h"

/* What whim_message_from_row() reads, in its order. */
#define MESSAGE_COLUMNS                                                                            \
  "m.number, m.id, c.lid, c.pn, c.jid, m.sender_lid, m.sender_pn, m.sender_device, m.from_me, "    \
  "m.timestamp, m.kind, m.body, m.push_name, m.quoted_id, m.source, m.status, m.status_reason, "   \
  "m.edited_at, m.deleted_at"
#define MESSAGE_TABLES " FROM messages m JOIN chats c ON c.number = m.chat "

/* ?1 channel or chat, ?2 from, ?3 to, ?4 from_me, ?5 limit, ?6 offset */
#define MESSAGE_FILTER                                                                             \
  " AND (?2 = 0 OR m.timestamp >= ?2) AND (?3 = 0 OR m.timestamp <= ?3)"                           \
  " AND (?4 < 0 OR m.from_me = ?4)"
#define DOWN " ORDER BY m.timestamp DESC, m.number DESC LIMIT ?5 OFFSET ?6"
#define UP " ORDER BY m.timestamp ASC, m.number ASC LIMIT ?5 OFFSET ?6"

#define CHAT_COLUMNS "number, lid, pn, jid, name, timestamp, unread"

#define JOURNAL_ROWS                                                                               \
  "SELECT j.seq, j.id, c.id, j.sequence, j.timestamp, j.type, j.data FROM journal j"               \
  " JOIN channels c ON c.number = j.channel WHERE j.seq > ?1 "

#define HOOK_COLUMNS                                                                               \
  "h.number, h.id, h.channel, c.id, h.name, h.url, h.events, h.format, h.mode, h.headers, "        \
  "h.secret, h.enabled, h.off_reason, h.created_at, h.updated_at"
#define HOOK_TABLES " FROM hooks h JOIN channels c ON c.number = h.channel "

/* What outbox_from_row() reads of a row that is only shown: neither content nor bytes. */
#define OUTBOX_SHOWN                                                                               \
  "SELECT o.number, o.message_id, o.chat, o.state, NULL, NULL, o.created_at, o.expires_at,"        \
  " o.not_before, o.typing_ms, o.immediate, (SELECT m.status_reason FROM messages m"               \
  " WHERE m.channel = o.channel AND m.id = o.message_id AND m.from_me = 1 LIMIT 1)"                \
  " FROM outbox o WHERE o.channel = ?1 "

/* They wrote first: then it is no contact that we made. */
#define CONTACTED(at) "CASE WHEN heard_at = 0 THEN " at " ELSE 1 END"

/* What delivery_from_row() reads, in its order. */
#define DELIVERY_ROWS                                                                              \
  "SELECT j.seq, j.id, c.id, j.sequence, j.timestamp, j.type, j.data, d.state, d.attempts,"        \
  " d.since, d.due_at, d.tried_at, d.status, d.failure FROM deliveries d"                          \
  " JOIN journal j ON j.seq = d.seq JOIN channels c ON c.number = j.channel WHERE d.hook = ?1 "
/* a dead letter by the id of its event, or every one */
#define WHICH_DEAD                                                                                 \
  "hook = ?1 AND state = 2 AND (?2 IS NULL OR seq = (SELECT seq FROM journal WHERE id = ?2))"

static const char *const statements[WHIM_SQL_N_STATEMENTS] = {
  [WHIM_SQL_BEGIN_READ] = "BEGIN",
  [WHIM_SQL_BEGIN_WRITE] = "BEGIN IMMEDIATE",
  [WHIM_SQL_BEGIN_EXCLUSIVE] = "BEGIN EXCLUSIVE",
  [WHIM_SQL_COMMIT] = "COMMIT",
  [WHIM_SQL_ROLLBACK] = "ROLLBACK",
  [WHIM_SQL_SAVEPOINT] = "SAVEPOINT unit",
  [WHIM_SQL_RELEASE] = "RELEASE unit",
  [WHIM_SQL_ROLLBACK_TO] = "ROLLBACK TO unit",
  [WHIM_SQL_CHECKPOINT] = "PRAGMA wal_checkpoint(TRUNCATE)",
  [WHIM_SQL_GET_VERSION] = "PRAGMA user_version",
  [WHIM_SQL_GET_APPLICATION] = "PRAGMA application_id",
  [WHIM_SQL_BACKUP] = "VACUUM INTO ?1",
  [WHIM_SQL_FORGET_RATCHETS] = "DELETE FROM signal WHERE kind IN (?1, ?2)",
  [WHIM_SQL_FORGET_DEVICE_LISTS] = "DELETE FROM device_lists",
  [WHIM_SQL_SKIP_PREKEYS]
  = "UPDATE credentials SET next_prekey_id = (next_prekey_id - 1 + ?1) % 16777215 + 1",
  [WHIM_SQL_CHECK_FILE] = "PRAGMA integrity_check (20)",
  [WHIM_SQL_CHECK_REFERENCES] = "SELECT count (*) FROM pragma_foreign_key_check",
  [WHIM_SQL_CHECK_JOURNAL]
  = "SELECT coalesce (sum (last - first + 1 - n), 0) FROM (SELECT min (sequence) AS first,"
    " max (sequence) AS last, count (*) AS n FROM journal GROUP BY channel)",
  [WHIM_SQL_CHECK_SEQUENCES]
  = "SELECT count (*) FROM channels WHERE journal_sequence < coalesce ((SELECT max (sequence)"
    " FROM journal WHERE channel = channels.number), 0)",
  [WHIM_SQL_CHECK_OUTBOX]
  = "SELECT count (*) FROM outbox o WHERE NOT EXISTS (SELECT 1 FROM messages m"
    " WHERE m.channel = o.channel AND m.id = o.message_id)",
  [WHIM_SQL_CHECK_PENDING]
  = "SELECT count (*) FROM messages m WHERE m.status = 2 AND NOT EXISTS (SELECT 1 FROM outbox o"
    " WHERE o.channel = m.channel AND o.message_id = m.id)",
  [WHIM_SQL_CHECK_KEYS]
  = "SELECT count (*) FROM credentials WHERE pn IS NOT NULL AND device_identity IS NULL",

  [WHIM_SQL_GET_COUNTER] = "SELECT seq FROM sqlite_sequence WHERE name = ?1",
  [WHIM_SQL_GET_META] = "SELECT value FROM meta WHERE name = ?1",
  [WHIM_SQL_RAISE_META] = "INSERT INTO meta (name, value) VALUES (?1, ?2)"
                          " ON CONFLICT (name) DO UPDATE SET value = max (value, excluded.value)",

  [WHIM_SQL_PUT_CHANNEL]
  = "INSERT INTO channels (number, id, name, department, auto_connect, created_at, settings,"
    " rest_reason, rest_detail) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"
    " ON CONFLICT (number) DO UPDATE SET name = excluded.name, department = excluded.department,"
    " auto_connect = excluded.auto_connect, settings = excluded.settings,"
    " rest_reason = excluded.rest_reason, rest_detail = excluded.rest_detail",
  [WHIM_SQL_LIST_CHANNELS]
  = "SELECT number, id, name, department, auto_connect, created_at, settings, rest_reason,"
    " rest_detail, credentials.channel, noise, identity, registration_id, signed_prekey_id,"
    " signed_prekey, signed_prekey_made_at, signed_prekey_signature, adv_secret, next_prekey_id,"
    " prekeys_uploaded, pn, lid, device_identity, key_index, platform, business_name, push_name,"
    " login_count, noise_root, routing_info FROM channels LEFT JOIN credentials"
    " ON credentials.channel = channels.number ORDER BY number",
  [WHIM_SQL_DELETE_CHANNEL] = "DELETE FROM channels WHERE number = ?1",
  [WHIM_SQL_PUT_CREDENTIALS]
  = "INSERT OR REPLACE INTO credentials (channel, noise, identity, registration_id,"
    " signed_prekey_id, signed_prekey, signed_prekey_made_at, signed_prekey_signature, adv_secret,"
    " next_prekey_id, prekeys_uploaded, pn, lid, device_identity, key_index, platform,"
    " business_name, push_name, login_count, noise_root, routing_info)"
    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18,"
    " ?19, ?20, ?21)",
  [WHIM_SQL_DELETE_CREDENTIALS] = "DELETE FROM credentials WHERE channel = ?1",
  [WHIM_SQL_DELETE_ALL_SIGNAL] = "DELETE FROM signal WHERE channel = ?1",
  [WHIM_SQL_DELETE_ALL_DEVICE_LISTS] = "DELETE FROM device_lists WHERE channel = ?1",
  [WHIM_SQL_DELETE_ALL_OUTBOX] = "DELETE FROM outbox WHERE channel = ?1",
  [WHIM_SQL_DELETE_ALL_PAIRING_MATERIAL] = "DELETE FROM pairing_material WHERE channel = ?1",

  /* A prekey id that comes again with another key is a new prekey. */
  [WHIM_SQL_PUT_SIGNAL]
  = "INSERT INTO signal (channel, kind, key, record) VALUES (?1, ?2, ?3, ?4)"
    " ON CONFLICT (channel, kind, key) DO UPDATE SET record = excluded.record,"
    " uploaded = CASE WHEN record = excluded.record THEN uploaded ELSE 0 END",
  [WHIM_SQL_DELETE_SIGNAL] = "DELETE FROM signal WHERE channel = ?1 AND kind = ?2 AND key = ?3",
  [WHIM_SQL_GET_SIGNAL] = "SELECT record FROM signal WHERE channel = ?1 AND kind = ?2 AND key = ?3",
  /* sessions and identities; the sign behind the point ends the range */
  [WHIM_SQL_LIST_ADDRESSES]
  = "SELECT DISTINCT key FROM signal WHERE channel = ?1 AND kind IN (0, 1)"
    " AND key >= ?2 || '.' AND key < ?2 || '/'",
  /* The ids wrap around, so the range may too. */
  [WHIM_SQL_MARK_PREKEYS]
  = "UPDATE signal SET uploaded = 1 WHERE channel = ?1 AND kind = 2 AND uploaded = 0"
    " AND ((?2 <= ?3 AND CAST (key AS INTEGER) BETWEEN ?2 AND ?3)"
    " OR (?2 > ?3 AND (CAST (key AS INTEGER) >= ?2 OR CAST (key AS INTEGER) <= ?3)))",
  [WHIM_SQL_LIST_PREKEYS_TO_UPLOAD]
  = "SELECT key, record FROM signal WHERE channel = ?1 AND kind = 2 AND uploaded = 0"
    " ORDER BY CAST (key AS INTEGER) LIMIT ?2",

  [WHIM_SQL_DELETE_LID_MAPPING]
  = "DELETE FROM lid_map WHERE channel = ?1 AND (lid = ?2 OR pn = ?3)",
  [WHIM_SQL_PUT_LID_MAPPING] = "INSERT INTO lid_map (channel, lid, pn) VALUES (?1, ?2, ?3)",
  [WHIM_SQL_FIND_LID_MAPPING]
  = "SELECT lid, pn FROM lid_map WHERE channel = ?1 AND (lid = ?2 OR pn = ?3)",
  [WHIM_SQL_PUT_DEVICE_LIST]
  = "INSERT OR REPLACE INTO device_lists (channel, jid, list, fetched_at) VALUES (?1, ?2, ?3, ?4)",
  [WHIM_SQL_DELETE_DEVICE_LIST] = "DELETE FROM device_lists WHERE channel = ?1 AND jid = ?2",
  [WHIM_SQL_GET_DEVICE_LIST] = "SELECT list FROM device_lists WHERE channel = ?1 AND jid = ?2",
  [WHIM_SQL_PUT_NUMBER] = "INSERT OR REPLACE INTO numbers (channel, digits, jid, lid, asked_at)"
                          " VALUES (?1, ?2, ?3, ?4, ?5)",
  [WHIM_SQL_GET_NUMBER]
  = "SELECT jid, lid, asked_at FROM numbers WHERE channel = ?1 AND digits = ?2",

  [WHIM_SQL_FIND_CHAT_BY_LID]
  = "SELECT " CHAT_COLUMNS " FROM chats WHERE channel = ?1 AND lid = ?2",
  [WHIM_SQL_FIND_CHAT_BY_PN] = "SELECT " CHAT_COLUMNS " FROM chats WHERE channel = ?1 AND pn = ?2",
  [WHIM_SQL_FIND_CHAT_BY_JID]
  = "SELECT " CHAT_COLUMNS " FROM chats WHERE channel = ?1 AND jid = ?2",
  [WHIM_SQL_INSERT_CHAT]
  = "INSERT INTO chats (channel, lid, pn, jid, timestamp) VALUES (?1, ?2, ?3, ?4, 0)",
  [WHIM_SQL_SET_CHAT_ADDRESSES] = "UPDATE chats SET lid = ?2, pn = ?3 WHERE number = ?1",
  [WHIM_SQL_TOUCH_CHAT] = "UPDATE chats SET timestamp = max (timestamp, ?2), unread = unread + ?3,"
                          " name = coalesce (?4, name),"
                          " heard_at = CASE WHEN ?3 THEN max (heard_at, ?2) ELSE heard_at END,"
                          " contacted_at = CASE WHEN ?5 AND contacted_at = 0 THEN " CONTACTED (
                              "?2") " ELSE contacted_at END WHERE number = ?1",
  /* Doubles: messages of ?2 that ?1 has too. */
  [WHIM_SQL_COUNT_DOUBLES]
  = "SELECT count (*) FROM messages b WHERE b.chat = ?2 AND b.from_me = 0 AND EXISTS ("
    "SELECT 1 FROM messages a WHERE a.channel = b.channel AND a.id = b.id AND a.chat = ?1"
    " AND a.from_me = b.from_me)",
  [WHIM_SQL_DELETE_DOUBLES]
  = "DELETE FROM messages AS b WHERE b.chat = ?2 AND EXISTS ("
    "SELECT 1 FROM messages a WHERE a.channel = b.channel AND a.id = b.id AND a.chat = ?1"
    " AND a.from_me = b.from_me)",
  [WHIM_SQL_MOVE_MESSAGES] = "UPDATE messages SET chat = ?1 WHERE chat = ?2",
  [WHIM_SQL_MERGE_CHAT]
  = "UPDATE chats SET timestamp = max (timestamp, ?2), unread = max (0, unread + ?3),"
    " name = coalesce (name, ?4),"
    " (heard_at, contacted_at, expiration, expiration_set_at) ="
    " (SELECT max (chats.heard_at, f.heard_at), max (chats.contacted_at, f.contacted_at),"
    " CASE WHEN f.expiration_set_at > chats.expiration_set_at THEN f.expiration"
    " ELSE chats.expiration END, max (chats.expiration_set_at, f.expiration_set_at)"
    " FROM chats f WHERE f.number = ?5) WHERE number = ?1",
  [WHIM_SQL_DELETE_CHAT] = "DELETE FROM chats WHERE number = ?1",
  [WHIM_SQL_LIST_CHATS] = "SELECT " CHAT_COLUMNS " FROM chats WHERE channel = ?1"
                          " ORDER BY timestamp DESC, number DESC LIMIT ?2 OFFSET ?3",
  [WHIM_SQL_COUNT_CHATS] = "SELECT count (*) FROM chats WHERE channel = ?1",

  /* In a person's chat the id and the direction say enough; elsewhere the sender is needed. */
  [WHIM_SQL_FIND_DOUBLE]
  = "SELECT number FROM messages WHERE channel = ?1 AND id = ?2 AND chat = ?3 AND from_me = ?4"
    " AND (?5 OR from_me OR sender_lid = ?6 OR sender_pn = ?7)",
  [WHIM_SQL_INSERT_MESSAGE]
  = "INSERT INTO messages (channel, chat, id, from_me, sender_lid, sender_pn, sender_device,"
    " timestamp, kind, body, push_name, quoted_id, source, status, status_reason, content, secret)"
    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)",
  [WHIM_SQL_LIST_STATUSES]
  = "SELECT number, status FROM messages WHERE channel = ?1 AND id = ?2 AND from_me = 1",
  [WHIM_SQL_SET_STATUS]
  = "UPDATE messages SET status = ?2, status_reason = ?3, status_at = ?4 WHERE number = ?1",
  [WHIM_SQL_FIND_MESSAGES] = "SELECT " MESSAGE_COLUMNS ", m.content" MESSAGE_TABLES
                             "WHERE m.channel = ?1 AND m.id = ?2 ORDER BY m.number",
  [WHIM_SQL_LAST_MESSAGE] = "SELECT " MESSAGE_COLUMNS MESSAGE_TABLES
                            "WHERE m.chat = ?1 ORDER BY m.timestamp DESC, m.number DESC LIMIT 1",
  [WHIM_SQL_LIST_MESSAGES_DOWN]
  = "SELECT " MESSAGE_COLUMNS MESSAGE_TABLES "WHERE m.channel = ?1" MESSAGE_FILTER DOWN,
  [WHIM_SQL_LIST_MESSAGES_UP]
  = "SELECT " MESSAGE_COLUMNS MESSAGE_TABLES "WHERE m.channel = ?1" MESSAGE_FILTER UP,
  [WHIM_SQL_COUNT_MESSAGES]
  = "SELECT count (*) FROM messages m WHERE m.channel = ?1" MESSAGE_FILTER,
  [WHIM_SQL_LIST_CHAT_MESSAGES_DOWN]
  = "SELECT " MESSAGE_COLUMNS MESSAGE_TABLES "WHERE m.chat = ?1" MESSAGE_FILTER DOWN,
  [WHIM_SQL_LIST_CHAT_MESSAGES_UP]
  = "SELECT " MESSAGE_COLUMNS MESSAGE_TABLES "WHERE m.chat = ?1" MESSAGE_FILTER UP,
  [WHIM_SQL_COUNT_CHAT_MESSAGES]
  = "SELECT count (*) FROM messages m WHERE m.chat = ?1" MESSAGE_FILTER,
  [WHIM_SQL_PUT_SEEN]
  = "INSERT OR REPLACE INTO seen (channel, sender, id, note, seen_at) VALUES (?1, ?2, ?3, ?4, ?5)",
  [WHIM_SQL_GET_SEEN] = "SELECT note FROM seen WHERE channel = ?1 AND sender = ?2 AND id = ?3",
  [WHIM_SQL_PRUNE_SEEN] = "DELETE FROM seen WHERE seen_at < ?1",
  [WHIM_SQL_PUT_PAIRING_MATERIAL]
  = "INSERT OR REPLACE INTO pairing_material (channel, kind, id, payload) VALUES (?1, ?2, ?3, ?4)",

  [WHIM_SQL_FIND_KIND] = "SELECT kind FROM messages WHERE number = ?1",
  [WHIM_SQL_FILL_PLACEHOLDER]
  = "UPDATE messages SET kind = ?2, body = ?3, push_name = coalesce (?4, push_name),"
    " quoted_id = ?5, content = ?6, status_reason = NULL, sender_device = ?7, timestamp = ?8,"
    " secret = ?9 WHERE "
    "number = ?1",
  [WHIM_SQL_FIND_PLACEHOLDER]
  = "SELECT " MESSAGE_COLUMNS MESSAGE_TABLES "WHERE m.channel = ?1 AND m.id = ?2 AND m.kind = ?3"
    " AND (c.lid = ?4 OR c.pn = ?4 OR c.jid = ?4) LIMIT 1",
  [WHIM_SQL_DELETE_MESSAGE] = "DELETE FROM messages WHERE number = ?1",
  [WHIM_SQL_PUT_REPAIR]
  = "INSERT INTO repairs (channel, chat, sender, id, count, hidden, request, first_at, asked_at)"
    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"
    " ON CONFLICT (channel, chat, sender, id) DO UPDATE SET count = max (count, excluded.count),"
    " request = coalesce (excluded.request, request), asked_at = excluded.asked_at",
  [WHIM_SQL_FIND_REPAIR]
  = "SELECT chat, sender, id, count, told, hidden, request, first_at, asked_at FROM repairs"
    " WHERE channel = ?1 AND chat = ?2 AND sender = ?3 AND id = ?4",
  [WHIM_SQL_COUNT_REPAIRS] = "SELECT coalesce (sum (count), 0) FROM repairs"
                             " WHERE channel = ?1 AND sender = ?2 AND asked_at >= ?3",
  [WHIM_SQL_LIST_REPAIRS]
  = "SELECT chat, sender, id, count, told, hidden, request, first_at, asked_at FROM repairs"
    " WHERE channel = ?1 AND told = 0 ORDER BY first_at DESC LIMIT ?2",
  [WHIM_SQL_TELL_REPAIR]
  = "UPDATE repairs SET told = 1 WHERE channel = ?1 AND chat = ?2 AND sender = ?3 AND id = ?4"
    " AND told = 0",
  [WHIM_SQL_DELETE_REPAIR]
  = "DELETE FROM repairs WHERE channel = ?1 AND chat = ?2 AND sender = ?3 AND id = ?4",
  [WHIM_SQL_END_REQUEST] = "DELETE FROM repairs WHERE channel = ?1 AND id = ?2 AND request = ?3",
  [WHIM_SQL_DELETE_ALL_REPAIRS] = "DELETE FROM repairs WHERE channel = ?1",
  [WHIM_SQL_PRUNE_REPAIRS] = "DELETE FROM repairs WHERE first_at < ?1",
  [WHIM_SQL_PUT_ANSWER]
  = "INSERT INTO answers (channel, device, id, count, base_key, renewed_at, answered_at)"
    " VALUES (?1, ?2, ?3, 1, ?4, ?5, ?6)"
    " ON CONFLICT (channel, device, id) DO UPDATE SET count = count + 1,"
    " base_key = coalesce (excluded.base_key, base_key),"
    " renewed_at = max (renewed_at, excluded.renewed_at), answered_at = excluded.answered_at",
  [WHIM_SQL_FIND_ANSWER]
  = "SELECT count, base_key FROM answers WHERE channel = ?1 AND device = ?2 AND id = ?3",
  [WHIM_SQL_SUM_ANSWERS]
  = "SELECT coalesce (sum (count), 0), coalesce (max (renewed_at), 0) FROM answers"
    " WHERE channel = ?1 AND device = ?2 AND answered_at >= ?3",
  [WHIM_SQL_DELETE_ALL_ANSWERS] = "DELETE FROM answers WHERE channel = ?1",
  [WHIM_SQL_PRUNE_ANSWERS] = "DELETE FROM answers WHERE answered_at < ?1",
  [WHIM_SQL_PUT_TOKEN]
  = "INSERT INTO privacy_tokens (channel, user, token, token_at) VALUES (?1, ?2, ?3, ?4)"
    " ON CONFLICT (channel, user) DO UPDATE SET token = excluded.token,"
    " token_at = excluded.token_at WHERE excluded.token_at >= token_at",
  [WHIM_SQL_ISSUE_TOKEN]
  = "INSERT INTO privacy_tokens (channel, user, issued_at) VALUES (?1, ?2, ?3)"
    " ON CONFLICT (channel, user) DO UPDATE SET issued_at = excluded.issued_at",
  [WHIM_SQL_GET_TOKEN]
  = "SELECT token, token_at, issued_at FROM privacy_tokens WHERE channel = ?1 AND user = ?2",
  [WHIM_SQL_DELETE_ALL_TOKENS] = "DELETE FROM privacy_tokens WHERE channel = ?1",

  [WHIM_SQL_PUT_TIMELINE]
  = "INSERT OR IGNORE INTO timeline (message, at, what, who, detail)"
    " SELECT number, ?3, ?4, ?5, ?6 FROM messages WHERE channel = ?1 AND id = ?2 AND from_me = 1"
    " LIMIT 1",
  /* A repeat with another time would let a peer grow it. */
  [WHIM_SQL_PUT_TIMELINE_ONCE]
  = "INSERT INTO timeline (message, at, what, who) SELECT ?1, ?2, ?3, ?4 WHERE NOT EXISTS"
    " (SELECT 1 FROM timeline WHERE message = ?1 AND what = ?3 AND who = ?4)",
  /* In the order of a message's life: the times are of two clocks, one of which tells seconds. */
  [WHIM_SQL_LIST_TIMELINE]
  = "SELECT at, what, who, detail FROM timeline WHERE message = ?1 ORDER BY CASE what"
    " WHEN 'accepted' THEN 0 WHEN 'held' THEN 1 WHEN 'sealed' THEN 2 WHEN 'sent' THEN 3"
    " WHEN 'retried' THEN 4 WHEN 'acked' THEN 5 WHEN 'delivered' THEN 7 WHEN 'read' THEN 8"
    " WHEN 'played' THEN 9 ELSE 6 END, at, who LIMIT ?2",
  /* The first answer stays for a day; an older one makes room. */
  [WHIM_SQL_PUT_FIRST_ANSWER]
  = "INSERT INTO idempotency (channel, api_key, operation, key, request, answer, made_at)"
    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (channel, api_key, operation, key)"
    " DO UPDATE SET request = ?5, answer = ?6, made_at = ?7 WHERE made_at <= ?8",
  [WHIM_SQL_GET_FIRST_ANSWER]
  = "SELECT request, answer FROM idempotency WHERE channel = ?1 AND api_key = ?2"
    " AND operation = ?3 AND key = ?4 AND made_at > ?5",
  [WHIM_SQL_PRUNE_FIRST_ANSWERS] = "DELETE FROM idempotency WHERE made_at <= ?1",
  [WHIM_SQL_PRUNE_TOKENS] = "DELETE FROM privacy_tokens WHERE token_at < ?1 AND issued_at < ?1",
  [WHIM_SQL_GET_STANDING]
  = "SELECT heard_at, contacted_at, expiration, expiration_set_at FROM chats WHERE number = ?1",
  [WHIM_SQL_COUNT_NEW_CHATS] = "SELECT count (*) FROM chats WHERE channel = ?1"
                               " AND contacted_at > ?2 AND contacted_at > 1",
  [WHIM_SQL_GET_SALT] = "SELECT payload FROM pairing_material WHERE channel = ?1 AND kind = ?2"
                        " ORDER BY id DESC LIMIT 1",
  [WHIM_SQL_SET_CONTACTED] = "UPDATE chats SET contacted_at = " CONTACTED (
      "?2") " WHERE contacted_at = 0"
            " AND number = (SELECT chat FROM messages WHERE number = ?1)",
  [WHIM_SQL_SET_CHAT_EXPIRATION]
  = "UPDATE chats SET expiration = ?2, expiration_set_at = ?3 WHERE number = ?1"
    " AND expiration_set_at < ?3",
  [WHIM_SQL_FIND_SENT]
  = "SELECT m.number, m.status, c.lid, c.pn, c.jid FROM messages m JOIN chats c"
    " ON c.number = m.chat WHERE m.channel = ?1 AND m.id = ?2 AND m.from_me = 1"
    " AND (c.lid = ?3 OR c.pn = ?3 OR c.jid = ?3 OR c.lid = ?4 OR c.pn = ?4) LIMIT 1",
  [WHIM_SQL_SET_PENDING_REASON]
  = "UPDATE messages SET status_reason = ?3 WHERE channel = ?1 AND id = ?2 AND from_me = 1"
    " AND status = 2",
  [WHIM_SQL_SET_FAILED_REASON]
  = "UPDATE messages SET status_reason = ?3 WHERE channel = ?1 AND id = ?2 AND from_me = 1"
    " AND status = 1 AND status_reason IS NOT ?3",
  [WHIM_SQL_FIND_RECEIVED]
  = "SELECT m.number, m.timestamp FROM messages m WHERE m.channel = ?1 AND m.id = ?2"
    " AND m.chat = ?3 AND m.from_me = 0 LIMIT 1",
  [WHIM_SQL_LOWER_UNREAD]
  = "UPDATE chats SET unread = (SELECT count (*) FROM messages m WHERE m.chat = ?1"
    " AND m.from_me = 0 AND (m.timestamp, m.number) > (?2, ?3)) WHERE number = ?1 AND unread >"
    " (SELECT count (*) FROM messages m WHERE m.chat = ?1 AND m.from_me = 0"
    " AND (m.timestamp, m.number) > (?2, ?3))",
  [WHIM_SQL_PUT_RESTRICTION]
  = "INSERT INTO restrictions (channel, kind, detail, since, ends_at) VALUES (?1, ?2, ?3, ?4, ?5)"
    " ON CONFLICT (channel, kind) DO UPDATE SET detail = ?3, ends_at = ?5",
  [WHIM_SQL_DELETE_RESTRICTION] = "DELETE FROM restrictions WHERE channel = ?1 AND kind = ?2",
  [WHIM_SQL_DELETE_ALL_RESTRICTIONS] = "DELETE FROM restrictions WHERE channel = ?1",
  [WHIM_SQL_LIST_RESTRICTIONS]
  = "SELECT channel, kind, detail, since, ends_at FROM restrictions ORDER BY channel, kind",
  [WHIM_SQL_PUT_REACTION]
  = "INSERT INTO reactions (message, sender, emoji, timestamp)"
    " SELECT number, ?3, ?4, ?5 FROM messages WHERE channel = ?1 AND id = ?2 LIMIT 1"
    " ON CONFLICT (message, sender) DO UPDATE SET emoji = ?4, timestamp = ?5"
    " WHERE timestamp < ?5",

  /* ?3: we wrote it; ?4 to ?6: any address of its chat; ?7, ?8: the author, where it matters */
  [WHIM_SQL_FIND_TARGET]
  = "SELECT " MESSAGE_COLUMNS ", m.secret" MESSAGE_TABLES
    "WHERE m.channel = ?1 AND m.id = ?2 AND m.from_me = ?3"
    " AND (c.lid = ?4 OR c.pn = ?5 OR c.jid = ?6)"
    " AND (m.from_me OR c.jid IS NULL OR m.sender_lid = ?7 OR m.sender_pn = ?8) LIMIT 1",
  /* edited_at: Unix ms; the secret stays that of the first content */
  [WHIM_SQL_EDIT_MESSAGE]
  = "UPDATE messages SET kind = ?2, body = ?3, content = ?4, edited_at = ?5 WHERE number = ?1",
  [WHIM_SQL_REVOKE_MESSAGE]
  = "UPDATE messages SET body = NULL, content = NULL, deleted_at = ?2 WHERE number = ?1",
  [WHIM_SQL_REACT]
  = "INSERT INTO reactions (message, sender, emoji, timestamp) VALUES (?1, ?2, ?3, ?4)"
    " ON CONFLICT (message, sender) DO UPDATE SET emoji = ?3, timestamp = ?4 WHERE timestamp < ?4",
  [WHIM_SQL_DELETE_REACTIONS] = "DELETE FROM reactions WHERE message = ?1",
  /* ?1: JSON array of message numbers; a LID is shown as its number where that is known */
  [WHIM_SQL_LIST_REACTIONS]
  = "SELECT r.message, coalesce (l.pn || '@s.whatsapp.net', r.sender), r.emoji, r.timestamp"
    " FROM json_each (?1) j JOIN reactions r ON r.message = j.value"
    " JOIN messages m ON m.number = r.message"
    " LEFT JOIN lid_map l ON l.channel = m.channel AND r.sender = l.lid || '@lid'"
    " WHERE r.emoji <> '' ORDER BY r.message, r.timestamp, r.sender",
  [WHIM_SQL_SET_TIMER]
  = "UPDATE chats SET expiration = ?2, expiration_set_at = ?3 WHERE number = ?1"
    " AND expiration_set_at < ?3",

  [WHIM_SQL_PUT_OUTBOX]
  = "INSERT OR REPLACE INTO outbox (number, channel, message_id, chat, state, content, stanza,"
    " created_at, expires_at, not_before, typing_ms, immediate)"
    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
  [WHIM_SQL_SEAL_OUTBOX]
  = "UPDATE outbox SET state = 1, stanza = ?3 WHERE number = ?2 AND channel = ?1 AND state = 0",
  [WHIM_SQL_DELETE_OUTBOX] = "DELETE FROM outbox WHERE number = ?2 AND channel = ?1",
  [WHIM_SQL_LIST_OUTBOX]
  = "SELECT number, message_id, chat, state, content, stanza, created_at, expires_at,"
    " not_before, typing_ms, immediate, NULL FROM outbox WHERE channel = ?1 ORDER BY number",
  /* new keys for the old content: only after a refusal that says that nobody got it */
  [WHIM_SQL_UNSEAL_OUTBOX]
  = "UPDATE outbox SET state = 0, stanza = NULL WHERE number = ?2 AND channel = ?1",
  [WHIM_SQL_HOLD_OUTBOX]
  = "UPDATE outbox SET not_before = ?3 WHERE number = ?2 AND channel = ?1 AND state = 0",
  [WHIM_SQL_DROP_OUTBOX]
  = "DELETE FROM outbox WHERE channel = ?1 AND message_id = ?2 AND (?3 OR state = 0)",
  [WHIM_SQL_FAIL_ALL_OUTBOX]
  = "UPDATE messages SET status = 1, status_reason = ?2 WHERE channel = ?1 AND status = 2"
    " AND from_me = 1 AND id IN (SELECT message_id FROM outbox WHERE channel = ?1)",
  [WHIM_SQL_PAGE_OUTBOX] = OUTBOX_SHOWN "ORDER BY o.number LIMIT ?2 OFFSET ?3",
  [WHIM_SQL_FIND_OUTBOX] = OUTBOX_SHOWN "AND o.message_id = ?2",
  [WHIM_SQL_COUNT_OUTBOX] = "SELECT count (*) FROM outbox WHERE channel = ?1",
  [WHIM_SQL_COUNT_ALL_OUTBOX] = "SELECT channel, count (*) FROM outbox GROUP BY channel",
  [WHIM_SQL_LIST_EXPIRED]
  = "SELECT message_id FROM outbox WHERE channel = ?1 AND expires_at <= ?2 LIMIT ?3",
  [WHIM_SQL_NEXT_EXPIRY]
  = "SELECT min (expires_at) FROM outbox WHERE channel = ?1 AND expires_at > ?2",
  [WHIM_SQL_LIST_EXPIRIES] = "SELECT channel, min (expires_at) FROM outbox GROUP BY channel",

  [WHIM_SQL_NEXT_SEQUENCE] = "UPDATE channels SET journal_sequence = journal_sequence + 1"
                             " WHERE number = ?1 RETURNING journal_sequence",
  [WHIM_SQL_APPEND_JOURNAL] = "INSERT INTO journal (id, channel, sequence, timestamp, type, data)"
                              " VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
  [WHIM_SQL_READ_JOURNAL] = JOURNAL_ROWS "ORDER BY j.seq LIMIT ?2",
  [WHIM_SQL_READ_CHANNEL_JOURNAL]
  = JOURNAL_ROWS "AND j.channel = (SELECT number FROM channels WHERE id = ?3)"
                 " ORDER BY j.seq LIMIT ?2",
  /* An event carries the time of what it tells, which may be older than its row: only the part of
   * which everything is old goes. The plus keeps SQLite from sorting by time. */
  [WHIM_SQL_NEWEST_BEFORE]
  = "SELECT coalesce ((SELECT seq FROM journal WHERE +timestamp >= ?1 ORDER BY seq LIMIT 1) - 1,"
    " (SELECT max (seq) FROM journal), 0)",
  /* By number, so that what is kept has no hole. */
  /* What a webhook still owes stays; no cursor may go below the pruned part, so it is no hole. */
  [WHIM_SQL_PRUNE_JOURNAL] = "DELETE FROM journal WHERE seq <= ?1 AND NOT EXISTS"
                             " (SELECT 1 FROM deliveries d WHERE d.seq = journal.seq)",

  [WHIM_SQL_PUT_API_KEY]
  = "INSERT INTO api_keys (id, name, hash, admin, read_only, dialect, created_at, last_used_at,"
    " rate_limit) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"
    " ON CONFLICT (id) DO UPDATE SET name = excluded.name, hash = excluded.hash,"
    " admin = excluded.admin, read_only = excluded.read_only, dialect = excluded.dialect,"
    " rate_limit = excluded.rate_limit,"
    " last_used_at = excluded.last_used_at",
  [WHIM_SQL_USE_API_KEY]
  = "UPDATE api_keys SET last_used_at = max (last_used_at, ?2) WHERE id = ?1",
  [WHIM_SQL_DELETE_API_KEY] = "DELETE FROM api_keys WHERE id = ?1",
  [WHIM_SQL_LIST_API_KEYS]
  = "SELECT id, name, hash, admin, read_only, dialect, created_at, last_used_at,"
    " rate_limit FROM api_keys"
    " ORDER BY created_at, id",
  [WHIM_SQL_PUT_API_KEY_CHANNEL]
  = "INSERT INTO api_key_channels (api_key, channel) VALUES (?1, ?2)",
  [WHIM_SQL_DELETE_API_KEY_CHANNELS] = "DELETE FROM api_key_channels WHERE api_key = ?1",
  [WHIM_SQL_LIST_API_KEY_CHANNELS]
  = "SELECT channel FROM api_key_channels WHERE api_key = ?1 ORDER BY channel",

  [WHIM_SQL_PUT_HOOK]
  = "INSERT INTO hooks (number, id, channel, name, url, events, format, mode, headers, secret,"
    " enabled, off_reason, begins, created_at, updated_at)"
    " SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, 0, ?13, ?14"
    " WHERE EXISTS (SELECT 1 FROM channels WHERE number = ?3)"
    " ON CONFLICT (number) DO UPDATE SET name = excluded.name, url = excluded.url,"
    " events = excluded.events, format = excluded.format, mode = excluded.mode,"
    " headers = excluded.headers, secret = excluded.secret, enabled = excluded.enabled,"
    " off_reason = excluded.off_reason, updated_at = excluded.updated_at",
  [WHIM_SQL_BEGIN_HOOK]
  = "UPDATE hooks SET begins = coalesce ((SELECT seq FROM sqlite_sequence WHERE name = 'journal'),"
    " 0) WHERE number = ?1",
  [WHIM_SQL_TURN_HOOK_OFF]
  = "UPDATE hooks SET enabled = 0, off_reason = ?2, pending = 0 WHERE number = ?1",
  [WHIM_SQL_DELETE_HOOK] = "DELETE FROM hooks WHERE number = ?1",
  [WHIM_SQL_LIST_HOOKS] = "SELECT " HOOK_COLUMNS HOOK_TABLES "ORDER BY h.number",
  [WHIM_SQL_LIST_TAKERS] = "SELECT " HOOK_COLUMNS ", h.begins, h.pending" HOOK_TABLES
                           "WHERE h.channel = ?1 AND h.enabled = 1 ORDER BY h.number",
  [WHIM_SQL_GET_HOOK_STATS]
  = "SELECT pending, (SELECT count (*) FROM deliveries WHERE hook = ?1 AND state = 2), delivered,"
    " delivered_at, failed_at, failure FROM hooks WHERE number = ?1",
  [WHIM_SQL_SET_PENDING] = "UPDATE hooks SET pending = ?2 WHERE number = ?1",
  [WHIM_SQL_COUNT_PENDING]
  = "UPDATE hooks SET pending = (SELECT count (*) FROM deliveries WHERE hook = ?1 AND state < 2)"
    " WHERE number = ?1",
  [WHIM_SQL_NOTE_DELIVERED] = "UPDATE hooks SET pending = max (0, pending - 1),"
                              " delivered = delivered + 1, delivered_at = ?2 WHERE number = ?1",
  [WHIM_SQL_NOTE_FAILED] = "UPDATE hooks SET failed_at = ?2, failure = ?3 WHERE number = ?1",

  [WHIM_SQL_GET_UNTAKEN]
  = "SELECT max (begins, coalesce ((SELECT value FROM meta WHERE name = ?1), 0)) FROM"
    " (SELECT min (begins) AS begins FROM hooks WHERE enabled = 1) WHERE begins IS NOT NULL",
  [WHIM_SQL_LIST_UNTAKEN]
  = "SELECT j.seq, j.id, c.id, j.sequence, j.timestamp, j.type, j.data, j.channel FROM journal j"
    " JOIN channels c ON c.number = j.channel WHERE j.seq > ?1 ORDER BY j.seq LIMIT ?2",
  [WHIM_SQL_PUT_DELIVERY]
  = "INSERT OR IGNORE INTO deliveries (hook, seq, lane, state, since, due_at)"
    " VALUES (?1, ?2, ?3, (SELECT CASE WHEN EXISTS (SELECT 1 FROM deliveries WHERE hook = ?1"
    " AND lane = ?3 AND state = 1) THEN 0 ELSE 1 END), ?4, ?4)",
  [WHIM_SQL_PUT_DEAD_LETTER]
  = "INSERT OR IGNORE INTO deliveries (hook, seq, lane, state, since, due_at, failure)"
    " VALUES (?1, ?2, ?3, 2, ?4, ?4, ?5)",
  [WHIM_SQL_LIST_DUE]
  = DELIVERY_ROWS "AND d.state = 1 AND (d.due_at <= ?2 OR d.due_at > ?3) ORDER BY d.seq LIMIT ?4",
  [WHIM_SQL_GET_NEXT_DUE]
  = "SELECT min (due_at) FROM deliveries WHERE hook = ?1 AND state = 1 AND due_at > ?2",
  [WHIM_SQL_LIST_INDEBTED] = "SELECT number FROM hooks WHERE enabled = 1 AND EXISTS"
                             " (SELECT 1 FROM deliveries WHERE hook = number AND state = 1)",
  [WHIM_SQL_GET_LANE] = "SELECT lane FROM deliveries WHERE hook = ?1 AND seq = ?2",
  [WHIM_SQL_DELETE_DELIVERY] = "DELETE FROM deliveries WHERE hook = ?1 AND seq = ?2",
  [WHIM_SQL_POSTPONE_DELIVERY]
  = "UPDATE deliveries SET attempts = attempts + 1, due_at = ?3, tried_at = ?4, status = ?5,"
    " failure = ?6 WHERE hook = ?1 AND seq = ?2",
  [WHIM_SQL_BURY_DELIVERY]
  = "UPDATE deliveries SET state = 2, attempts = attempts + 1, tried_at = ?3, status = ?4,"
    " failure = ?5 WHERE hook = ?1 AND seq = ?2",
  [WHIM_SQL_BURY_DELIVERIES]
  = "UPDATE deliveries SET state = 2, failure = coalesce (failure, ?2) WHERE hook = ?1"
    " AND state < 2",
  [WHIM_SQL_EXPIRE_LANE]
  = "UPDATE deliveries SET state = 2, failure = 'waited for too long' WHERE hook = ?1"
    " AND lane = ?2 AND state = 0 AND since < ?3",
  [WHIM_SQL_EXPIRE_DELIVERIES]
  = "UPDATE deliveries SET state = 2, failure = coalesce (failure, 'waited for too long')"
    " WHERE hook = ?1 AND state < 2 AND since < ?2",
  [WHIM_SQL_HURRY_DELIVERIES] = "UPDATE deliveries SET due_at = ?2 WHERE hook = ?1 AND state = 1",
  [WHIM_SQL_ACTIVATE_LANE]
  = "UPDATE deliveries SET state = 1, due_at = ?3 WHERE hook = ?1 AND seq ="
    " (SELECT min (seq) FROM deliveries WHERE hook = ?1 AND lane = ?2 AND state = 0)"
    " AND NOT EXISTS (SELECT 1 FROM deliveries WHERE hook = ?1 AND lane = ?2 AND state = 1)",
  [WHIM_SQL_ACTIVATE_LANES]
  = "UPDATE deliveries SET state = 1, due_at = ?2 WHERE hook = ?1 AND seq IN"
    " (SELECT min (w.seq) FROM deliveries w WHERE w.hook = ?1 AND w.state = 0 AND NOT EXISTS"
    " (SELECT 1 FROM deliveries a WHERE a.hook = ?1 AND a.lane = w.lane AND a.state = 1)"
    " GROUP BY w.lane)",
  [WHIM_SQL_LIST_OWED] = DELIVERY_ROWS "AND d.state < 2 ORDER BY d.seq DESC LIMIT ?2 OFFSET ?3",
  [WHIM_SQL_COUNT_OWED] = "SELECT count (*) FROM deliveries WHERE hook = ?1 AND state < 2",
  [WHIM_SQL_LIST_DEAD] = DELIVERY_ROWS "AND d.state = 2 ORDER BY d.seq DESC LIMIT ?2 OFFSET ?3",
  [WHIM_SQL_COUNT_DEAD] = "SELECT count (*) FROM deliveries WHERE hook = ?1 AND state = 2",
  [WHIM_SQL_RESEND_DEAD]
  = "UPDATE deliveries SET state = 0, attempts = 0, since = ?3, due_at = ?3 WHERE " WHICH_DEAD,
  [WHIM_SQL_DELETE_DEAD] = "DELETE FROM deliveries WHERE " WHICH_DEAD,
  [WHIM_SQL_PRUNE_DEAD] = "DELETE FROM deliveries WHERE state = 2 AND since < ?1",
};

const char *
whim_statement_get_sql (WhimStatement statement)
{
  return statements[statement];
}
