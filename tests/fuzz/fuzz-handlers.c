/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "tests/fuzz/handlers-check.h"
#include "tests/fuzz/handlers-stanzas.h"

#include <stdlib.h>
#include <string.h>

/* The handlers of everything that a server passes on, or says itself: real session, messenger,
 * channel and store; a server and people made of choices. An input is a list of choices: it makes a
 * whole conversation, from the login to the last stanza, and then the books must balance. */

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);
int LLVMFuzzerInitialize (int *argc, char ***argv);

#define MAX_STANZAS 80u

/* Below engine only debug; above, a warning says that something failed, and nothing may. */
static GLogWriterOutput
log_writer (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer user_data)
{
  if ((level & G_LOG_LEVEL_MASK) <= G_LOG_LEVEL_WARNING)
    {
      g_log_writer_standard_streams (level, fields, n_fields, user_data);
      abort ();
    }
  return G_LOG_WRITER_HANDLED;
}

static WhimNode *
next_stanza (World *world, Choices *choices)
{
  g_autoptr (Tree) tree = NULL;

  if (world->stanzas->len > 0 && choices_rare (choices, 12))
    return whim_node_ref (
        g_ptr_array_index (world->stanzas, choices_pick (choices, world->stanzas->len)));
  tree = stanza_make (world, choices);
  for (guint i = choices_pick (choices, 4); i > 1; i--)
    tree_mutate (tree, choices);
  return world_encode (world, tree, choices,
                       choices_rare (choices, 10) ? choices_pick (choices, 4) : 0);
}

static void
one_stanza (World *world, Check *check, Choices *choices)
{
  g_autoptr (WhimNode) node = next_stanza (world, choices);

  if (node == NULL)
    return; /* the transport would not have taken it */
  check_before (check);
  if (!world_deliver (world, node))
    return;
  world_settle (world);
  check_after (check, node);
}

/* Several at once, and perhaps the line goes dead in the middle. */
static void
burst (World *world, Check *check, Choices *choices)
{
  g_autoptr (GPtrArray) nodes = g_ptr_array_new_with_free_func ((GDestroyNotify)whim_node_unref);
  gboolean cut = choices_rare (choices, 3);

  check_before (check);
  for (guint i = 1 + choices_pick (choices, 6); i > 0; i--)
    {
      WhimNode *node = next_stanza (world, choices);

      if (node == NULL)
        continue;
      g_ptr_array_add (nodes, node);
      world_deliver (world, node);
    }
  if (cut)
    fake_transport_lose (world->transport);
  world_settle (world);
  if (!cut)
    check_after_many (check, nodes);
  else
    world_log_in_again (world);
}

static void
one_step (World *world, Check *check, Choices *choices)
{
  static const gint64 times[] = { 300, 6000, 76000, 130000, 4000000 };

  switch (choices_pick (choices, 16))
    {
    case 13:
      world_send_text (world, (WorldWho)(1 + choices_pick (choices, WORLD_N_PEOPLE - 1)));
      world_settle (world);
      break;
    case 14:
      whim_clock_advance (world->clock, times[choices_pick (choices, G_N_ELEMENTS (times))]);
      world_settle (world);
      if (!world_is_online (world))
        world_log_in_again (world);
      break;
    case 15:
      burst (world, check, choices);
      break;
    case 12:
      if (choices_pick (choices, 2) == 0)
        world_reinstall (world, (WorldWho)choices_pick (choices, WORLD_N_PEOPLE),
                         choices_pick (choices, 2));
      break;
    default:
      one_stanza (world, check, choices);
      break;
    }
}

/* The last word of the server; whether the pairing is over stands in a table of its own. */
static void
the_end (World *world, Check *check, Choices *choices)
{
  g_autoptr (Tree) tree = stanza_make_end (choices);
  g_autoptr (WhimNode) node = NULL;

  if (choices_rare (choices, 4))
    tree_mutate (tree, choices);
  node = world_encode (world, tree, choices, 0);
  check_before (check);
  world_deliver (world, node);
  world_settle (world);
  check_after (check, node);
}

int
LLVMFuzzerInitialize (int *argc, char ***argv)
{
  g_log_set_writer_func (log_writer, NULL, NULL);
  return 0;
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  Choices choices = { data, size, 0 };
  guint64 seed = 0;
  World *world;
  Check *check;
  gboolean ended;

  for (guint i = 0; i < 4; i++)
    seed = seed << 8 | choices_pick (&choices, 256);
  world = world_new (seed);
  check = check_new (world);
  for (guint i = 0; i < MAX_STANZAS && choices_left (&choices) && world_is_online (world); i++)
    one_step (world, check, &choices);
  if (choices_rare (&choices, 3) && world_is_online (world))
    the_end (world, check, &choices);
  ended = whim_session_get_credentials (world_get_session (world)) == NULL;
  world_stop (world);
  check_books (check, ended);
  check_free (check);
  world_free (world);
  return 0;
}
