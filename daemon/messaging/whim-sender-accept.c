/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "messaging/whim-sender-private.h"

#include "base/whim-error.h"
#include "base/whim-failpoint.h"
#include "base/whim-limits.h"

#include <string.h>

/* A message is accepted (product page, 5):
 *
 *   address -> who is it? -> where does the chat stand? -> what is quoted? -> message, outbox row
 *   and first answer in one unit -> committed -> in line; the caller has his answer
 */

#define EXPIRES_S (24 * 3600)
#define ANSWER_TIMEOUT_MS 5000
#define MIN_DIGITS 7u
#define MAX_DIGITS 15u
#define DAY_S (24 * 3600)

typedef struct
{
  WhimMessenger *messenger;
  char *body;
  char *quoted_id;
  char **mentions; /* (nullable): bare JIDs */
  gint64 ephemeral;
  guint typing_ms;
  gint64 expires;
  gboolean immediate;
  char *api_key; /* with an idempotency key; else NULL */
  char *operation;
  char *key;
  GBytes *request;
  WhimJid *jid; /* PN or LID */
  WhimJid *other;
  guint answer_timer;
  gboolean resolved;
  WhimStanding *standing;
  GBytes *quoted; /* content */
  char *quoted_author;
  WhimMessage *message;
  WhimOutboxRow *row;
  guint generation;
} AcceptOp;

static void
accept_op_free (gpointer data)
{
  AcceptOp *op = data;

  whim_clock_clear_timer (op->messenger->clock, &op->answer_timer);
  g_clear_pointer (&op->jid, whim_jid_unref);
  g_clear_pointer (&op->other, whim_jid_unref);
  g_clear_pointer (&op->message, whim_message_free);
  g_clear_pointer (&op->row, whim_outbox_row_free);
  g_clear_pointer (&op->standing, whim_standing_free);
  g_clear_pointer (&op->quoted, g_bytes_unref);
  g_clear_pointer (&op->request, g_bytes_unref);
  g_strfreev (op->mentions);
  g_free (op->quoted_author);
  g_free (op->api_key);
  g_free (op->operation);
  g_free (op->key);
  g_free (op->body);
  g_free (op->quoted_id);
  whim_messenger_unref (op->messenger);
  g_free (op);
}

static gboolean
is_paired (WhimMessenger *messenger)
{
  const WhimCredentials *keys = whim_messenger_get_keys (messenger);

  return keys != NULL && whim_credentials_is_paired (keys);
}

static void
fail_not_paired (GTask *task)
{
  g_task_return_new_error (task, WHIM_MESSAGING_ERROR, WHIM_MESSAGING_ERROR_NOT_PAIRED,
                           "no account is linked");
}

GVariant *
whim_messenger_make_answer (const WhimMessage *message)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (&builder, "{sv}", "messageId", g_variant_new_string (message->id));
  g_variant_builder_add (&builder, "{sv}", "sent", g_variant_new_boolean (TRUE));
  g_variant_builder_add (&builder, "{sv}", "queued",
                         g_variant_new_boolean (message->status == WHIM_MESSAGE_STATUS_PENDING));
  g_variant_builder_add (&builder, "{sv}", "message", whim_message_to_variant (message));
  return g_variant_builder_end (&builder);
}

/* ---- the unit -------------------------------------------------------------------------------- */

static void
accept_committed (WhimMessenger *messenger, gboolean ok, gpointer data)
{
  g_autoptr (GTask) task = data;
  AcceptOp *op = g_task_get_task_data (task);
  WhimSender *self = messenger->sender;
  g_autofree char *id = g_strdup (op->message->id);
  gint64 expires_at = op->row->expires_at;
  gboolean current = self->online && op->generation == self->generation;
  g_autoptr (WhimStanding) standing = NULL;
  WhimOutboxRow *row;
  WhimMessage *message;

  if (!ok)
    {
      g_task_return_new_error (task, WHIM_MESSAGING_ERROR, WHIM_MESSAGING_ERROR_STORE,
                               "the message could not be stored");
      return;
    }
  (void)WHIM_FAILPOINT ("send.after-accept-commit");
  whim_sender_expect_expiry (self, expires_at);
  /* what follows may end the task, and @op with it */
  message = whim_message_copy (op->message);
  row = g_steal_pointer (&op->row);
  standing = g_steal_pointer (&op->standing);
  if (op->immediate)
    whim_sender_wait_for_ack (self, id, g_object_ref (task));
  else
    g_task_return_pointer (task, g_steal_pointer (&op->message), (GDestroyNotify)whim_message_free);
  if (current)
    {
      whim_sender_add (self, row, message, g_steal_pointer (&standing));
      return;
    }
  /* While offline the row waits on disk alone; it is read at the next login. */
  whim_outbox_row_free (row);
  whim_message_free (message);
}

static GBytes *
make_content (AcceptOp *op)
{
  WhimTextOptions options = { 0 };

  options.quoted_id = op->quoted_id;
  options.quoted_author = op->quoted_author;
  options.quoted_content = op->quoted;
  options.mentions = (const char *const *)op->mentions;
  options.expiration = op->ephemeral >= 0 ? (guint)op->ephemeral : op->standing->expiration;
  if (options.expiration == op->standing->expiration)
    options.expiration_set_at = op->standing->expiration_set_at;
  return whim_content_make_text (op->body, &options);
}

static void
make_message (AcceptOp *op, GBytes *content)
{
  WhimMessenger *messenger = op->messenger;
  const WhimCredentials *keys = whim_messenger_get_keys (messenger);
  gint64 now = whim_clock_get_unix (messenger->clock);
  WhimMessage *message = op->message = whim_message_new ();

  message->id = whim_message_id_new (now, whim_jid_get_user (keys->pn));
  whim_chat_assign_jid (op->jid, &message->chat_lid, &message->chat_pn, &message->chat_jid);
  if (op->other != NULL)
    whim_chat_assign_jid (op->other, &message->chat_lid, &message->chat_pn, &message->chat_jid);
  message->from_me = TRUE;
  message->timestamp = whim_session_get_server_time (messenger->session);
  message->kind = g_strdup ("text");
  message->body = g_strdup (op->body);
  message->quoted_id = g_strdup (op->quoted_id);
  message->source = g_strdup ("api");
  message->status = WHIM_MESSAGE_STATUS_PENDING;
  message->content = g_bytes_ref (content);
  message->secret = whim_content_dup_secret (content);
  op->row = whim_outbox_row_new ();
  op->row->number = whim_store_take_outbox_number (messenger->store);
  op->row->message_id = g_strdup (message->id);
  op->row->chat = g_strdup (whim_message_get_chat_id (message));
  op->row->state = WHIM_OUTBOX_QUEUED;
  op->row->content = g_bytes_ref (content);
  op->row->created_at = now;
  op->row->expires_at = now + (op->expires > 0 ? op->expires : EXPIRES_S);
  op->row->typing_ms = op->typing_ms;
  op->row->immediate = op->immediate;
}

static void
put_first_answer (AcceptOp *op, WhimUnit *unit, gint64 now)
{
  g_autoptr (GVariant) answer = NULL;
  g_autoptr (GBytes) bytes = NULL;

  if (op->key == NULL)
    return;
  answer = g_variant_ref_sink (whim_messenger_make_answer (op->message));
  if (G_BYTE_ORDER == G_BIG_ENDIAN)
    {
      GVariant *swapped = g_variant_byteswap (answer);

      g_variant_unref (answer);
      answer = swapped;
    }
  bytes = g_variant_get_data_as_bytes (answer);
  whim_unit_put_answer (unit, op->api_key, op->operation, op->key, op->request, bytes, now);
}

static void
accept_store (GTask *task)
{
  AcceptOp *op = g_task_get_task_data (task);
  WhimMessenger *messenger = op->messenger;
  g_autoptr (GBytes) content = NULL;
  WhimUnit *unit;

  if (!is_paired (messenger))
    {
      fail_not_paired (task);
      return;
    }
  if (op->immediate && !messenger->sender->online)
    {
      g_task_return_new_error (task, WHIM_SESSION_ERROR, WHIM_SESSION_ERROR_NOT_CONNECTED,
                               "the channel is not connected");
      return;
    }
  content = make_content (op);
  make_message (op, content);
  op->generation = messenger->sender->generation;
  unit = whim_messenger_new_unit (messenger);
  whim_unit_put_message (unit, op->message, NULL);
  whim_unit_put_outbox (unit, op->row);
  whim_unit_put_timeline (unit, op->message->id, whim_clock_get_unix_ms (messenger->clock),
                          "accepted", NULL, NULL);
  put_first_answer (op, unit, whim_clock_get_unix (messenger->clock));
  (void)WHIM_FAILPOINT ("send.before-accept-commit");
  whim_messenger_commit (messenger, unit, accept_committed, g_object_ref (task));
}

/* ---- what is quoted ---------------------------------------------------------------------------
 */

/* The author by the same kind of name as the chat's (dossier 2, 9.3). */
static char *
dup_author (AcceptOp *op, const WhimMessage *quoted)
{
  const WhimCredentials *keys = whim_messenger_get_keys (op->messenger);
  gboolean lid = whim_jid_is_lid (op->jid) || op->other != NULL;
  g_autoptr (WhimJid) own = NULL;

  if (quoted->from_me)
    {
      own = whim_jid_to_bare (lid && keys->lid != NULL ? keys->lid : keys->pn);
      return g_strdup (whim_jid_get_text (own));
    }
  if (lid && quoted->sender_lid != NULL)
    return g_strdup (quoted->sender_lid);
  return g_strdup (quoted->sender_pn != NULL ? quoted->sender_pn : quoted->sender_lid);
}

static gboolean
is_of_chat (AcceptOp *op, const WhimMessage *message)
{
  WhimJid *const names[] = { op->jid, op->other };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    if (names[i] != NULL
        && (g_strcmp0 (message->chat_lid, whim_jid_get_text (names[i])) == 0
            || g_strcmp0 (message->chat_pn, whim_jid_get_text (names[i])) == 0))
      return TRUE;
  return FALSE;
}

static void
accept_quoted_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  AcceptOp *op = g_task_get_task_data (task);
  GError *error = NULL;
  g_autoptr (GPtrArray) found
      = whim_store_find_message_finish (WHIM_STORE (source), result, &error);

  if (found == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  if (!is_paired (op->messenger))
    {
      fail_not_paired (task);
      return;
    }
  for (guint i = 0; i < found->len && op->quoted_author == NULL; i++)
    {
      const WhimMessage *message = g_ptr_array_index (found, i);

      if (!is_of_chat (op, message))
        continue;
      op->quoted_author = dup_author (op, message);
      op->quoted = message->content == NULL ? NULL : g_bytes_ref (message->content);
    }
  if (op->quoted_author == NULL)
    g_task_return_new_error (task, WHIM_MESSAGING_ERROR, WHIM_MESSAGING_ERROR_QUOTED,
                             "that message is not in this chat");
  else
    accept_store (task);
}

/* ---- where the chat stands --------------------------------------------------------------------
 */

static void
accept_standing_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  AcceptOp *op = g_task_get_task_data (task);
  GError *error = NULL;

  op->standing = whim_store_find_standing_finish (WHIM_STORE (source), result, &error);
  if (op->standing == NULL)
    g_task_return_error (task, error);
  else if (op->quoted_id != NULL)
    whim_store_find_message_async (op->messenger->store, op->messenger->channel_number,
                                   op->quoted_id, NULL, accept_quoted_cb, g_object_ref (task));
  else
    accept_store (task);
}

static void
accept_resolved (GTask *task)
{
  AcceptOp *op = g_task_get_task_data (task);
  WhimMessenger *messenger = op->messenger;

  whim_store_find_standing_async (messenger->store, messenger->channel_number,
                                  whim_jid_get_text (op->jid),
                                  whim_clock_get_unix (messenger->clock) - DAY_S, NULL,
                                  accept_standing_cb, g_object_ref (task));
}

/* ---- who is it? ------------------------------------------------------------------------------ */

static void
accept_other_found_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  AcceptOp *op = g_task_get_task_data (task);

  op->other = whim_directory_find_other_finish (op->messenger->directory, result);
  accept_resolved (task);
}

/* No answer in time: accepted as given, resolved when it is sent (product page, 5). */
static void
accept_timeout_cb (gpointer user_data)
{
  GTask *task = user_data;
  AcceptOp *op = g_task_get_task_data (task);

  op->answer_timer = 0;
  op->resolved = TRUE;
  accept_resolved (task);
}

static void
accept_checked_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  AcceptOp *op = g_task_get_task_data (task);
  WhimJid *jid = NULL;
  WhimJid *lid = NULL;
  g_autoptr (GError) error = NULL;
  gboolean registered
      = whim_directory_check_number_finish (op->messenger->directory, result, &jid, &lid, &error);

  if (op->resolved)
    {
      g_clear_pointer (&jid, whim_jid_unref);
      g_clear_pointer (&lid, whim_jid_unref);
      return;
    }
  op->resolved = TRUE;
  whim_clock_clear_timer (op->messenger->clock, &op->answer_timer);
  if (!registered && error == NULL)
    {
      g_task_return_new_error (task, WHIM_MESSAGING_ERROR, WHIM_MESSAGING_ERROR_RECIPIENT_UNKNOWN,
                               "this number is not on WhatsApp");
      return;
    }
  if (registered)
    {
      whim_jid_unref (op->jid);
      op->jid = jid;
      op->other = lid;
    }
  accept_resolved (task);
}

/* Memory knows: no turn of the loop, no thread. */
static gboolean
known_at_once (AcceptOp *op)
{
  WhimDirectory *directory = op->messenger->directory;
  WhimJid *jid = NULL;

  if (whim_jid_is_lid (op->jid))
    return (op->other = whim_directory_peek_other (directory, op->jid)) != NULL;
  if (!whim_directory_peek_number (directory, whim_jid_get_user (op->jid), &jid, &op->other))
    return FALSE;
  whim_jid_unref (op->jid);
  op->jid = jid;
  op->resolved = TRUE;
  return TRUE;
}

/* dossier 2, 1.2: what people write for a number */
static char *
digits_of (const char *text)
{
  g_autoptr (GString) digits = g_string_new (NULL);
  const char *from = text;

  if (g_str_has_prefix (from, "00"))
    from += 2;
  for (const char *c = from; *c != '\0'; c++)
    if (g_ascii_isdigit (*c))
      g_string_append_c (digits, *c);
    else if (strchr ("+-() .", *c) == NULL)
      return NULL;
  if (digits->len < MIN_DIGITS || digits->len > MAX_DIGITS || digits->str[0] == '0')
    return NULL;
  return g_strdup (digits->str);
}

static WhimJid *
parse_recipient (const char *to, GError **error)
{
  g_autoptr (WhimJid) jid = NULL;
  g_autofree char *digits = NULL;

  if (strchr (to, '@') == NULL)
    {
      digits = digits_of (to);
      if (digits == NULL)
        {
          g_set_error_literal (error, WHIM_MESSAGING_ERROR, WHIM_MESSAGING_ERROR_ADDRESS,
                               "neither a phone number with country code nor an address");
          return NULL;
        }
      return whim_jid_new (WHIM_JID_SERVER_USER, digits, 0);
    }
  jid = whim_jid_parse (to, NULL);
  if (jid == NULL)
    {
      g_set_error_literal (error, WHIM_MESSAGING_ERROR, WHIM_MESSAGING_ERROR_ADDRESS,
                           "not an address");
      return NULL;
    }
  if (!whim_jid_is_user (jid))
    {
      g_set_error_literal (error, WHIM_MESSAGING_ERROR, WHIM_MESSAGING_ERROR_NOT_SUPPORTED,
                           "only people can be written to so far");
      return NULL;
    }
  if (whim_jid_is_lid (jid))
    return whim_jid_to_bare (jid);
  digits = digits_of (whim_jid_get_user (jid));
  if (digits == NULL)
    {
      g_set_error_literal (error, WHIM_MESSAGING_ERROR, WHIM_MESSAGING_ERROR_ADDRESS,
                           "not a phone number with country code");
      return NULL;
    }
  return whim_jid_new (WHIM_JID_SERVER_USER, digits, 0);
}

static gboolean
take_mentions (AcceptOp *op, const char *const *mentions, GError **error)
{
  g_autoptr (GPtrArray) jids = g_ptr_array_new_with_free_func (g_free);

  for (guint i = 0; mentions != NULL && mentions[i] != NULL && i < WHIM_LIMIT_MENTIONS; i++)
    {
      g_autoptr (WhimJid) jid = parse_recipient (mentions[i], NULL);

      if (jid == NULL)
        {
          g_set_error_literal (error, WHIM_MESSAGING_ERROR, WHIM_MESSAGING_ERROR_MENTION,
                               "a mention is neither a phone number nor an address");
          return FALSE;
        }
      g_ptr_array_add (jids, g_strdup (whim_jid_get_text (jid)));
    }
  if (jids->len == 0)
    return TRUE;
  g_ptr_array_add (jids, NULL);
  op->mentions = (char **)g_ptr_array_free (g_steal_pointer (&jids), FALSE);
  return TRUE;
}

static AcceptOp *
accept_op_new (WhimMessenger *messenger, const WhimTextRequest *request)
{
  AcceptOp *op = g_new0 (AcceptOp, 1);

  op->messenger = whim_messenger_ref (messenger);
  op->body = g_strdup (request->body);
  op->quoted_id = g_strdup (request->quoted_id);
  op->ephemeral = request->ephemeral;
  op->typing_ms = request->typing_ms;
  op->expires = request->expires;
  op->immediate = request->immediate;
  if (request->first != NULL)
    {
      op->api_key = g_strdup (request->first->api_key);
      op->operation = g_strdup (request->first->operation);
      op->key = g_strdup (request->first->key);
      op->request = g_bytes_ref (request->first->request);
    }
  return op;
}

void
whim_sender_accept_text_async (WhimSender *self,
                               const WhimTextRequest *request,
                               GCancellable *cancellable,
                               GAsyncReadyCallback callback,
                               gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (NULL, cancellable, callback, user_data);
  AcceptOp *op = accept_op_new (self->messenger, request);
  GError *error = NULL;

  g_task_set_source_tag (task, whim_sender_accept_text_async);
  g_task_set_check_cancellable (task, FALSE); /* what is on disk was not cancelled */
  g_task_set_task_data (task, op, accept_op_free);
  if (!is_paired (self->messenger))
    {
      fail_not_paired (task);
      return;
    }
  if (op->immediate && !self->online)
    {
      g_task_return_new_error (task, WHIM_SESSION_ERROR, WHIM_SESSION_ERROR_NOT_CONNECTED,
                               "the channel is not connected");
      return;
    }
  if (op->immediate && g_hash_table_size (self->waiters) >= WHIM_LIMIT_IMMEDIATE)
    {
      g_task_return_new_error (task, WHIM_SESSION_ERROR, WHIM_SESSION_ERROR_BUSY,
                               "too many messages wait for their acknowledgement");
      return;
    }
  if ((op->jid = parse_recipient (request->to, &error)) == NULL
      || !take_mentions (op, request->mentions, &error))
    {
      g_task_return_error (task, error);
      return;
    }
  if (known_at_once (op))
    {
      accept_resolved (task);
      return;
    }
  if (whim_jid_is_lid (op->jid))
    {
      whim_directory_find_other_async (self->messenger->directory, op->jid, accept_other_found_cb,
                                       g_object_ref (task));
      return;
    }
  op->answer_timer
      = whim_clock_add_timer (self->messenger->clock, ANSWER_TIMEOUT_MS, accept_timeout_cb, task);
  whim_directory_check_number_async (self->messenger->directory, whim_jid_get_user (op->jid), NULL,
                                     accept_checked_cb, g_object_ref (task));
}
