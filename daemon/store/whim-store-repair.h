/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "store/whim-store.h"

G_BEGIN_DECLS

/**
 * WhimRepair: a message that we could not read
 * @chat, @sender: as the ratchet names them; with @id the key
 * @count: retry receipts sent for it
 * @told: the journal says that it cannot be read
 * @hidden: nobody is to be told, there is no placeholder
 * @request: (nullable): id of the peer message that asked the phone for it
 * @recent: retry receipts sent to this sender since the time that the query named
 */
typedef struct
{
  char *chat;
  char *sender;
  char *id;
  guint count;
  gboolean told;
  gboolean hidden;
  char *request;
  gint64 first_at;
  gint64 asked_at;
  guint recent;
} WhimRepair;
WhimRepair *whim_repair_new (const char *chat, const char *sender, const char *id, gint64 now);
void whim_repair_free (WhimRepair *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (WhimRepair, whim_repair_free)

/** whim_unit_put_repair: the count only grows; a known @request stays if there is no new one */
void whim_unit_put_repair (WhimUnit *self, const WhimRepair *repair);
/** whim_unit_tell_repair: once: the journal gets a "message.undecryptable" with the placeholder.
 *  @channel_id is the event's. */
void whim_unit_tell_repair (WhimUnit *self, const char *channel_id, const WhimRepair *repair);
/** whim_unit_end_repair: it was read after all. @drop: it was nothing to show: the placeholder goes
 */
void whim_unit_end_repair (WhimUnit *self, const WhimRepair *repair, gboolean drop);
/** whim_unit_end_request: our phone answered @request for the message @id */
void whim_unit_end_request (WhimUnit *self, const char *request, const char *id);

/** whim_store_find_repair_async: @since: from when on receipts to this sender count as recent */
void whim_store_find_repair_async (WhimStore *self,
                                   gint64 channel,
                                   const WhimRepair *key,
                                   gint64 since,
                                   GCancellable *cancellable,
                                   GAsyncReadyCallback callback,
                                   gpointer user_data);
/** whim_store_find_repair_finish: (transfer full): never NULL without error; count 0, first_at 0 if
 *  it is not known */
WhimRepair *whim_store_find_repair_finish (WhimStore *self, GAsyncResult *result, GError **error);
/** whim_store_list_repairs_async: those of which nobody was told, newest first
 *  (element-type WhimRepair) */
void whim_store_list_repairs_async (WhimStore *self,
                                    gint64 channel,
                                    guint limit,
                                    GCancellable *cancellable,
                                    GAsyncReadyCallback callback,
                                    gpointer user_data);
GPtrArray *whim_store_list_repairs_finish (WhimStore *self, GAsyncResult *result, GError **error);

/**
 * WhimAnswer: how often a device got a message of ours again
 * @base_key: (nullable): of the session in use when it asked for the second time
 * @recent, @renewed_at: of the device, whatever the message, since the time that the query named
 */
typedef struct
{
  guint count;
  GBytes *base_key;
  guint recent;
  gint64 renewed_at;
} WhimAnswer;
void whim_answer_free (WhimAnswer *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (WhimAnswer, whim_answer_free)

/** whim_unit_count_answer: one more; @base_key (nullable) and @renewed_at 0 leave what is there */
void whim_unit_count_answer (WhimUnit *self,
                             const char *device,
                             const char *id,
                             GBytes *base_key,
                             gint64 renewed_at,
                             gint64 now);
void whim_store_find_answer_async (WhimStore *self,
                                   gint64 channel,
                                   const char *device,
                                   const char *id,
                                   gint64 since,
                                   GCancellable *cancellable,
                                   GAsyncReadyCallback callback,
                                   gpointer user_data);
/** whim_store_find_answer_finish: (transfer full): never NULL without error */
WhimAnswer *whim_store_find_answer_finish (WhimStore *self, GAsyncResult *result, GError **error);

G_END_DECLS
