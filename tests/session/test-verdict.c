/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "session/whim-verdict.h"

#include <string.h>

/* Every end that a server can put to a session (dossier 1, 8.1, 8.2). */

static WhimNode *
make_node (const WhimVerdict *row)
{
  WhimNodeBuilder *builder = whim_node_builder_new (row->stanza);
  const char *name = strcmp (row->stanza, "failure") == 0 ? "reason" : "code";

  if (row->child != NULL)
    {
      WhimNodeBuilder *child = whim_node_builder_new (row->child);

      if (row->type != NULL)
        whim_node_builder_attr (child, "type", row->type);
      whim_node_builder_child (builder, whim_node_builder_end (child));
      /* the child decides */
      whim_node_builder_attr (builder, name, "515");
    }
  else if (row->code != NULL)
    whim_node_builder_attr (builder, name, strcmp (row->code, "5xx") == 0 ? "599" : row->code);
  return whim_node_builder_end (builder);
}

/* No row hides another. */
static void
test_rows (void)
{
  guint n = 0;

  for (const WhimVerdict *row = whim_verdicts (); row->stanza != NULL; row++, n++)
    {
      g_autoptr (WhimNode) node = make_node (row);

      g_assert_true (whim_verdict_find (node) == row);
      g_assert_cmpint (row->reason, !=, WHIM_REASON_NONE);
      /* keys are deleted for these alone */
      if (row->event == WHIM_SESSION_EVENT_UNLINKED)
        g_assert_true (row->reason == WHIM_REASON_UNLINKED || row->reason == WHIM_REASON_BANNED
                       || row->reason == WHIM_REASON_ACCOUNT_LOCKED);
    }
  g_assert_cmpuint (n, >, 25);
}

/* A login that was refused comes back by itself after 500 and 503 only. */
static void
test_failures (void)
{
  for (guint reason = 300; reason < 700; reason++)
    {
      WhimNodeBuilder *builder = whim_node_builder_new ("failure");
      g_autoptr (WhimNode) node = NULL;
      const WhimVerdict *row;
      gboolean deletes = reason == 401 || reason == 403 || reason == 406;
      gboolean retries = reason == 500 || reason == 503;

      whim_node_builder_attr_int (builder, "reason", reason);
      node = whim_node_builder_end (builder);
      row = whim_verdict_find (node);
      g_assert_cmpint (row->event, ==,
                       deletes   ? WHIM_SESSION_EVENT_UNLINKED
                       : retries ? WHIM_SESSION_EVENT_TROUBLE
                                 : WHIM_SESSION_EVENT_BLOCKED);
    }
}

/* What a server writes goes no further; its numbers do. */
static void
test_detail (void)
{
  static const struct
  {
    const char *reason;
    const char *code;
    const char *detail;
  } rows[] = { { "402", "101", "402/101" }, { "402", NULL, "402" },  { "402", "<b>", "402" },
               { "999", "1", "999" },       { "hello", NULL, NULL }, { "1234567", NULL, NULL },
               { NULL, NULL, NULL },        { "", NULL, NULL } };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      WhimNodeBuilder *builder = whim_node_builder_new ("failure");
      g_autoptr (WhimNode) node = NULL;
      g_autofree char *detail = NULL;

      whim_node_builder_attr (builder, "reason", rows[i].reason);
      whim_node_builder_attr (builder, "code", rows[i].code);
      whim_node_builder_attr (builder, "logout_message_header", "canary");
      node = whim_node_builder_end (builder);
      detail = whim_verdict_make_detail (whim_verdict_find (node), node);
      g_assert_cmpstr (detail, ==, rows[i].detail);
    }
}

/* The table of the README is the table of the code. */
static void
test_readme (void)
{
  g_autofree char *path
      = g_build_filename (g_getenv ("WHIM_SOURCE_DIR"), "daemon", "session", "README.md", NULL);
  g_autofree char *table = whim_verdict_to_markdown ();
  g_autofree char *text = NULL;
  g_autoptr (GError) error = NULL;

  g_file_get_contents (path, &text, NULL, &error);
  g_assert_no_error (error);
  if (strstr (text, table) == NULL)
    g_test_message ("%s", table);
  g_assert_nonnull (strstr (text, table));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/verdict/rows", test_rows);
  g_test_add_func ("/verdict/failures", test_failures);
  g_test_add_func ("/verdict/detail", test_detail);
  g_test_add_func ("/verdict/readme", test_readme);
  return g_test_run ();
}
