/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "base/whim-limits.h"
#include "base/whim-random.h"
#include "session/whim-session-private.h"

/* Requests and their answers, matched by id (dossier 1, 7.7); only the server answers, or whoever
 * was asked, or our own account. */

typedef struct
{
  WhimSession *session;
  char *id;
  WhimJid *to;
  GTask *task;
  guint timer;
  gulong cancelled_id;
} Request;

static void
request_free (gpointer data)
{
  Request *request = data;

  whim_clock_clear_timer (request->session->clock, &request->timer);
  g_clear_object (&request->task);
  g_clear_pointer (&request->to, whim_jid_unref);
  g_free (request->id);
  g_free (request);
}

void
whim_session_requests_init (WhimSession *self)
{
  self->requests = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, request_free);
}

void
whim_session_requests_clear (WhimSession *self)
{
  g_clear_pointer (&self->requests, g_hash_table_unref);
}

void
whim_session_requests_new_connection (WhimSession *self)
{
  self->request_prefix[0] = whim_random_below (65536);
  self->request_prefix[1] = whim_random_below (65536);
  self->request_count = 0;
}

void
whim_session_requests_fail_all (WhimSession *self)
{
  g_autoptr (GPtrArray) tasks = g_ptr_array_new_with_free_func (g_object_unref);
  GHashTableIter iter;
  gpointer value;

  if (self->requests == NULL)
    return;
  g_hash_table_iter_init (&iter, self->requests);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    g_ptr_array_add (tasks, g_object_ref (((Request *)value)->task));
  g_hash_table_remove_all (self->requests);
  for (guint i = 0; i < tasks->len; i++)
    g_task_return_new_error (g_ptr_array_index (tasks, i), WHIM_SESSION_ERROR,
                             WHIM_SESSION_ERROR_NOT_CONNECTED,
                             "the connection ended before the answer");
}

WhimNodeBuilder *
whim_session_make_request (WhimSession *self, const char *type, const char *xmlns)
{
  WhimNodeBuilder *builder = whim_node_builder_new ("iq");
  g_autoptr (WhimJid) server = whim_jid_new_server ();
  g_autofree char *id = g_strdup_printf ("%u.%u-%u", self->request_prefix[0],
                                         self->request_prefix[1], ++self->request_count);

  whim_node_builder_attr (builder, "id", id);
  whim_node_builder_attr_jid (builder, "to", server);
  whim_node_builder_attr (builder, "type", type);
  whim_node_builder_attr (builder, "xmlns", xmlns);
  return builder;
}

static void
request_timeout_cb (gpointer user_data)
{
  Request *request = user_data;
  g_autoptr (GTask) task = g_object_ref (request->task);

  request->timer = 0;
  g_hash_table_remove (request->session->requests, request->id);
  g_task_return_new_error (task, WHIM_SESSION_ERROR, WHIM_SESSION_ERROR_TIMED_OUT,
                           "the server did not answer in time");
}

void
whim_session_request_async (WhimSession *self,
                            WhimNode *iq,
                            GCancellable *cancellable,
                            GAsyncReadyCallback callback,
                            gpointer user_data)
{
  g_autoptr (WhimNode) node = iq;
  g_autoptr (GTask) task = g_task_new (NULL, cancellable, callback, user_data);
  Request *request;

  g_task_set_source_tag (task, whim_session_request_async);
  if (self->link == NULL)
    {
      g_task_return_new_error (task, WHIM_SESSION_ERROR, WHIM_SESSION_ERROR_NOT_CONNECTED,
                               "there is no connection");
      return;
    }
  if (g_hash_table_size (self->requests) >= WHIM_LIMIT_REQUESTS)
    {
      g_task_return_new_error (task, WHIM_SESSION_ERROR, WHIM_SESSION_ERROR_BUSY,
                               "too many requests wait for an answer");
      return;
    }
  request = g_new0 (Request, 1);
  request->session = self;
  request->id = g_strdup (whim_node_get_attr (node, "id"));
  if (whim_node_get_attr_jid (node, "to") != NULL)
    request->to = whim_jid_ref (whim_node_get_attr_jid (node, "to"));
  request->task = g_steal_pointer (&task);
  request->timer
      = whim_clock_add_timer (self->clock, WHIM_REQUEST_TIMEOUT_MS, request_timeout_cb, request);
  g_hash_table_replace (self->requests, request->id, request);
  whim_session_send_raw (self, node);
}

WhimNode *
whim_session_request_finish (WhimSession *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, NULL), NULL);
  return g_task_propagate_pointer (G_TASK (result), error);
}

static gboolean
may_answer (WhimSession *self, const Request *request, WhimNode *node)
{
  WhimJid *from = whim_node_get_attr_jid (node, "from");
  const WhimCredentials *keys = self->credentials;
  const WhimJid *own;

  if (from == NULL || whim_jid_is_server (from)
      || (request->to != NULL && whim_jid_equal (from, request->to)))
    return TRUE;
  own = keys == NULL ? NULL : whim_jid_is_lid (from) ? keys->lid : keys->pn;
  return own != NULL && whim_jid_is_user (from)
         && g_str_equal (whim_jid_get_user (own), whim_jid_get_user (from));
}

gboolean
whim_session_requests_take (WhimSession *self, WhimNode *node)
{
  const char *id = whim_node_get_attr (node, "id");
  const char *type = whim_node_get_attr (node, "type");
  Request *request;
  g_autoptr (GTask) task = NULL;

  if (id == NULL
      || (whim_node_is (node, "iq") && g_strcmp0 (type, "result") != 0
          && g_strcmp0 (type, "error") != 0))
    return FALSE;
  request = g_hash_table_lookup (self->requests, id);
  if (request == NULL)
    /* An answer to a ping, or one that came too late: nobody else may take it for a request. */
    return whim_node_is (node, "iq");
  if (!may_answer (self, request, node))
    return whim_node_is (node, "iq");
  task = g_object_ref (request->task);
  g_hash_table_remove (self->requests, id);
  if (g_strcmp0 (type, "error") == 0)
    {
      WhimNode *child = whim_node_find_child (node, "error");

      g_task_return_new_error (task, WHIM_SESSION_ERROR, WHIM_SESSION_ERROR_REFUSED,
                               "%" G_GINT64_FORMAT,
                               child == NULL ? 0 : whim_node_get_attr_int (child, "code", 0));
    }
  else
    {
      g_task_return_pointer (task, whim_node_ref (node), (GDestroyNotify)whim_node_unref);
    }
  return TRUE;
}
