/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "base/whim-failpoint.h"
#include "base/whim-limits.h"
#include "base/whim-log.h"
#include "messaging/whim-messenger-private.h"

/* Somebody has another identity key (dossier 2, 3.2): his phone was installed anew, or he has
 * another one. We trust on first use and say so, once for all his devices, whichever way we learn
 * it: a message under a new key, fetched keys, or a notification. */

/* The notification and the first message under the new key come in any order: what the one has set
 * up, the other must not destroy. */
#define SETTLED_MS 60000

gboolean
whim_identity_is_settled (WhimMessenger *self, const WhimJid *bare)
{
  g_autoptr (WhimJid) other = whim_directory_peek_other (self->directory, bare);
  const WhimJid *names[2] = { bare, other };
  gint64 now = whim_clock_get_monotonic_ms (self->clock);

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      const gint64 *at = names[i] == NULL
                             ? NULL
                             : g_hash_table_lookup (self->identities, whim_jid_get_text (names[i]));

      if (at != NULL && now - *at < SETTLED_MS)
        return TRUE;
    }
  return FALSE;
}

void
whim_identity_note (WhimMessenger *self, WhimUnit *unit, WhimJid *jid)
{
  g_autoptr (WhimJid) bare = whim_jid_to_bare (jid);
  g_autoptr (WhimJid) other = whim_directory_peek_other (self->directory, bare);
  WhimJid *pn = whim_jid_is_lid (bare) ? other : bare;
  WhimJid *lid = whim_jid_is_lid (bare) ? bare : other;
  gint64 now = whim_clock_get_monotonic_ms (self->clock);
  GVariantBuilder data;

  whim_directory_forget_devices (self->directory, unit, bare);
  if (whim_messenger_is_own (self, bare) || whim_identity_is_settled (self, bare))
    return;
  if (g_hash_table_size (self->identities) >= WHIM_LIMIT_REPAIRS)
    g_hash_table_remove_all (self->identities);
  g_hash_table_replace (self->identities, g_strdup (whim_jid_get_text (bare)),
                        g_memdup2 (&now, sizeof now));
  g_info ("%s: the identity of %s changed", whim_log_id (self->channel_id),
          whim_log_id (whim_jid_get_text (bare)));
  g_variant_builder_init (&data, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (&data, "{sv}", "id",
                         g_variant_new_string (whim_jid_get_text (pn != NULL ? pn : lid)));
  if (lid != NULL)
    g_variant_builder_add (&data, "{sv}", "lid", g_variant_new_string (whim_jid_get_text (lid)));
  g_variant_builder_add (&data, "{sv}", "change", g_variant_new_string ("security_code"));
  whim_unit_put_event (unit, whim_event_new (self->channel_id, "contact.updated",
                                             whim_clock_get_unix (self->clock),
                                             g_variant_builder_end (&data)));
}

/* ---- the notification --------------------------------------------------------------------------
 */

typedef struct
{
  WhimMessenger *messenger;
  WhimNode *notification;
  WhimJid *bare;
  char *names[2]; /* as the ratchet knows them: LID, number */
} IdentityOp;

static void
identity_end (IdentityOp *op, gboolean done)
{
  WhimMessenger *self = op->messenger;

  if (done && whim_messenger_is_open (self) && whim_session_can_send (self->session))
    whim_session_ack (self->session, op->notification, 0);
  whim_node_unref (op->notification);
  whim_jid_unref (op->bare);
  for (guint i = 0; i < G_N_ELEMENTS (op->names); i++)
    g_free (op->names[i]);
  g_free (op);
  whim_messenger_unref (self);
}

static void
identity_committed (WhimMessenger *self, gboolean ok, gpointer data)
{
  if (ok)
    (void)WHIM_FAILPOINT ("identity.after-commit");
  identity_end (data, ok);
}

static void
identity_work (WhimSignalContext *context, WhimSignalCache *cache, gpointer job)
{
  IdentityOp *op = job;

  for (guint i = 0; i < G_N_ELEMENTS (op->names); i++)
    if (op->names[i] != NULL)
      whim_signal_cache_delete_user (cache, op->names[i]);
}

static void
identity_worked (gpointer job, WhimSignalCache *cache, GPtrArray *changes, gpointer user_data)
{
  IdentityOp *op = job;
  g_autoptr (GPtrArray) owned = changes;
  WhimUnit *unit;

  if (changes == NULL || !whim_messenger_is_open (op->messenger))
    {
      identity_end (op, FALSE);
      return;
    }
  unit = whim_messenger_new_unit (op->messenger);
  whim_unit_put_signal_changes (unit, changes);
  if (changes->len > 0)
    whim_identity_note (op->messenger, unit, op->bare);
  else
    whim_directory_forget_devices (op->messenger->directory, unit, op->bare);
  (void)WHIM_FAILPOINT ("identity.before-commit");
  whim_messenger_commit (op->messenger, unit, identity_committed, op);
}

static void
addresses_listed_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  IdentityOp *op = user_data;
  g_autoptr (GPtrArray) keys = whim_store_list_addresses_finish (WHIM_STORE (source), result, NULL);
  GPtrArray *wanted;

  if (keys == NULL || !whim_messenger_is_open (op->messenger))
    {
      identity_end (op, FALSE);
      return;
    }
  wanted = whim_ratchet_wanted_new ();
  for (guint i = 0; i < keys->len; i++)
    {
      whim_ratchet_want (wanted, WHIM_SIGNAL_KIND_SESSION, g_ptr_array_index (keys, i));
      whim_ratchet_want (wanted, WHIM_SIGNAL_KIND_IDENTITY, g_ptr_array_index (keys, i));
    }
  whim_ratchet_run (op->messenger->ratchet, wanted, identity_work, op, identity_worked, NULL);
}

static void
other_found_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  IdentityOp *op = user_data;
  WhimMessenger *self = op->messenger;
  g_autoptr (WhimJid) other = whim_directory_find_other_finish (self->directory, result);

  if (other != NULL)
    op->names[1] = whim_jid_dup_signal_name (other);
  whim_store_list_addresses_async (self->store, self->channel_number, op->names[0], op->names[1],
                                   NULL, addresses_listed_cb, op);
}

void
whim_identity_take (WhimMessenger *self, WhimNode *notification, WhimJid *from)
{
  IdentityOp *op = g_new0 (IdentityOp, 1);

  op->messenger = whim_messenger_ref (self);
  op->notification = whim_node_ref (notification);
  op->bare = whim_jid_to_bare (from);
  op->names[0] = whim_jid_dup_signal_name (op->bare);
  whim_directory_find_other_async (self->directory, op->bare, other_found_cb, op);
}
