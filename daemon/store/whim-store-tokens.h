/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "store/whim-store.h"

G_BEGIN_DECLS

/**
 * WhimPrivacyToken: a person's token that admits us, and when we gave ours
 * @token: (nullable)
 * @issued_at: 0: never
 */
typedef struct
{
  GBytes *token;
  gint64 token_at;
  gint64 issued_at;
} WhimPrivacyToken;
void whim_privacy_token_free (WhimPrivacyToken *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (WhimPrivacyToken, whim_privacy_token_free)

/** whim_unit_put_privacy_token: unless a newer one is there; @user: bare JID, LID if known */
void whim_unit_put_privacy_token (WhimUnit *self, const char *user, GBytes *token, gint64 token_at);
/** whim_unit_issue_privacy_token: we gave @user ours */
void whim_unit_issue_privacy_token (WhimUnit *self, const char *user, gint64 issued_at);
void whim_store_find_privacy_token_async (WhimStore *self,
                                          gint64 channel,
                                          const char *user,
                                          GCancellable *cancellable,
                                          GAsyncReadyCallback callback,
                                          gpointer user_data);
/** whim_store_find_privacy_token_finish: (transfer full): never NULL without error */
WhimPrivacyToken *
whim_store_find_privacy_token_finish (WhimStore *self, GAsyncResult *result, GError **error);

G_END_DECLS
