/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "config/whim-config.h"

#include <gio/gio.h>
#include <json-glib/json-glib.h>

G_BEGIN_DECLS

typedef enum
{
  WHIM_CLI_OK = 0,
  WHIM_CLI_FAILED = 1,
  WHIM_CLI_USAGE = 2,
  WHIM_CLI_UNREACHABLE = 3,
  WHIM_CLI_NOT_SCANNED = 4,
} WhimCliExit;

/** whim_cli_complain: one line on standard error */
void whim_cli_complain (const char *format, ...) G_GNUC_PRINTF (1, 2);

/* ---- The client ------------------------------------------------------------------------------ */

/** WhimCliClient: blocking calls to one HTTP server that speaks JSON */
typedef struct _WhimCliClient WhimCliClient;

/** whim_cli_client_new: @listen is the daemon's setting; @port (0 = as set) the port it got */
WhimCliClient *whim_cli_client_new (const char *listen, guint16 port, GError **error);
/** whim_cli_client_new_for_url: any base URL, without a key */
WhimCliClient *whim_cli_client_new_for_url (const char *url);
void whim_cli_client_free (WhimCliClient *self);
void whim_cli_client_set_key (WhimCliClient *self, const char *key);
/** whim_cli_client_get_base: (transfer none): such as "http://127.0.0.1:3005" */
const char *whim_cli_client_get_base (WhimCliClient *self);
/** whim_cli_client_get_unix_path: (transfer none) (nullable) */
const char *whim_cli_client_get_unix_path (WhimCliClient *self);

/**
 * whim_cli_client_call:
 * @body: (nullable) (transfer full)
 * @status: (out) (optional): the HTTP status, 0 if there was no answer
 *
 * Returns: (transfer full) (nullable): the answer; %NULL with the server's own sentence as error
 */
JsonObject *whim_cli_client_call (WhimCliClient *self,
                                  const char *method,
                                  const char *path,
                                  JsonObject *body,
                                  guint *status,
                                  GError **error);

/** whim_cli_client_follow: opens the stream of a channel's events after @after */
gboolean
whim_cli_client_follow (WhimCliClient *self, const char *channel, gint64 after, GError **error);
/** whim_cli_client_next: (transfer full) (nullable): the next event; NULL without an error when
 * only time has passed */
JsonObject *whim_cli_client_next (WhimCliClient *self, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (WhimCliClient, whim_cli_client_free)

/* ---- The daemon ------------------------------------------------------------------------------ */

/** WhimCliDaemon: whimbreld as our child, or one that ran already (@pid 0) */
typedef struct
{
  GPid pid;
  guint16 port;
} WhimCliDaemon;

/** whim_cli_daemon_start: blocks until it is ready */
gboolean whim_cli_daemon_start (WhimCliDaemon *self, const WhimConfig *config, GError **error);
/** whim_cli_daemon_wait: until it ends; the exit code to end with */
WhimCliExit whim_cli_daemon_wait (WhimCliDaemon *self);
WhimCliExit whim_cli_daemon_stop (WhimCliDaemon *self);

/** whim_cli_key_path: (transfer full) */
char *whim_cli_key_path (const WhimConfig *config);
/** whim_cli_load_key: (transfer full) (nullable): as given, else from the data directory */
char *whim_cli_load_key (const WhimConfig *config, const char *given, GError **error);

/* ---- Pairing --------------------------------------------------------------------------------- */

/** WhimCliCodeFunc: shows a code; a failure ends the pairing */
typedef gboolean (*WhimCliCodeFunc) (const char *code, gpointer user_data, GError **error);

/** whim_cli_pair: until @channel is connected. @budget_s bounds it (0 = not). */
WhimCliExit whim_cli_pair (WhimCliClient *client,
                           const char *channel,
                           WhimCliCodeFunc show,
                           gpointer user_data,
                           gint64 budget_s);

/** WhimCliScreen: remembers how much it drew, to draw over it */
typedef struct
{
  gboolean terminal;
  guint lines;
} WhimCliScreen;
/** whim_cli_show_code: a WhimCliCodeFunc; user_data is a WhimCliScreen */
gboolean whim_cli_show_code (const char *code, gpointer user_data, GError **error);
/** whim_cli_draw_qr: (transfer full) (nullable): as half blocks; @colours for a terminal */
char *whim_cli_draw_qr (const char *code, gboolean colours, guint *lines);

/* ---- Commands -------------------------------------------------------------------------------- */

typedef struct
{
  WhimConfig *config;
  const char *key;     /* (nullable): --key */
  const char *sandbox; /* (nullable): --sandbox */
  gboolean once;       /* --once */
  const char *channel; /* (nullable) */
} WhimCliOptions;

WhimCliExit whim_cli_run (const WhimCliOptions *options);
WhimCliExit whim_cli_pair_command (const WhimCliOptions *options);
/** whim_cli_open_channel: (transfer full) (nullable): @wanted if it is there, else the first, else
 * a new one */
char *whim_cli_open_channel (WhimCliClient *client, const char *wanted, GError **error);
/** whim_cli_tell_next: what to do with a connected channel; @to (nullable) is somebody to write to
 */
void whim_cli_tell_next (WhimCliClient *client,
                         const WhimCliOptions *options,
                         const char *channel,
                         const char *to);

G_END_DECLS
