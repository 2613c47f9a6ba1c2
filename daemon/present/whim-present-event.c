/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "present/whim-present-private.h"

/* Events whose data is a whole message. */
static gboolean
carries_message (const char *type)
{
  return g_str_equal (type, "message.received") || g_str_equal (type, "message.sent")
         || g_str_equal (type, "message.undecryptable") || g_str_equal (type, "message.updated")
         || g_str_equal (type, "message.deleted");
}

static void
add_data (JsonBuilder *builder, const WhimEvent *event, WhimDialect dialect)
{
  static const char *const special[] = { "qr", NULL };
  const char *qr = NULL;

  if (carries_message (event->type))
    {
      whim_present_add_message (builder, event->data, dialect);
      return;
    }
  json_builder_begin_object (builder);
  if (g_str_equal (event->type, "channel.qr") && g_variant_lookup (event->data, "qr", "&s", &qr))
    {
      whim_present_add_members (builder, event->data, special);
      whim_present_add_qr (builder, qr);
    }
  else if (g_str_equal (event->type, "message.reaction"))
    whim_present_add_reaction_members (builder, event->data);
  else
    whim_present_add_members (builder, event->data, NULL);
  json_builder_end_object (builder);
}

static void
add_event (JsonBuilder *builder, const WhimEvent *event, WhimDialect dialect, gboolean with_seq)
{
  json_builder_begin_object (builder);
  if (with_seq)
    {
      json_builder_set_member_name (builder, "seq");
      json_builder_add_int_value (builder, event->seq);
    }
  whim_present_add_text (builder, "id", event->id);
  json_builder_set_member_name (builder, "sequence");
  json_builder_add_int_value (builder, event->sequence);
  whim_present_add_text (builder, "event", event->type);
  whim_present_add_text (builder, "channelId", event->channel_id);
  json_builder_set_member_name (builder, "timestamp");
  json_builder_add_int_value (builder, event->timestamp);
  json_builder_set_member_name (builder, "data");
  add_data (builder, event, dialect);
  json_builder_end_object (builder);
}

char *
whim_present_event (const WhimEvent *event, WhimDialect dialect, gboolean with_seq)
{
  JsonBuilder *builder = json_builder_new ();

  add_event (builder, event, dialect, with_seq);
  return whim_present_end (builder);
}

char *
whim_present_events (GPtrArray *events, gint64 last_seq, WhimDialect dialect)
{
  JsonBuilder *builder = json_builder_new ();

  json_builder_begin_object (builder);
  json_builder_set_member_name (builder, "success");
  json_builder_add_boolean_value (builder, TRUE);
  json_builder_set_member_name (builder, "data");
  json_builder_begin_array (builder);
  for (guint i = 0; i < events->len; i++)
    add_event (builder, g_ptr_array_index (events, i), dialect, TRUE);
  json_builder_end_array (builder);
  json_builder_set_member_name (builder, "count");
  json_builder_add_int_value (builder, events->len);
  json_builder_set_member_name (builder, "lastSeq");
  json_builder_add_int_value (builder, last_seq);
  json_builder_end_object (builder);
  return whim_present_end (builder);
}
