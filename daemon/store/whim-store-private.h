/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "store/whim-db-private.h"
#include "store/whim-store.h"

G_BEGIN_DECLS

/** WhimUnitContext: what a procedure of a unit knows besides its data; writer thread */
typedef struct
{
  gint64 channel;
  gint64 now;      /* Unix seconds */
  gint64 last_seq; /* newest journal row of this unit; 0 if it has none */
} WhimUnitContext;

/** WhimProcedure: an operation that needs to look before it writes; writer thread */
typedef gboolean (*WhimProcedure) (WhimDb *db,
                                   WhimUnitContext *context,
                                   gpointer data,
                                   GError **error);

/** whim_unit_add: copies @values. Guarded: the unit fails with CONFLICT if nothing was changed. */
void whim_unit_add_values (WhimUnit *self,
                           WhimStatement statement,
                           gboolean guarded,
                           const WhimValue *values,
                           guint n_values);
#define whim_unit_add(self, statement, ...)                                                        \
  whim_unit_add_values (self, statement, FALSE, (const WhimValue[]){ __VA_ARGS__ },                \
                        G_N_ELEMENTS (((const WhimValue[]){ __VA_ARGS__ })))
#define whim_unit_add_guarded(self, statement, ...)                                                \
  whim_unit_add_values (self, statement, TRUE, (const WhimValue[]){ __VA_ARGS__ },                 \
                        G_N_ELEMENTS (((const WhimValue[]){ __VA_ARGS__ })))
/** whim_unit_add_procedure: takes @data */
void whim_unit_add_procedure (WhimUnit *self,
                              WhimProcedure procedure,
                              gpointer data,
                              GDestroyNotify destroy);
gint64 whim_unit_get_channel (const WhimUnit *self);
WhimValue whim_unit_channel_value (const WhimUnit *self);
/** whim_unit_mark_erasing: after the commit the write-ahead log is emptied too */
void whim_unit_mark_erasing (WhimUnit *self);
gboolean whim_unit_is_erasing (const WhimUnit *self);
/** whim_unit_run: every operation, in order, up to the first that fails; writer thread */
gboolean whim_unit_run (WhimUnit *self, WhimDb *db, WhimUnitContext *context, GError **error);

/** WhimReadFunc: a query; reader thread; the result belongs to the caller */
typedef gpointer (*WhimReadFunc) (WhimDb *db, gint64 channel, gpointer data, GError **error);

/** whim_store_read: takes @data; @free_result frees a result that nobody takes */
void whim_store_read (WhimStore *self,
                      gint64 channel,
                      WhimReadFunc func,
                      gpointer data,
                      GDestroyNotify free_data,
                      GDestroyNotify free_result,
                      GCancellable *cancellable,
                      GAsyncReadyCallback callback,
                      gpointer user_data,
                      gpointer source_tag);
gpointer
whim_store_read_finish (WhimStore *self, GAsyncResult *result, gpointer source_tag, GError **error);

/** whim_store_get_path: of the database */
const char *whim_store_get_path (WhimStore *self);

/** whim_store_get_main_db: a read-only connection of the main thread, for queries that may block */
WhimDb *whim_store_get_main_db (WhimStore *self);

/** How many columns MESSAGE_COLUMNS has: what follows them stands there. */
#define WHIM_MESSAGE_N_COLUMNS 19
/** whim_reactions_load: into @messages (element-type WhimMessage), one query for all */
gboolean whim_reactions_load (WhimDb *db, GPtrArray *messages, GError **error);
/** whim_message_from_row: (transfer full): of a row that begins with MESSAGE_COLUMNS */
WhimMessage *whim_message_from_row (WhimCursor *cursor);

/** whim_outbox_row_from_cursor: (transfer full) */
WhimOutboxRow *whim_outbox_row_from_cursor (WhimCursor *cursor);
/** whim_message_status_may_rise: a failed message may turn out to have got through */
gboolean whim_message_status_may_rise (WhimMessageStatus from, WhimMessageStatus to);

/** whim_journal_append: writer thread */
gboolean
whim_journal_append (WhimDb *db, WhimUnitContext *context, const WhimEvent *event, GError **error);

/** whim_event_from_row: (transfer full): of a row that begins with the columns of JOURNAL_ROWS */
WhimEvent *whim_event_from_row (WhimCursor *cursor);
/** whim_hooks_take_all: gives the whole journal to the hooks that want it; writer thread */
gboolean whim_hooks_take_all (WhimDb *db, WhimUnitContext *context, GError **error);
/** whim_message_is_placeholder: the stored row stands for what could not be read so far */
gboolean
whim_message_is_placeholder (WhimDb *db, gint64 number, gboolean *placeholder, GError **error);
/** whim_repairs_prune: writer thread; forgets what nobody will ask for any more */
gboolean whim_repairs_prune (WhimDb *db, gint64 now, GError **error);

/** WhimChatRow: a chat as it stands in its table */
typedef struct
{
  gint64 number; /* 0 = there is none */
  gint64 timestamp;
  guint unread;
  char *lid;
  char *pn;
  char *jid;
  char *name;
} WhimChatRow;
void whim_chat_row_clear (WhimChatRow *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (WhimChatRow, whim_chat_row_clear)
void whim_chat_row_read (WhimChatRow *self, WhimCursor *cursor);
/** whim_chat_find: @statement is one of WHIM_SQL_FIND_CHAT_BY_…; @address NULL finds nothing */
gboolean whim_chat_find (WhimDb *db,
                         gint64 channel,
                         WhimStatement statement,
                         const char *address,
                         WhimChatRow *row,
                         GError **error);
/** whim_chat_find_any: by any address, looking through the LID map as well */
gboolean whim_chat_find_any (WhimDb *db,
                             gint64 channel,
                             const char *lid,
                             const char *pn,
                             const char *jid,
                             WhimChatRow *row,
                             GError **error);
/** whim_chat_settle: the one chat of a person, made, completed or merged as needed.
 *  @create FALSE: @number is 0 if there is none. */
gboolean whim_chat_settle (WhimDb *db,
                           WhimUnitContext *context,
                           const char *lid,
                           const char *pn,
                           gboolean create,
                           gint64 *number,
                           GError **error);
/** whim_chat_change_lid: the chat of @old_lid is that of @new_lid; if both are there, one remains
 */
gboolean whim_chat_change_lid (WhimDb *db,
                               WhimUnitContext *context,
                               const char *old_lid,
                               const char *new_lid,
                               GError **error);
/** whim_chat_complete_addresses: fills in the side that the LID map knows; *lid, *pn (transfer
 *  full) */
gboolean
whim_chat_complete_addresses (WhimDb *db, gint64 channel, char **lid, char **pn, GError **error);

/**
 * WhimWriterThread: owns the write connection. Takes what is queued as one group, one transaction.
 */
typedef struct _WhimWriterThread WhimWriterThread;

/** WhimCommit: one unit on its way through the writer */
typedef struct
{
  WhimUnit *unit; /* (nullable): NULL only heals @channel, see whim_writer_thread_heal() */
  gint64 channel;
  GTask *task;
  GAsyncReadyCallback callback;
  gpointer user_data;
  GError *error;
  gboolean disk_failed; /* @error is the database's fault */
  gint64 last_seq;
} WhimCommit;
void whim_commit_free (WhimCommit *self);

/** WhimGroupFunc: writer thread; takes @commits (element-type WhimCommit), all of one group */
typedef void (*WhimGroupFunc) (GPtrArray *commits, gpointer user_data);

WhimWriterThread *
whim_writer_thread_new (WhimDb *db, WhimClock *clock, WhimGroupFunc done, gpointer user_data);
/** whim_writer_thread_push: takes @commit; its unit fails if too many wait */
void whim_writer_thread_push (WhimWriterThread *self, WhimCommit *commit);
/** whim_writer_thread_heal: units of @channel that are pushed from now on may run again */
void whim_writer_thread_heal (WhimWriterThread *self, gint64 channel);
/** whim_writer_thread_stop: ends after everything queued, closes the connection */
void whim_writer_thread_stop (WhimWriterThread *self);

G_END_DECLS
