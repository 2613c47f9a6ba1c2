/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "store/whim-store.h"

G_BEGIN_DECLS

/* What people do to messages that are stored. */

/** whim_unit_put_reaction: @sender: bare address, LID if known; NULL: ourselves. An empty @emoji
 *  takes the reaction back. An older @timestamp (Unix ms) than the stored one, and an unknown @id,
 *  change nothing. @event (nullable) (transfer full) goes to the journal only if it changed
 *  something */
void whim_unit_put_reaction (WhimUnit *self,
                             const char *id,
                             const char *sender,
                             const char *emoji,
                             gint64 timestamp,
                             WhimEvent *event);

typedef enum
{
  WHIM_ACTION_EDIT,
  WHIM_ACTION_REVOKE,
  WHIM_ACTION_REACTION,
} WhimActionKind;

/** WhimActionEffect: what the message is afterwards, or the reaction ("": taken back) */
typedef struct
{
  char *kind;
  char *body;
  GBytes *content;
  char *emoji;
  gint64 at_ms; /* when, if only the secret opens that; 0: the action says it */
} WhimActionEffect;
void whim_action_effect_clear (WhimActionEffect *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (WhimActionEffect, whim_action_effect_clear)

/** WhimActionOpen: fills in @effect from what only the secret of the message can open; on the
 *  writer thread; FALSE if it does not open */
typedef gboolean (*WhimActionOpen) (gpointer data, GBytes *secret, WhimActionEffect *effect);

/**
 * WhimAction: what somebody does to a message
 * @message: the action itself: its id, chat, sender; stored and told if there is nothing to do it
 * to
 * @author_me, @author_lid, @author_pn: who wrote the message; the latter two matter where a chat
 * has several people
 * @who_lid, @who_pn: who reacts; both NULL: ourselves
 * @at_ms: decides which of two edits, or reactions of one person, is newer; never after @latest_ms
 * @open: (nullable): @effect has to be opened first, with @data
 */
typedef struct
{
  WhimActionKind kind;
  WhimMessage *message;
  char *channel_id;
  char *target_id;
  gboolean author_me;
  char *author_lid;
  char *author_pn;
  char *who_lid;
  char *who_pn;
  gint64 at_ms;
  gint64 latest_ms;
  WhimActionEffect effect;
  WhimActionOpen open;
  gpointer data;
  GDestroyNotify free_data;
} WhimAction;
WhimAction *whim_action_new (WhimActionKind kind);
void whim_action_free (WhimAction *self);

/** whim_unit_apply_action: takes @action. The message is found by chat, id and author; the journal
 *  gets "message.updated", "message.deleted" or "message.reaction" if something changed. */
void whim_unit_apply_action (WhimUnit *self, WhimAction *action);
/** whim_unit_set_chat_timer: of disappearing messages in the chat of @message: seconds, 0 = off;
 * the newer @set_at (Unix seconds) wins */
void whim_unit_set_chat_timer (WhimUnit *self,
                               const WhimMessage *message,
                               guint expiration,
                               gint64 set_at);

G_END_DECLS
