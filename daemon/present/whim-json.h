/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * WhimJson:
 *
 * Writes JSON as it is told, into one buffer: no tree in between. Every answer and every webhook
 * goes through it; json-glib's builder and generator cost six times as much. One user at a time.
 * Nesting is the caller's: what is begun must be ended. Texts must be valid UTF-8.
 */
typedef struct _WhimJson WhimJson;

WhimJson *whim_json_new (void);
/** whim_json_end: (transfer full): the text; frees @self. @len (out) (optional) */
char *whim_json_end (WhimJson *self, gsize *len);

void whim_json_begin_object (WhimJson *self);
void whim_json_end_object (WhimJson *self);
void whim_json_begin_array (WhimJson *self);
void whim_json_end_array (WhimJson *self);
/** whim_json_name: the name of the member that comes next */
void whim_json_name (WhimJson *self, const char *name);
void whim_json_string (WhimJson *self, const char *text);
void whim_json_int (WhimJson *self, gint64 number);
void whim_json_boolean (WhimJson *self, gboolean value);
/** whim_json_double: null if @number is not finite: JSON has no word for it */
void whim_json_double (WhimJson *self, double number);
void whim_json_null (WhimJson *self);

G_END_DECLS
