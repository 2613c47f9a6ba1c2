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
  WHIM_CLI_LATE = 4, /* not paired, not connected, or not in time */
} WhimCliExit;

/** WHIM_CLI_ERROR: its codes are those of WhimCliExit */
#define WHIM_CLI_ERROR (whim_cli_error_quark ())
GQuark whim_cli_error_quark (void);
/** whim_cli_exit_for: any other error is a failure */
WhimCliExit whim_cli_exit_for (const GError *error);

/* ---- Signals --------------------------------------------------------------------------------- */

/** whim_cli_signals_catch: from here on SIGINT, SIGTERM and SIGALRM cancel what is going on instead
 * of ending the process. Before any other thread starts. */
void whim_cli_signals_catch (void);
/** whim_cli_signals_get_cancellable: (transfer none): cancelled by the first signal */
GCancellable *whim_cli_signals_get_cancellable (void);
/** whim_cli_signals_get_caught: the signal, or 0 */
int whim_cli_signals_get_caught (void);
/** whim_cli_signals_wait: until a signal comes (TRUE) or @ms have passed */
gboolean whim_cli_signals_wait (guint ms);

/* ---- Output ---------------------------------------------------------------------------------- */

/** whim_cli_complain: one line on standard error, made harmless */
void whim_cli_complain (const char *format, ...) G_GNUC_PRINTF (1, 2);

/** whim_cli_harmless: (transfer full): @text (nullable) on one line and without what a terminal or
 * the direction of the script could be told by */
char *whim_cli_harmless (const char *text);
/** whim_cli_say: a line on standard output; @format and what it is given are harmless already */
void whim_cli_say (const char *format, ...) G_GNUC_PRINTF (1, 2);
/** whim_cli_time: (transfer full): local, as the locale writes it; nothing for 0 */
char *whim_cli_time (gint64 seconds);
/** whim_cli_colour: (transfer full): @word in the colour of the state that it names */
char *whim_cli_colour (const char *word);

/** WhimCliTable: columns as wide as their widest cell */
typedef struct _WhimCliTable WhimCliTable;
/** whim_cli_table_new: @titles: translated, separated by '|'; @state: the column that has a state,
 * or -1 */
WhimCliTable *whim_cli_table_new (const char *titles, gint state);
/** whim_cli_table_add: one text (nullable) for each column; they are made harmless */
void whim_cli_table_add (WhimCliTable *self, ...);
/** whim_cli_table_print: (transfer full) of @self */
void whim_cli_table_print (WhimCliTable *self);
void whim_cli_table_free (WhimCliTable *self);

/* ---- JSON that nobody has checked ------------------------------------------------------------ */

/** whim_cli_text: (transfer none): "" if there is no such text */
const char *whim_cli_text (JsonObject *object, const char *name);
gint64 whim_cli_int (JsonObject *object, const char *name);
gboolean whim_cli_boolean (JsonObject *object, const char *name);
/** whim_cli_object: (transfer none) (nullable) */
JsonObject *whim_cli_object (JsonObject *object, const char *name);
/** whim_cli_array: (transfer none) (nullable) */
JsonArray *whim_cli_array (JsonObject *object, const char *name);
/** whim_cli_words: (transfer full): the texts of an array, with ", " between them */
char *whim_cli_words (JsonObject *object, const char *name);
/** whim_cli_data: (transfer none): the object that an answer is about, in every dialect */
JsonObject *whim_cli_data (JsonObject *answer);

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
/** whim_cli_client_get_text: (transfer none) (nullable): the JSON of the last answer or event, as
 * the server wrote it */
const char *whim_cli_client_get_text (WhimCliClient *self);

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

/** whim_cli_client_download: writes the answer to @fd as it comes; -1 on failure */
goffset whim_cli_client_download (WhimCliClient *self,
                                  const char *method,
                                  const char *path,
                                  int fd,
                                  GError **error);

/** whim_cli_client_get_newest: the cursor behind everything in the journal; -1 on failure */
gint64 whim_cli_client_get_newest (WhimCliClient *self, GError **error);
/** whim_cli_client_follow: opens the stream of the events after @after, of one @channel (nullable:
 * of all) */
gboolean
whim_cli_client_follow (WhimCliClient *self, const char *channel, gint64 after, GError **error);
/** whim_cli_client_resume: opens it again behind the last event that whim_cli_client_next() gave */
gboolean whim_cli_client_resume (WhimCliClient *self, const char *channel, GError **error);
/** whim_cli_client_next: (transfer full) (nullable): the next event; NULL without an error when
 * only time has passed */
JsonObject *whim_cli_client_next (WhimCliClient *self, GError **error);
/** whim_cli_client_is_idle: the daemon has only said that it is there, as it does now and then */
gboolean whim_cli_client_is_idle (WhimCliClient *self);

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

/** WhimCliScreen: remembers how much it drew, to draw over it */
typedef struct
{
  gboolean terminal;
  guint lines;
} WhimCliScreen;

/**
 * WhimCliPairing:
 * @phone: (nullable): the number of a phone on which a code is to be typed
 * @json: events are printed as the server tells them, and @show is not called
 */
typedef struct
{
  WhimCliClient *client;
  const char *channel;
  const char *phone;
  gboolean json;
  WhimCliCodeFunc show;
  gpointer user_data;
  gint64 budget_s; /* 0: as long as the daemon tries */
} WhimCliPairing;

/** whim_cli_pair: until the channel is connected */
gboolean whim_cli_pair (const WhimCliPairing *pairing, GError **error);
/** whim_cli_show_code: a WhimCliCodeFunc; user_data is a WhimCliScreen */
gboolean whim_cli_show_code (const char *code, gpointer user_data, GError **error);
/** whim_cli_draw_qr: (transfer full) (nullable): as half blocks; @colours for a terminal */
char *whim_cli_draw_qr (const char *code, gboolean colours, guint *lines);

/* ---- Commands -------------------------------------------------------------------------------- */

/** WhimCliOptions: what stands on the command line; texts are NULL if they do not */
typedef struct
{
  WhimConfig *config;
  WhimCliClient *client; /* NULL for commands that do not talk to a daemon at once */
  char *server;
  char *key;
  gboolean json;
  char *sandbox;
  gboolean once;
  char *channel;
  char *code;
  char *department;
  char *secret_file;
  char *idempotency_key;
  char *quoted;
  char **channels;
  char **events;
  gboolean manual;
  gboolean wait;
  gboolean force;
  gboolean admin;
  gboolean read_only;
  gint timeout;
  gint limit;
  gint count;
  gint64 after;
  gboolean version;
  char **words; /* what follows the command */
  guint n_words;
} WhimCliOptions;

/** WhimCliFunc: a command; what it says goes to standard output */
typedef gboolean (*WhimCliFunc) (WhimCliOptions *options, GError **error);

/** WhimCliCommand: a row of the table; the options are those of #WhimCliOptions, by name */
typedef struct
{
  const char *name;      /* one or two words */
  const char *arguments; /* (nullable): N_() */
  const char *summary;   /* N_() */
  WhimCliFunc func;
  guint least; /* words */
  guint most;
  const char *const *options; /* (nullable): NULL-terminated */
  enum
  {
    WHIM_CLI_ALONE,
    WHIM_CLI_WITHOUT_KEY,
    WHIM_CLI_WITH_KEY,
  } needs;
} WhimCliCommand;

/** whim_cli_find_command: (nullable): @used: how many of @words name it */
const WhimCliCommand *whim_cli_find_command (char **words, guint n, guint *used);
/** whim_cli_is_group: @word begins names of two words */
gboolean whim_cli_is_group (const char *word);
/** whim_cli_command_list: (transfer full): of everything, or of one @group */
char *whim_cli_command_list (const char *group);

/** whim_cli_connect: sets @client, and its key if @with_key */
gboolean whim_cli_connect (WhimCliOptions *options, gboolean with_key, GError **error);
/** whim_cli_ask: (transfer full) (nullable): a call; with --json its answer is printed */
JsonObject *whim_cli_ask (WhimCliOptions *options,
                          const char *method,
                          const char *path,
                          JsonObject *body,
                          GError **error);
/** whim_cli_path: (transfer full): the segments, escaped, up to a NULL */
char *whim_cli_path (const char *first, ...) G_GNUC_NULL_TERMINATED;
/** whim_cli_find_channel: (transfer full) (nullable): the id of the channel with that id or name;
 * of the only one if @wanted is NULL */
char *whim_cli_find_channel (WhimCliOptions *options, const char *wanted, GError **error);
/** whim_cli_open_channel: (transfer full) (nullable): likewise, but the first of several; and if
 * there is none, a new one */
char *whim_cli_open_channel (WhimCliClient *client, const char *wanted, GError **error);

typedef void (*WhimCliRowFunc) (WhimCliTable *table, JsonObject *item);
/** whim_cli_list: asks for a list and prints it; takes @table */
gboolean whim_cli_list (WhimCliOptions *options,
                        const char *path,
                        const char *plural,
                        WhimCliTable *table,
                        WhimCliRowFunc row,
                        GError **error);
/** whim_cli_paged: (transfer full): @path with the query of channel (nullable) and --limit */
char *whim_cli_paged (WhimCliOptions *options, const char *path, const char *channel);

gboolean whim_cli_run (WhimCliOptions *options, GError **error);
gboolean whim_cli_status (WhimCliOptions *options, GError **error);
gboolean whim_cli_channel_list (WhimCliOptions *options, GError **error);
gboolean whim_cli_channel_create (WhimCliOptions *options, GError **error);
gboolean whim_cli_channel_show (WhimCliOptions *options, GError **error);
gboolean whim_cli_channel_connect (WhimCliOptions *options, GError **error);
gboolean whim_cli_channel_disconnect (WhimCliOptions *options, GError **error);
gboolean whim_cli_channel_logout (WhimCliOptions *options, GError **error);
gboolean whim_cli_channel_delete (WhimCliOptions *options, GError **error);
gboolean whim_cli_pair_command (WhimCliOptions *options, GError **error);
gboolean whim_cli_send (WhimCliOptions *options, GError **error);
gboolean whim_cli_chats (WhimCliOptions *options, GError **error);
gboolean whim_cli_messages (WhimCliOptions *options, GError **error);
gboolean whim_cli_listen (WhimCliOptions *options, GError **error);
gboolean whim_cli_outbox (WhimCliOptions *options, GError **error);
gboolean whim_cli_outbox_cancel (WhimCliOptions *options, GError **error);
gboolean whim_cli_webhook_list (WhimCliOptions *options, GError **error);
gboolean whim_cli_webhook_add (WhimCliOptions *options, GError **error);
gboolean whim_cli_webhook_delete (WhimCliOptions *options, GError **error);
gboolean whim_cli_webhook_test (WhimCliOptions *options, GError **error);
gboolean whim_cli_key_list (WhimCliOptions *options, GError **error);
gboolean whim_cli_key_create (WhimCliOptions *options, GError **error);
gboolean whim_cli_key_delete (WhimCliOptions *options, GError **error);
gboolean whim_cli_backup (WhimCliOptions *options, GError **error);
gboolean whim_cli_docs (WhimCliOptions *options, GError **error);

/** whim_cli_tell_next: what to do with a connected channel; @to (nullable) is somebody to write to
 */
void whim_cli_tell_next (const WhimCliOptions *options, const char *channel, const char *to);
/** whim_cli_read_all: (transfer full) (nullable): a text from a file, or from standard input if
 * @path is "-"; without the last line break */
char *whim_cli_read_all (const char *path, GError **error);

G_END_DECLS
