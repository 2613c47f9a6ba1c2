/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "transport/whim-gate.h"

typedef struct
{
  guint ticket;
  guint number;
} Visitor;

static guint turns[64];
static guint n_turns;
static WhimGate *hurried; /* the turn ends inside itself */

static void
turn_cb (gpointer user_data)
{
  Visitor *visitor = user_data;

  g_assert_cmpuint (visitor->ticket, !=, 0);
  turns[n_turns++] = visitor->number;
  if (hurried != NULL)
    whim_gate_leave (hurried, &visitor->ticket);
}

/* No more than the width, in the order of arrival; who leaves the queue gets no turn. */
static void
test_order (void)
{
  g_autoptr (WhimGate) gate = whim_gate_new (3);
  Visitor visitors[10] = { { 0 } };

  n_turns = 0;
  for (guint i = 0; i < 10; i++)
    {
      visitors[i].number = i;
      whim_gate_enter (gate, turn_cb, &visitors[i], &visitors[i].ticket);
    }
  g_assert_cmpuint (n_turns, ==, 3);
  g_assert_cmpuint (whim_gate_get_n_inside (gate), ==, 3);
  g_assert_cmpuint (whim_gate_get_n_waiting (gate), ==, 7);
  whim_gate_leave (gate, &visitors[4].ticket); /* gives up while it waits */
  whim_gate_leave (gate, &visitors[4].ticket); /* and once more */
  g_assert_cmpuint (n_turns, ==, 3);
  whim_gate_leave (gate, &visitors[1].ticket);
  g_assert_cmpuint (turns[3], ==, 3);
  whim_gate_leave (gate, &visitors[0].ticket);
  g_assert_cmpuint (turns[4], ==, 5);
  g_assert_cmpuint (whim_gate_get_n_inside (gate), ==, 3);
  for (guint i = 0; i < 10; i++)
    whim_gate_leave (gate, &visitors[i].ticket);
  g_assert_cmpuint (whim_gate_get_n_inside (gate), ==, 0);
  g_assert_cmpuint (whim_gate_get_n_waiting (gate), ==, 0);
}

/* A turn that is over at once lets the next one in, however many there are. */
static void
test_hurried (void)
{
  g_autoptr (WhimGate) gate = whim_gate_new (1);
  Visitor first = { 0, 0 };
  Visitor others[20] = { { 0 } };

  n_turns = 0;
  whim_gate_enter (gate, turn_cb, &first, &first.ticket);
  for (guint i = 0; i < 20; i++)
    {
      others[i].number = i + 1;
      whim_gate_enter (gate, turn_cb, &others[i], &others[i].ticket);
    }
  g_assert_cmpuint (n_turns, ==, 1);
  hurried = gate;
  whim_gate_leave (gate, &first.ticket);
  hurried = NULL;
  g_assert_cmpuint (n_turns, ==, 21);
  for (guint i = 0; i < 21; i++)
    g_assert_cmpuint (turns[i], ==, i);
  g_assert_cmpuint (whim_gate_get_n_inside (gate), ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/gate/order", test_order);
  g_test_add_func ("/gate/hurried", test_hurried);
  return g_test_run ();
}
