/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "signal/whim-signal-private.h"

#include <session_record.h>
#include <session_state.h>

/* From the number to the LID (dossier 2, 1.6): one person, one session per device. */

static session_record *
load (WhimSignalContext *context, WhimSignalCache *cache, const char *key)
{
  GBytes *bytes = whim_signal_cache_get (cache, WHIM_SIGNAL_KIND_SESSION, key);
  session_record *record = NULL;
  gsize len = 0;
  const guint8 *data = bytes == NULL ? NULL : g_bytes_get_data (bytes, &len);

  if (data == NULL || session_record_deserialize (&record, data, len, context->context) != 0)
    return NULL;
  return record;
}

/* The other side has answered in it, or has begun it. */
static gboolean
has_heard (session_record *record)
{
  session_state *state = session_record_get_state (record);

  return state != NULL && !session_state_has_unacknowledged_pre_key_message (state);
}

/* What @winner knows, in front of what @loser knows: the library tries archived states as well, so
 * that what is on its way under either can be read. */
static gboolean
merge (session_record *winner, session_record *loser)
{
  g_autoptr (GPtrArray) states = g_ptr_array_new ();
  session_record_state_node *node = session_record_get_previous_states_head (winner);

  if (session_record_get_state (winner) != NULL)
    g_ptr_array_add (states, session_record_get_state (winner));
  for (; node != NULL; node = session_record_get_previous_states_next (node))
    g_ptr_array_add (states, session_record_get_previous_states_element (node));
  for (guint i = states->len; i-- > 0;)
    if (session_record_promote_state (loser, g_ptr_array_index (states, i)) != 0)
      return FALSE;
  return TRUE;
}

static GBytes *
dump (session_record *record)
{
  signal_buffer *buffer = NULL;
  GBytes *bytes = NULL;

  if (session_record_serialize (&buffer, record) == 0)
    bytes = g_bytes_new (signal_buffer_data (buffer), signal_buffer_len (buffer));
  signal_buffer_bzero_free (buffer);
  return bytes;
}

static void
move_record (WhimSignalCache *cache, WhimSignalKind kind, const char *from, const char *to)
{
  GBytes *record = whim_signal_cache_get (cache, kind, from);

  if (record != NULL)
    whim_signal_cache_put (cache, kind, to, record);
}

static void
forget (WhimSignalCache *cache, WhimSignalKind kind, const char *key)
{
  if (whim_signal_cache_get (cache, kind, key) != NULL)
    whim_signal_cache_put (cache, kind, key, NULL);
}

void
whim_signal_move_user (WhimSignalContext *context,
                       WhimSignalCache *cache,
                       const char *pn_name,
                       const char *lid_name,
                       guint device)
{
  g_autofree char *from = whim_signal_address (pn_name, device);
  g_autofree char *to = whim_signal_address (lid_name, device);
  session_record *pn = load (context, cache, from);
  session_record *lid = load (context, cache, to);
  gboolean pn_wins = pn != NULL && (lid == NULL || !has_heard (lid));
  session_record *winner = pn_wins ? pn : lid;
  session_record *loser = pn_wins ? lid : pn;

  if (pn != NULL && lid == NULL)
    move_record (cache, WHIM_SIGNAL_KIND_SESSION, from, to);
  else if (pn != NULL && merge (winner, loser))
    {
      g_autoptr (GBytes) bytes = dump (loser);

      if (bytes != NULL)
        whim_signal_cache_put (cache, WHIM_SIGNAL_KIND_SESSION, to, bytes);
    }
  if (pn_wins || whim_signal_cache_get (cache, WHIM_SIGNAL_KIND_IDENTITY, to) == NULL)
    move_record (cache, WHIM_SIGNAL_KIND_IDENTITY, from, to);
  forget (cache, WHIM_SIGNAL_KIND_SESSION, from);
  forget (cache, WHIM_SIGNAL_KIND_IDENTITY, from);
  SIGNAL_UNREF (pn);
  SIGNAL_UNREF (lid);
}
