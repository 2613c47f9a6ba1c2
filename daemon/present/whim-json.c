/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "present/whim-json.h"

#include <math.h>
#include <string.h>

/* Most answers fit. */
#define FIRST_SIZE 1024

struct _WhimJson
{
  GString *text;
  gboolean comma; /* something stands before what comes next */
};

WhimJson *
whim_json_new (void)
{
  WhimJson *self = g_new (WhimJson, 1);

  self->text = g_string_sized_new (FIRST_SIZE);
  self->comma = FALSE;
  return self;
}

char *
whim_json_end (WhimJson *self, gsize *len)
{
  GString *text = self->text;

  g_free (self);
  if (len != NULL)
    *len = text->len;
  return g_string_free (text, FALSE);
}

static void
before_value (WhimJson *self)
{
  if (self->comma)
    g_string_append_c (self->text, ',');
  self->comma = TRUE;
}

static void
begin (WhimJson *self, char bracket)
{
  before_value (self);
  g_string_append_c (self->text, bracket);
  self->comma = FALSE;
}

static void
end (WhimJson *self, char bracket)
{
  g_string_append_c (self->text, bracket);
  self->comma = TRUE;
}

void
whim_json_begin_object (WhimJson *self)
{
  begin (self, '{');
}

void
whim_json_end_object (WhimJson *self)
{
  end (self, '}');
}

void
whim_json_begin_array (WhimJson *self)
{
  begin (self, '[');
}

void
whim_json_end_array (WhimJson *self)
{
  end (self, ']');
}

static gboolean
is_plain (guchar c)
{
  return c >= 0x20 && c != '"' && c != '\\' && c != 0x7f;
}

static void
append_escape (GString *text, guchar c)
{
  static const char letters[] = "btnvfr"; /* 0x08 to 0x0d */

  if (c == '"' || c == '\\')
    {
      g_string_append_c (text, '\\');
      g_string_append_c (text, (char)c);
    }
  else if (c >= 0x08 && c <= 0x0d && c != 0x0b)
    {
      g_string_append_c (text, '\\');
      g_string_append_c (text, letters[c - 0x08]);
    }
  else
    g_string_append_printf (text, "\\u%04x", c);
}

static void
append_quoted (GString *text, const char *value)
{
  const char *from = value;

  g_string_append_c (text, '"');
  while (*from != '\0')
    {
      const char *to = from;

      while (is_plain ((guchar)*to))
        to++;
      g_string_append_len (text, from, to - from);
      if (*to == '\0')
        break;
      append_escape (text, (guchar)*to);
      from = to + 1;
    }
  g_string_append_c (text, '"');
}

void
whim_json_name (WhimJson *self, const char *name)
{
  before_value (self);
  append_quoted (self->text, name);
  g_string_append_c (self->text, ':');
  self->comma = FALSE;
}

void
whim_json_string (WhimJson *self, const char *text)
{
  before_value (self);
  append_quoted (self->text, text);
}

void
whim_json_int (WhimJson *self, gint64 number)
{
  char digits[24];
  char *at = digits + sizeof digits - 1;
  guint64 rest = number < 0 ? -(guint64)number : (guint64)number;

  before_value (self);
  *at = '\0';
  do
    *--at = (char)('0' + rest % 10);
  while ((rest /= 10) > 0);
  if (number < 0)
    *--at = '-';
  g_string_append (self->text, at);
}

void
whim_json_boolean (WhimJson *self, gboolean value)
{
  before_value (self);
  g_string_append (self->text, value ? "true" : "false");
}

void
whim_json_double (WhimJson *self, double number)
{
  char digits[G_ASCII_DTOSTR_BUF_SIZE];

  if (!isfinite (number))
    {
      whim_json_null (self);
      return;
    }
  before_value (self);
  /* the shortest that reads as the same number */
  g_ascii_formatd (digits, sizeof digits, "%.15g", number);
  if (g_ascii_strtod (digits, NULL) != number)
    g_ascii_dtostr (digits, sizeof digits, number);
  g_string_append (self->text, digits);
}

void
whim_json_null (WhimJson *self)
{
  before_value (self);
  g_string_append (self->text, "null");
}
