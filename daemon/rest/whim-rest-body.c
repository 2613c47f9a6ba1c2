/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "rest/whim-rest-private.h"

#include "base/whim-util.h"

#include <string.h>

static gboolean
fail (GError **error, WhimErrorCode code, const char *message)
{
  g_set_error_literal (error, WHIM_ERROR, code, message);
  return FALSE;
}

/* A NUL would cut the text short on its way through C. */
static gboolean
has_nul (const char *text, gsize len)
{
  if (memchr (text, '\0', len) != NULL)
    return TRUE;
  for (gsize i = 0; i + 1 < len; i++)
    if (text[i] == '\\')
      {
        if (len - i >= 6 && strncmp (text + i, "\\u0000", 6) == 0)
          return TRUE;
        i++;
      }
  return FALSE;
}

static gboolean
looks_like_object (const char *text, gsize len)
{
  gsize at = 0;

  while (at < len && g_ascii_isspace (text[at]))
    at++;
  return at < len && text[at] == '{';
}

static gboolean
check_type (const char *content_type, const char *text, gsize len, GError **error)
{
  g_autofree char *type = NULL;

  if (content_type == NULL)
    return TRUE;
  type = g_ascii_strdown (content_type, (gssize)strcspn (content_type, "; \t"));
  if (g_str_equal (type, "application/json")
      || (g_str_has_prefix (type, "application/") && g_str_has_suffix (type, "+json")))
    return TRUE;
  /* curl -d says this of everything, and the API's own examples use it so */
  if (g_str_equal (type, "application/x-www-form-urlencoded") && looks_like_object (text, len))
    return TRUE;
  return fail (error, WHIM_ERROR_UNSUPPORTED_MEDIA_TYPE, "a body is application/json");
}

JsonNode *
whim_rest_parse_body (GBytes *body, const char *content_type, GError **error)
{
  g_autoptr (JsonParser) parser = NULL;
  g_autoptr (GError) own = NULL;
  gsize len;
  const char *text = g_bytes_get_data (body, &len);
  JsonNode *root;

  if (len == 0)
    return NULL;
  if (!check_type (content_type, text, len, error))
    return NULL;
  if (has_nul (text, len) || !g_utf8_validate (text, (gssize)len, NULL))
    {
      fail (error, WHIM_ERROR_INVALID_PARAMETER, "the body is not UTF-8 text without NUL");
      return NULL;
    }
  if (!whim_json_depth_ok (text, len))
    {
      fail (error, WHIM_ERROR_INVALID_PARAMETER, "the body nests too deeply");
      return NULL;
    }
  parser = json_parser_new_immutable ();
  if (!json_parser_load_from_data (parser, text, (gssize)len, &own))
    {
      /* json-glib's sentence may quote the body */
      fail (error, WHIM_ERROR_INVALID_PARAMETER, "the body is not valid JSON");
      return NULL;
    }
  root = json_parser_get_root (parser);
  if (root == NULL || !JSON_NODE_HOLDS_OBJECT (root))
    {
      fail (error, WHIM_ERROR_INVALID_PARAMETER, "the body is not a JSON object");
      return NULL;
    }
  return json_node_ref (root);
}
