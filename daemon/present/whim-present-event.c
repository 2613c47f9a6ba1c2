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
add_data (WhimJson *json, const WhimEvent *event, WhimDialect dialect)
{
  static const char *const special[] = { "qr", NULL };
  const char *qr = NULL;

  if (carries_message (event->type))
    {
      whim_present_add_message (json, event->data, dialect);
      return;
    }
  whim_json_begin_object (json);
  if (g_str_equal (event->type, "channel.qr") && g_variant_lookup (event->data, "qr", "&s", &qr))
    {
      whim_present_add_members (json, event->data, special);
      whim_present_add_qr (json, qr);
    }
  else if (g_str_equal (event->type, "message.reaction"))
    whim_present_add_reaction_members (json, event->data);
  else
    whim_present_add_members (json, event->data, NULL);
  whim_json_end_object (json);
}

static void
add_event (WhimJson *json, const WhimEvent *event, WhimDialect dialect, gboolean with_seq)
{
  whim_json_begin_object (json);
  if (with_seq)
    {
      whim_json_name (json, "seq");
      whim_json_int (json, event->seq);
    }
  whim_present_add_text (json, "id", event->id);
  whim_json_name (json, "sequence");
  whim_json_int (json, event->sequence);
  whim_present_add_text (json, "event", event->type);
  whim_present_add_text (json, "channelId", event->channel_id);
  whim_json_name (json, "timestamp");
  whim_json_int (json, event->timestamp);
  whim_json_name (json, "data");
  add_data (json, event, dialect);
  whim_json_end_object (json);
}

char *
whim_present_event (const WhimEvent *event, WhimDialect dialect, gboolean with_seq)
{
  WhimJson *json = whim_json_new ();

  add_event (json, event, dialect, with_seq);
  return whim_json_end (json, NULL);
}

char *
whim_present_events (GPtrArray *events, gint64 last_seq, WhimDialect dialect)
{
  WhimJson *json = whim_json_new ();

  whim_json_begin_object (json);
  whim_json_name (json, "success");
  whim_json_boolean (json, TRUE);
  whim_json_name (json, "data");
  whim_json_begin_array (json);
  for (guint i = 0; i < events->len; i++)
    add_event (json, g_ptr_array_index (events, i), dialect, TRUE);
  whim_json_end_array (json);
  whim_json_name (json, "count");
  whim_json_int (json, events->len);
  whim_json_name (json, "lastSeq");
  whim_json_int (json, last_seq);
  whim_json_end_object (json);
  return whim_json_end (json, NULL);
}
