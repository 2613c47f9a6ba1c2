/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "base/whim-limits.h"
#include "messaging/whim-directory-private.h"

#include <string.h>

/* Which of many numbers are on WhatsApp: from the store, where an answer is kept for a day, and
 * else from the service, many in one request and one request at a time (dossier 2, 1.3). */

#define DEFAULT_BACKOFF_S 5

typedef struct
{
  WhimMessenger *messenger;
  gboolean force;
  GPtrArray *checks; /* of WhimNumberCheck, in the caller's order */
  guint next;        /* to be looked up */
  guint asked_to;    /* up to here they are in the request that runs, or were */
} CheckOp;

static void check_look_up (GTask *task);

void
whim_number_check_free (WhimNumberCheck *self)
{
  g_free (self->input);
  g_free (self->digits);
  g_clear_pointer (&self->jid, whim_jid_unref);
  g_clear_pointer (&self->lid, whim_jid_unref);
  g_free (self);
}

static void
check_op_free (gpointer data)
{
  CheckOp *op = data;

  whim_messenger_unref (op->messenger);
  g_ptr_array_unref (op->checks);
  g_free (op);
}

/* E.164 without the plus; NULL: it cannot be a number (dossier 2, 1.2). */
static char *
dup_digits (const char *input)
{
  g_autoptr (WhimJid) jid = strchr (input, '@') == NULL ? NULL : whim_jid_parse (input, NULL);
  g_autoptr (GString) digits = g_string_new (NULL);
  const char *text = input;

  if (strchr (input, '@') != NULL)
    {
      if (jid == NULL || whim_jid_is_lid (jid) || !whim_jid_is_user (jid))
        return NULL;
      text = whim_jid_get_user (jid);
    }
  for (; *text != '\0'; text++)
    if (g_ascii_isdigit (*text))
      g_string_append_c (digits, *text);
    else if (strchr ("+-(). ", *text) == NULL)
      return NULL;
  if (g_str_has_prefix (digits->str, "00"))
    g_string_erase (digits, 0, 2);
  if (digits->len < 5 || digits->len > 20)
    return NULL;
  return g_string_free (g_steal_pointer (&digits), FALSE);
}

/* ---- the service -------------------------------------------------------------------------------
 */

/* Matched by what we asked, never by what it answers: the service corrects numbers. */
static void
take_answer (CheckOp *op, WhimUnit *unit, WhimNode *user)
{
  WhimNode *contact = whim_node_find_child (user, "contact");
  g_autofree char *echo = contact == NULL ? NULL : whim_node_dup_content_text (contact);
  g_autofree char *digits = echo == NULL ? NULL : dup_digits (echo);
  WhimJid *jid = whim_node_get_attr_jid (user, "jid");
  g_autoptr (WhimJid) bare = NULL;
  g_autoptr (WhimJid) lid = NULL;

  if (digits == NULL)
    return;
  if (whim_node_attr_equals (contact, "type", "in") && jid != NULL && whim_jid_is_user (jid))
    {
      bare = whim_jid_to_bare (jid);
      whim_directory_take_pair (op->messenger->directory, unit, user, bare);
      lid = whim_directory_peek_other (op->messenger->directory, bare);
    }
  whim_directory_put_number (op->messenger->directory, unit, digits, bare, lid,
                             whim_clock_get_unix (op->messenger->clock));
  for (guint i = 0; i < op->checks->len; i++)
    {
      WhimNumberCheck *check = g_ptr_array_index (op->checks, i);

      if (check->known || g_strcmp0 (check->digits, digits) != 0)
        continue;
      check->known = TRUE;
      check->jid = bare == NULL ? NULL : whim_jid_ref (bare);
      check->lid = lid == NULL ? NULL : whim_jid_ref (lid);
    }
}

/* How long the service wants to be left alone; 0: it does not say so. */
static gint64
get_backoff (WhimNode *answer)
{
  WhimNode *usync = whim_node_find_child (answer, "usync");
  WhimNode *result = usync == NULL ? NULL : whim_node_find_child (usync, "result");
  WhimNode *contact = result == NULL ? NULL : whim_node_find_child (result, "contact");
  WhimNode *error = contact == NULL ? NULL : whim_node_find_child (contact, "error");

  if (error == NULL || whim_node_get_attr_int (error, "code", 0) != 429)
    return 0;
  return CLAMP (whim_node_get_attr_int (error, "backoff", DEFAULT_BACKOFF_S), 1, 86400);
}

static void
return_backoff (GTask *task, gint64 seconds)
{
  CheckOp *op = g_task_get_task_data (task);

  whim_directory_back_off (op->messenger->directory, seconds);
  g_task_return_new_error (task, WHIM_MESSAGING_ERROR, WHIM_MESSAGING_ERROR_BACK_OFF,
                           "%" G_GINT64_FORMAT, seconds);
}

/* Whoever asks once more finds it in the store. */
static void
check_kept (WhimMessenger *messenger, gboolean ok, gpointer data)
{
  g_autoptr (GTask) task = data;

  check_look_up (task);
}

static void
check_asked_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  CheckOp *op = g_task_get_task_data (task);
  g_autoptr (GError) error = NULL;
  g_autoptr (WhimNode) answer = whim_session_request_finish (NULL, result, &error);
  WhimNode *list = answer == NULL ? NULL : whim_directory_find_user_list (answer);
  WhimUnit *unit;

  if (g_error_matches (error, WHIM_SESSION_ERROR, WHIM_SESSION_ERROR_REFUSED)
      && g_str_equal (error->message, "429"))
    {
      return_backoff (task, DEFAULT_BACKOFF_S);
      return;
    }
  if (answer != NULL && get_backoff (answer) > 0)
    {
      return_backoff (task, get_backoff (answer));
      return;
    }
  if (list == NULL)
    {
      if (error == NULL)
        g_set_error_literal (&error, WHIM_SESSION_ERROR, WHIM_SESSION_ERROR_MALFORMED,
                             "the answer has no list");
      g_task_return_error (task, g_steal_pointer (&error));
      return;
    }
  unit = whim_messenger_new_unit (op->messenger);
  WHIM_FOREACH_CHILD (list, user)
    {
      take_answer (op, unit, user);
    }
  whim_messenger_commit (op->messenger, unit, check_kept, g_object_ref (task));
}

/* Asks for the next ones of those that nobody knows; returns when there are none. */
static void
check_ask (GTask *task)
{
  CheckOp *op = g_task_get_task_data (task);
  WhimMessenger *messenger = op->messenger;
  g_autoptr (GPtrArray) users = g_ptr_array_new_with_free_func ((GDestroyNotify)whim_node_unref);
  gint64 wait;

  for (; op->asked_to < op->checks->len && users->len < WHIM_LIMIT_NUMBERS_ASKED; op->asked_to++)
    {
      const WhimNumberCheck *check = g_ptr_array_index (op->checks, op->asked_to);
      WhimNodeBuilder *user;
      WhimNodeBuilder *contact;
      g_autofree char *text = NULL;

      if (check->known || check->digits == NULL)
        continue;
      text = g_strconcat ("+", check->digits, NULL);
      user = whim_node_builder_new ("user");
      contact = whim_node_builder_new ("contact");
      whim_node_builder_data (contact, text, strlen (text));
      whim_node_builder_child (user, whim_node_builder_end (contact));
      g_ptr_array_add (users, whim_node_builder_end (user));
    }
  if (users->len == 0)
    {
      g_task_return_boolean (task, TRUE);
      return;
    }
  if (!whim_messenger_is_open (messenger) || !whim_session_can_send (messenger->session))
    {
      g_task_return_new_error (task, WHIM_SESSION_ERROR, WHIM_SESSION_ERROR_NOT_CONNECTED,
                               "there is no connection");
      return;
    }
  wait = whim_directory_get_back_off (messenger->directory);
  if (wait > 0)
    {
      g_task_return_new_error (task, WHIM_MESSAGING_ERROR, WHIM_MESSAGING_ERROR_BACK_OFF,
                               "%" G_GINT64_FORMAT, wait);
      return;
    }
  whim_session_request_async (messenger->session,
                              whim_directory_make_usync (messenger->directory, users, TRUE), NULL,
                              check_asked_cb, g_object_ref (task));
}

/* ---- the store ---------------------------------------------------------------------------------
 */

static void
check_found_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  CheckOp *op = g_task_get_task_data (task);
  WhimNumberCheck *check = g_ptr_array_index (op->checks, op->next++);
  g_autoptr (WhimNumber) number = whim_store_find_number_finish (WHIM_STORE (source), result, NULL);

  if (number != NULL && whim_directory_is_fresh (op->messenger->directory, number->asked_at))
    {
      check->known = TRUE;
      check->jid = number->jid == NULL ? NULL : whim_jid_parse (number->jid, NULL);
      check->lid = number->lid == NULL ? NULL : whim_jid_parse (number->lid, NULL);
    }
  check_look_up (task);
}

static void
check_look_up (GTask *task)
{
  CheckOp *op = g_task_get_task_data (task);

  for (; op->next < op->checks->len && !op->force; op->next++)
    {
      const WhimNumberCheck *check = g_ptr_array_index (op->checks, op->next);

      if (check->digits == NULL)
        continue;
      whim_store_find_number_async (op->messenger->store, op->messenger->channel_number,
                                    check->digits, NULL, check_found_cb, g_object_ref (task));
      return;
    }
  check_ask (task);
}

void
whim_messenger_check_numbers_async (WhimMessenger *self,
                                    const char *const *inputs,
                                    gboolean force,
                                    GCancellable *cancellable,
                                    GAsyncReadyCallback callback,
                                    gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (NULL, cancellable, callback, user_data);
  CheckOp *op = g_new0 (CheckOp, 1);

  g_task_set_source_tag (task, whim_messenger_check_numbers_async);
  op->messenger = whim_messenger_ref (self);
  op->force = force;
  op->checks = g_ptr_array_new_with_free_func ((GDestroyNotify)whim_number_check_free);
  for (guint i = 0; inputs[i] != NULL; i++)
    {
      WhimNumberCheck *check = g_new0 (WhimNumberCheck, 1);

      check->input = g_strdup (inputs[i]);
      check->digits = dup_digits (inputs[i]);
      g_ptr_array_add (op->checks, check);
    }
  g_task_set_task_data (task, op, check_op_free);
  if (whim_messenger_get_keys (self) == NULL)
    {
      g_task_return_new_error (task, WHIM_MESSAGING_ERROR, WHIM_MESSAGING_ERROR_NOT_PAIRED,
                               "no account is linked");
      return;
    }
  check_look_up (task);
}

GPtrArray *
whim_messenger_check_numbers_finish (WhimMessenger *self, GAsyncResult *result, GError **error)
{
  CheckOp *op = g_task_get_task_data (G_TASK (result));

  if (!g_task_propagate_boolean (G_TASK (result), error))
    return NULL;
  return g_ptr_array_ref (op->checks);
}
