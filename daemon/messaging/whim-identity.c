/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "base/whim-failpoint.h"
#include "base/whim-limits.h"
#include "base/whim-log.h"
#include "messaging/whim-messenger-private.h"

#include <string.h>

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

/* ---- forgetting ---------------------------------------------------------------------------
 */

typedef enum
{
  FORGET_ALL, /* and tell that the identity changed */
  FORGET_COMPANIONS,
  FORGET_DEVICES,
} ForgetScope;

typedef struct
{
  WhimMessenger *messenger;
  WhimNode *notification; /* (nullable): to be acknowledged */
  WhimJid *bare;
  ForgetScope scope;
  GArray *numbers; /* of guint: FORGET_DEVICES */
  GPtrArray *keys; /* of utf8: addresses of sessions and identities to be deleted */
  WhimUnit *unit;  /* (nullable): what goes with it */
  WhimIdentityDone done;
  gpointer data;
} IdentityOp;

static IdentityOp *
identity_op_new (WhimMessenger *self, WhimNode *notification, WhimJid *bare, ForgetScope scope)
{
  IdentityOp *op = g_new0 (IdentityOp, 1);

  op->messenger = whim_messenger_ref (self);
  op->notification = notification == NULL ? NULL : whim_node_ref (notification);
  op->bare = whim_jid_to_bare (bare);
  op->scope = scope;
  return op;
}

static void
identity_end (IdentityOp *op, gboolean done)
{
  g_autoptr (WhimMessenger) self = op->messenger;

  if (done && op->notification != NULL && whim_messenger_is_open (self)
      && whim_session_can_send (self->session))
    whim_session_ack (self->session, op->notification, 0);
  if (op->done != NULL)
    op->done (self, op->data);
  g_clear_pointer (&op->notification, whim_node_unref);
  g_clear_pointer (&op->numbers, g_array_unref);
  g_clear_pointer (&op->keys, g_ptr_array_unref);
  g_clear_pointer (&op->unit, whim_unit_free);
  whim_jid_unref (op->bare);
  g_free (op);
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

  for (guint i = 0; i < op->keys->len; i++)
    {
      const char *key = g_ptr_array_index (op->keys, i);

      if (whim_signal_cache_get (cache, WHIM_SIGNAL_KIND_SESSION, key) != NULL)
        whim_signal_cache_put (cache, WHIM_SIGNAL_KIND_SESSION, key, NULL);
      if (whim_signal_cache_get (cache, WHIM_SIGNAL_KIND_IDENTITY, key) != NULL)
        whim_signal_cache_put (cache, WHIM_SIGNAL_KIND_IDENTITY, key, NULL);
    }
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
  unit = op->unit != NULL ? g_steal_pointer (&op->unit) : whim_messenger_new_unit (op->messenger);
  whim_unit_put_signal_changes (unit, changes);
  if (op->scope == FORGET_ALL && changes->len > 0)
    whim_identity_note (op->messenger, unit, op->bare);
  else if (op->scope == FORGET_ALL)
    whim_directory_forget_devices (op->messenger->directory, unit, op->bare);
  (void)WHIM_FAILPOINT ("identity.before-commit");
  whim_messenger_commit (op->messenger, unit, identity_committed, op);
}

/* @key is "<name>.<device>". */
static gboolean
is_to_go (IdentityOp *op, const char *key)
{
  const char *point = strrchr (key, '.');
  guint number = point == NULL ? 0 : (guint)g_ascii_strtoull (point + 1, NULL, 10);

  switch (op->scope)
    {
    case FORGET_ALL:
      return TRUE;
    case FORGET_COMPANIONS:
      return number != 0;
    case FORGET_DEVICES:
      for (guint i = 0; i < op->numbers->len; i++)
        if (g_array_index (op->numbers, guint, i) == number)
          return TRUE;
      return FALSE;
    default:
      g_assert_not_reached ();
    }
}

static void
addresses_listed_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  IdentityOp *op = user_data;
  GPtrArray *wanted;

  op->keys = whim_store_list_addresses_finish (WHIM_STORE (source), result, NULL);
  if (op->keys == NULL || !whim_messenger_is_open (op->messenger))
    {
      identity_end (op, FALSE);
      return;
    }
  wanted = whim_ratchet_wanted_new ();
  for (guint i = op->keys->len; i-- > 0;)
    {
      const char *key = g_ptr_array_index (op->keys, i);

      if (is_to_go (op, key))
        {
          whim_ratchet_want (wanted, WHIM_SIGNAL_KIND_SESSION, key);
          whim_ratchet_want (wanted, WHIM_SIGNAL_KIND_IDENTITY, key);
        }
      else
        g_ptr_array_remove_index_fast (op->keys, i);
    }
  whim_ratchet_run (op->messenger->ratchet, wanted, identity_work, op, identity_worked, NULL);
}

static void
add_names (GPtrArray *names, WhimJid *bare)
{
  g_ptr_array_add (names, whim_devices_signal_name (bare, 0));
  g_ptr_array_add (names, whim_devices_signal_name (bare, WHIM_HOSTED_DEVICE));
}

static void
other_found_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  IdentityOp *op = user_data;
  WhimMessenger *self = op->messenger;
  g_autoptr (WhimJid) other = whim_directory_find_other_finish (self->directory, result);
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);

  add_names (names, op->bare);
  if (other != NULL)
    add_names (names, other);
  g_ptr_array_add (names, NULL);
  whim_store_list_addresses_async (self->store, self->channel_number,
                                   (const char *const *)names->pdata, NULL, addresses_listed_cb,
                                   op);
}

static void
identity_start (IdentityOp *op)
{
  whim_directory_find_other_async (op->messenger->directory, op->bare, other_found_cb, op);
}

void
whim_identity_take (WhimMessenger *self, WhimNode *notification, WhimJid *from)
{
  identity_start (identity_op_new (self, notification, from, FORGET_ALL));
}

void
whim_identity_forget_devices (WhimMessenger *self,
                              WhimUnit *unit,
                              WhimNode *notification,
                              WhimJid *bare,
                              const GArray *numbers)
{
  IdentityOp *op = identity_op_new (self, notification, bare, FORGET_DEVICES);

  op->unit = unit;
  op->numbers = g_array_new (FALSE, FALSE, sizeof (guint));
  g_array_append_vals (op->numbers, numbers->data, numbers->len);
  identity_start (op);
}

void
whim_identity_forget_companions (WhimMessenger *self,
                                 WhimJid *bare,
                                 WhimIdentityDone done,
                                 gpointer data)
{
  IdentityOp *op = identity_op_new (self, NULL, bare, FORGET_COMPANIONS);

  op->done = done;
  op->data = data;
  identity_start (op);
}
