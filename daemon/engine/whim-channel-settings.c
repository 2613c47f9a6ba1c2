/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "engine/whim-engine-private.h"

#include <json-glib/json-glib.h>

/* The settings of a channel: what the API gives, what the store keeps (JSON text of our own
 * making), and what the messenger goes by. */

static const WhimChannelSettings defaults = { WHIM_PACING_GENTLE, FALSE, FALSE };

static const char *
presence_word (const WhimChannelSettings *settings)
{
  return settings->available ? "available" : "unavailable";
}

static WhimChannelSettings
parse (const char *json)
{
  WhimChannelSettings settings = defaults;
  g_autoptr (JsonParser) parser = json_parser_new ();
  JsonObject *object;

  if (!json_parser_load_from_data (parser, json, -1, NULL) || json_parser_get_root (parser) == NULL
      || !JSON_NODE_HOLDS_OBJECT (json_parser_get_root (parser)))
    return settings;
  object = json_node_get_object (json_parser_get_root (parser));
  whim_pacing_from_word (json_object_get_string_member_with_default (object, "pacing", ""),
                         &settings.pacing);
  settings.available = g_str_equal (
      json_object_get_string_member_with_default (object, "presence", ""), "available");
  settings.auto_download
      = json_object_get_boolean_member_with_default (object, "autoDownload", FALSE);
  return settings;
}

/* Most channels have the same settings as the one before. */
WhimChannelSettings
whim_channel_settings_parse (const char *json)
{
  static WhimChannelSettings last_settings;
  static char *last;

  if (json == NULL)
    return defaults;
  if (g_strcmp0 (last, json) == 0)
    return last_settings;
  g_free (last);
  last = g_strdup (json);
  last_settings = parse (json);
  return last_settings;
}

char *
whim_channel_settings_to_json (const WhimChannelSettings *settings)
{
  return g_strdup_printf ("{\"pacing\":\"%s\",\"presence\":\"%s\",\"autoDownload\":%s}",
                          whim_pacing_to_word (settings->pacing), presence_word (settings),
                          settings->auto_download ? "true" : "false");
}

GVariant *
whim_channel_settings_to_variant (const WhimChannelSettings *settings)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (&builder, "{sv}", "pacing",
                         g_variant_new_string (whim_pacing_to_word (settings->pacing)));
  g_variant_builder_add (&builder, "{sv}", "presence",
                         g_variant_new_string (presence_word (settings)));
  g_variant_builder_add (&builder, "{sv}", "autoDownload",
                         g_variant_new_boolean (settings->auto_download));
  return g_variant_builder_end (&builder);
}

static gboolean
fail (GError **error, const char *field, const char *message)
{
  whim_set_field_error (error, WHIM_ERROR_INVALID_PARAMETER, field, message);
  return FALSE;
}

gboolean
whim_channel_settings_update (WhimChannelSettings *settings, GVariant *given, GError **error)
{
  g_autoptr (GVariant) pacing = g_variant_lookup_value (given, "pacing", NULL);
  g_autoptr (GVariant) presence = g_variant_lookup_value (given, "presence", NULL);
  g_autoptr (GVariant) download = g_variant_lookup_value (given, "autoDownload", NULL);
  const char *word;

  if (pacing != NULL
      && (!g_variant_is_of_type (pacing, G_VARIANT_TYPE_STRING)
          || !whim_pacing_from_word (g_variant_get_string (pacing, NULL), &settings->pacing)))
    return fail (error, "settings.pacing", "must be off, gentle or strict");
  if (presence != NULL)
    {
      word = g_variant_is_of_type (presence, G_VARIANT_TYPE_STRING)
                 ? g_variant_get_string (presence, NULL)
                 : "";
      if (!g_str_equal (word, "available") && !g_str_equal (word, "unavailable"))
        return fail (error, "settings.presence", "must be available or unavailable");
      settings->available = g_str_equal (word, "available");
    }
  if (download != NULL && !g_variant_is_of_type (download, G_VARIANT_TYPE_BOOLEAN))
    return fail (error, "settings.autoDownload", "must be true or false");
  if (download != NULL)
    settings->auto_download = g_variant_get_boolean (download);
  return TRUE;
}

void
whim_channel_apply_settings (WhimChannel *self)
{
  WhimChannelSettings settings = whim_channel_settings_parse (self->record->settings);

  whim_messenger_set_pacing (self->messenger, settings.pacing);
  whim_messenger_set_available (self->messenger, settings.available);
}
