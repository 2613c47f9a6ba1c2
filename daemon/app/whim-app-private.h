/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/whim-app.h"

G_BEGIN_DECLS

/** whim_version_start: the engine may ask for the current version, if there is a page */
void whim_version_start (WhimApp *self);
void whim_version_stop (WhimApp *self);
/** whim_version_find: the client revision in the text of that page; 0 if there is none */
guint32 whim_version_find (const char *text, gsize len);

/** whim_wake_start: tells the engine when the machine slept and when its network changed */
void whim_wake_start (WhimApp *self);
void whim_wake_stop (WhimApp *self);

G_END_DECLS
