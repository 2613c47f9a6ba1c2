/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/whim-error.h"
#include "engine/whim-engine.h"
#include "model/whim-model.h"

G_BEGIN_DECLS

/** WhimDialect: whose names an answer carries */
typedef enum
{
  WHIM_DIALECT_BOTH = 0,
  WHIM_DIALECT_SEED,
  WHIM_DIALECT_WHAPI,
} WhimDialect;

/** whim_dialect_from_word: "seed", "whapi", "both"; FALSE for anything else */
gboolean whim_dialect_from_word (const char *word, WhimDialect *dialect);

/** whim_present_result: (transfer full): the body of a successful answer, for every shape but
 *  BYTES. @result is engine's a{sv}. */
char *whim_present_result (const WhimOperation *operation, GVariant *result, WhimDialect dialect);

/** whim_present_bytes: (transfer full) (nullable): the body of a BYTES answer. A "qr" text in
 *  @result becomes a PNG. @content_type (out) (transfer full) */
GBytes *whim_present_bytes (GVariant *result, char **content_type, GError **error);

/**
 * whim_present_error:
 * @error: in the WHIM_ERROR domain; any other is told as an internal one, without its text
 * @place: (nullable): where the offending field stands, such as "body"
 * @retry_after: seconds, 0 = not told
 *
 * Returns: (transfer full): {"success":false,"error":{…}}
 */
char *whim_present_error (const GError *error,
                          const char *place,
                          const char *request_id,
                          guint retry_after);

/** whim_present_event: (transfer full): the seed's form of an event. @with_seq adds the cursor,
 *  where it does not travel beside the body. */
char *whim_present_event (const WhimEvent *event, WhimDialect dialect, gboolean with_seq);
/** whim_present_events: (transfer full): a page of the journal (element-type WhimEvent) */
char *whim_present_events (GPtrArray *events, gint64 last_seq, WhimDialect dialect);

/** whim_present_qr_png: (transfer full) (nullable): black on white, with its quiet zone */
GBytes *whim_present_qr_png (const char *text, GError **error);
/** whim_present_qr_data_url: (transfer full) (nullable): "data:image/png;base64,…" */
char *whim_present_qr_data_url (const char *text);

G_END_DECLS
