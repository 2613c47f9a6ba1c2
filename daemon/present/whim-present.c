/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "present/whim-present.h"

#include "present/whim-present-private.h"

#include <string.h>

gboolean
whim_dialect_from_word (const char *word, WhimDialect *dialect)
{
  static const char *const words[] = {
    [WHIM_DIALECT_BOTH] = "both",
    [WHIM_DIALECT_SEED] = "seed",
    [WHIM_DIALECT_WHAPI] = "whapi",
  };

  for (guint i = 0; i < G_N_ELEMENTS (words); i++)
    if (g_ascii_strcasecmp (word, words[i]) == 0)
      {
        *dialect = (WhimDialect)i;
        return TRUE;
      }
  return FALSE;
}

static void
add_true (WhimJson *json, const char *name)
{
  whim_json_name (json, name);
  whim_json_boolean (json, TRUE);
}

/* ---- One object ------------------------------------------------------------------------------ */

/* whapi's code and text for a state, beside the seed's word (whapi-compat, 7) */
void
whim_present_add_state (WhimJson *json, const char *status)
{
  static const struct
  {
    const char *status;
    gint code;
    const char *text;
  } rows[] = {
    { "disconnected", 0, "NOT_INIT" },
    { "connecting", 2, "LAUNCH" },
    { "qr", 3, "QR" },
    { "connected", 4, "AUTH" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    if (g_str_equal (rows[i].status, status))
      {
        whim_json_name (json, "code");
        whim_json_int (json, rows[i].code);
        whim_present_add_text (json, "text", rows[i].text);
      }
}

/* The members of a result that is no message and no list. */
static void
add_own_members (WhimJson *json, const WhimOperation *operation, GVariant *result)
{
  static const char *const special[] = { "qr", "success", "whapiStatus", NULL };
  gboolean login = g_str_has_prefix (operation->name, "whapi.login");
  const char *text = NULL;

  whim_present_add_members (json, result, special);
  if (g_variant_lookup (result, "qr", "&s", &text) && login)
    {
      g_autofree char *picture = whim_present_qr_data_url (text);

      whim_present_add_text (json, "base64", picture);
      whim_present_add_text (json, "rowdata", text);
    }
  else if (text != NULL)
    whim_present_add_qr (json, text);
  if (g_variant_lookup (result, "whapiStatus", "&s", &text))
    {
      whim_json_name (json, "status");
      whim_json_begin_object (json);
      whim_present_add_state (json, text);
      whim_json_end_object (json);
    }
  if (g_str_equal (operation->name, "channels.status")
      && g_variant_lookup (result, "status", "&s", &text))
    whim_present_add_state (json, text);
}

static void
add_object (WhimJson *json, const WhimOperation *operation, GVariant *result, WhimDialect dialect)
{
  if (dialect != WHIM_DIALECT_WHAPI)
    {
      add_true (json, "success");
      whim_json_name (json, "data");
      whim_json_begin_object (json);
      add_own_members (json, operation, result);
      whim_json_end_object (json);
    }
  /* the seed shows a state without a wrapper */
  if (dialect != WHIM_DIALECT_SEED || g_str_equal (operation->name, "channels.status"))
    add_own_members (json, operation, result);
}

/* ---- Lists ----------------------------------------------------------------------------------- */

/* A number that was checked has other names in each of the two lists (whapi-compat, 2). */
static void
add_check (WhimJson *json, GVariant *item, gboolean seed)
{
  const char *phone = NULL;
  const char *jid = NULL;
  g_autofree char *digits = NULL;

  g_variant_lookup (item, "phone", "&s", &phone);
  g_variant_lookup (item, "jid", "&s", &jid);
  digits = jid == NULL ? NULL : g_strndup (jid, strcspn (jid, "@"));
  whim_json_begin_object (json);
  if (seed)
    whim_present_add_members (json, item, NULL);
  else
    {
      whim_present_add_text (json, "input", phone);
      whim_present_add_text (json, "status", jid == NULL ? "invalid" : "valid");
      whim_present_add_text (json, "wa_id", digits);
    }
  whim_json_end_object (json);
}

static void
add_item (WhimJson *json, const char *name, const char *plural, GVariant *item, WhimDialect dialect)
{
  if (g_strcmp0 (plural, "messages") == 0)
    whim_present_add_message (json, item, dialect);
  else if (g_strcmp0 (plural, "chats") == 0)
    whim_present_add_chat (json, item, dialect);
  else if (g_strcmp0 (plural, "contacts") == 0)
    add_check (json, item, g_str_equal (name, "data"));
  else
    whim_present_add_value (json, item);
}

static void
add_items (WhimJson *json,
           const char *name,
           const char *plural,
           GVariant *items,
           WhimDialect dialect)
{
  whim_json_name (json, name);
  whim_json_begin_array (json);
  for (gsize i = 0; i < g_variant_n_children (items); i++)
    {
      g_autoptr (GVariant) item = g_variant_get_child_value (items, i);

      add_item (json, name, plural, item, dialect);
    }
  whim_json_end_array (json);
}

/* whapi's message lists tell the times at their two ends. */
static void
add_ends (WhimJson *json, GVariant *items)
{
  gsize n = g_variant_n_children (items);
  const gsize places[] = { 0, n == 0 ? 0 : n - 1 };
  static const char *const names[] = { "first", "last" };

  for (guint i = 0; i < 2; i++)
    {
      gint64 timestamp = 0;

      if (n > 0)
        {
          g_autoptr (GVariant) item = g_variant_get_child_value (items, places[i]);

          g_variant_lookup (item, "timestamp", "x", &timestamp);
        }
      whim_json_name (json, names[i]);
      whim_json_int (json, timestamp);
    }
}

static void
add_list (WhimJson *json, const WhimOperation *operation, GVariant *result, WhimDialect dialect)
{
  static const char *const special[] = { "items", "count", NULL };
  g_autoptr (GVariant) items = g_variant_lookup_value (result, "items", G_VARIANT_TYPE ("aa{sv}"));

  if (items == NULL)
    items = g_variant_ref_sink (g_variant_new_array (G_VARIANT_TYPE_VARDICT, NULL, 0));
  if (dialect != WHIM_DIALECT_WHAPI)
    {
      add_true (json, "success");
      add_items (json, "data", operation->plural, items, dialect);
    }
  if (dialect != WHIM_DIALECT_SEED && operation->plural != NULL)
    add_items (json, operation->plural, operation->plural, items, dialect);
  whim_json_name (json, "count");
  whim_json_int (json, (gint64)g_variant_n_children (items));
  whim_present_add_members (json, result, special);
  if (dialect != WHIM_DIALECT_SEED && g_strcmp0 (operation->plural, "messages") == 0)
    add_ends (json, items);
}

/* ---- Sends ----------------------------------------------------------------------------------- */

static void
add_send (WhimJson *json, GVariant *result, WhimDialect dialect)
{
  static const char *const special[] = { "message", "messageId", "sent", "success", NULL };
  g_autoptr (GVariant) message = g_variant_lookup_value (result, "message", G_VARIANT_TYPE_VARDICT);
  const char *id = NULL;

  if (dialect != WHIM_DIALECT_WHAPI)
    {
      add_true (json, "success");
      g_variant_lookup (result, "messageId", "&s", &id);
      whim_present_add_text (json, "messageId", id);
    }
  if (dialect != WHIM_DIALECT_SEED)
    add_true (json, "sent");
  whim_present_add_members (json, result, special);
  if (message != NULL)
    {
      whim_json_name (json, "message");
      whim_present_add_message (json, message, dialect);
    }
}

/* whapi shows a message without a wrapper (whapi-compat, 4). */
static void
add_message (WhimJson *json, GVariant *message, WhimDialect dialect)
{
  if (dialect != WHIM_DIALECT_WHAPI)
    {
      add_true (json, "success");
      whim_json_name (json, "data");
      whim_present_add_message (json, message, dialect);
    }
  if (dialect != WHIM_DIALECT_SEED)
    whim_present_add_message_members (json, message, dialect);
}

char *
whim_present_result (const WhimOperation *operation, GVariant *result, WhimDialect dialect)
{
  WhimJson *json = whim_json_new ();

  if (operation->shape == WHIM_RESULT_ARRAY)
    {
      g_autoptr (GVariant) items = g_variant_lookup_value (result, "items", NULL);

      whim_present_add_value (json, items);
      return whim_json_end (json, NULL);
    }
  whim_json_begin_object (json);
  switch (operation->shape)
    {
    case WHIM_RESULT_OBJECT:
      add_object (json, operation, result, dialect);
      break;
    case WHIM_RESULT_LIST:
      add_list (json, operation, result, dialect);
      break;
    case WHIM_RESULT_MESSAGE:
      add_message (json, result, dialect);
      break;
    case WHIM_RESULT_SEND:
      add_send (json, result, dialect);
      break;
    case WHIM_RESULT_PLAIN:
      add_own_members (json, operation, result);
      break;
    case WHIM_RESULT_ACTION:
    case WHIM_RESULT_BYTES:
    case WHIM_RESULT_FILE:
    case WHIM_RESULT_DOCUMENT:
    case WHIM_RESULT_ARRAY:
    default:
      add_true (json, "success");
      add_own_members (json, operation, result);
      break;
    }
  whim_json_end_object (json);
  return whim_json_end (json, NULL);
}

GBytes *
whim_present_bytes (GVariant *result, char **content_type, GError **error)
{
  g_autoptr (GVariant) bytes = g_variant_lookup_value (result, "bytes", G_VARIANT_TYPE_BYTESTRING);
  const char *qr = NULL;

  if (bytes == NULL && g_variant_lookup (result, "qr", "&s", &qr))
    {
      *content_type = g_strdup ("image/png");
      return whim_present_qr_png (qr, error);
    }
  if (bytes == NULL)
    {
      g_set_error_literal (error, WHIM_ERROR, WHIM_ERROR_INTERNAL, "the answer has no bytes");
      return NULL;
    }
  if (!g_variant_lookup (result, "contentType", "s", content_type))
    *content_type = g_strdup ("application/octet-stream");
  return g_variant_get_data_as_bytes (bytes);
}

/* ---- Errors ---------------------------------------------------------------------------------- */

char *
whim_present_error (const GError *error,
                    const char *place,
                    const char *request_id,
                    guint retry_after)
{
  WhimJson *json = whim_json_new ();
  gboolean ours = error->domain == WHIM_ERROR;
  const WhimErrorInfo *info = whim_error_get_info (ours ? error->code : WHIM_ERROR_INTERNAL);
  g_autofree char *field = NULL;
  g_autofree char *details = NULL;
  const char *message = "something went wrong inside";

  if (ours)
    message = whim_error_split_field (error, &field);
  if (field != NULL && whim_error_field_to_details (field) != NULL)
    details = g_strdup (whim_error_field_to_details (field));
  else if (field != NULL)
    details = place == NULL ? g_strdup_printf ("%s: %s", field, message)
                            : g_strdup_printf ("%s.%s: %s", place, field, message);
  whim_json_begin_object (json);
  whim_json_name (json, "success");
  whim_json_boolean (json, FALSE);
  whim_json_name (json, "error");
  whim_json_begin_object (json);
  whim_json_name (json, "code");
  whim_json_int (json, info->http_status);
  whim_present_add_text (json, "type", info->type);
  whim_present_add_text (json, "message", message);
  whim_present_add_text (json, "details", details);
  if (retry_after > 0)
    {
      whim_json_name (json, "retry_after");
      whim_json_int (json, retry_after);
    }
  whim_present_add_text (json, "request_id", request_id);
  whim_json_end_object (json);
  whim_json_end_object (json);
  return whim_json_end (json, NULL);
}
