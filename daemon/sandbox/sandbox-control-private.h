/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "sandbox/sandbox.h"

/* What the tables of the control API share. */

/** NULL with *@error, a sentence, if it cannot be done */
typedef JsonNode *(*ControlHandler) (Sandbox *self,
                                     JsonObject *body,
                                     GHashTable *query,
                                     const char **error);

typedef struct
{
  const char *method;
  const char *path;
  ControlHandler handle;
} ControlRow;

/* sandbox-fault.c */
extern const ControlRow sandbox_fault_rows[];
extern const guint sandbox_n_fault_rows;
/* sandbox-fault-devices.c */
extern const ControlRow sandbox_device_rows[];
extern const guint sandbox_n_device_rows;
/* sandbox-hosted.c */
extern const ControlRow sandbox_hosted_rows[];
extern const guint sandbox_n_hosted_rows;
/* sandbox-fault-requests.c */
extern const ControlRow sandbox_request_rows[];
extern const guint sandbox_n_request_rows;
/* sandbox-phone-memory.c */
extern const ControlRow sandbox_memory_rows[];
extern const guint sandbox_n_memory_rows;
/* sandbox-phone-actions.c */
extern const ControlRow sandbox_action_rows[];
extern const guint sandbox_n_action_rows;

/* sandbox-code.c */
extern const ControlRow sandbox_code_rows[];
extern const guint sandbox_n_code_rows;

/* sandbox-limits.c */
extern const ControlRow sandbox_limit_rows[];
extern const guint sandbox_n_limit_rows;

JsonNode *sandbox_control_take (JsonObject *object);
JsonNode *sandbox_control_ok (void);
const char *sandbox_control_text (JsonObject *body, const char *name);
gint64 sandbox_control_int (JsonObject *body, const char *name, gint64 fallback);
/** the device that a fault is for: "phone" and "device", or the newest companion */
Device *sandbox_control_device (Sandbox *self, JsonObject *body, const char **error);
