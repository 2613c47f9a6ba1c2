/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "messaging/whim-sender-private.h"

#include "base/whim-failpoint.h"
#include "base/whim-limits.h"
#include "base/whim-log.h"

/* What the account may not do for a while (dossier 2, 12.1): learnt from refusals, which are
 * followed by a question, and from notifications. Kept in the store, told in the channel's status.
 * While one holds, first contacts wait in the queue. */

/* Nobody said when it ends: a minute (as the official client does for the lock). */
#define UNKNOWN_END_S 60

static const struct
{
  const char *kind;
  gint64 code; /* the refusal that asks for it */
  const char *query_id;
  const char *variables;
  const char *answer_root;
  const char *op_name;
  const char *notification_root;
} kinds[] = {
  { WHIM_RESTRICTION_REACHOUT, 463, "23983697327930364", "{}",
    "xwa2_fetch_account_reachout_timelock", "NotificationUserReachoutTimelockUpdate",
    "xwa2_notify_account_reachout_timelock" },
  { WHIM_RESTRICTION_NEW_CHATS, 475, "24503548349331633",
    "{\"input\":{\"type\":\"INDIVIDUAL_NEW_CHAT_THREAD\"}}", "xwa2_message_capping_info",
    "MessageCappingInfoNotification", "xwa2_notify_new_chat_messages_capping_info_update" },
};

static void restrictions_arm (WhimMessenger *self);

static WhimRestriction *
find (WhimMessenger *self, const char *kind, guint *index)
{
  for (guint i = 0; i < self->restrictions->len; i++)
    {
      WhimRestriction *row = g_ptr_array_index (self->restrictions, i);

      if (g_str_equal (row->kind, kind))
        {
          *index = i;
          return row;
        }
    }
  return NULL;
}

gint64
whim_restrictions_get_end (WhimMessenger *self)
{
  gint64 now = whim_clock_get_unix (self->clock);
  gint64 end = 0;

  for (guint i = 0; i < self->restrictions->len; i++)
    {
      const WhimRestriction *row = g_ptr_array_index (self->restrictions, i);

      if (row->ends_at > now)
        end = MAX (end, row->ends_at);
    }
  return end;
}

gboolean
whim_restrictions_has (WhimMessenger *self, const char *kind)
{
  guint index;
  const WhimRestriction *row = find (self, kind, &index);

  return row != NULL && row->ends_at > whim_clock_get_unix (self->clock);
}

GVariant *
whim_messenger_list_restrictions (WhimMessenger *self)
{
  gint64 now = whim_clock_get_unix (self->clock);
  GVariantBuilder list;

  g_variant_builder_init (&list, G_VARIANT_TYPE ("aa{sv}"));
  for (guint i = 0; i < self->restrictions->len; i++)
    {
      const WhimRestriction *row = g_ptr_array_index (self->restrictions, i);

      if (row->ends_at <= now)
        continue;
      g_variant_builder_open (&list, G_VARIANT_TYPE_VARDICT);
      g_variant_builder_add (&list, "{sv}", "kind", g_variant_new_string (row->kind));
      if (row->detail != NULL)
        g_variant_builder_add (&list, "{sv}", "detail", g_variant_new_string (row->detail));
      g_variant_builder_add (&list, "{sv}", "endsAt", g_variant_new_int64 (row->ends_at));
      g_variant_builder_close (&list);
    }
  return g_variant_builder_end (&list);
}

static void
put_event (WhimMessenger *self, WhimUnit *unit)
{
  GVariant *status = self->describe == NULL ? NULL : self->describe (self->describe_data);

  if (status != NULL)
    whim_unit_put_event (unit, whim_event_new (self->channel_id, "channel.status",
                                               whim_clock_get_unix (self->clock), status));
}

/* In memory; TRUE if it is news. @ends_at 0: it holds no longer. */
static gboolean
restrictions_keep (WhimMessenger *self, const char *kind, const char *detail, gint64 ends_at)
{
  guint index = 0;
  WhimRestriction *row = find (self, kind, &index);

  if (ends_at == 0)
    {
      if (row == NULL)
        return FALSE;
      g_ptr_array_remove_index (self->restrictions, index);
      return TRUE;
    }
  if (row != NULL && row->ends_at == ends_at && g_strcmp0 (row->detail, detail) == 0)
    return FALSE;
  if (row == NULL)
    {
      row = g_new0 (WhimRestriction, 1);
      row->channel = self->channel_number;
      row->kind = g_strdup (kind);
      row->since = whim_clock_get_unix (self->clock);
      g_ptr_array_add (self->restrictions, row);
    }
  g_free (row->detail);
  row->detail = g_strdup (detail);
  row->ends_at = ends_at;
  return TRUE;
}

/* As it is in memory. */
static void
restrictions_put (WhimMessenger *self, WhimUnit *unit, const char *kind)
{
  guint index = 0;
  const WhimRestriction *row = find (self, kind, &index);

  if (row == NULL)
    whim_unit_delete_restriction (unit, kind);
  else
    whim_unit_put_restriction (unit, kind, row->detail, row->since, row->ends_at);
}

static gboolean
restrictions_set (WhimMessenger *self,
                  WhimUnit *unit,
                  const char *kind,
                  const char *detail,
                  gint64 ends_at)
{
  if (!restrictions_keep (self, kind, detail, ends_at))
    return FALSE;
  restrictions_put (self, unit, kind);
  return TRUE;
}

/* @state: what an answer or a notification says of the kind at @index; NULL: nothing */
static gboolean
take_state (WhimMessenger *self, WhimUnit *unit, guint index, GVariant *state)
{
  gint64 now = whim_clock_get_unix (self->clock);
  gboolean active = FALSE;
  const char *detail = NULL;
  gint64 ends_at = 0;

  if (state != NULL && kinds[index].code == 463)
    {
      g_variant_lookup (state, "is_active", "b", &active);
      g_variant_lookup (state, "time_enforcement_ends", "x", &ends_at);
      g_variant_lookup (state, "enforcement_type", "&s", &detail);
    }
  else if (state != NULL)
    {
      g_variant_lookup (state, "capping_status", "&s", &detail);
      g_variant_lookup (state, "cycle_end_timestamp", "x", &ends_at);
      active = g_strcmp0 (detail, "CAPPED") == 0;
    }
  if (active && ends_at <= 0)
    ends_at = now + UNKNOWN_END_S;
  ends_at = MIN (ends_at, WHIM_LIMIT_TIME);
  return restrictions_set (self, unit, kinds[index].kind, detail,
                           active && ends_at > now ? ends_at : 0);
}

static void
restrictions_changed (WhimMessenger *self)
{
  restrictions_arm (self);
  whim_sender_reconsider (self->sender);
}

static void
end_cb (gpointer user_data)
{
  WhimMessenger *self = user_data;
  gint64 now = whim_clock_get_unix (self->clock);
  WhimUnit *unit = whim_messenger_new_unit (self);

  self->restriction_timer = 0;
  for (guint i = self->restrictions->len; i-- > 0;)
    {
      WhimRestriction *row = g_ptr_array_index (self->restrictions, i);

      if (row->ends_at > now)
        continue;
      whim_unit_delete_restriction (unit, row->kind);
      g_ptr_array_remove_index (self->restrictions, i);
    }
  if (whim_unit_is_empty (unit))
    whim_unit_free (unit);
  else
    {
      put_event (self, unit);
      whim_messenger_commit (self, unit, NULL, NULL);
    }
  restrictions_changed (self);
}

static void
restrictions_arm (WhimMessenger *self)
{
  gint64 first = 0;

  whim_clock_clear_timer (self->clock, &self->restriction_timer);
  for (guint i = 0; i < self->restrictions->len; i++)
    {
      const WhimRestriction *row = g_ptr_array_index (self->restrictions, i);

      if (first == 0 || row->ends_at < first)
        first = row->ends_at;
    }
  if (first != 0)
    self->restriction_timer = whim_clock_add_timer (
        self->clock, MAX (0, first * 1000 - whim_clock_get_unix_ms (self->clock)), end_cb, self);
}

void
whim_messenger_add_restriction (WhimMessenger *self, WhimRestriction *row)
{
  g_ptr_array_add (self->restrictions, row);
  restrictions_arm (self);
}

void
whim_restrictions_clear (WhimMessenger *self)
{
  whim_clock_clear_timer (self->clock, &self->restriction_timer);
  g_ptr_array_set_size (self->restrictions, 0);
}

/* ---- a ban: the session knows of it, and waits for its end ------------------------------------
 */

gboolean
whim_messenger_set_ban (WhimMessenger *self, const char *detail, gint64 ends_at)
{
  /* after a restart nobody knows any more how it was said */
  if ((ends_at != 0 && detail == NULL && whim_messenger_get_ban (self) == ends_at)
      || !restrictions_keep (self, WHIM_RESTRICTION_BAN, detail, ends_at))
    return FALSE;
  restrictions_arm (self);
  return TRUE;
}

void
whim_messenger_put_ban (WhimMessenger *self, WhimUnit *unit)
{
  restrictions_put (self, unit, WHIM_RESTRICTION_BAN);
}

gint64
whim_messenger_get_ban (WhimMessenger *self)
{
  guint index = 0;
  const WhimRestriction *row = find (self, WHIM_RESTRICTION_BAN, &index);

  return row != NULL && row->ends_at > whim_clock_get_unix (self->clock) ? row->ends_at : 0;
}

/* ---- asking ---------------------------------------------------------------------------------- */

typedef struct
{
  WhimMessenger *messenger;
  guint index;
  char *message_id;
  char *chat_id;
} AskOp;

static void
put_reason (WhimMessenger *self, WhimUnit *unit, const AskOp *op)
{
  GVariantBuilder data;
  gint64 now = whim_clock_get_unix (self->clock);

  g_variant_builder_init (&data, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (&data, "{sv}", "id", g_variant_new_string (op->message_id));
  g_variant_builder_add (&data, "{sv}", "chatId", g_variant_new_string (op->chat_id));
  g_variant_builder_add (&data, "{sv}", "status", g_variant_new_string ("failed"));
  g_variant_builder_add (&data, "{sv}", "statusReason",
                         g_variant_new_string (WHIM_REASON_WORD_RESTRICTED));
  g_variant_builder_add (&data, "{sv}", "timestamp", g_variant_new_int64 (now));
  whim_unit_set_failed_reason (
      unit, op->message_id, WHIM_REASON_WORD_RESTRICTED,
      whim_event_new (self->channel_id, "message.status", now, g_variant_builder_end (&data)));
}

static void
asked_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  AskOp *op = user_data;
  g_autoptr (WhimMessenger) self = op->messenger;
  g_autoptr (GError) error = NULL;
  g_autoptr (WhimNode) answer = whim_session_request_finish (NULL, result, &error);
  g_autoptr (GVariant) state = NULL;
  WhimUnit *unit;
  gboolean changed;

  if (answer != NULL && whim_messenger_is_open (self) && whim_messenger_get_keys (self) != NULL)
    {
      state = whim_mex_find (whim_node_find_child (answer, "result"), kinds[op->index].answer_root);
      unit = whim_messenger_new_unit (self);
      changed = take_state (self, unit, op->index, state);
      /* the refusal had two possible causes (dossier 2, 4.11): now it is known which it was */
      if (op->message_id != NULL && whim_restrictions_has (self, WHIM_RESTRICTION_REACHOUT)
          && kinds[op->index].code == 463)
        put_reason (self, unit, op);
      if (changed)
        put_event (self, unit);
      (void)WHIM_FAILPOINT ("restriction.before-commit");
      if (whim_unit_is_empty (unit))
        whim_unit_free (unit);
      else
        whim_messenger_commit (self, unit, NULL, NULL);
      if (changed)
        restrictions_changed (self);
    }
  else if (error != NULL)
    g_info ("%s: the state of the account is not known: %s", whim_log_id (self->channel_id),
            error->message);
  g_free (op->message_id);
  g_free (op->chat_id);
  g_free (op);
}

void
whim_restrictions_ask (WhimMessenger *self,
                       gint64 code,
                       const char *message_id,
                       const char *chat_id)
{
  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    if (kinds[i].code == code && whim_session_can_send (self->session))
      {
        AskOp *op = g_new0 (AskOp, 1);

        op->messenger = whim_messenger_ref (self);
        op->index = i;
        op->message_id = g_strdup (message_id);
        op->chat_id = g_strdup (chat_id);
        whim_session_request_async (
            self->session,
            whim_mex_make_query (self->session, kinds[i].query_id, kinds[i].variables), NULL,
            asked_cb, op);
      }
}

gboolean
whim_restrictions_take_notification (WhimMessenger *self, WhimUnit *unit, WhimNode *notification)
{
  WhimNode *update = whim_node_find_child (notification, "update");
  gboolean changed = FALSE;

  for (guint i = 0; update != NULL && i < G_N_ELEMENTS (kinds); i++)
    if (whim_node_attr_equals (update, "op_name", kinds[i].op_name))
      {
        g_autoptr (GVariant) state = whim_mex_find (update, kinds[i].notification_root);

        if (state != NULL)
          changed = take_state (self, unit, i, state) || changed;
      }
  if (changed)
    {
      put_event (self, unit);
      restrictions_changed (self);
    }
  return changed;
}
