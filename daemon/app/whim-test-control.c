/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "app/whim-app.h"
#include "base/whim-failpoint.h"

#include <gio/gunixinputstream.h>
#include <gio/gunixoutputstream.h>
#include <json-glib/json-glib.h>
#include <stdlib.h>
#include <string.h>

/* Development builds only: {"advance":ms}, {"stepWall":ms}, {"arm":name,"as":"kill|error[:N]"},
 * {"idle":true}, {"wake":true}; each is answered with one line of JSON. */

typedef struct
{
  WhimApp *app;
  GDataInputStream *input;
  GOutputStream *output;
} TestControl;

static const char *
obey (TestControl *self, JsonObject *command)
{
  if (json_object_has_member (command, "advance"))
    {
      whim_clock_advance (self->app->clock, json_object_get_int_member (command, "advance"));
      return "{\"ok\":true}\n";
    }
  if (json_object_has_member (command, "stepWall"))
    {
      whim_clock_step_wall (self->app->clock, json_object_get_int_member (command, "stepWall"));
      return "{\"ok\":true}\n";
    }
  if (json_object_has_member (command, "arm"))
    return whim_failpoint_arm (json_object_get_string_member (command, "arm"),
                               json_object_get_string_member_with_default (command, "as", ""))
               ? "{\"ok\":true}\n"
               : "{\"ok\":false}\n";
  if (json_object_has_member (command, "wake"))
    {
      whim_engine_wake (self->app->engine);
      return "{\"ok\":true}\n";
    }
  if (json_object_has_member (command, "idle"))
    return whim_engine_is_idle (self->app->engine) ? "{\"idle\":true}\n" : "{\"idle\":false}\n";
  return "{\"ok\":false}\n";
}

static void
line_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  TestControl *self = user_data;
  g_autofree char *line = g_data_input_stream_read_line_finish (self->input, result, NULL, NULL);
  g_autoptr (JsonParser) parser = json_parser_new ();
  const char *answer = "{\"ok\":false}\n";

  if (line == NULL)
    {
      g_object_unref (self->input);
      g_object_unref (self->output);
      g_free (self);
      return;
    }
  if (json_parser_load_from_data (parser, line, -1, NULL)
      && JSON_NODE_HOLDS_OBJECT (json_parser_get_root (parser)))
    answer = obey (self, json_node_get_object (json_parser_get_root (parser)));
  g_output_stream_write_all (self->output, answer, strlen (answer), NULL, NULL, NULL);
  g_data_input_stream_read_line_async (self->input, G_PRIORITY_DEFAULT, NULL, line_cb, self);
}

void
whim_test_control_start (WhimApp *app)
{
  const char *text = g_getenv ("WHIMBREL_TEST_FD");
  g_autoptr (GInputStream) input = NULL;
  TestControl *self;
  int fd;

  if (text == NULL)
    return;
  fd = (int)strtol (text, NULL, 10);
  self = g_new0 (TestControl, 1);
  self->app = app;
  input = g_unix_input_stream_new (fd, FALSE);
  self->input = g_data_input_stream_new (input);
  self->output = g_unix_output_stream_new (fd, FALSE);
  g_data_input_stream_read_line_async (self->input, G_PRIORITY_DEFAULT, NULL, line_cb, self);
}
