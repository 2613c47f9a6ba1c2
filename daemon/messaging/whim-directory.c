/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "messaging/whim-directory-private.h"

#include "base/whim-limits.h"

#include <string.h>

/* Who is who: LID and phone number, registered or not, and with which devices. Memory first, then
 * the store, then one request to the service (dossier 2, 1.3, 1.5, 2). */

/* dossier 2, 2.3; product page, 5: a number is asked again after a day */
#define FRESH_S (24 * 3600)
/* Numbers whose answer is kept in memory, of those that are written to. */
#define NUMBERS_MAX 64u

struct _WhimDirectory
{
  WhimMessenger *messenger; /* borrowed: the owner */
  GHashTable *lid_to_pn;    /* user parts */
  GHashTable *pn_to_lid;
  GHashTable *devices; /* bare JID text -> WhimDevices */
  GHashTable *numbers; /* digits -> WhimNumber that is on disk, registered */
  guint numbers_changed;
  guint usync_count;
  gint64 back_off_until; /* monotonic, ms */
};

WhimDirectory *
whim_directory_new (WhimMessenger *messenger)
{
  WhimDirectory *self = g_new0 (WhimDirectory, 1);

  self->messenger = messenger;
  self->lid_to_pn = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  self->pn_to_lid = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  self->devices
      = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify)whim_devices_unref);
  self->numbers
      = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify)whim_number_free);
  return self;
}

static void
forget_numbers (WhimDirectory *self)
{
  self->numbers_changed++; /* what is being read may be older */
  g_hash_table_remove_all (self->numbers);
}

void
whim_directory_clear (WhimDirectory *self)
{
  forget_numbers (self);
  g_hash_table_remove_all (self->lid_to_pn);
  g_hash_table_remove_all (self->pn_to_lid);
  g_hash_table_remove_all (self->devices);
}

void
whim_directory_free (WhimDirectory *self)
{
  g_hash_table_unref (self->lid_to_pn);
  g_hash_table_unref (self->pn_to_lid);
  g_hash_table_unref (self->devices);
  g_hash_table_unref (self->numbers);
  g_free (self);
}

/* ---- LID and phone number ------------------------------------------------------------------ */

static void
directory_keep_pair (WhimDirectory *self, const char *lid, const char *pn)
{
  const char *old_pn = g_hash_table_lookup (self->lid_to_pn, lid);
  const char *old_lid = g_hash_table_lookup (self->pn_to_lid, pn);

  /* a number that changed hands leads to its new owner alone */
  if (old_pn != NULL && g_strcmp0 (old_pn, pn) != 0)
    g_hash_table_remove (self->pn_to_lid, old_pn);
  if (old_lid != NULL && g_strcmp0 (old_lid, lid) != 0)
    g_hash_table_remove (self->lid_to_pn, old_lid);
  g_hash_table_replace (self->lid_to_pn, g_strdup (lid), g_strdup (pn));
  g_hash_table_replace (self->pn_to_lid, g_strdup (pn), g_strdup (lid));
}

void
whim_directory_learn (WhimDirectory *self, WhimUnit *unit, const WhimJid *a, const WhimJid *b)
{
  const WhimCredentials *keys = whim_messenger_get_keys (self->messenger);
  const char *lid;
  const char *pn;

  if (a == NULL || b == NULL || !whim_jid_is_user (a) || !whim_jid_is_user (b)
      || whim_jid_is_lid (a) == whim_jid_is_lid (b))
    return;
  /* what we are called ourselves comes with the login: nobody else has one of our names */
  if (keys != NULL && keys->lid != NULL
      && whim_messenger_is_own (self->messenger, a) != whim_messenger_is_own (self->messenger, b))
    return;
  lid = whim_jid_get_user (whim_jid_is_lid (a) ? a : b);
  pn = whim_jid_get_user (whim_jid_is_lid (a) ? b : a);
  if (g_strcmp0 (g_hash_table_lookup (self->lid_to_pn, lid), pn) == 0)
    return;
  directory_keep_pair (self, lid, pn);
  forget_numbers (self);
  whim_unit_put_lid_mapping (unit, lid, pn);
}

void
whim_directory_change_lid (WhimDirectory *self,
                           WhimUnit *unit,
                           const WhimJid *old_lid,
                           const WhimJid *new_lid)
{
  g_autofree char *pn
      = g_strdup (g_hash_table_lookup (self->lid_to_pn, whim_jid_get_user (old_lid)));

  if (pn != NULL)
    directory_keep_pair (self, whim_jid_get_user (new_lid), pn);
  forget_numbers (self);
  whim_unit_change_lid (unit, whim_jid_get_user (old_lid), whim_jid_get_user (new_lid));
}

WhimJid *
whim_directory_peek_other (WhimDirectory *self, const WhimJid *jid)
{
  gboolean lid = whim_jid_is_lid (jid);
  const char *other
      = g_hash_table_lookup (lid ? self->lid_to_pn : self->pn_to_lid, whim_jid_get_user (jid));

  if (other == NULL)
    return NULL;
  return whim_jid_new (lid ? WHIM_JID_SERVER_USER : WHIM_JID_SERVER_LID, other, 0);
}

typedef struct
{
  WhimMessenger *messenger;
  WhimJid *jid;
} FindOp;

static void
find_op_free (gpointer data)
{
  FindOp *op = data;

  whim_messenger_unref (op->messenger);
  whim_jid_unref (op->jid);
  g_free (op);
}

static void
mapping_found_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  FindOp *op = g_task_get_task_data (task);
  WhimDirectory *self = op->messenger->directory;
  g_autoptr (WhimLidMapping) mapping
      = whim_store_find_lid_mapping_finish (WHIM_STORE (source), result, NULL);

  if (mapping != NULL)
    directory_keep_pair (self, mapping->lid_user, mapping->pn_user);
  g_task_return_pointer (task, whim_directory_peek_other (self, op->jid),
                         (GDestroyNotify)whim_jid_unref);
}

void
whim_directory_find_other_async (WhimDirectory *self,
                                 WhimJid *jid,
                                 GAsyncReadyCallback callback,
                                 gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (NULL, NULL, callback, user_data);
  WhimJid *known = whim_directory_peek_other (self, jid);
  gboolean lid = whim_jid_is_lid (jid);
  FindOp *op;

  g_task_set_source_tag (task, whim_directory_find_other_async);
  if (known != NULL || !whim_jid_is_user (jid))
    {
      g_task_return_pointer (task, known, (GDestroyNotify)whim_jid_unref);
      return;
    }
  op = g_new0 (FindOp, 1);
  op->messenger = whim_messenger_ref (self->messenger);
  op->jid = whim_jid_ref (jid);
  g_task_set_task_data (task, op, find_op_free);
  whim_store_find_lid_mapping_async (
      self->messenger->store, self->messenger->channel_number, lid ? whim_jid_get_user (jid) : NULL,
      lid ? NULL : whim_jid_get_user (jid), NULL, mapping_found_cb, g_object_ref (task));
}

WhimJid *
whim_directory_find_other_finish (WhimDirectory *self, GAsyncResult *result)
{
  return g_task_propagate_pointer (G_TASK (result), NULL);
}

/* ---- usync --------------------------------------------------------------------------------- */

static WhimNode *
empty_node (const char *tag)
{
  return whim_node_builder_end (whim_node_builder_new (tag));
}

static WhimNode *
devices_query_node (void)
{
  WhimNodeBuilder *builder = whim_node_builder_new ("devices");

  whim_node_builder_attr (builder, "version", "2");
  return whim_node_builder_end (builder);
}

/* @contact: the query also asks whether the users are registered. */
WhimNode *
whim_directory_make_usync (WhimDirectory *self, GPtrArray *users, gboolean contact)
{
  WhimNodeBuilder *iq = whim_session_make_request (self->messenger->session, "get", "usync");
  WhimNodeBuilder *usync = whim_node_builder_new ("usync");
  WhimNodeBuilder *query = whim_node_builder_new ("query");
  WhimNodeBuilder *list = whim_node_builder_new ("list");
  g_autofree char *sid
      = g_strdup_printf ("%" G_GINT64_FORMAT ".%u", whim_clock_get_unix_ms (self->messenger->clock),
                         ++self->usync_count);

  whim_node_builder_attr (usync, "sid", sid);
  whim_node_builder_attr (usync, "mode", "query");
  whim_node_builder_attr (usync, "last", "true");
  whim_node_builder_attr (usync, "index", "0");
  whim_node_builder_attr (usync, "context", contact ? "interactive" : "message");
  if (contact)
    whim_node_builder_child (query, empty_node ("contact"));
  whim_node_builder_child (query, empty_node ("lid"));
  whim_node_builder_child (query, devices_query_node ());
  for (guint i = 0; i < users->len; i++)
    whim_node_builder_child (list, whim_node_ref (g_ptr_array_index (users, i)));
  whim_node_builder_child (usync, whim_node_builder_end (query));
  whim_node_builder_child (usync, whim_node_builder_end (list));
  whim_node_builder_child (iq, whim_node_builder_end (usync));
  return whim_node_builder_end (iq);
}

void
whim_directory_put_devices (WhimDirectory *self, WhimUnit *unit, WhimJid *jid, WhimDevices *devices)
{
  g_autoptr (GBytes) bytes = whim_devices_to_bytes (devices);

  g_hash_table_replace (self->devices, g_strdup (whim_jid_get_text (jid)),
                        whim_devices_ref (devices));
  whim_unit_put_device_list (unit, whim_jid_get_text (jid), bytes, devices->fetched_at);
}

void
whim_directory_drop_devices (WhimDirectory *self, WhimUnit *unit, WhimJid *jid)
{
  g_hash_table_remove (self->devices, whim_jid_get_text (jid));
  whim_unit_delete_device_list (unit, whim_jid_get_text (jid));
}

/* Keeps what an answer says of one user: pair and devices, under both names. TRUE: the account was
 * registered anew since its last list. */
static gboolean
directory_take_user (WhimDirectory *self, WhimUnit *unit, WhimNode *user, WhimJid *jid)
{
  WhimNode *lid_node = whim_node_find_child (user, "lid");
  WhimJid *lid_attr = lid_node == NULL ? NULL : whim_node_get_attr_jid (lid_node, "val");
  g_autoptr (WhimJid) lid
      = lid_attr != NULL && whim_jid_is_lid (lid_attr) ? whim_jid_to_bare (lid_attr) : NULL;
  gint64 now = whim_clock_get_unix (self->messenger->clock);
  g_autoptr (WhimDevices) devices = whim_devices_parse (user, now);
  const WhimDevices *known = g_hash_table_lookup (self->devices, whim_jid_get_text (jid));
  gboolean anew;

  if (lid != NULL)
    whim_directory_learn (self, unit, jid, lid);
  if (devices == NULL)
    return FALSE;
  anew = known != NULL && known->raw_id != 0 && devices->raw_id != 0
         && devices->raw_id != known->raw_id;
  if (known != NULL && !anew && devices->signed_at != 0 && devices->signed_at < known->signed_at)
    {
      /* older than what we have, which is so confirmed */
      whim_devices_unref (g_steal_pointer (&devices));
      devices = whim_devices_copy (known);
      devices->fetched_at = now;
    }
  whim_directory_put_devices (self, unit, jid, devices);
  if (lid != NULL && !whim_jid_equal (jid, lid))
    whim_directory_put_devices (self, unit, lid, devices);
  return anew;
}

void
whim_directory_take_pair (WhimDirectory *self, WhimUnit *unit, WhimNode *user, WhimJid *jid)
{
  WhimNode *node = whim_node_find_child (user, "lid");
  WhimJid *lid = node == NULL ? NULL : whim_node_get_attr_jid (node, "val");
  WhimJid *pn = whim_node_get_attr_jid (user, "pn_jid");

  if (lid != NULL)
    whim_directory_learn (self, unit, jid, lid);
  if (pn != NULL)
    whim_directory_learn (self, unit, jid, pn);
}

gboolean
whim_directory_is_fresh (WhimDirectory *self, gint64 asked_at)
{
  gint64 now = whim_clock_get_unix (self->messenger->clock);

  return asked_at <= now && now - asked_at <= FRESH_S;
}

void
whim_directory_back_off (WhimDirectory *self, gint64 seconds)
{
  self->back_off_until = whim_clock_get_monotonic_ms (self->messenger->clock) + seconds * 1000;
}

gint64
whim_directory_get_back_off (WhimDirectory *self)
{
  gint64 left = self->back_off_until - whim_clock_get_monotonic_ms (self->messenger->clock);

  return left <= 0 ? 0 : (left + 999) / 1000;
}

WhimNode *
whim_directory_find_user_list (WhimNode *answer)
{
  WhimNode *usync = whim_node_find_child (answer, "usync");

  return usync == NULL ? NULL : whim_node_find_child (usync, "list");
}

void
whim_directory_commit (WhimDirectory *self, WhimUnit *unit)
{
  if (whim_unit_is_empty (unit))
    whim_unit_free (unit);
  else
    whim_messenger_commit (self->messenger, unit, NULL, NULL);
}

/* ---- numbers ------------------------------------------------------------------------------- */

typedef struct
{
  WhimMessenger *messenger;
  char *digits;
  guint numbers_changed; /* when it was looked for */
  WhimJid *jid;
  WhimJid *lid;
} NumberOp;

static void
number_op_free (gpointer data)
{
  NumberOp *op = data;

  whim_messenger_unref (op->messenger);
  g_clear_pointer (&op->jid, whim_jid_unref);
  g_clear_pointer (&op->lid, whim_jid_unref);
  g_free (op->digits);
  g_free (op);
}

static void
number_forgotten (WhimMessenger *messenger, gpointer data)
{
  g_autoptr (GTask) task = data;

  g_task_return_boolean (task, TRUE);
}

static void
number_asked_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  NumberOp *op = g_task_get_task_data (task);
  WhimMessenger *messenger = op->messenger;
  g_autoptr (GError) error = NULL;
  g_autoptr (WhimNode) answer = whim_session_request_finish (NULL, result, &error);
  WhimNode *list = answer == NULL ? NULL : whim_directory_find_user_list (answer);
  WhimNode *user;
  WhimNode *contact;
  WhimUnit *unit;
  gboolean anew = FALSE;

  if (list == NULL || whim_node_get_n_children (list) == 0)
    {
      if (error == NULL)
        g_set_error_literal (&error, WHIM_SESSION_ERROR, WHIM_SESSION_ERROR_MALFORMED,
                             "the answer names nobody");
      g_task_return_error (task, g_steal_pointer (&error));
      return;
    }
  user = whim_node_get_child (list, 0);
  contact = whim_node_find_child (user, "contact");
  unit = whim_messenger_new_unit (messenger);
  if (contact != NULL && whim_node_attr_equals (contact, "type", "in")
      && whim_node_get_attr_jid (user, "jid") != NULL)
    {
      op->jid = whim_jid_to_bare (whim_node_get_attr_jid (user, "jid"));
      anew = directory_take_user (messenger->directory, unit, user, op->jid);
      op->lid = whim_directory_peek_other (messenger->directory, op->jid);
    }
  whim_directory_put_number (messenger->directory, unit, op->digits, op->jid, op->lid,
                             whim_clock_get_unix (messenger->clock));
  whim_directory_commit (messenger->directory, unit);
  if (anew)
    whim_identity_forget_companions (messenger, op->jid, number_forgotten, g_object_ref (task));
  else
    g_task_return_boolean (task, op->jid != NULL);
}

static void
number_ask (GTask *task)
{
  NumberOp *op = g_task_get_task_data (task);
  WhimMessenger *messenger = op->messenger;
  g_autoptr (GPtrArray) users = g_ptr_array_new_with_free_func ((GDestroyNotify)whim_node_unref);
  g_autofree char *text = g_strconcat ("+", op->digits, NULL);
  WhimNodeBuilder *contact;
  WhimNodeBuilder *user;

  if (!whim_messenger_is_open (messenger) || !whim_session_can_send (messenger->session))
    {
      g_task_return_new_error (task, WHIM_SESSION_ERROR, WHIM_SESSION_ERROR_NOT_CONNECTED,
                               "there is no connection");
      return;
    }
  contact = whim_node_builder_new ("contact");
  user = whim_node_builder_new ("user");
  whim_node_builder_data (contact, text, strlen (text));
  whim_node_builder_child (user, whim_node_builder_end (contact));
  g_ptr_array_add (users, whim_node_builder_end (user));
  whim_session_request_async (messenger->session,
                              whim_directory_make_usync (messenger->directory, users, TRUE), NULL,
                              number_asked_cb, g_object_ref (task));
}

static gboolean
number_is_fresh (const WhimNumber *number, gint64 now)
{
  return now - number->asked_at <= FRESH_S && number->asked_at <= now;
}

static void
take_number (const WhimNumber *number, WhimJid **jid, WhimJid **lid)
{
  if (number->jid != NULL)
    *jid = whim_jid_parse (number->jid, NULL);
  if (number->lid != NULL)
    *lid = whim_jid_parse (number->lid, NULL);
}

gboolean
whim_directory_peek_number (WhimDirectory *self, const char *digits, WhimJid **jid, WhimJid **lid)
{
  const WhimNumber *number = g_hash_table_lookup (self->numbers, digits);

  if (number == NULL || !number_is_fresh (number, whim_clock_get_unix (self->messenger->clock)))
    return FALSE;
  take_number (number, jid, lid);
  return *jid != NULL;
}

void
whim_directory_put_number (WhimDirectory *self,
                           WhimUnit *unit,
                           const char *digits,
                           const WhimJid *jid,
                           const WhimJid *lid,
                           gint64 asked_at)
{
  forget_numbers (self);
  whim_unit_put_number (unit, digits, jid == NULL ? NULL : whim_jid_get_text (jid),
                        lid == NULL ? NULL : whim_jid_get_text (lid), asked_at);
}

static void
number_found_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  NumberOp *op = g_task_get_task_data (task);
  WhimDirectory *self = op->messenger->directory;
  g_autoptr (WhimNumber) number = whim_store_find_number_finish (WHIM_STORE (source), result, NULL);
  gint64 now = whim_clock_get_unix (op->messenger->clock);

  if (number == NULL || !number_is_fresh (number, now))
    {
      number_ask (task);
      return;
    }
  take_number (number, &op->jid, &op->lid);
  if (op->jid != NULL && op->numbers_changed == self->numbers_changed)
    {
      if (g_hash_table_size (self->numbers) >= NUMBERS_MAX)
        g_hash_table_remove_all (self->numbers);
      g_hash_table_replace (self->numbers, g_strdup (op->digits), g_steal_pointer (&number));
    }
  g_task_return_boolean (task, op->jid != NULL);
}

void
whim_directory_check_number_async (WhimDirectory *self,
                                   const char *digits,
                                   GCancellable *cancellable,
                                   GAsyncReadyCallback callback,
                                   gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (NULL, cancellable, callback, user_data);
  NumberOp *op = g_new0 (NumberOp, 1);

  g_task_set_source_tag (task, whim_directory_check_number_async);
  op->messenger = whim_messenger_ref (self->messenger);
  op->digits = g_strdup (digits);
  op->numbers_changed = self->numbers_changed;
  g_task_set_task_data (task, op, number_op_free);
  whim_store_find_number_async (self->messenger->store, self->messenger->channel_number, digits,
                                NULL, number_found_cb, g_object_ref (task));
}

gboolean
whim_directory_check_number_finish (WhimDirectory *self,
                                    GAsyncResult *result,
                                    WhimJid **jid,
                                    WhimJid **lid,
                                    GError **error)
{
  NumberOp *op = g_task_get_task_data (G_TASK (result));

  if (!g_task_propagate_boolean (G_TASK (result), error))
    return FALSE;
  *jid = g_steal_pointer (&op->jid);
  *lid = g_steal_pointer (&op->lid);
  return TRUE;
}

/* ---- device lists -------------------------------------------------------------------------- */

typedef struct
{
  WhimMessenger *messenger;
  GPtrArray *jids; /* of WhimJid, bare */
  guint forgetting;
} DevicesOp;

static void
devices_op_free (gpointer data)
{
  DevicesOp *op = data;

  whim_messenger_unref (op->messenger);
  g_ptr_array_unref (op->jids);
  g_free (op);
}

WhimDevices *
whim_directory_peek_devices (WhimDirectory *self, WhimJid *jid)
{
  WhimDevices *devices = g_hash_table_lookup (self->devices, whim_jid_get_text (jid));
  gint64 now = whim_clock_get_unix (self->messenger->clock);

  return devices != NULL && now - devices->fetched_at <= FRESH_S ? devices : NULL;
}

/* Those of @op that memory does not answer for (element-type WhimJid, borrowed). */
static GPtrArray *
devices_missing (DevicesOp *op)
{
  GPtrArray *missing = g_ptr_array_new ();

  for (guint i = 0; i < op->jids->len; i++)
    if (whim_directory_peek_devices (op->messenger->directory, g_ptr_array_index (op->jids, i))
        == NULL)
      g_ptr_array_add (missing, g_ptr_array_index (op->jids, i));
  return missing;
}

/* (transfer full) (element-type WhimJid) */
static GPtrArray *
list_devices (WhimDirectory *self, GPtrArray *jids)
{
  GPtrArray *devices = g_ptr_array_new_with_free_func ((GDestroyNotify)whim_jid_unref);

  for (guint i = 0; i < jids->len; i++)
    {
      WhimJid *jid = g_ptr_array_index (jids, i);
      WhimDevices *list = whim_directory_peek_devices (self, jid);

      for (guint k = 0; list != NULL && k < list->numbers->len; k++)
        g_ptr_array_add (devices,
                         whim_devices_make_jid (jid, g_array_index (list->numbers, guint, k)));
    }
  return devices;
}

GPtrArray *
whim_directory_peek_all_devices (WhimDirectory *self, GPtrArray *jids)
{
  for (guint i = 0; i < jids->len; i++)
    if (whim_directory_peek_devices (self, g_ptr_array_index (jids, i)) == NULL)
      return NULL;
  return list_devices (self, jids);
}

static void
devices_return (GTask *task)
{
  DevicesOp *op = g_task_get_task_data (task);

  g_task_return_pointer (task, list_devices (op->messenger->directory, op->jids),
                         (GDestroyNotify)g_ptr_array_unref);
}

static void
companions_forgotten (WhimMessenger *messenger, gpointer data)
{
  g_autoptr (GTask) task = data;
  DevicesOp *op = g_task_get_task_data (task);

  if (--op->forgetting == 0)
    devices_return (task);
}

static void
devices_asked_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  DevicesOp *op = g_task_get_task_data (task);
  WhimMessenger *messenger = op->messenger;
  g_autoptr (GError) error = NULL;
  g_autoptr (WhimNode) answer = whim_session_request_finish (NULL, result, &error);
  WhimNode *list = answer == NULL ? NULL : whim_directory_find_user_list (answer);
  WhimUnit *unit;

  if (list == NULL)
    {
      if (error == NULL)
        g_set_error_literal (&error, WHIM_SESSION_ERROR, WHIM_SESSION_ERROR_MALFORMED,
                             "the answer has no list");
      g_task_return_error (task, g_steal_pointer (&error));
      return;
    }
  unit = whim_messenger_new_unit (messenger);
  WHIM_FOREACH_CHILD (list, user)
    {
      WhimJid *jid = whim_node_get_attr_jid (user, "jid");

      if (jid != NULL && whim_jid_is_user (jid))
        {
          g_autoptr (WhimJid) bare = whim_jid_to_bare (jid);

          if (!directory_take_user (messenger->directory, unit, user, bare))
            continue;
          op->forgetting++;
          whim_identity_forget_companions (messenger, bare, companions_forgotten,
                                           g_object_ref (task));
        }
    }
  whim_directory_commit (messenger->directory, unit);
  if (op->forgetting == 0)
    devices_return (task);
}

static void
devices_loaded_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  DevicesOp *op = g_task_get_task_data (task);
  WhimMessenger *messenger = op->messenger;
  g_autoptr (GHashTable) lists
      = whim_store_load_device_lists_finish (WHIM_STORE (source), result, NULL);
  g_autoptr (GPtrArray) missing = NULL;
  g_autoptr (GPtrArray) users = NULL;
  GHashTableIter iter;
  gpointer jid;
  gpointer bytes;

  if (lists != NULL)
    {
      g_hash_table_iter_init (&iter, lists);
      while (g_hash_table_iter_next (&iter, &jid, &bytes))
        {
          WhimDevices *devices = whim_devices_from_bytes (bytes);

          if (devices != NULL)
            g_hash_table_replace (messenger->directory->devices, g_strdup (jid), devices);
        }
    }
  missing = devices_missing (op);
  if (missing->len == 0)
    {
      devices_return (task);
      return;
    }
  if (!whim_messenger_is_open (messenger) || !whim_session_can_send (messenger->session))
    {
      g_task_return_new_error (task, WHIM_SESSION_ERROR, WHIM_SESSION_ERROR_NOT_CONNECTED,
                               "there is no connection");
      return;
    }
  users = g_ptr_array_new_with_free_func ((GDestroyNotify)whim_node_unref);
  for (guint i = 0; i < missing->len; i++)
    {
      WhimNodeBuilder *user = whim_node_builder_new ("user");

      whim_node_builder_attr_jid (user, "jid", g_ptr_array_index (missing, i));
      g_ptr_array_add (users, whim_node_builder_end (user));
    }
  whim_session_request_async (messenger->session,
                              whim_directory_make_usync (messenger->directory, users, FALSE), NULL,
                              devices_asked_cb, g_object_ref (task));
}

void
whim_directory_get_devices_async (WhimDirectory *self,
                                  GPtrArray *jids,
                                  GAsyncReadyCallback callback,
                                  gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (NULL, NULL, callback, user_data);
  g_autoptr (GPtrArray) missing = NULL;
  g_autoptr (GPtrArray) texts = g_ptr_array_new ();
  DevicesOp *op = g_new0 (DevicesOp, 1);

  g_task_set_source_tag (task, whim_directory_get_devices_async);
  op->messenger = whim_messenger_ref (self->messenger);
  op->jids = g_ptr_array_ref (jids);
  g_task_set_task_data (task, op, devices_op_free);
  missing = devices_missing (op);
  if (missing->len == 0)
    {
      devices_return (task);
      return;
    }
  for (guint i = 0; i < missing->len; i++)
    g_ptr_array_add (texts, (gpointer)whim_jid_get_text (g_ptr_array_index (missing, i)));
  g_ptr_array_add (texts, NULL);
  whim_store_load_device_lists_async (self->messenger->store, self->messenger->channel_number,
                                      (const char *const *)texts->pdata, NULL, devices_loaded_cb,
                                      g_object_ref (task));
}

GPtrArray *
whim_directory_get_devices_finish (WhimDirectory *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

void
whim_directory_forget_devices (WhimDirectory *self, WhimUnit *unit, WhimJid *jid)
{
  g_autoptr (WhimJid) bare = whim_jid_to_bare (jid);
  g_autoptr (WhimJid) other = whim_directory_peek_other (self, bare);
  WhimJid *names[2] = { bare, other };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    if (names[i] != NULL)
      whim_directory_drop_devices (self, unit, names[i]);
}

void
whim_directory_forget_pair (WhimDirectory *self, WhimUnit *unit, WhimJid *jid)
{
  g_autoptr (WhimJid) bare = whim_jid_to_bare (jid);
  g_autoptr (WhimJid) other = whim_directory_peek_other (self, bare);
  WhimJid *lid = whim_jid_is_lid (bare) ? bare : other;
  WhimJid *pn = whim_jid_is_lid (bare) ? other : bare;

  whim_directory_forget_devices (self, unit, bare);
  /* a LID alone is all that there is to ask with */
  if (pn == NULL)
    return;
  if (lid != NULL)
    {
      g_hash_table_remove (self->lid_to_pn, whim_jid_get_user (lid));
      g_hash_table_remove (self->pn_to_lid, whim_jid_get_user (pn));
    }
  whim_unit_delete_lid_mapping (unit, lid == NULL ? NULL : whim_jid_get_user (lid),
                                whim_jid_get_user (pn));
  whim_directory_put_number (self, unit, whim_jid_get_user (pn), pn, NULL, 0);
}

typedef struct
{
  WhimMessenger *messenger;
  GPtrArray *jids; /* one, bare */
} RenewOp;

static void
renewed_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autofree RenewOp *op = user_data;
  g_autoptr (WhimMessenger) self = op->messenger;
  g_autoptr (GPtrArray) jids = op->jids;
  WhimJid *jid = g_ptr_array_index (jids, 0);
  g_autoptr (GPtrArray) devices = whim_directory_get_devices_finish (self->directory, result, NULL);
  g_autoptr (WhimJid) lid = NULL;
  WhimUnit *unit;

  if (devices == NULL || !whim_messenger_is_open (self) || whim_jid_is_lid (jid))
    return;
  /* the number is known again, too */
  lid = whim_directory_peek_other (self->directory, jid);
  if (lid == NULL)
    return;
  unit = whim_messenger_new_unit (self);
  whim_directory_put_number (self->directory, unit, whim_jid_get_user (jid), jid, lid,
                             whim_clock_get_unix (self->clock));
  whim_messenger_commit (self, unit, NULL, NULL);
}

static void
pair_forgotten (WhimMessenger *messenger, gboolean ok, gpointer data)
{
  g_autoptr (GPtrArray) jids = data;
  RenewOp *op;

  if (!ok || !whim_messenger_is_open (messenger))
    return;
  op = g_new0 (RenewOp, 1);
  op->messenger = whim_messenger_ref (messenger);
  op->jids = g_ptr_array_ref (jids);
  whim_directory_get_devices_async (messenger->directory, jids, renewed_cb, op);
}

void
whim_directory_renew_pair (WhimDirectory *self, WhimJid *jid)
{
  WhimUnit *unit = whim_messenger_new_unit (self->messenger);
  GPtrArray *jids = g_ptr_array_new_with_free_func ((GDestroyNotify)whim_jid_unref);
  WhimJid *other = whim_directory_peek_other (self, jid);

  /* asked with the number: its LID is what is in doubt */
  if (whim_jid_is_lid (jid) && other != NULL)
    g_ptr_array_add (jids, g_steal_pointer (&other));
  else
    g_ptr_array_add (jids, whim_jid_to_bare (jid));
  g_clear_pointer (&other, whim_jid_unref);
  whim_directory_forget_pair (self, unit, jid);
  whim_messenger_commit (self->messenger, unit, pair_forgotten, jids);
}
