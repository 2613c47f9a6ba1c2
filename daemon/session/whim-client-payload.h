/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "session/whim-credentials.h"
#include "session/whim-session.h"

G_BEGIN_DECLS

/** whim_credentials_generate: (transfer full): fresh keys of an unpaired device (dossier 1, 5.1) */
WhimCredentials *whim_credentials_generate (gint64 unix_ms);

/** whim_client_payload_make: (transfer full): login if paired, else registration (dossier 1, 4) */
GBytes *whim_client_payload_make (const WhimCredentials *credentials,
                                  const WhimClientVersion *version);

G_END_DECLS
