/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "bus/whim-bus-private.h"

#include "base/whim-random.h"

#include <string.h>

#define INTERFACE WHIM_BUS_PREFIX "PairingRequest"
/* An open request counts as asking; engine goes on for a minute after each (product page, 4). */
#define ASK_MS 30000
#define MAX_TOKEN 64u
#define BATCH 100u

typedef enum
{
  RESULT_LINKED = 0,
  RESULT_FAILED = 1,
  RESULT_GONE = 2,
} RequestResult;

/* One linking under way. It is no part of the object manager's tree: that tells everybody. */
struct _WhimBusRequest
{
  grefcount references;
  WhimBus *bus;
  char *channel_id;
  char *sender;
  char *path;
  gboolean by_phone;
  char *code; /* the newest one */
  gint64 expires_at;
  gint64 after; /* in the journal, which tells of new codes */
  WhimBusFacet *facet;
  guint timer;
  gboolean reading;
  gboolean ended;
  GDBusMethodInvocation *waiting; /* StartPairing, until there is a code */
  char *phone;                    /* until it was asked with */
};

static void request_read (WhimBusRequest *self);

void
whim_bus_request_unref (WhimBusRequest *self)
{
  if (!g_ref_count_dec (&self->references))
    return;
  g_free (self->channel_id);
  g_free (self->sender);
  g_free (self->path);
  g_free (self->code);
  g_free (self->phone);
  whim_bus_unref (self->bus);
  g_free (self);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (WhimBusRequest, whim_bus_request_unref)

static WhimBusRequest *
request_ref (WhimBusRequest *self)
{
  g_ref_count_inc (&self->references);
  return self;
}

/* ---- The end ---------------------------------------------------------------------------------
 */

static void
request_end (WhimBusRequest *self, const GError *error)
{
  g_autoptr (WhimBusRequest) keep = request_ref (self);

  if (self->ended)
    return;
  self->ended = TRUE;
  whim_clock_clear_timer (self->bus->clock, &self->timer);
  if (self->waiting != NULL)
    {
      g_autoptr (GError) gone = g_error_new_literal (WHIM_ERROR, WHIM_ERROR_CONFLICT,
                                                     "the request ended before there was a code");

      whim_bus_return_error (g_steal_pointer (&self->waiting), error != NULL ? error : gone);
    }
  if (self->facet != NULL)
    g_dbus_interface_skeleton_unexport (G_DBUS_INTERFACE_SKELETON (self->facet));
  g_clear_object (&self->facet);
  whim_bus_sender_give (self->bus, self->sender, WHIM_BUS_HOLDS_PAIRING);
  g_hash_table_remove (self->bus->requests, self->path);
}

static void
request_emit (WhimBusRequest *self, const char *signal, GVariant *parameters)
{
  g_dbus_connection_emit_signal (self->bus->connection, self->sender, self->path, INTERFACE, signal,
                                 parameters, NULL);
}

static void
request_finish (WhimBusRequest *self, RequestResult result, GVariant *channel)
{
  static const char *const linked[] = { "status", "phone", "lid", "pushName", NULL };
  static const char *const failed[] = { "status", "reason", "detail", NULL };
  const char *const *names = result == RESULT_LINKED ? linked : failed;
  GVariantBuilder details;

  if (self->facet != NULL)
    {
      g_variant_builder_init (&details, G_VARIANT_TYPE_VARDICT);
      for (guint i = 0; channel != NULL && names[i] != NULL; i++)
        {
          g_autoptr (GVariant) value = g_variant_lookup_value (channel, names[i], NULL);

          if (value != NULL)
            g_variant_builder_add (&details, "{sv}", names[i], value);
        }
      request_emit (self, "Finished", g_variant_new ("(ua{sv})", (guint)result, &details));
    }
  request_end (self, NULL);
}

/* ---- Codes -----------------------------------------------------------------------------------
 */

static void
request_take_code (WhimBusRequest *self, const char *code, gint64 expires_at)
{
  if (g_strcmp0 (self->code, code) == 0)
    return;
  g_free (self->code);
  self->code = g_strdup (code);
  self->expires_at = expires_at;
  request_emit (
      self, "Code",
      g_variant_new ("(ssx)", self->by_phone ? "phone" : "qr", self->code, self->expires_at));
}

typedef struct
{
  WhimBusRequest *request;
  gint64 last_seq;
} ReadOp;

static void
events_read_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autofree ReadOp *op = user_data;
  g_autoptr (WhimBusRequest) self = op->request;
  g_autoptr (GPtrArray) events
      = whim_engine_read_events_finish (WHIM_ENGINE (source), result, NULL);

  self->reading = FALSE;
  /* a channel that is gone is told by its own change */
  if (self->ended || events == NULL)
    return;
  for (guint i = 0; i < events->len; i++)
    {
      const WhimEvent *event = g_ptr_array_index (events, i);
      const char *code;
      gint64 expires_at = 0;

      self->after = MAX (self->after, event->seq);
      g_variant_lookup (event->data, "expiresAt", "x", &expires_at);
      if (g_variant_lookup (event->data, self->by_phone ? "pairingCode" : "qr", "&s", &code))
        request_take_code (self, code, expires_at);
    }
  if (events->len < BATCH)
    self->after = MAX (self->after, op->last_seq);
  request_read (self);
}

static void
request_read (WhimBusRequest *self)
{
  WhimEngine *engine = self->bus->engine;
  ReadOp *op;

  if (self->ended || self->reading || self->facet == NULL
      || self->after >= whim_engine_get_last_seq (engine))
    return;
  self->reading = TRUE;
  op = g_new0 (ReadOp, 1);
  op->request = request_ref (self);
  op->last_seq = whim_engine_get_last_seq (engine);
  whim_engine_read_events_async (engine, &self->bus->caller, self->after, self->channel_id, BATCH,
                                 NULL, events_read_cb, op);
}

/* ---- Asking ----------------------------------------------------------------------------------
 */

static void
request_call (WhimBusRequest *self, const char *operation, GAsyncReadyCallback callback)
{
  GVariantDict params;

  g_variant_dict_init (&params, NULL);
  g_variant_dict_insert (&params, "channelId", "s", self->channel_id);
  if (self->phone != NULL)
    g_variant_dict_insert (&params, "phoneNumber", "s", self->phone);
  whim_engine_call_async (self->bus->engine, operation, &self->bus->caller,
                          g_variant_dict_end (&params), NULL, callback, request_ref (self));
}

static void
asked_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (WhimBusRequest) self = user_data;
  g_autoptr (GVariant) ignored = whim_engine_call_finish (WHIM_ENGINE (source), result, NULL);
}

static void
ask_due (gpointer user_data)
{
  WhimBusRequest *self = user_data;

  self->timer = whim_clock_add_timer (self->bus->clock, ASK_MS, ask_due, self);
  request_call (self, "channels.qr", asked_cb);
}

/* ---- The beginning ---------------------------------------------------------------------------
 */

/* There is a code: the request becomes an object, and then the caller hears of it. */
static void
request_open (WhimBusRequest *self, GVariant *answer)
{
  const char *code = NULL;
  gint64 expires_at = 0;
  g_autoptr (GError) error = NULL;

  g_clear_pointer (&self->phone, g_free);
  g_variant_lookup (answer, "expiresAt", "x", &expires_at);
  if (!g_variant_lookup (answer, self->by_phone ? "pairingCode" : "qr", "&s", &code))
    {
      request_end (self, NULL);
      return;
    }
  self->facet = whim_bus_facet_new (self->bus, whim_bus_request_facet (), self->channel_id);
  if (!g_dbus_interface_skeleton_export (G_DBUS_INTERFACE_SKELETON (self->facet),
                                         self->bus->connection, self->path, &error))
    {
      g_warning ("a pairing request could not be exported: %s", error->message);
      g_clear_object (&self->facet);
      request_end (self, error);
      return;
    }
  g_dbus_method_invocation_return_value (g_steal_pointer (&self->waiting),
                                         g_variant_new ("(o)", self->path));
  request_take_code (self, code, expires_at);
  if (!self->by_phone)
    self->timer = whim_clock_add_timer (self->bus->clock, ASK_MS, ask_due, self);
  request_read (self);
}

/* The caller knows the parameter as an option. */
static GError *
name_option (const GError *error)
{
  g_autofree char *field = NULL;
  const char *message = whim_error_split_field (error, &field);
  GError *named = NULL;

  if (error->domain != WHIM_ERROR || g_strcmp0 (field, "phoneNumber") != 0)
    return g_error_copy (error);
  whim_set_field_error (&named, (WhimErrorCode)error->code, "phone_number", message);
  return named;
}

static void
code_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (WhimBusRequest) self = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) answer = whim_engine_call_finish (WHIM_ENGINE (source), result, &error);

  if (self->ended)
    return;
  if (answer == NULL)
    {
      g_autoptr (GError) named = name_option (error);

      request_end (self, named);
    }
  else
    request_open (self, answer);
}

/* Whether a QR is there already, and whether the channel may pair at all, is engine's to say. */
static void
looked_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (WhimBusRequest) self = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) answer = whim_engine_call_finish (WHIM_ENGINE (source), result, &error);

  if (self->ended)
    return;
  if (answer != NULL)
    request_open (self, answer);
  else if (g_error_matches (error, WHIM_ERROR, WHIM_ERROR_NOT_PAIRING))
    request_call (self, "channels.connect", code_cb);
  else
    request_end (self, error);
}

static gboolean
is_token (const char *text)
{
  gsize len = strlen (text);

  for (const char *c = text; *c != '\0'; c++)
    if (!g_ascii_isalnum (*c) && *c != '_')
      return FALSE;
  return len >= 1 && len <= MAX_TOKEN;
}

/* As portals do it: the caller can know the path before the call. */
static char *
make_path (const char *sender, const char *token)
{
  g_autofree char *name = g_strdup (*sender == ':' ? sender + 1 : sender);

  return g_strconcat (WHIM_BUS_PAIRING_PATH, g_strdelimit (name, ".-", '_'), "/", token, NULL);
}

static gboolean
take_options (WhimBusRequest *self, GVariant *options, GError **error)
{
  g_autoptr (GVariant) token = NULL;
  g_autoptr (GVariant) phone = NULL;
  g_autofree char *made = NULL;

  if (!whim_bus_take_option (options, "handle_token", G_VARIANT_TYPE_STRING, &token, error)
      || !whim_bus_take_option (options, "phone_number", G_VARIANT_TYPE_STRING, &phone, error))
    return FALSE;
  if (token != NULL && !is_token (g_variant_get_string (token, NULL)))
    {
      whim_set_field_error (error, WHIM_ERROR_INVALID_PARAMETER, "handle_token",
                            "expected 1 to 64 of letters, digits and _");
      return FALSE;
    }
  if (token == NULL)
    made = whim_random_id ("t_");
  if (phone != NULL)
    self->phone = g_variant_dup_string (phone, NULL);
  self->by_phone = phone != NULL;
  self->path = make_path (self->sender, token == NULL ? made : g_variant_get_string (token, NULL));
  if (!g_hash_table_contains (self->bus->requests, self->path))
    return TRUE;
  whim_set_field_error (error, WHIM_ERROR_CONFLICT, "handle_token",
                        "the caller has an open request with it");
  return FALSE;
}

void
whim_bus_start_pairing (WhimBusFacet *facet, GDBusMethodInvocation *invocation)
{
  WhimBus *bus = whim_bus_facet_get_bus (facet);
  g_autoptr (WhimBusRequest) self = g_new0 (WhimBusRequest, 1);
  g_autoptr (GVariant) options
      = g_variant_get_child_value (g_dbus_method_invocation_get_parameters (invocation), 0);
  g_autoptr (GError) error = NULL;

  g_ref_count_init (&self->references);
  self->bus = whim_bus_ref (bus);
  self->channel_id = g_strdup (whim_bus_facet_get_channel (facet));
  self->sender = g_strdup (g_dbus_method_invocation_get_sender (invocation));
  self->after = whim_engine_get_last_seq (bus->engine);
  if (!take_options (self, options, &error)
      || !whim_bus_sender_take (bus, self->sender, WHIM_BUS_HOLDS_PAIRING, &error))
    {
      whim_bus_return_error (invocation, error);
      return;
    }
  self->waiting = invocation;
  g_hash_table_insert (bus->requests, self->path, request_ref (self));
  if (self->by_phone)
    request_call (self, "channels.connect-phone", code_cb);
  else
    request_call (self, "channels.qr", looked_cb);
}

/* ---- Methods of the request ------------------------------------------------------------------
 */

static WhimBusRequest *
find_own (WhimBusFacet *facet, GDBusMethodInvocation *invocation)
{
  WhimBus *bus = whim_bus_facet_get_bus (facet);
  WhimBusRequest *self
      = g_hash_table_lookup (bus->requests, g_dbus_method_invocation_get_object_path (invocation));
  g_autoptr (GError) error = NULL;

  if (self != NULL && strcmp (self->sender, g_dbus_method_invocation_get_sender (invocation)) == 0)
    return self;
  error = g_error_new_literal (WHIM_ERROR, WHIM_ERROR_FORBIDDEN,
                               "the request belongs to another program");
  whim_bus_return_error (invocation, error);
  return NULL;
}

void
whim_bus_request_get (WhimBusFacet *facet, GDBusMethodInvocation *invocation)
{
  WhimBusRequest *self = find_own (facet, invocation);

  if (self != NULL)
    g_dbus_method_invocation_return_value (
        invocation,
        g_variant_new ("(ssx)", self->by_phone ? "phone" : "qr", self->code, self->expires_at));
}

void
whim_bus_request_close (WhimBusFacet *facet, GDBusMethodInvocation *invocation)
{
  WhimBusRequest *self = find_own (facet, invocation);

  if (self == NULL)
    return;
  g_dbus_method_invocation_return_value (invocation, NULL);
  request_end (self, NULL);
}

/* ---- What happens ----------------------------------------------------------------------------
 */

/* Ending a request takes it out of the table. */
static GPtrArray *
list_requests (WhimBus *self)
{
  GPtrArray *list = g_ptr_array_new_with_free_func ((GDestroyNotify)whim_bus_request_unref);
  GHashTableIter iter;
  gpointer request;

  g_hash_table_iter_init (&iter, self->requests);
  while (g_hash_table_iter_next (&iter, NULL, &request))
    g_ptr_array_add (list, request_ref (request));
  return list;
}

void
whim_bus_pairing_advanced (WhimBus *self)
{
  GHashTableIter iter;
  gpointer request;

  g_hash_table_iter_init (&iter, self->requests);
  while (g_hash_table_iter_next (&iter, NULL, &request))
    request_read (request); /* answers later */
}

/* A phone code is gone when the channel says so, or shows only a QR. */
static gboolean
is_phone_code_gone (GVariant *channel, const char *status)
{
  const char *reason = "";

  g_variant_lookup (channel, "reason", "&s", &reason);
  return strcmp (status, whim_channel_state_to_word (WHIM_CHANNEL_STATE_QR)) == 0
         || strcmp (reason, whim_reason_to_word (WHIM_REASON_PAIRING_CODE_EXPIRED)) == 0
         || strcmp (reason, whim_reason_to_word (WHIM_REASON_PAIRING_CODE_REFUSED)) == 0;
}

static void
request_look (WhimBusRequest *self)
{
  g_autoptr (GVariant) channel = whim_engine_dup_channel (self->bus->engine, self->channel_id);
  const char *status = "";

  if (self->ended)
    return;
  if (channel == NULL)
    {
      request_finish (self, RESULT_GONE, NULL);
      return;
    }
  if (self->facet == NULL)
    return; /* still being opened: the operation says what becomes of it */
  g_variant_lookup (channel, "status", "&s", &status);
  if (strcmp (status, whim_channel_state_to_word (WHIM_CHANNEL_STATE_CONNECTED)) == 0)
    request_finish (self, RESULT_LINKED, channel);
  else if (strcmp (status, whim_channel_state_to_word (WHIM_CHANNEL_STATE_DISCONNECTED)) == 0
           || (self->by_phone && is_phone_code_gone (channel, status)))
    request_finish (self, RESULT_FAILED, channel);
}

void
whim_bus_pairing_changed (WhimBus *self, const char *channel_id)
{
  g_autoptr (GPtrArray) list = list_requests (self);

  for (guint i = 0; i < list->len; i++)
    {
      WhimBusRequest *request = g_ptr_array_index (list, i);

      if (strcmp (request->channel_id, channel_id) == 0)
        request_look (request);
    }
}

void
whim_bus_pairing_drop (WhimBus *self, const char *sender, gboolean tell)
{
  g_autoptr (GPtrArray) list = list_requests (self);

  for (guint i = 0; i < list->len; i++)
    {
      WhimBusRequest *request = g_ptr_array_index (list, i);

      if (sender != NULL && strcmp (request->sender, sender) != 0)
        continue;
      if (tell)
        request_finish (request, RESULT_GONE, NULL);
      else
        request_end (request, NULL);
    }
}
