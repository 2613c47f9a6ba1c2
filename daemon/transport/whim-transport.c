/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "transport/whim-shard-private.h"

#include "base/whim-limits.h"
#include "base/whim-util.h"

struct _WhimTransport
{
  char *url;
  char *origin;
  guint8 noise_root[WHIM_KEY_SIZE];
  GTlsDatabase *tls_database;
  GPtrArray *shards;
  WhimMailbox *events;
  WhimGate *gate;
};

G_DEFINE_QUARK (whim - transport - error - quark, whim_transport_error)

static void
link_end_open_task (WhimLink *link, GError *error)
{
  g_autoptr (GTask) task = g_steal_pointer (&link->open_task);
  GCancellable *cancellable = g_task_get_cancellable (task);

  g_clear_signal_handler (&link->cancelled_id, cancellable);
  if (error != NULL)
    g_task_return_error (task, error);
  else
    g_task_return_pointer (task, whim_link_ref (link), (GDestroyNotify)whim_link_unref);
}

static void
link_handle_event (WhimLink *link, LinkEvent *event)
{
  switch (event->type)
    {
    case LINK_EVENT_OPENED:
      if (link->open_task != NULL)
        link_end_open_task (link, NULL);
      break;
    case LINK_EVENT_NODES:
      if (!link->closed)
        link->nodes_func (link, event->nodes, link->user_data);
      g_atomic_int_add (&link->backlog, -event->size);
      break;
    case LINK_EVENT_CLOSED:
      if (link->open_task != NULL)
        {
          link->closed = TRUE;
          link_end_open_task (link, g_steal_pointer (&event->error));
        }
      else if (!link->closed)
        {
          link->closed = TRUE;
          link->closed_func (link, event->error, link->user_data);
        }
      break;
    case LINK_EVENT_STASHED:
      break;
    default:
      g_assert_not_reached ();
    }
}

/* The open callback may run an iteration later than the event, and nodes may follow at once: they
 * wait in the stash until there is a handler, so that nothing is lost or overtaken. */
static void
transport_event_cb (gpointer item, gpointer user_data)
{
  LinkEvent *event = item;
  g_autoptr (WhimLink) link = whim_link_ref (event->link);

  if (link->closed && link->open_task == NULL)
    {
      whim_link_event_free (event);
      return;
    }
  if (link->nodes_func == NULL && link->open_task == NULL && event->type != LINK_EVENT_OPENED)
    {
      g_queue_push_tail (&link->stash, event);
      return;
    }
  while (link->nodes_func != NULL && !g_queue_is_empty (&link->stash))
    {
      LinkEvent *earlier = g_queue_pop_head (&link->stash);

      link_handle_event (link, earlier);
      whim_link_event_free (earlier);
    }
  link_handle_event (link, event);
  whim_link_event_free (event);
}

WhimTransport *
whim_transport_new (const WhimTransportConfig *config, GError **error)
{
  g_autoptr (WhimTransport) self = g_new0 (WhimTransport, 1);

  self->url = g_strdup (config->url);
  self->origin = g_strdup (config->origin);
  whim_copy (self->noise_root, config->noise_root, WHIM_KEY_SIZE);
  self->gate = whim_gate_new (WHIM_LIMIT_HANDSHAKES);
  self->shards = g_ptr_array_new_with_free_func ((GDestroyNotify)whim_shard_free);
  self->events = whim_mailbox_new (NULL, transport_event_cb, self, whim_link_event_free);
  if (config->ca_file != NULL)
    {
      self->tls_database = g_tls_file_database_new (config->ca_file, error);
      if (self->tls_database == NULL)
        {
          g_prefix_error_literal (error, "reading the CA file: ");
          return NULL;
        }
    }
  return g_steal_pointer (&self);
}

void
whim_transport_free (WhimTransport *self)
{
  /* The shards stay allocated until nothing can hold a link of theirs: links point to them. */
  whim_mailbox_close (self->events);
  g_ptr_array_unref (self->shards);
  whim_mailbox_unref (self->events);
  whim_gate_free (self->gate);
  g_clear_object (&self->tls_database);
  g_free (self->url);
  g_free (self->origin);
  g_free (self);
}

WhimGate *
whim_transport_get_gate (WhimTransport *self)
{
  return self->gate;
}

static WhimShard *
transport_pick_shard (WhimTransport *self)
{
  WhimShard *shard;

  for (guint i = 0; i < self->shards->len; i++)
    if (whim_shard_get_n_links (g_ptr_array_index (self->shards, i)) < WHIM_SHARD_MAX_LINKS)
      return g_ptr_array_index (self->shards, i);
  shard = whim_shard_new (self->url, self->origin, self->tls_database);
  g_ptr_array_add (self->shards, shard);
  return shard;
}

static gboolean
open_cancelled_idle_cb (gpointer user_data)
{
  WhimLink *link = user_data;
  GError *error = NULL;

  if (link->open_task != NULL)
    {
      whim_link_close (link);
      g_set_error_literal (&error, G_IO_ERROR, G_IO_ERROR_CANCELLED, "Operation was cancelled");
      link_end_open_task (link, error);
    }
  return G_SOURCE_REMOVE;
}

/* Runs inside g_cancellable_cancel(), where the handler cannot be disconnected: ends it after. */
static void
open_cancelled_cb (GCancellable *cancellable, gpointer user_data)
{
  g_idle_add_full (G_PRIORITY_DEFAULT, open_cancelled_idle_cb, whim_link_ref (user_data),
                   (GDestroyNotify)whim_link_unref);
}

static void
open_closure_free (gpointer link, GClosure *closure)
{
  whim_link_unref (link);
}

void
whim_transport_open_async (WhimTransport *self,
                           WhimKeyPair *noise_key,
                           GBytes *payload,
                           GBytes *routing_info,
                           gint64 unix_now,
                           GCancellable *cancellable,
                           GAsyncReadyCallback callback,
                           gpointer user_data)
{
  g_autoptr (WhimLink) link = g_new0 (WhimLink, 1);

  link->ref_count = 1;
  link->shard = transport_pick_shard (self);
  whim_shard_add_link (link->shard);
  link->to_main = whim_mailbox_ref (self->events);
  link->open_task = g_task_new (NULL, cancellable, callback, user_data);
  g_task_set_source_tag (link->open_task, whim_transport_open_async);
  /* the caller's cancel ends the task at once, and by our own hand */
  g_task_set_check_cancellable (link->open_task, FALSE);
  link->connect_cancellable = g_cancellable_new ();
  whim_frame_splitter_init (&link->splitter);
  link->handshake = whim_noise_handshake_new (noise_key, self->noise_root, NULL);
  link->payload = g_bytes_ref (payload);
  link->routing_info = routing_info == NULL ? NULL : g_bytes_ref (routing_info);
  link->unix_now = unix_now;
  if (cancellable != NULL)
    link->cancelled_id
        = g_signal_connect_data (cancellable, "cancelled", G_CALLBACK (open_cancelled_cb),
                                 whim_link_ref (link), open_closure_free, 0);
  whim_shard_post (link->shard, SHARD_COMMAND_OPEN, link, NULL, NULL);
}

WhimLink *
whim_transport_open_finish (WhimTransport *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, NULL), NULL);
  return g_task_propagate_pointer (G_TASK (result), error);
}
