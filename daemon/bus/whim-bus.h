/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/whim-clock.h"
#include "engine/whim-engine.h"

G_BEGIN_DECLS

#define WHIM_BUS_NAME "org.whimbrel.Whimbrel1"

/**
 * WhimBus:
 *
 * The D-Bus face of an engine. Counted; main thread.
 */
typedef struct _WhimBus WhimBus;

/** whim_bus_new: (transfer full): keeps a reference on both */
WhimBus *whim_bus_new (WhimEngine *engine, WhimClock *clock);
WhimBus *whim_bus_ref (WhimBus *self);
void whim_bus_unref (WhimBus *self);

/** whim_bus_start: looks for the session bus, exports everything and asks for the name; all of it
 *  later, and quietly nothing where there is no bus */
void whim_bus_start (WhimBus *self);
/** whim_bus_stop: gives the name up and closes the connection; before the engine is stopped. What
 *  was answered so far still leaves, within a moment: iterates the main context */
void whim_bus_stop (WhimBus *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (WhimBus, whim_bus_unref)

G_END_DECLS
