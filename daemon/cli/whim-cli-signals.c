/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "cli/whim-cli-private.h"

#include <signal.h>
#include <unistd.h>

/* A thread waits for signals, so that what a signal does is ordinary code. */

static GCancellable *cancellable;
static gint caught;

static gpointer
wait_for_signals (gpointer data)
{
  const sigset_t *set = data;
  int number;

  if (sigwait (set, &number) == 0)
    {
      g_atomic_int_set (&caught, number);
      g_cancellable_cancel (cancellable);
    }
  /* who presses Ctrl+C twice means it */
  while (sigwait (set, &number) != 0 || number == SIGALRM)
    ;
  _exit (128 + number);
}

void
whim_cli_signals_catch (void)
{
  static sigset_t set;
  g_autoptr (GThread) thread = NULL;

  cancellable = g_cancellable_new ();
  sigemptyset (&set);
  sigaddset (&set, SIGINT);
  sigaddset (&set, SIGTERM);
  sigaddset (&set, SIGALRM);
  pthread_sigmask (SIG_BLOCK, &set, NULL);
  thread = g_thread_new ("signals", wait_for_signals, &set);
}

GCancellable *
whim_cli_signals_get_cancellable (void)
{
  return cancellable;
}

int
whim_cli_signals_get_caught (void)
{
  return g_atomic_int_get (&caught);
}

gboolean
whim_cli_signals_wait (guint ms)
{
  GPollFD fd;

  if (cancellable == NULL || !g_cancellable_make_pollfd (cancellable, &fd))
    return FALSE;
  g_poll (&fd, 1, (gint)ms);
  g_cancellable_release_fd (cancellable);
  return g_cancellable_is_cancelled (cancellable);
}
