/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "store/whim-store-private.h"

typedef struct
{
  WhimProcedure procedure; /* NULL: a statement */
  gpointer data;
  GDestroyNotify destroy;
  WhimStatement statement;
  gboolean guarded;
  WhimValue *values;
  guint n_values;
} Op;

struct _WhimUnit
{
  gint64 channel;
  gboolean erasing;
  GArray *ops;
};

static void
op_clear (gpointer data)
{
  Op *op = data;

  for (guint i = 0; i < op->n_values; i++)
    whim_value_clear (&op->values[i]);
  g_free (op->values);
  if (op->destroy != NULL)
    op->destroy (op->data);
}

WhimUnit *
whim_unit_new (gint64 channel_number)
{
  WhimUnit *self = g_new0 (WhimUnit, 1);

  self->channel = channel_number;
  self->ops = g_array_new (FALSE, TRUE, sizeof (Op));
  g_array_set_clear_func (self->ops, op_clear);
  return self;
}

void
whim_unit_free (WhimUnit *self)
{
  g_array_unref (self->ops);
  g_free (self);
}

gboolean
whim_unit_is_empty (const WhimUnit *self)
{
  return self->ops->len == 0;
}

gint64
whim_unit_get_channel (const WhimUnit *self)
{
  return self->channel;
}

WhimValue
whim_unit_channel_value (const WhimUnit *self)
{
  return whim_value_int (self->channel);
}

void
whim_unit_mark_erasing (WhimUnit *self)
{
  self->erasing = TRUE;
}

gboolean
whim_unit_is_erasing (const WhimUnit *self)
{
  return self->erasing;
}

void
whim_unit_add_values (WhimUnit *self,
                      WhimStatement statement,
                      gboolean guarded,
                      const WhimValue *values,
                      guint n_values)
{
  Op op = { .statement = statement, .guarded = guarded, .n_values = n_values };

  op.values = g_new (WhimValue, n_values);
  for (guint i = 0; i < n_values; i++)
    op.values[i] = whim_value_copy (&values[i]);
  g_array_append_val (self->ops, op);
}

void
whim_unit_add_procedure (WhimUnit *self,
                         WhimProcedure procedure,
                         gpointer data,
                         GDestroyNotify destroy)
{
  Op op = { .procedure = procedure, .data = data, .destroy = destroy };

  g_array_append_val (self->ops, op);
}

static gboolean
run_op (const Op *op, WhimDb *db, WhimUnitContext *context, GError **error)
{
  if (op->procedure != NULL)
    return op->procedure (db, context, op->data, error);
  if (!whim_db_run_values (db, op->statement, op->values, op->n_values, error))
    return FALSE;
  if (op->guarded && whim_db_get_changes (db) == 0)
    {
      g_set_error_literal (error, WHIM_STORE_ERROR, WHIM_STORE_ERROR_CONFLICT,
                           "a guarded operation did not apply");
      return FALSE;
    }
  return TRUE;
}

gboolean
whim_unit_run (WhimUnit *self, WhimDb *db, WhimUnitContext *context, GError **error)
{
  for (guint i = 0; i < self->ops->len; i++)
    if (!run_op (&g_array_index (self->ops, Op, i), db, context, error))
      return FALSE;
  return TRUE;
}
