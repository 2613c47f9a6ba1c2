/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

/** handlers_cases_run: what chance has found, and what it may take long to find; prints TAP lines.
 *  @only (nullable): its name. Returns: how many there were */
guint handlers_cases_run (const char *only);
