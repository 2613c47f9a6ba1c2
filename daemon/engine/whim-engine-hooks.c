/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "engine/whim-engine-hooks.h"

#include "engine/whim-engine-private.h"
#include "store/whim-store-hooks.h"

/* The webhooks that there are; each value is replaced, never changed. */

GPtrArray *
whim_engine_get_hooks (WhimEngine *self)
{
  return self->hooks;
}

static gboolean
find_index (WhimEngine *self, const char *id, guint *index)
{
  for (guint i = 0; i < self->hooks->len; i++)
    if (g_str_equal (((WhimHook *)g_ptr_array_index (self->hooks, i))->id, id))
      {
        *index = i;
        return TRUE;
      }
  return FALSE;
}

WhimHook *
whim_engine_find_hook (WhimEngine *self, const char *id)
{
  guint index;

  return find_index (self, id, &index) ? g_ptr_array_index (self->hooks, index) : NULL;
}

WhimHook *
whim_engine_find_default_hook (WhimEngine *self, const char *channel_id)
{
  for (guint i = 0; i < self->hooks->len; i++)
    {
      WhimHook *hook = g_ptr_array_index (self->hooks, i);

      if (hook->name != NULL && g_str_equal (hook->channel_id, channel_id))
        return hook;
    }
  return NULL;
}

gboolean
whim_engine_load_hooks (WhimEngine *self, GError **error)
{
  self->hooks = whim_store_load_hooks (self->store, error);
  if (self->hooks == NULL)
    return FALSE;
  for (guint i = 0; i < self->hooks->len; i++)
    self->last_hook
        = MAX (self->last_hook, ((WhimHook *)g_ptr_array_index (self->hooks, i))->number);
  return TRUE;
}

void
whim_engine_keep_hook (WhimEngine *self, WhimHook *hook)
{
  guint index;

  if (!find_index (self, hook->id, &index))
    g_ptr_array_add (self->hooks, whim_hook_ref (hook));
  else
    {
      whim_hook_unref (g_ptr_array_index (self->hooks, index));
      g_ptr_array_index (self->hooks, index) = whim_hook_ref (hook);
    }
  g_signal_emit_by_name (self, "hook-changed", hook->id);
}

void
whim_engine_drop_hook (WhimEngine *self, const char *id)
{
  g_autofree char *own = g_strdup (id);
  guint index;

  if (!find_index (self, id, &index))
    return;
  g_ptr_array_remove_index (self->hooks, index);
  g_signal_emit_by_name (self, "hook-changed", own);
}

void
whim_engine_drop_channel_hooks (WhimEngine *self, const char *channel_id)
{
  for (guint i = self->hooks->len; i > 0; i--)
    {
      const WhimHook *hook = g_ptr_array_index (self->hooks, i - 1);

      if (g_str_equal (hook->channel_id, channel_id))
        whim_engine_drop_hook (self, hook->id);
    }
}

typedef struct
{
  WhimEngine *engine;
  char *id;
  char *reason;
} TurnOffOp;

static void
turned_off_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  TurnOffOp *op = user_data;
  g_autoptr (WhimEngine) self = op->engine;
  g_autofree char *id = op->id;
  g_autofree char *reason = op->reason;
  WhimHook *hook = whim_engine_find_hook (self, id);
  g_autoptr (GError) error = NULL;

  g_free (op);
  if (!whim_store_commit_finish (WHIM_STORE (source), result, &error))
    g_warning ("%s: could not be turned off: %s", id, error->message);
  else if (hook != NULL)
    {
      g_autoptr (WhimHook) off = whim_hook_copy (hook);

      off->enabled = FALSE;
      g_free (off->off_reason);
      off->off_reason = g_steal_pointer (&reason);
      g_message ("%s: turned off: %s", id, off->off_reason);
      whim_engine_keep_hook (self, off);
    }
}

void
whim_engine_turn_hook_off (WhimEngine *self, const char *id, const char *reason)
{
  const WhimHook *hook = whim_engine_find_hook (self, id);
  TurnOffOp *op;
  WhimUnit *unit;

  if (hook == NULL || !hook->enabled)
    return;
  op = g_new0 (TurnOffOp, 1);
  op->engine = g_object_ref (self);
  op->id = g_strdup (id);
  op->reason = g_strdup (reason);
  unit = whim_unit_new (0);
  whim_unit_turn_hook_off (unit, hook->number, reason);
  whim_store_commit_async (self->store, unit, NULL, turned_off_cb, op);
}

void
whim_engine_set_hook_tester (WhimEngine *self, WhimHookTester tester, gpointer user_data)
{
  self->hook_tester = tester;
  self->hook_tester_data = user_data;
}
