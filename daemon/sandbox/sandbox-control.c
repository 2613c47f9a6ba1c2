/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "sandbox/sandbox-control-private.h"

#include <string.h>

/* The HTTP control API: JSON in, JSON out; see README.md. */

#define DEFAULT_TIMEOUT_S 30

typedef struct
{
  Sandbox *sandbox;
  SoupServerMessage *message;
  GHashTable *query;
  char *path;
  guint timer;
  gulong finished_id;
} Waiter;

static void
answer (SoupServerMessage *message, guint status, JsonNode *json)
{
  g_autofree char *text = json_to_string (json, FALSE);

  soup_server_message_set_status (message, status, NULL);
  soup_server_message_set_response (message, "application/json", SOUP_MEMORY_COPY, text,
                                    strlen (text));
  json_node_unref (json);
}

JsonNode *
sandbox_control_take (JsonObject *object)
{
  JsonNode *node = json_node_new (JSON_NODE_OBJECT);

  json_node_take_object (node, object);
  return node;
}

JsonNode *
sandbox_control_ok (void)
{
  JsonObject *object = json_object_new ();

  json_object_set_boolean_member (object, "ok", TRUE);
  return sandbox_control_take (object);
}

static JsonNode *
make_error (const char *text)
{
  JsonObject *object = json_object_new ();

  json_object_set_string_member (object, "error", text);
  return sandbox_control_take (object);
}

const char *
sandbox_control_text (JsonObject *body, const char *name)
{
  JsonNode *node = body == NULL ? NULL : json_object_get_member (body, name);

  return node != NULL && JSON_NODE_HOLDS_VALUE (node) ? json_node_get_string (node) : NULL;
}

gint64
sandbox_control_int (JsonObject *body, const char *name, gint64 fallback)
{
  JsonNode *node = body == NULL ? NULL : json_object_get_member (body, name);

  return node != NULL && JSON_NODE_HOLDS_VALUE (node) ? json_node_get_int (node) : fallback;
}

static Account *
get_account (Sandbox *self, JsonObject *body, const char *name, const char **error)
{
  const char *pn = sandbox_control_text (body, name);
  Account *account = pn == NULL ? NULL : sandbox_find_speaker (self, pn);

  if (account == NULL)
    *error = "no such phone";
  return account;
}

/* The device that a fault is for: "phone" and "device", or the newest companion. */
Device *
sandbox_control_device (Sandbox *self, JsonObject *body, const char **error)
{
  Account *account = get_account (self, body, "phone", error);
  gint64 number = sandbox_control_int (body, "device", -1);
  Device *device = NULL;

  if (account == NULL)
    return NULL;
  if (number >= 0)
    device = sandbox_account_get_device (account, (guint)number);
  for (guint i = account->devices->len; number < 0 && device == NULL && i-- > 1;)
    {
      Device *companion = g_ptr_array_index (account->devices, i);

      if (!companion->imaginary && companion->soul == NULL)
        device = companion;
    }
  if (device == NULL || device->number == 0)
    {
      *error = "no such device";
      return NULL;
    }
  return device;
}

static JsonNode *
add_phone (Sandbox *self, JsonObject *body, GHashTable *query, const char **error)
{
  const char *pn = sandbox_control_text (body, "pn");
  JsonObject *object;
  Account *account;

  if (pn != NULL && sandbox_find_number (self, pn) != NULL)
    {
      *error = "the number is taken";
      return NULL;
    }
  account = sandbox_add_account (
      self, pn, sandbox_control_text (body, "name"),
      body != NULL && json_object_get_boolean_member_with_default (body, "echo", FALSE));
  object = json_object_new ();
  json_object_set_string_member (object, "pn", account->pn);
  json_object_set_string_member (object, "lid", account->lid);
  json_object_set_string_member (object, "name", account->name);
  return sandbox_control_take (object);
}

static Account *
first_without_echo (Sandbox *self)
{
  for (guint i = 0; i < self->accounts->len; i++)
    {
      Account *account = g_ptr_array_index (self->accounts, i);

      if (!account->echo)
        return account;
    }
  return sandbox_add_account (self, NULL, NULL, FALSE);
}

static JsonNode *
scan (Sandbox *self, JsonObject *body, GHashTable *query, const char **error)
{
  const char *qr = sandbox_control_text (body, "qr");
  Account *account = sandbox_control_text (body, "phone") == NULL
                         ? first_without_echo (self)
                         : get_account (self, body, "phone", error);
  JsonObject *object;

  if (account == NULL)
    return NULL;
  if (qr == NULL)
    {
      *error = "qr is missing";
      return NULL;
    }
  *error = sandbox_scan (self, qr, account);
  if (*error != NULL)
    return NULL;
  object = json_object_new ();
  json_object_set_string_member (object, "pn", account->pn);
  json_object_set_string_member (object, "lid", account->lid);
  return sandbox_control_take (object);
}

static JsonNode *
send_text (Sandbox *self, JsonObject *body, GHashTable *query, const char **error)
{
  Account *from = get_account (self, body, "phone", error);
  Account *to = from == NULL ? NULL : get_account (self, body, "to", error);
  const char *text = sandbox_control_text (body, "text");
  JsonObject *object;
  g_autofree char *id = NULL;

  if (to == NULL)
    return NULL;
  if (text == NULL)
    {
      *error = "text is missing";
      return NULL;
    }
  id = sandbox_phone_send_text (
      from, to, text, (guint)CLAMP (sandbox_control_int (body, "expiration", 0), 0, G_MAXINT32));
  object = json_object_new ();
  json_object_set_string_member (object, "id", id);
  return sandbox_control_take (object);
}

static JsonNode *
resend (Sandbox *self, JsonObject *body, GHashTable *query, const char **error)
{
  Account *from = get_account (self, body, "phone", error);
  const char *id = sandbox_control_text (body, "id");

  if (from == NULL)
    return NULL;
  if (id == NULL || !sandbox_phone_resend (from, id))
    {
      *error = "no message of that id";
      return NULL;
    }
  return sandbox_control_ok ();
}

static void
add_texts (JsonObject *object, const char *name, GPtrArray *texts)
{
  JsonArray *array = json_array_new ();

  for (guint i = 0; i < texts->len; i++)
    json_array_add_string_element (array, g_ptr_array_index (texts, i));
  json_object_set_array_member (object, name, array);
}

static JsonNode *
counters (Sandbox *self, JsonObject *body, GHashTable *query, const char **error)
{
  JsonObject *object = json_object_new ();
  JsonObject *counts = json_object_new ();
  GHashTableIter iter;
  gpointer name;
  gpointer count;

  g_hash_table_iter_init (&iter, self->counts);
  while (g_hash_table_iter_next (&iter, &name, &count))
    json_object_set_int_member (counts, name, GPOINTER_TO_UINT (count));
  json_object_set_object_member (object, "counts", counts);
  add_texts (object, "violations", self->violations);
  add_texts (object, "unexpected", self->unexpected);
  return sandbox_control_take (object);
}

static JsonNode *
show_log (Sandbox *self, JsonObject *body, GHashTable *query, const char **error)
{
  const char *wanted = query == NULL ? NULL : g_hash_table_lookup (query, "device");
  g_autofree char *prefix = wanted == NULL ? NULL : g_strconcat (wanted, " ", NULL);
  g_autoptr (GPtrArray) lines = g_ptr_array_new ();
  JsonObject *object = json_object_new ();

  for (guint i = 0; i < self->log->len; i++)
    if (prefix == NULL || g_str_has_prefix (g_ptr_array_index (self->log, i), prefix))
      g_ptr_array_add (lines, g_ptr_array_index (self->log, i));
  add_texts (object, "log", lines);
  return sandbox_control_take (object);
}

static JsonNode *
reset_counters (Sandbox *self, JsonObject *body, GHashTable *query, const char **error)
{
  sandbox_record_reset (self);
  return sandbox_control_ok ();
}

static JsonNode *
devices (Sandbox *self, JsonObject *body, GHashTable *query, const char **error)
{
  JsonObject *object = json_object_new ();
  JsonArray *array = json_array_new ();

  for (guint i = 0; i < self->accounts->len; i++)
    {
      Account *account = g_ptr_array_index (self->accounts, i);

      for (guint k = 0; k < account->devices->len; k++)
        {
          Device *device = g_ptr_array_index (account->devices, k);
          JsonObject *row = json_object_new ();

          json_object_set_string_member (row, "phone", account->pn);
          json_object_set_int_member (row, "device", device->number);
          json_object_set_boolean_member (row, "online", device->connection != NULL);
          json_object_set_int_member (row, "prekeys", device->prekeys.length);
          json_object_set_int_member (row, "signedPrekey", device->skey_id);
          json_object_set_int_member (row, "queue", device->queue.length);
          json_object_set_int_member (row, "keysUsedTwice", device->keys_used_twice);
          json_array_add_object_element (array, row);
        }
    }
  json_object_set_array_member (object, "devices", array);
  return sandbox_control_take (object);
}

static JsonNode *
quit (Sandbox *self, JsonObject *body, GHashTable *query, const char **error)
{
  g_main_loop_quit (self->loop);
  return sandbox_control_ok ();
}

/* ---- waiting for the inbox ----------------------------------------------------------------- */

static JsonNode *
make_inbox (Account *account)
{
  JsonObject *object = json_object_new ();
  JsonArray *array = json_array_new ();

  for (guint i = 0; i < account->inbox->len; i++)
    {
      InboxItem *item = g_ptr_array_index (account->inbox, i);
      JsonObject *row = json_object_new ();

      json_object_set_string_member (row, "id", item->id);
      json_object_set_string_member (row, "from", item->from);
      json_object_set_string_member (row, "chat", item->chat);
      json_object_set_string_member (row, "text", item->text);
      json_object_set_string_member (row, "kind", item->kind);
      json_object_set_int_member (row, "expiration", item->expiration);
      json_object_set_boolean_member (row, "fromMe", item->from_me);
      json_array_add_object_element (array, row);
    }
  json_object_set_array_member (object, "messages", array);
  json_object_set_int_member (object, "undecryptable", account->undecryptable);
  return sandbox_control_take (object);
}

/* The answer to a request that may have to wait; NULL: not yet. */
static JsonNode *
try_wait (Sandbox *self, const char *path, GHashTable *query)
{
  const char *pn = query == NULL ? NULL : g_hash_table_lookup (query, "phone");
  const char *count = query == NULL ? NULL : g_hash_table_lookup (query, "count");
  const char *name = query == NULL ? NULL : g_hash_table_lookup (query, "name");
  Account *account = pn == NULL ? NULL : sandbox_find_speaker (self, pn);
  gboolean any = FALSE;

  if (strcmp (path, "/await-count") == 0 && name != NULL)
    {
      guint seen = GPOINTER_TO_UINT (g_hash_table_lookup (self->counts, name));
      guint64 wanted = count == NULL ? 1 : g_ascii_strtoull (count, NULL, 10);

      return seen >= wanted ? sandbox_control_ok () : NULL;
    }
  if (account == NULL)
    return make_error ("no such phone");
  if (strcmp (path, "/inbox") == 0)
    {
      guint64 wanted = count == NULL ? 0 : g_ascii_strtoull (count, NULL, 10);

      return account->inbox->len >= wanted ? make_inbox (account) : NULL;
    }
  if (strcmp (path, "/prekeys") == 0)
    {
      guint64 wanted = count == NULL ? 0 : g_ascii_strtoull (count, NULL, 10);
      Device *newest = g_ptr_array_index (account->devices, account->devices->len - 1);

      return newest->prekeys.length >= wanted ? sandbox_control_ok () : NULL;
    }
  /* /idle: every companion of the phone is online, greeted, and owes nothing */
  for (guint i = 1; i < account->devices->len; i++)
    {
      Device *device = g_ptr_array_index (account->devices, i);

      if (device->imaginary || device->soul != NULL)
        continue;
      if (device->connection == NULL || !device->active || !device->greeted
          || device->queue.length > 0)
        return NULL;
      any = TRUE;
    }
  return any ? sandbox_control_ok () : NULL;
}

static void
waiter_free (Waiter *waiter)
{
  g_clear_handle_id (&waiter->timer, g_source_remove);
  g_clear_signal_handler (&waiter->finished_id, waiter->message);
  g_clear_object (&waiter->message);
  g_clear_pointer (&waiter->query, g_hash_table_unref);
  g_free (waiter->path);
  g_free (waiter);
}

static void
waiter_finished_cb (SoupServerMessage *message, gpointer user_data)
{
  Waiter *waiter = user_data;

  g_ptr_array_remove (waiter->sandbox->waiters, waiter);
  waiter_free (waiter);
}

static void
waiter_answer (Waiter *waiter, guint status, JsonNode *json)
{
  g_autoptr (SoupServerMessage) message = g_object_ref (waiter->message);

  g_ptr_array_remove (waiter->sandbox->waiters, waiter);
  waiter_free (waiter);
  answer (message, status, json);
  soup_server_message_unpause (message);
}

static gboolean
waiter_timeout_cb (gpointer user_data)
{
  Waiter *waiter = user_data;

  waiter->timer = 0;
  waiter_answer (waiter, 504, make_error ("it did not happen in time"));
  return G_SOURCE_REMOVE;
}

void
sandbox_control_check (Sandbox *self)
{
  for (guint i = self->waiters->len; i-- > 0;)
    {
      Waiter *waiter = g_ptr_array_index (self->waiters, i);
      JsonNode *json = try_wait (self, waiter->path, waiter->query);

      if (json != NULL)
        waiter_answer (waiter, 200, json);
    }
}

static void
wait_cb (SoupServer *server,
         SoupServerMessage *message,
         const char *path,
         GHashTable *query,
         gpointer user_data)
{
  Sandbox *self = user_data;
  const char *timeout = query == NULL ? NULL : g_hash_table_lookup (query, "timeout");
  JsonNode *json = try_wait (self, path, query);
  Waiter *waiter;

  if (json != NULL)
    {
      answer (message, 200, json);
      return;
    }
  waiter = g_new0 (Waiter, 1);
  waiter->sandbox = self;
  waiter->message = g_object_ref (message);
  waiter->query = query == NULL ? NULL : g_hash_table_ref (query);
  waiter->path = g_strdup (path);
  waiter->timer = g_timeout_add_seconds (
      timeout == NULL ? DEFAULT_TIMEOUT_S : (guint)g_ascii_strtoull (timeout, NULL, 10),
      waiter_timeout_cb, waiter);
  waiter->finished_id
      = g_signal_connect (message, "finished", G_CALLBACK (waiter_finished_cb), waiter);
  g_ptr_array_add (self->waiters, waiter);
  soup_server_message_pause (message);
}

/* ---- the table ----------------------------------------------------------------------------- */

static const ControlRow rows[] = {
  { "POST", "/phones", add_phone },
  { "POST", "/scan", scan },
  { "POST", "/send", send_text },
  { "POST", "/resend", resend },
  { "POST", "/reset-counters", reset_counters },
  { "POST", "/quit", quit },
  { "GET", "/counters", counters },
  { "GET", "/log", show_log },
  { "GET", "/devices", devices },
};

static const ControlRow *
find_row (const ControlRow *table, guint n, const char *method, const char *path)
{
  for (guint i = 0; i < n; i++)
    if (strcmp (table[i].path, path) == 0 && strcmp (table[i].method, method) == 0)
      return &table[i];
  return NULL;
}

static void
control_cb (SoupServer *server,
            SoupServerMessage *message,
            const char *path,
            GHashTable *query,
            gpointer user_data)
{
  Sandbox *self = user_data;
  SoupMessageBody *body = soup_server_message_get_request_body (message);
  g_autoptr (JsonParser) parser = json_parser_new ();
  JsonObject *object = NULL;
  const char *method = soup_server_message_get_method (message);
  const char *error = "no such control";
  const ControlRow *row;
  JsonNode *json = NULL;

  if (body->length > 0)
    {
      if (!json_parser_load_from_data (parser, body->data, body->length, NULL)
          || !JSON_NODE_HOLDS_OBJECT (json_parser_get_root (parser)))
        {
          answer (message, 400, make_error ("the body must be a JSON object"));
          return;
        }
      object = json_node_get_object (json_parser_get_root (parser));
    }
  row = find_row (rows, G_N_ELEMENTS (rows), method, path);
  if (row == NULL)
    row = find_row (sandbox_fault_rows, sandbox_n_fault_rows, method, path);
  if (row == NULL)
    row = find_row (sandbox_device_rows, sandbox_n_device_rows, method, path);
  if (row == NULL)
    row = find_row (sandbox_hosted_rows, sandbox_n_hosted_rows, method, path);
  if (row == NULL)
    row = find_row (sandbox_request_rows, sandbox_n_request_rows, method, path);
  if (row == NULL)
    row = find_row (sandbox_memory_rows, sandbox_n_memory_rows, method, path);
  if (row == NULL)
    row = find_row (sandbox_code_rows, sandbox_n_code_rows, method, path);
  if (row == NULL)
    row = find_row (sandbox_action_rows, sandbox_n_action_rows, method, path);
  if (row == NULL)
    row = find_row (sandbox_limit_rows, sandbox_n_limit_rows, method, path);
  if (row != NULL)
    {
      error = NULL;
      json = row->handle (self, object, query, &error);
    }
  if (json != NULL)
    answer (message, 200, json);
  else
    answer (message, 400, make_error (error));
  sandbox_control_check (self);
}

void
sandbox_control_init (Sandbox *self)
{
  soup_server_add_handler (self->server, "/inbox", wait_cb, self, NULL);
  soup_server_add_handler (self->server, "/idle", wait_cb, self, NULL);
  soup_server_add_handler (self->server, "/prekeys", wait_cb, self, NULL);
  soup_server_add_handler (self->server, "/await-count", wait_cb, self, NULL);
  soup_server_add_handler (self->server, NULL, control_cb, self, NULL);
}
