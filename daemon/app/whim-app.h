/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "bus/whim-bus.h"
#include "config/whim-config.h"
#include "engine/whim-engine-setup.h"
#include "fetch/whim-fetcher.h"
#include "hooks/whim-hooks.h"
#include "rest/whim-rest.h"

G_BEGIN_DECLS

/** WhimApp: the parts of the daemon, plugged together */
typedef struct
{
  WhimConfig *config; /* borrowed */
  WhimClock *clock;
  WhimStore *store;
  WhimSignalPool *pool;
  WhimTransport *transport;
  WhimEngine *engine;
  WhimRest *rest;
  WhimBus *bus; /* NULL: [dbus] bus is none */
  WhimHooks *hooks;
  guint hurry; /* timer at the end */

  const char *web_url; /* (nullable): the page that tells the client version */
  WhimFetcher *version_fetcher;

  gint64 slept_ms; /* all of it since the start of the machine */
  guint wake_timer;
  gulong network_id;
  GCancellable *wake_cancellable;
  GDBusConnection *system_bus;
  guint sleep_id;
} WhimApp;

/** whim_app_start: everything up to listening; FALSE with one clear line in @error */
gboolean whim_app_start (WhimApp *self, WhimConfig *config, GError **error);
/** whim_app_stop: in the order in which nothing is lost; also after a failed start */
void whim_app_stop (WhimApp *self);

#if WHIM_DEVELOPMENT
/** whim_test_control_start: JSON lines on the socket of WHIMBREL_TEST_FD, if it is set */
void whim_test_control_start (WhimApp *app);
#endif

G_END_DECLS
