/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "tests/fuzz/fake-link.h"

struct _WhimLink
{
  gint ref_count;
  WhimTransport *transport;
  guint number;
  gboolean closed;
  WhimLinkNodesFunc nodes;
  WhimLinkClosedFunc lost;
  gpointer user_data;
};

struct _WhimTransport
{
  WhimGate *gate;
  FakeSent sent;
  gpointer user_data;
  WhimLink *link; /* (nullable): the open one */
  guint n_links;
};

G_DEFINE_QUARK (whim - transport - error - quark, whim_transport_error)

WhimTransport *
fake_transport_new (FakeSent sent, gpointer user_data)
{
  WhimTransport *self = g_new0 (WhimTransport, 1);

  self->gate = whim_gate_new (16);
  self->sent = sent;
  self->user_data = user_data;
  return self;
}

void
fake_transport_free (WhimTransport *self)
{
  g_assert_null (self->link);
  whim_gate_free (self->gate);
  g_free (self);
}

guint
fake_transport_get_number (WhimTransport *self)
{
  return self->link == NULL ? 0 : self->link->number;
}

gboolean
fake_transport_deliver (WhimTransport *self, GPtrArray *nodes)
{
  g_autoptr (WhimLink) link = self->link == NULL ? NULL : whim_link_ref (self->link);

  if (link == NULL || link->nodes == NULL)
    return FALSE;
  link->nodes (link, nodes, link->user_data);
  return TRUE;
}

void
fake_transport_lose (WhimTransport *self)
{
  g_autoptr (WhimLink) link = self->link == NULL ? NULL : whim_link_ref (self->link);
  g_autoptr (GError) error
      = g_error_new_literal (WHIM_TRANSPORT_ERROR, WHIM_TRANSPORT_ERROR_CLOSED, "it ended");

  if (link == NULL || link->lost == NULL)
    return;
  link->closed = TRUE;
  self->link = NULL;
  link->lost (link, error, link->user_data);
}

/* ---- what the session calls ------------------------------------------------------------------ */

WhimGate *
whim_transport_get_gate (WhimTransport *self)
{
  return self->gate;
}

WhimLink *
whim_link_ref (WhimLink *self)
{
  self->ref_count++;
  return self;
}

void
whim_link_unref (WhimLink *self)
{
  if (--self->ref_count == 0)
    g_free (self);
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
  g_autoptr (GTask) task = g_task_new (NULL, cancellable, callback, user_data);
  WhimLink *link = g_new0 (WhimLink, 1);

  g_task_set_source_tag (task, whim_transport_open_async);
  link->ref_count = 1;
  link->transport = self;
  link->number = ++self->n_links;
  self->link = link;
  g_task_return_pointer (task, link, (GDestroyNotify)whim_link_unref);
}

WhimLink *
whim_transport_open_finish (WhimTransport *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

void
whim_link_set_handler (WhimLink *self,
                       WhimLinkNodesFunc nodes,
                       WhimLinkClosedFunc closed,
                       gpointer user_data)
{
  self->nodes = nodes;
  self->lost = closed;
  self->user_data = user_data;
}

void
whim_link_send_encoded (WhimLink *self, GBytes *encoded)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (WhimNode) node = whim_node_decode (encoded, &error);

  if (self->closed)
    return;
  /* whatever came in, what goes out is well-formed */
  g_assert_no_error (error);
  self->transport->sent (node, g_bytes_get_size (encoded), self->transport->user_data);
}

void
whim_link_send (WhimLink *self, WhimNode *node)
{
  g_autoptr (GBytes) encoded = whim_node_encode (node);

  whim_link_send_encoded (self, encoded);
}

void
whim_link_close (WhimLink *self)
{
  self->closed = TRUE;
  if (self->transport->link == self)
    self->transport->link = NULL;
}
