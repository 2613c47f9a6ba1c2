/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "cli/whim-cli-private.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define GAP 2
/* A last column narrower than this is better broken by the terminal. */
#define LEAST_WIDTH 12
#define LONGEST_ROW 16

/* ---- Text from strangers --------------------------------------------------------------------- */

/* Terminals obey the control characters of both blocks; readers are deceived by marks that turn the
 * direction of a text or cannot be seen. */
static gboolean
is_harmful (gunichar c)
{
  return g_unichar_iscntrl (c) || c == 0x061c || c == 0xfeff || (c >= 0x200b && c <= 0x200f)
         || (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f)
         || (c >= 0xfff9 && c <= 0xfffb) || (c >= 0xe0000 && c <= 0xe007f);
}

/* The joiner makes families of emoji, and half of India's letters. */
static gboolean
is_joiner (gunichar c)
{
  return c == 0x200c || c == 0x200d;
}

char *
whim_cli_harmless (const char *text)
{
  g_autofree char *valid = g_utf8_make_valid (text == NULL ? "" : text, -1);
  g_autoptr (GString) out = g_string_sized_new (strlen (valid));

  for (const char *p = valid; *p != '\0'; p = g_utf8_next_char (p))
    {
      gunichar c = g_utf8_get_char (p);

      if (c == '\n' || c == '\t' || c == '\r')
        g_string_append_c (out, ' ');
      else
        g_string_append_unichar (out, is_harmful (c) && !is_joiner (c) ? 0xfffd : c);
    }
  return g_string_free (g_steal_pointer (&out), FALSE);
}

void
whim_cli_complain (const char *format, ...)
{
  g_autofree char *text = NULL;
  g_autofree char *harmless = NULL;
  va_list args;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  harmless = whim_cli_harmless (text);
  fflush (stdout);
  fprintf (stderr, "whimbrel: %s\n", harmless);
}

void
whim_cli_say (const char *format, ...)
{
  va_list args;

  va_start (args, format);
  vprintf (format, args);
  va_end (args);
  putchar ('\n');
  fflush (stdout);
}

char *
whim_cli_time (gint64 seconds)
{
  g_autoptr (GDateTime) when = seconds == 0 ? NULL : g_date_time_new_from_unix_local (seconds);

  return when == NULL ? g_strdup ("") : g_date_time_format (when, "%x %X");
}

/* ---- Colours --------------------------------------------------------------------------------- */

static gboolean
has_colours (void)
{
  const char *off = g_getenv ("NO_COLOR");
  const char *term = g_getenv ("TERM");

  return (off == NULL || *off == '\0') && g_strcmp0 (term, "dumb") != 0 && isatty (STDOUT_FILENO);
}

static const char *
find_colour (const char *word)
{
  static const struct
  {
    const char *word;
    const char *colour;
  } rows[] = {
    { "connected", "32" }, { "connecting", "33" }, { "qr", "33" },       { "disconnected", "31" },
    { "sent", "32" },      { "delivered", "32" },  { "read", "32" },     { "played", "32" },
    { "failed", "31" },    { "pending", "33" },    { "held", "33" },     { "ok", "32" },
    { "degraded", "31" },  { "enabled", "32" },    { "disabled", "31" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    if (g_str_equal (rows[i].word, word))
      return rows[i].colour;
  return NULL;
}

char *
whim_cli_colour (const char *word)
{
  const char *colour = has_colours () ? find_colour (word) : NULL;

  return colour == NULL ? g_strdup (word) : g_strdup_printf ("\033[%sm%s\033[0m", colour, word);
}

/* ---- Tables ---------------------------------------------------------------------------------- */

struct _WhimCliTable
{
  guint n_columns;
  gint state;
  GPtrArray *cells; /* row by row; the first is the titles */
};

static guint
measure (const char *text)
{
  guint width = 0;

  for (const char *p = text; *p != '\0'; p = g_utf8_next_char (p))
    {
      gunichar c = g_utf8_get_char (p);

      width += g_unichar_iszerowidth (c) ? 0 : g_unichar_iswide (c) ? 2 : 1;
    }
  return width;
}

WhimCliTable *
whim_cli_table_new (const char *titles, gint state)
{
  WhimCliTable *self = g_new0 (WhimCliTable, 1);
  g_auto (GStrv) parts = g_strsplit (titles, "|", -1);

  self->n_columns = g_strv_length (parts);
  g_assert (self->n_columns <= LONGEST_ROW);
  self->state = state;
  self->cells = g_ptr_array_new_with_free_func (g_free);
  for (guint i = 0; i < self->n_columns; i++)
    g_ptr_array_add (self->cells, g_strdup (parts[i]));
  return self;
}

void
whim_cli_table_free (WhimCliTable *self)
{
  g_ptr_array_unref (self->cells);
  g_free (self);
}

void
whim_cli_table_add (WhimCliTable *self, ...)
{
  va_list args;

  va_start (args, self);
  for (guint i = 0; i < self->n_columns; i++)
    g_ptr_array_add (self->cells, whim_cli_harmless (va_arg (args, const char *)));
  va_end (args);
}

static guint
get_screen_width (void)
{
  struct winsize size = { 0 };

  if (!isatty (STDOUT_FILENO) || ioctl (STDOUT_FILENO, TIOCGWINSZ, &size) != 0)
    return 0;
  return size.ws_col;
}

/* Returns: (transfer full): at most @width wide */
static char *
cut (const char *text, guint width)
{
  const char *p = text;
  guint taken = 0;
  g_autofree char *head = NULL;

  if (measure (text) <= width)
    return g_strdup (text);
  while (*p != '\0' && taken + (g_unichar_iswide (g_utf8_get_char (p)) ? 2 : 1) < width)
    {
      taken += g_unichar_iszerowidth (g_utf8_get_char (p)) ? 0
               : g_unichar_iswide (g_utf8_get_char (p))    ? 2
                                                           : 1;
      p = g_utf8_next_char (p);
    }
  head = g_strndup (text, (gsize)(p - text));
  return g_strconcat (head, "…", NULL);
}

static void
print_row (WhimCliTable *self, guint row, const guint *widths, guint last_width)
{
  gboolean title = row == 0 && has_colours ();

  fputs (title ? "\033[1m" : "", stdout);
  for (guint i = 0; i < self->n_columns; i++)
    {
      const char *text = g_ptr_array_index (self->cells, row * self->n_columns + i);
      gboolean last = i + 1 == self->n_columns;
      g_autofree char *shown = last && last_width > 0 ? cut (text, last_width) : g_strdup (text);
      g_autofree char *coloured
          = row > 0 && (gint)i == self->state ? whim_cli_colour (shown) : g_strdup (shown);

      fputs (coloured, stdout);
      if (!last)
        printf ("%*s", (int)(widths[i] - measure (shown) + GAP), "");
    }
  fputs (title ? "\033[0m\n" : "\n", stdout);
}

void
whim_cli_table_print (WhimCliTable *self)
{
  guint widths[LONGEST_ROW] = { 0 };
  guint n_rows = self->cells->len / self->n_columns;
  guint before = 0;
  guint screen = get_screen_width ();

  for (guint i = 0; i < self->cells->len; i++)
    widths[i % self->n_columns]
        = MAX (widths[i % self->n_columns], measure (g_ptr_array_index (self->cells, i)));
  for (guint i = 0; i + 1 < self->n_columns; i++)
    before += widths[i] + GAP;
  for (guint i = 0; i < n_rows; i++)
    print_row (self, i, widths, screen > before + LEAST_WIDTH ? screen - before : 0);
  fflush (stdout);
  whim_cli_table_free (self);
}

/* ---- JSON that nobody has checked ------------------------------------------------------------ */

static JsonNode *
get_value (JsonObject *object, const char *name)
{
  JsonNode *node = object == NULL ? NULL : json_object_get_member (object, name);

  return node != NULL && JSON_NODE_HOLDS_VALUE (node) ? node : NULL;
}

const char *
whim_cli_text (JsonObject *object, const char *name)
{
  JsonNode *node = get_value (object, name);

  return node != NULL && json_node_get_value_type (node) == G_TYPE_STRING
             ? json_node_get_string (node)
             : "";
}

gint64
whim_cli_int (JsonObject *object, const char *name)
{
  JsonNode *node = get_value (object, name);

  return node != NULL && json_node_get_value_type (node) != G_TYPE_STRING ? json_node_get_int (node)
                                                                          : 0;
}

gboolean
whim_cli_boolean (JsonObject *object, const char *name)
{
  JsonNode *node = get_value (object, name);

  return node != NULL && json_node_get_value_type (node) == G_TYPE_BOOLEAN
         && json_node_get_boolean (node);
}

JsonObject *
whim_cli_object (JsonObject *object, const char *name)
{
  JsonNode *node = object == NULL ? NULL : json_object_get_member (object, name);

  return node != NULL && JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
}

JsonArray *
whim_cli_array (JsonObject *object, const char *name)
{
  JsonNode *node = object == NULL ? NULL : json_object_get_member (object, name);

  return node != NULL && JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;
}

char *
whim_cli_words (JsonObject *object, const char *name)
{
  JsonArray *array = whim_cli_array (object, name);
  g_autoptr (GString) out = g_string_new (NULL);

  for (guint i = 0; array != NULL && i < json_array_get_length (array); i++)
    {
      JsonNode *node = json_array_get_element (array, i);

      if (JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) == G_TYPE_STRING)
        g_string_append_printf (out, "%s%s", out->len > 0 ? ", " : "", json_node_get_string (node));
    }
  return g_string_free (g_steal_pointer (&out), FALSE);
}

JsonObject *
whim_cli_data (JsonObject *answer)
{
  JsonObject *data = whim_cli_object (answer, "data");

  return data != NULL ? data : answer;
}
