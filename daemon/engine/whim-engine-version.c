/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "engine/whim-engine-private.h"

/* The version that we claim: built in or configured, and raised once when the service refuses it
 * (dossier 1, 4.6). Never a loop: a channel comes back only with a newer number than it tried. */

#define REVISION "client-revision"
/* nine or ten digits (dossier 1, 4.6) */
#define REVISION_MIN 100000000u

static gboolean
is_outdated (WhimEngine *self, WhimChannel *channel)
{
  return whim_session_get_reason (channel->session) == WHIM_REASON_CLIENT_OUTDATED
         && whim_session_get_version (channel->session)->tertiary < self->version.tertiary;
}

void
whim_engine_client_outdated (WhimEngine *self, WhimChannel *channel)
{
  if (is_outdated (self, channel))
    {
      whim_session_set_version (channel->session, &self->version);
      whim_session_connect (channel->session, WHIM_REASON_REQUESTED);
    }
  else if (self->version_fetch != NULL && !self->version_asked)
    {
      self->version_asked = TRUE;
      self->version_fetch (self, self->version_fetch_data);
    }
}

static void
revision_kept_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (WhimEngine) self = user_data;
  g_autoptr (GError) error = NULL;

  if (!whim_store_commit_finish (WHIM_STORE (source), result, &error))
    g_warning ("the client version could not be remembered: %s", error->message);
  for (guint i = 0; i < self->channels->len; i++)
    {
      WhimChannel *channel = g_ptr_array_index (self->channels, i);

      if (is_outdated (self, channel))
        whim_engine_client_outdated (self, channel);
      else
        whim_session_set_version (channel->session, &self->version);
    }
}

void
whim_engine_take_revision (WhimEngine *self, guint32 revision)
{
  WhimUnit *unit;

  self->version_asked = FALSE;
  if (revision < REVISION_MIN || revision <= self->version.tertiary)
    {
      g_message ("there is no newer client version to claim");
      return;
    }
  g_message ("the client version is %u.%u.%u now", self->version.primary, self->version.secondary,
             revision);
  self->version.tertiary = revision;
  unit = whim_unit_new (0);
  whim_unit_raise_number (unit, REVISION, revision);
  whim_store_commit_async (self->store, unit, NULL, revision_kept_cb, g_object_ref (self));
}

guint32
whim_engine_read_revision (WhimStore *store)
{
  return (guint32)CLAMP (whim_store_read_number (store, REVISION), 0, G_MAXUINT32);
}

void
whim_engine_set_version_fetch (WhimEngine *self, WhimVersionFetch fetch, gpointer user_data)
{
  self->version_fetch = fetch;
  self->version_fetch_data = user_data;
}
