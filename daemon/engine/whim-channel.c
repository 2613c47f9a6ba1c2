/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "engine/whim-engine-private.h"

#include "base/whim-log.h"

#include <string.h>

/* One channel: its session and its messenger, and what they need from above. */

static void channel_answer_code (WhimChannel *self);
static void channel_answer_phone (WhimChannel *self);

/* ---- commits that a session asks for --------------------------------------------------------- */

typedef struct
{
  WhimEngine *engine;
  char *channel_id; /* the channel may go away meanwhile */
  WhimSessionCommitted done;
  gpointer done_data;
  gboolean new_keys;
} SaveOp;

static void
channel_keys_saved (WhimChannel *self, gboolean ok)
{
  if (!ok)
    g_clear_pointer (&self->keys_identity, whim_key_pair_unref);
  whim_messenger_keys_changed (self->messenger);
}

static void
save_committed_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  SaveOp *op = user_data;
  g_autoptr (WhimEngine) engine = op->engine;
  g_autofree char *id = op->channel_id;
  WhimChannel *self = whim_engine_find_channel (engine, id);
  g_autoptr (GError) error = NULL;
  gboolean ok = whim_store_commit_finish (WHIM_STORE (source), result, &error);

  if (!ok)
    g_warning ("%s: a commit failed: %s", id, error->message);
  if (self != NULL && self->session != NULL)
    {
      /* the session takes the new keys first: the messenger asks it for them */
      op->done (self->session, ok, op->done_data);
      if (op->new_keys)
        channel_keys_saved (self, ok);
      whim_engine_channel_changed (engine, id);
    }
  g_free (op);
}

static void
channel_commit (WhimChannel *self,
                WhimUnit *unit,
                WhimSessionCommitted done,
                gpointer done_data,
                gboolean new_keys)
{
  SaveOp *op = g_new0 (SaveOp, 1);

  op->engine = g_object_ref (self->engine);
  op->channel_id = g_strdup (self->record->id);
  op->done = done;
  op->done_data = done_data;
  op->new_keys = new_keys;
  whim_store_commit_async (self->engine->store, unit, NULL, save_committed_cb, op);
}

static void
host_save (WhimSession *session,
           const WhimCredentials *credentials,
           WhimSessionCommitted done,
           gpointer done_data,
           gpointer user_data)
{
  WhimChannel *self = user_data;
  WhimUnit *unit = whim_unit_new (self->record->number);
  gboolean paired = whim_credentials_is_paired (credentials);
  gboolean new_keys = paired && self->keys_identity != credentials->identity;

  whim_unit_put_credentials (unit, credentials);
  if (!paired)
    g_clear_pointer (&self->keys_identity, whim_key_pair_unref);
  if (paired && credentials->lid != NULL)
    whim_unit_put_lid_mapping (unit, whim_jid_get_user (credentials->lid),
                               whim_jid_get_user (credentials->pn));
  if (new_keys)
    {
      g_clear_pointer (&self->keys_identity, whim_key_pair_unref);
      self->keys_identity = whim_key_pair_ref (credentials->identity);
      self->record->rest_reason = WHIM_REASON_NONE;
      g_clear_pointer (&self->record->rest_detail, g_free);
      whim_unit_put_channel (unit, self->record);
    }
  channel_commit (self, unit, done, done_data, new_keys);
}

static void
host_erase (WhimSession *session, WhimSessionCommitted done, gpointer done_data, gpointer user_data)
{
  WhimChannel *self = user_data;
  WhimUnit *unit = whim_unit_new (self->record->number);

  g_clear_pointer (&self->keys_identity, whim_key_pair_unref);
  self->record->rest_reason = whim_session_get_reason (session);
  whim_messenger_keys_changed (self->messenger);
  whim_unit_delete_session (unit);
  whim_unit_put_channel (unit, self->record);
  channel_commit (self, unit, done, done_data, FALSE);
}

static void
host_upload_prekeys (WhimSession *session,
                     guint n,
                     WhimSessionCommitted done,
                     gpointer done_data,
                     gpointer user_data)
{
  WhimChannel *self = user_data;

  whim_messenger_upload_prekeys (self->messenger, n, done, done_data);
}

static gboolean
host_stanza (WhimSession *session, WhimNode *node, gpointer user_data)
{
  WhimChannel *self = user_data;

  return whim_messenger_take_stanza (self->messenger, node);
}

/* ---- states ---------------------------------------------------------------------------------- */

/* ---- until the server lets us in again: a restriction like others ------------------------------
 */

#define UNTIL " until "

/* Earlier versions kept it beside the channel, as "402 until 1750000000". */
static gint64
record_get_until (const WhimChannelRecord *record)
{
  const char *at = record->rest_detail == NULL ? NULL : strstr (record->rest_detail, UNTIL);

  return at == NULL ? 0 : g_ascii_strtoll (at + strlen (UNTIL), NULL, 10);
}

static void
put_until (WhimChannel *self, WhimUnit *unit)
{
  whim_messenger_put_ban (self->messenger, unit);
  whim_unit_put_channel (unit, self->record);
}

/* Returns: (nullable): what has to be committed because of it */
static WhimChannelSupplement
channel_note_until (WhimChannel *self)
{
  gint64 until = whim_session_get_until (self->session);
  gboolean news = whim_messenger_set_ban (
      self->messenger, until == 0 ? NULL : whim_session_get_detail (self->session), until);

  if (record_get_until (self->record) != 0)
    {
      g_clear_pointer (&self->record->rest_detail, g_free);
      self->record->rest_reason = WHIM_REASON_NONE;
      news = TRUE;
    }
  return news ? put_until : NULL;
}

static gboolean
waits_for_turn (WhimChannel *self)
{
  return self->starting && whim_session_get_state (self->session) == WHIM_SESSION_OFFLINE;
}

WhimChannelState
whim_channel_get_state (WhimChannel *self)
{
  return waits_for_turn (self) ? WHIM_CHANNEL_STATE_CONNECTING
                               : whim_session_get_public_state (self->session);
}

WhimReason
whim_channel_get_reason (WhimChannel *self)
{
  return waits_for_turn (self) ? WHIM_REASON_STARTUP : whim_session_get_reason (self->session);
}

static void
add_status (WhimChannel *self, GVariantBuilder *builder)
{
  const char *detail = whim_session_get_detail (self->session);

  g_variant_builder_add (
      builder, "{sv}", "status",
      g_variant_new_string (whim_channel_state_to_word (whim_channel_get_state (self))));
  g_variant_builder_add (
      builder, "{sv}", "reason",
      g_variant_new_string (whim_reason_to_word (whim_channel_get_reason (self))));
  if (detail != NULL)
    g_variant_builder_add (builder, "{sv}", "detail", g_variant_new_string (detail));
  g_variant_builder_add (builder, "{sv}", "since",
                         g_variant_new_int64 (whim_session_get_since (self->session)));
  if (whim_session_get_until (self->session) != 0)
    g_variant_builder_add (builder, "{sv}", "until",
                           g_variant_new_int64 (whim_session_get_until (self->session)));
  g_variant_builder_add (builder, "{sv}", "restrictions",
                         whim_messenger_list_restrictions (self->messenger));
}

/* what "channel.status" tells; asked for when a restriction begins or ends */
static GVariant *
describe_channel (gpointer user_data)
{
  WhimChannel *self = user_data;
  GVariantBuilder builder;

  if (self->session == NULL || self->deleting)
    return NULL;
  whim_engine_channel_changed (self->engine, self->record->id);
  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  add_status (self, &builder);
  return g_variant_builder_end (&builder);
}

static gboolean
rests_without_keys (WhimSession *session)
{
  WhimSessionState state = whim_session_get_state (session);

  return state == WHIM_SESSION_LOGGED_OUT || state == WHIM_SESSION_UNLINKED;
}

static void
host_state_changed (WhimSession *session, gpointer user_data)
{
  WhimChannel *self = user_data;
  WhimChannelState state = whim_session_get_public_state (session);
  WhimReason reason = whim_session_get_reason (session);

  if (self->session == NULL)
    return; /* still being made */
  self->starting = FALSE;
  whim_engine_forget_health (self->engine);
  whim_messenger_session_changed (self->messenger);
  if (state != self->told_state || reason != self->told_reason
      || g_strcmp0 (self->told_detail, whim_session_get_detail (session)) != 0)
    {
      WhimChannelSupplement supplement = channel_note_until (self);
      GVariantBuilder builder;

      g_free (self->told_detail);
      self->told_detail = g_strdup (whim_session_get_detail (session));

      self->told_state = state;
      self->told_reason = reason;
      g_message ("%s: %s (%s)", self->record->id, whim_channel_state_to_word (state),
                 whim_reason_to_word (reason));
      g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
      add_status (self, &builder);
      if (!self->deleting)
        whim_channel_tell (self, "channel.status", g_variant_builder_end (&builder), supplement);
      else
        g_variant_builder_clear (&builder);
      whim_engine_channel_changed (self->engine, self->record->id);
      if (reason == WHIM_REASON_CLIENT_OUTDATED)
        whim_engine_client_outdated (self->engine, self);
    }
  channel_answer_code (self);
  channel_answer_phone (self);
  if (rests_without_keys (session))
    {
      g_autoptr (GPtrArray) waiters = g_steal_pointer (&self->logout_waiters);

      self->logout_waiters = g_ptr_array_new_with_free_func (g_object_unref);
      for (guint i = 0; i < waiters->len; i++)
        g_task_return_boolean (g_ptr_array_index (waiters, i), TRUE);
    }
}

static void
host_code_changed (WhimSession *session, gpointer user_data)
{
  WhimChannel *self = user_data;
  GVariantBuilder builder;
  gint64 expires_at = 0;

  if (self->session == NULL || whim_session_peek_code (session, &expires_at) == NULL)
    return;
  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (&builder, "{sv}", "expiresAt", g_variant_new_int64 (expires_at));
  whim_channel_tell (self, "channel.qr", g_variant_builder_end (&builder), NULL);
  channel_answer_code (self);
}

static void
host_phone_code_changed (WhimSession *session, gpointer user_data)
{
  WhimChannel *self = user_data;
  GVariantBuilder builder;
  gint64 expires_at = 0;

  if (self->session == NULL || whim_session_peek_phone_code (session, &expires_at) == NULL)
    return;
  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (&builder, "{sv}", "expiresAt", g_variant_new_int64 (expires_at));
  whim_channel_tell (self, "channel.pairing-code", g_variant_builder_end (&builder), NULL);
}

static void
host_client_expires (WhimSession *session, gint64 at, gpointer user_data)
{
  WhimChannel *self = user_data;
  GVariantBuilder builder;

  if (self->session == NULL || at == self->client_expires)
    return;
  self->client_expires = at;
  whim_engine_channel_changed (self->engine, self->record->id);
  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (&builder, "{sv}", "warning",
                         g_variant_new_string (at > 0 ? "client_expires" : "client_expires_not"));
  if (at > 0)
    g_variant_builder_add (&builder, "{sv}", "expiresAt", g_variant_new_int64 (at));
  whim_channel_tell (self, "channel.warning", g_variant_builder_end (&builder), NULL);
}

static const WhimSessionHost host = {
  .state_changed = host_state_changed,
  .save = host_save,
  .erase = host_erase,
  .upload_prekeys = host_upload_prekeys,
  .stanza = host_stanza,
  .code_changed = host_code_changed,
  .phone_code_changed = host_phone_code_changed,
  .client_expires = host_client_expires,
};

/* ---- calls ----------------------------------------------------------------------------------- */

gboolean
whim_channel_is_paired (WhimChannel *self)
{
  const WhimCredentials *keys = whim_session_get_credentials (self->session);

  return keys != NULL && whim_credentials_is_paired (keys);
}

GVariant *
whim_channel_code_to_variant (WhimChannel *self, const char *code, gint64 expires_at)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (&builder, "{sv}", "status", g_variant_new_string ("qr"));
  g_variant_builder_add (&builder, "{sv}", "qr", g_variant_new_string (code));
  g_variant_builder_add (&builder, "{sv}", "expiresAt", g_variant_new_int64 (expires_at));
  return g_variant_ref_sink (g_variant_builder_end (&builder));
}

static GVariant *
status_to_variant (WhimChannel *self)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  add_status (self, &builder);
  return g_variant_ref_sink (g_variant_builder_end (&builder));
}

/* Ends the connect calls that wait: with a code, or because there will be none. */
static void
channel_answer_code (WhimChannel *self)
{
  g_autoptr (GPtrArray) waiters = NULL;
  WhimSessionState state = whim_session_get_state (self->session);
  gint64 expires_at = 0;
  const char *code = whim_session_peek_code (self->session, &expires_at);

  if (self->code_waiters->len == 0 || (code == NULL && state == WHIM_SESSION_PAIRING))
    return;
  waiters = g_steal_pointer (&self->code_waiters);
  self->code_waiters = g_ptr_array_new_with_free_func (g_object_unref);
  whim_clock_clear_timer (self->engine->clock, &self->code_timer);
  for (guint i = 0; i < waiters->len; i++)
    g_task_return_pointer (g_ptr_array_index (waiters, i),
                           code != NULL ? whim_channel_code_to_variant (self, code, expires_at)
                                        : status_to_variant (self),
                           (GDestroyNotify)g_variant_unref);
}

static void
code_timeout_cb (gpointer user_data)
{
  WhimChannel *self = user_data;
  g_autoptr (GPtrArray) waiters = g_steal_pointer (&self->code_waiters);

  self->code_timer = 0;
  self->code_waiters = g_ptr_array_new_with_free_func (g_object_unref);
  for (guint i = 0; i < waiters->len; i++)
    g_task_return_new_error (g_ptr_array_index (waiters, i), WHIM_ERROR, WHIM_ERROR_TIMED_OUT,
                             "the service sent no code in time");
}

void
whim_channel_connect (WhimChannel *self, GTask *task)
{
  if (whim_channel_is_paired (self))
    {
      whim_session_connect (self->session, WHIM_REASON_REQUESTED);
      g_task_return_pointer (task, status_to_variant (self), (GDestroyNotify)g_variant_unref);
      return;
    }
  g_ptr_array_add (self->code_waiters, g_object_ref (task));
  if (self->code_timer == 0)
    self->code_timer
        = whim_clock_add_timer (self->engine->clock, WHIM_FIRST_CODE_MS, code_timeout_cb, self);
  whim_session_connect (self->session, WHIM_REASON_REQUESTED);
  channel_answer_code (self);
}

/* ---- by phone code --------------------------------------------------------------------------- */

/* The server's answers to a wish for a code (dossier 1, 6.3). */
static GError *
make_phone_error (WhimChannel *self)
{
  static const struct
  {
    const char *code;
    WhimErrorCode error;
    const char *meaning;
  } rows[] = {
    { "400", WHIM_ERROR_REFUSED,
      "the number is wrong, or had too many codes: wait, or use the QR" },
    { "403", WHIM_ERROR_REFUSED, "this number may not be linked by a code: use the QR" },
    { "429", WHIM_ERROR_RATE_LIMITED, "too many codes in too short a time: wait, or use the QR" },
    { "452", WHIM_ERROR_REFUSED, "this number can be linked by QR only" },
    { "500", WHIM_ERROR_REFUSED, "its server failed: try again later" },
  };
  const char *detail = whim_session_get_detail (self->session);
  WhimReason reason = whim_session_get_reason (self->session);

  if (reason != WHIM_REASON_PAIRING_CODE_REFUSED)
    return g_error_new (WHIM_ERROR, WHIM_ERROR_CONFLICT,
                        "pairing ended before there was a code: %s", whim_reason_to_word (reason));
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    if (g_strcmp0 (detail, rows[i].code) == 0)
      return g_error_new (WHIM_ERROR, (gint)rows[i].error, "WhatsApp gives no code (%s): %s",
                          detail, rows[i].meaning);
  return g_error_new (WHIM_ERROR, WHIM_ERROR_REFUSED, "WhatsApp gives no code (%s)",
                      detail == NULL ? "no number" : detail);
}

static GVariant *
phone_code_to_variant (WhimChannel *self, const char *code, gint64 expires_at)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (&builder, "{sv}", "pairingCode", g_variant_new_string (code));
  g_variant_builder_add (&builder, "{sv}", "expiresAt", g_variant_new_int64 (expires_at));
  add_status (self, &builder);
  return g_variant_ref_sink (g_variant_builder_end (&builder));
}

static GPtrArray *
take_phone_waiters (WhimChannel *self)
{
  GPtrArray *waiters = g_steal_pointer (&self->phone_waiters);

  self->phone_waiters = g_ptr_array_new_with_free_func (g_object_unref);
  whim_clock_clear_timer (self->engine->clock, &self->phone_timer);
  return waiters;
}

/* Ends the calls that wait for a phone code: with it, or because there will be none. */
static void
channel_answer_phone (WhimChannel *self)
{
  g_autoptr (GPtrArray) waiters = NULL;
  gint64 expires_at = 0;
  const char *code = whim_session_peek_phone_code (self->session, &expires_at);

  if (self->phone_waiters->len == 0
      || (code == NULL && whim_session_is_phone_code_wanted (self->session)))
    return;
  waiters = take_phone_waiters (self);
  for (guint i = 0; i < waiters->len; i++)
    if (code != NULL)
      g_task_return_pointer (g_ptr_array_index (waiters, i),
                             phone_code_to_variant (self, code, expires_at),
                             (GDestroyNotify)g_variant_unref);
    else
      g_task_return_error (g_ptr_array_index (waiters, i), make_phone_error (self));
}

static void
fail_phone_waiters (WhimChannel *self, WhimErrorCode code, const char *message)
{
  g_autoptr (GPtrArray) waiters = take_phone_waiters (self);

  for (guint i = 0; i < waiters->len; i++)
    g_task_return_new_error (g_ptr_array_index (waiters, i), WHIM_ERROR, (gint)code, "%s", message);
}

static void
phone_timeout_cb (gpointer user_data)
{
  WhimChannel *self = user_data;

  self->phone_timer = 0;
  fail_phone_waiters (self, WHIM_ERROR_TIMED_OUT, "the service gave no code in time");
}

void
whim_channel_connect_phone (WhimChannel *self, const char *phone, GTask *task)
{
  if (whim_channel_is_paired (self))
    {
      g_task_return_new_error (task, WHIM_ERROR, WHIM_ERROR_ALREADY_PAIRED,
                               "an account is linked already");
      return;
    }
  if (g_strcmp0 (self->phone, phone) != 0)
    fail_phone_waiters (self, WHIM_ERROR_CONFLICT, "another number was asked for meanwhile");
  g_free (self->phone);
  self->phone = g_strdup (phone);
  whim_session_connect_phone (self->session, phone);
  g_ptr_array_add (self->phone_waiters, g_object_ref (task));
  if (self->phone_timer == 0)
    self->phone_timer
        = whim_clock_add_timer (self->engine->clock, WHIM_FIRST_CODE_MS, phone_timeout_cb, self);
  channel_answer_phone (self);
}

void
whim_channel_logout (WhimChannel *self, GTask *task)
{
  g_ptr_array_add (self->logout_waiters, g_object_ref (task));
  whim_session_logout (self->session);
  if (rests_without_keys (self->session) && self->logout_waiters->len > 0)
    host_state_changed (self->session, self);
}

GVariant *
whim_channel_to_variant (WhimChannel *self)
{
  const WhimCredentials *keys = whim_session_get_credentials (self->session);
  WhimChannelSettings settings;
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (&builder, "{sv}", "id", g_variant_new_string (self->record->id));
  g_variant_builder_add (&builder, "{sv}", "name", g_variant_new_string (self->record->name));
  if (self->record->department != NULL)
    g_variant_builder_add (&builder, "{sv}", "department",
                           g_variant_new_string (self->record->department));
  g_variant_builder_add (&builder, "{sv}", "autoConnect",
                         g_variant_new_boolean (self->record->auto_connect));
  add_status (self, &builder);
  if (self->client_expires > 0)
    g_variant_builder_add (&builder, "{sv}", "clientExpiresAt",
                           g_variant_new_int64 (self->client_expires));
  if (keys != NULL && keys->pn != NULL)
    g_variant_builder_add (&builder, "{sv}", "phone",
                           g_variant_new_string (whim_jid_get_user (keys->pn)));
  if (keys != NULL && keys->lid != NULL)
    {
      g_autoptr (WhimJid) lid = whim_jid_to_bare (keys->lid);

      g_variant_builder_add (&builder, "{sv}", "lid",
                             g_variant_new_string (whim_jid_get_text (lid)));
    }
  if (keys != NULL && keys->push_name != NULL)
    g_variant_builder_add (&builder, "{sv}", "pushName", g_variant_new_string (keys->push_name));
  g_variant_builder_add (&builder, "{sv}", "createdAt",
                         g_variant_new_int64 (self->record->created_at));
  settings = whim_channel_settings_parse (self->record->settings);
  g_variant_builder_add (&builder, "{sv}", "settings",
                         whim_channel_settings_to_variant (&settings));
  return g_variant_builder_end (&builder);
}

/* ---- life ------------------------------------------------------------------------------------ */

static WhimSessionState
rest_state (const WhimChannelRecord *record,
            const WhimCredentials *keys,
            gint64 banned_until,
            gint64 now)
{
  if (keys != NULL && whim_credentials_is_paired (keys) && banned_until > now)
    return WHIM_SESSION_BLOCKED;
  if (keys != NULL && whim_credentials_is_paired (keys))
    return WHIM_SESSION_OFFLINE;
  return record->rest_reason == WHIM_REASON_NONE ? WHIM_SESSION_UNLINKED : WHIM_SESSION_LOGGED_OUT;
}

WhimChannel *
whim_channel_new (WhimEngine *engine, WhimChannelRecord *record, gint64 banned_until)
{
  WhimChannel *self = g_new0 (WhimChannel, 1);
  WhimCredentials *keys = g_steal_pointer (&record->credentials);
  const WhimMessengerConfig messenger_config
      = { engine->clock, engine->store,      engine->pool,     record->number,
          record->id,    record->created_at, describe_channel, self };
  const WhimSessionConfig session_config
      = { engine->clock, engine->transport, engine->noise_root, engine->version, &host,
          self,          record->id };
  gboolean paired = keys != NULL && whim_credentials_is_paired (keys);
  gint64 until = MAX (banned_until, record_get_until (record));
  WhimSessionState state = rest_state (record, keys, until, whim_clock_get_unix (engine->clock));
  WhimReason reason = state == WHIM_SESSION_BLOCKED             ? WHIM_REASON_TEMPORARILY_BANNED
                      : paired                                  ? WHIM_REASON_REQUESTED
                      : record->rest_reason != WHIM_REASON_NONE ? record->rest_reason
                                                                : WHIM_REASON_NEVER_PAIRED;

  self->engine = engine;
  self->record = record;
  self->code_waiters = g_ptr_array_new_with_free_func (g_object_unref);
  self->logout_waiters = g_ptr_array_new_with_free_func (g_object_unref);
  self->phone_waiters = g_ptr_array_new_with_free_func (g_object_unref);
  g_queue_init (&self->untold);
  if (paired)
    self->keys_identity = whim_key_pair_ref (keys->identity);
  self->messenger = whim_messenger_new (&messenger_config);
  self->session = whim_session_new (&session_config, keys, state, reason);
  if (state == WHIM_SESSION_BLOCKED)
    whim_session_hold_until (self->session, until, record->auto_connect);
  self->told_state = whim_session_get_public_state (self->session);
  self->told_reason = reason;
  whim_messenger_set_session (self->messenger, self->session);
  whim_channel_apply_settings (self);
  return self;
}

void
whim_channel_fail_waiters (WhimChannel *self, WhimErrorCode code, const char *message)
{
  GPtrArray *lists[2] = { self->code_waiters, self->logout_waiters };

  self->code_waiters = g_ptr_array_new_with_free_func (g_object_unref);
  self->logout_waiters = g_ptr_array_new_with_free_func (g_object_unref);
  whim_clock_clear_timer (self->engine->clock, &self->code_timer);
  fail_phone_waiters (self, code, message);
  for (guint i = 0; i < G_N_ELEMENTS (lists); i++)
    {
      for (guint k = 0; k < lists[i]->len; k++)
        g_task_return_new_error (g_ptr_array_index (lists[i], k), WHIM_ERROR, (gint)code, "%s",
                                 message);
      g_ptr_array_unref (lists[i]);
    }
}

void
whim_channel_free (WhimChannel *self)
{
  whim_channel_fail_waiters (self, WHIM_ERROR_CHANNEL_NOT_FOUND, "the channel is gone");
  whim_channel_tell_last (self);
  whim_messenger_close (self->messenger);
  g_clear_pointer (&self->session, whim_session_free);
  whim_messenger_unref (self->messenger);
  g_clear_pointer (&self->keys_identity, whim_key_pair_unref);
  g_ptr_array_unref (self->code_waiters);
  g_ptr_array_unref (self->logout_waiters);
  g_ptr_array_unref (self->phone_waiters);
  g_free (self->phone);
  g_free (self->told_detail);
  whim_channel_record_free (self->record);
  g_free (self);
}
