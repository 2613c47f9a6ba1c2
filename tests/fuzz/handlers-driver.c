/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "tests/fuzz/handlers-cases.h"
#include "tests/fuzz/handlers-world.h"

/* fuzz-handlers without a fuzzing engine: first the cases, then conversations of chance, each made
 * of a seed and its number. A breach prints both:
 *
 *   fuzz-handlers --seed SEED --first NUMBER --count 1
 */

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);
int LLVMFuzzerInitialize (int *argc, char ***argv);

#define INPUT_SIZE 2000u

static void
run_one (guint64 seed, guint64 number)
{
  guint8 bytes[INPUT_SIZE];
  guint64 state = (seed + 1) * 6364136223846793005u + number * 1442695040888963407u + 1;
  g_autofree char *name = g_strdup_printf ("# again: --seed %" G_GUINT64_FORMAT
                                           " --first %" G_GUINT64_FORMAT " --count 1\n",
                                           seed, number);

  world_tell_name (name);
  for (gsize i = 0; i < sizeof bytes; i++)
    {
      state ^= state << 13;
      state ^= state >> 7;
      state ^= state << 17;
      bytes[i] = (guint8)(state >> 24);
    }
  LLVMFuzzerTestOneInput (bytes, sizeof bytes);
}

int
main (int argc, char **argv)
{
  gint64 seed = 20261128;
  gint64 first = 0;
  gint64 count = 0;
  gint64 seconds = 0;
  g_autofree char *only = NULL;
  const GOptionEntry entries[] = {
    { "seed", 0, 0, G_OPTION_ARG_INT64, &seed, "Of all choices", "NUMBER" },
    { "first", 0, 0, G_OPTION_ARG_INT64, &first, "Conversation to begin with", "NUMBER" },
    { "count", 0, 0, G_OPTION_ARG_INT64, &count, "How many (default: until the time is over)",
      "N" },
    { "case", 0, 0, G_OPTION_ARG_STRING, &only, "No other case, and no chance", "NAME" },
    { "seconds", 0, 0, G_OPTION_ARG_INT64, &seconds, "How long", "N" },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr (GOptionContext) context = g_option_context_new ("- handlers under chance");
  g_autoptr (GError) error = NULL;
  gint64 ends;
  gint64 number;
  guint n_cases;

  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error))
    {
      g_printerr ("%s\n", error->message);
      return 1;
    }
  LLVMFuzzerInitialize (&argc, &argv);
  g_print ("# seed %" G_GINT64_FORMAT "\n", seed);
  n_cases = handlers_cases_run (only);
  if (only != NULL)
    {
      g_print ("1..%u\n", n_cases);
      return n_cases == 1 ? 0 : 1;
    }
  ends = g_get_monotonic_time () + seconds * G_USEC_PER_SEC;
  for (number = first; count > 0 ? number < first + count : g_get_monotonic_time () < ends;
       number++)
    run_one ((guint64)seed, (guint64)number);
  g_print ("ok %u %" G_GINT64_FORMAT " conversations of chance\n1..%u\n", n_cases + 1,
           number - first, n_cases + 1);
  return 0;
}
