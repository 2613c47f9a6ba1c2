/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "session/whim-session-fsm.h"

/* The table of the README is the table of the code. */
static void
test_readme (void)
{
  g_autofree char *path
      = g_build_filename (g_getenv ("WHIM_SOURCE_DIR"), "daemon", "session", "README.md", NULL);
  g_autofree char *table = whim_session_fsm_to_markdown ();
  g_autofree char *text = NULL;
  g_autoptr (GError) error = NULL;

  g_file_get_contents (path, &text, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (g_str_has_suffix (text, table));
}

/* Whatever happens in whatever order, the machine stays inside its states; a resting state is left
 * by connect or logout alone; nothing opens without having closed before. */
static void
test_walk (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (1);
  WhimSessionState state = WHIM_SESSION_UNLINKED;
  gboolean linked = FALSE;

  for (guint i = 0; i < 200000; i++)
    {
      WhimSessionEvent event = (WhimSessionEvent)g_rand_int_range (rand, 0, WHIM_SESSION_N_EVENTS);
      WhimSessionStep step = whim_session_fsm_step (state, event);

      g_assert_cmpint (step.next, >=, 0);
      g_assert_cmpint (step.next, <, WHIM_SESSION_N_STATES);
      if (!step.listed)
        {
          g_assert_cmpint (step.next, ==, state);
          g_assert_cmpuint (step.actions, ==, 0);
          continue;
        }
      if ((state == WHIM_SESSION_LOGGED_OUT || state == WHIM_SESSION_REPLACED
           || state == WHIM_SESSION_BLOCKED)
          && step.next != state)
        g_assert_true (event == WHIM_SESSION_EVENT_CONNECT || event == WHIM_SESSION_EVENT_LOGOUT);
      if (step.actions & WHIM_SESSION_ACTION_CLOSE)
        linked = FALSE;
      if (step.actions & WHIM_SESSION_ACTION_OPEN)
        {
          g_assert_false (linked);
          linked = event != WHIM_SESSION_EVENT_RETRY_DUE || TRUE;
        }
      if (step.actions & WHIM_SESSION_ACTION_RETRY)
        linked = FALSE;
      state = step.next;
    }
}

/* Every state can be reached. */
static void
test_reachable (void)
{
  gboolean reached[WHIM_SESSION_N_STATES] = { FALSE };

  reached[WHIM_SESSION_UNLINKED] = TRUE;
  reached[WHIM_SESSION_OFFLINE] = TRUE; /* a paired channel at start */
  for (guint round = 0; round < WHIM_SESSION_N_STATES; round++)
    for (guint state = 0; state < WHIM_SESSION_N_STATES; state++)
      for (guint event = 0; reached[state] && event < WHIM_SESSION_N_EVENTS; event++)
        reached[whim_session_fsm_step ((WhimSessionState)state, (WhimSessionEvent)event).next]
            = TRUE;
  for (guint state = 0; state < WHIM_SESSION_N_STATES; state++)
    g_assert_true (reached[state]);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/fsm/readme", test_readme);
  g_test_add_func ("/fsm/walk", test_walk);
  g_test_add_func ("/fsm/reachable", test_reachable);
  return g_test_run ();
}
