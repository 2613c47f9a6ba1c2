/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "messaging/whim-sender-private.h"

/* What to do when the service refuses a message: the table of dossier 2, 4.11. The first row that
 * fits counts. */
static const WhimRefusal rows[] = {
  /* stale devices or a stale LID: asked anew, encrypted anew, sent once more */
  { 400, 400, WHIM_REFUSAL_ADDRESS, "address_refused" },
  { 405, 406, WHIM_REFUSAL_ADDRESS, "address_refused" },
  { 421, 421, WHIM_REFUSAL_ADDRESS, "address_refused" },
  { 479, 479, WHIM_REFUSAL_ADDRESS, "invalid_stanza" },
  /* the service has a bad moment: the very same bytes, later */
  { 408, 408, WHIM_REFUSAL_RETRY, "service_unavailable" },
  { 429, 429, WHIM_REFUSAL_RETRY, "service_unavailable" },
  { 500, 500, WHIM_REFUSAL_RETRY, "service_unavailable" },
  { 503, 503, WHIM_REFUSAL_RETRY, "service_unavailable" },
  /* sending again counts as reaching out again */
  { 463, 463, WHIM_REFUSAL_FINAL, "no_privacy_token" },
  { 475, 475, WHIM_REFUSAL_FINAL, "new_chat_limit" },
  { 487, 552, WHIM_REFUSAL_FINAL, "invalid_stanza" },
};

const WhimRefusal *
whim_refusal_find (gint64 code)
{
  static const WhimRefusal unknown = { 0, 0, WHIM_REFUSAL_FINAL, "refused" };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    if (code >= rows[i].first && code <= rows[i].last)
      return &rows[i];
  return &unknown;
}

/* dossier 2, 12.1: from five seconds on, doubled up to five minutes */
gint64
whim_refusal_get_delay (guint refusals)
{
  return MIN (G_GINT64_CONSTANT (5000) << MIN (refusals, 10u), 300000);
}
