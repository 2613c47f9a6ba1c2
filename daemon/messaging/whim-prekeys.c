/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "base/whim-log.h"
#include "base/whim-writer.h"
#include "messaging/whim-messenger-private.h"

/* Upload of one-time prekeys (dossier 1, 9.2): private halves on disk first; those of a failed
 * upload go again before new ones are made; never one that was consumed; one upload at a time. */

#define MAX_PREKEY_ID 16777215u

guint32
whim_messenger_take_prekey_ids (WhimMessenger *self, guint n)
{
  guint32 first = whim_messenger_get_keys (self)->next_prekey_id;

  whim_session_set_next_prekey_id (self->session, (first - 1 + n) % MAX_PREKEY_ID + 1);
  return first;
}

/* ---- nodes ----------------------------------------------------------------------------------- */

WhimNode *
whim_messenger_make_leaf (const char *tag, gconstpointer bytes, gsize len)
{
  WhimNodeBuilder *builder = whim_node_builder_new (tag);

  whim_node_builder_data (builder, bytes, len);
  return whim_node_builder_end (builder);
}

WhimNode *
whim_messenger_make_key (const char *tag, guint32 id, const guint8 *key, const guint8 *signature)
{
  WhimNodeBuilder *builder = whim_node_builder_new (tag);
  guint8 wire[3];

  whim_write_u24_be (wire, id);
  whim_node_builder_child (builder, whim_messenger_make_leaf ("id", wire, sizeof wire));
  whim_node_builder_child (builder, whim_messenger_make_leaf ("value", key, WHIM_KEY_SIZE));
  if (signature != NULL)
    whim_node_builder_child (
        builder, whim_messenger_make_leaf ("signature", signature, WHIM_SIGNATURE_SIZE));
  return whim_node_builder_end (builder);
}

/* ---- the upload ------------------------------------------------------------------------------ */

typedef enum
{
  UPLOAD_LOAD,
  UPLOAD_GENERATE,
  UPLOAD_COMMIT,
  UPLOAD_SEND,
  UPLOAD_MARK,
} UploadStep;

typedef struct
{
  WhimMessenger *messenger;
  guint n;
  WhimSessionCommitted done;
  gpointer done_data;
  GPtrArray *old_rows; /* of WhimSignalRow: made, never uploaded */
  GPtrArray *keys;     /* of WhimSignalPrekey, to upload */
  guint n_new;
  guint32 first_new;
} UploadOp;

static void
upload_end (UploadOp *op, gboolean ok)
{
  g_autoptr (WhimMessenger) self = op->messenger;

  self->uploading_prekeys = FALSE;
  self->refill_wanted = FALSE;
  if (whim_messenger_is_open (self) && op->done != NULL)
    op->done (self->session, ok, op->done_data);
  if (whim_messenger_is_open (self))
    whim_key_keeper_session_changed (self->key_keeper);
  g_clear_pointer (&op->old_rows, g_ptr_array_unref);
  g_clear_pointer (&op->keys, g_ptr_array_unref);
  g_free (op);
}

static void
upload_marked (WhimMessenger *self, gboolean ok, gpointer data)
{
  upload_end (data, ok);
}

static void
upload_answered_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  UploadOp *op = user_data;
  WhimMessenger *self = op->messenger;
  g_autoptr (GError) error = NULL;
  g_autoptr (WhimNode) answer = whim_session_request_finish (NULL, result, &error);
  WhimUnit *unit;

  if (answer == NULL || !whim_messenger_is_open (self))
    {
      g_info ("%s: prekeys were not taken: %s", whim_log_id (self->channel_id),
              error == NULL ? "closed" : error->message);
      upload_end (op, FALSE);
      return;
    }
  unit = whim_messenger_new_unit (self);
  for (guint i = 0; i < op->keys->len; i++)
    {
      WhimSignalPrekey *first = g_ptr_array_index (op->keys, i);
      guint32 last = first->id;

      while (i + 1 < op->keys->len
             && ((WhimSignalPrekey *)g_ptr_array_index (op->keys, i + 1))->id == last + 1)
        {
          last++;
          i++;
        }
      whim_unit_mark_prekeys_uploaded (unit, first->id, last);
    }
  whim_messenger_commit (self, unit, upload_marked, op);
}

static void
upload_send (UploadOp *op)
{
  WhimMessenger *self = op->messenger;
  const WhimCredentials *keys = whim_messenger_get_keys (self);
  WhimNodeBuilder *builder;
  WhimNodeBuilder *list;
  guint8 registration[4];

  if (keys == NULL || !whim_session_can_send (self->session))
    {
      upload_end (op, FALSE);
      return;
    }
  builder = whim_session_make_request (self->session, "set", "encrypt");
  list = whim_node_builder_new ("list");
  whim_write_u32_be (registration, keys->registration_id);
  whim_node_builder_child (builder, whim_messenger_make_leaf ("registration", registration, 4));
  whim_node_builder_child (builder, whim_messenger_make_leaf ("type", "\5", 1));
  whim_node_builder_child (
      builder, whim_messenger_make_leaf ("identity", whim_key_pair_get_public (keys->identity),
                                         WHIM_KEY_SIZE));
  for (guint i = 0; i < op->keys->len; i++)
    {
      WhimSignalPrekey *key = g_ptr_array_index (op->keys, i);

      whim_node_builder_child (list,
                               whim_messenger_make_key ("key", key->id, key->public_key, NULL));
    }
  whim_node_builder_child (builder, whim_node_builder_end (list));
  whim_node_builder_child (builder,
                           whim_messenger_make_key ("skey", keys->signed_prekey_id,
                                                    whim_key_pair_get_public (keys->signed_prekey),
                                                    keys->signed_prekey_signature));
  whim_session_request_async (self->session, whim_node_builder_end (builder), NULL,
                              upload_answered_cb, op);
}

static void
upload_committed (WhimMessenger *self, gboolean ok, gpointer data)
{
  if (ok && whim_messenger_is_open (self))
    upload_send (data);
  else
    upload_end (data, FALSE);
}

/* On the worker: new keys, and the public halves of those that wait for their upload. */
static void
upload_work (WhimSignalContext *context, gpointer job)
{
  UploadOp *op = job;

  op->keys = g_ptr_array_new_with_free_func ((GDestroyNotify)whim_signal_prekey_free);
  for (guint i = 0; i < op->old_rows->len; i++)
    {
      WhimSignalRow *row = g_ptr_array_index (op->old_rows, i);
      WhimSignalPrekey *key = g_new0 (WhimSignalPrekey, 1);

      key->id = (guint32)g_ascii_strtoull (row->key, NULL, 10);
      key->record = g_bytes_ref (row->record);
      if (whim_signal_prekey_record_get_public (context, row->record, key->public_key))
        g_ptr_array_add (op->keys, key);
      else
        whim_signal_prekey_free (key);
    }
  if (op->n_new > 0)
    {
      g_autoptr (GPtrArray) fresh
          = whim_signal_generate_prekeys (context, op->first_new, op->n_new);

      g_ptr_array_extend_and_steal (op->keys, g_steal_pointer (&fresh));
    }
}

static void
upload_worked (gpointer job, gpointer user_data)
{
  UploadOp *op = job;
  WhimMessenger *self = op->messenger;
  const WhimCredentials *keys = whim_messenger_get_keys (self);
  g_autoptr (WhimCredentials) changed = NULL;
  g_autoptr (GPtrArray) changes = NULL;
  WhimUnit *unit;

  if (keys == NULL || !whim_credentials_is_paired (keys))
    {
      upload_end (op, FALSE);
      return;
    }
  if (op->n_new == 0)
    {
      upload_send (op);
      return;
    }
  unit = whim_messenger_new_unit (self);
  changes = g_ptr_array_new_with_free_func ((GDestroyNotify)whim_signal_change_free);
  for (guint i = op->keys->len - op->n_new; i < op->keys->len; i++)
    {
      WhimSignalPrekey *key = g_ptr_array_index (op->keys, i);
      WhimSignalChange *change = g_new0 (WhimSignalChange, 1);

      change->kind = WHIM_SIGNAL_KIND_PREKEY;
      change->key = g_strdup_printf ("%u", key->id);
      change->record = g_bytes_ref (key->record);
      g_ptr_array_add (changes, change);
    }
  whim_unit_put_signal_changes (unit, changes);
  changed = whim_credentials_copy (keys);
  whim_unit_put_credentials (unit, changed);
  whim_messenger_commit (self, unit, upload_committed, op);
}

static void
upload_loaded_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  UploadOp *op = user_data;
  WhimMessenger *self = op->messenger;
  const WhimCredentials *keys = whim_messenger_get_keys (self);
  g_autoptr (GError) error = NULL;

  op->old_rows = whim_store_load_prekeys_to_upload_finish (WHIM_STORE (source), result, &error);
  if (op->old_rows == NULL || keys == NULL)
    {
      upload_end (op, FALSE);
      return;
    }
  op->n_new = op->n > op->old_rows->len ? op->n - op->old_rows->len : 0;
  op->first_new = whim_messenger_take_prekey_ids (self, op->n_new);
  whim_signal_pool_push (self->pool, (guint)self->channel_number, upload_work, op, upload_worked,
                         NULL);
}

void
whim_messenger_upload_prekeys (WhimMessenger *self,
                               guint n,
                               WhimSessionCommitted done,
                               gpointer done_data)
{
  UploadOp *op;

  if (self->uploading_prekeys)
    {
      if (done != NULL)
        done (self->session, FALSE, done_data);
      else
        self->refill_wanted = TRUE;
      return;
    }
  self->uploading_prekeys = TRUE;
  op = g_new0 (UploadOp, 1);
  op->messenger = whim_messenger_ref (self);
  op->n = n;
  op->done = done;
  op->done_data = done_data;
  whim_store_load_prekeys_to_upload_async (self->store, self->channel_number, n, NULL,
                                           upload_loaded_cb, op);
}
