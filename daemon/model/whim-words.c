/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "model/whim-model.h"

/* The words of the public enums; each table is walked by a test. */

static const char *const channel_states[WHIM_CHANNEL_N_STATES] = {
  [WHIM_CHANNEL_STATE_UNKNOWN] = "unknown",
  [WHIM_CHANNEL_STATE_DISCONNECTED] = "disconnected",
  [WHIM_CHANNEL_STATE_CONNECTING] = "connecting",
  [WHIM_CHANNEL_STATE_QR] = "qr",
  [WHIM_CHANNEL_STATE_CONNECTED] = "connected",
};

static const char *const reasons[WHIM_N_REASONS] = {
  [WHIM_REASON_NONE] = "none",
  [WHIM_REASON_NEVER_PAIRED] = "never_paired",
  [WHIM_REASON_REQUESTED] = "requested",
  [WHIM_REASON_STARTUP] = "startup",
  [WHIM_REASON_PAIRING] = "pairing",
  [WHIM_REASON_PAIRING_CODE] = "pairing_code",
  [WHIM_REASON_PAIRING_CODE_EXPIRED] = "pairing_code_expired",
  [WHIM_REASON_PAIRING_CODE_REFUSED] = "pairing_code_refused",
  [WHIM_REASON_PAIRING_INVALID] = "pairing_invalid",
  [WHIM_REASON_PAIRING_TIMEOUT] = "pairing_timeout",
  [WHIM_REASON_PASSKEY_REQUIRED] = "passkey_required",
  [WHIM_REASON_PHONE_OUTDATED] = "phone_outdated",
  [WHIM_REASON_PAIRED] = "paired",
  [WHIM_REASON_HANDSHAKE] = "handshake",
  [WHIM_REASON_SYNCING] = "syncing",
  [WHIM_REASON_ONLINE] = "online",
  [WHIM_REASON_NETWORK] = "network",
  [WHIM_REASON_SILENT] = "silent",
  [WHIM_REASON_SERVER_RESTART] = "server_restart",
  [WHIM_REASON_SERVER_ERROR] = "server_error",
  [WHIM_REASON_RATE_LIMITED] = "rate_limited",
  [WHIM_REASON_PROTOCOL] = "protocol",
  [WHIM_REASON_CERTIFICATE] = "certificate",
  [WHIM_REASON_CLOCK] = "clock",
  [WHIM_REASON_STORE] = "store",
  [WHIM_REASON_LOGGED_OUT] = "logged_out",
  [WHIM_REASON_UNLINKED] = "unlinked",
  [WHIM_REASON_REPLACED] = "replaced",
  [WHIM_REASON_ACCOUNT_LOCKED] = "account_locked",
  [WHIM_REASON_BANNED] = "banned",
  [WHIM_REASON_TEMPORARILY_BANNED] = "temporarily_banned",
  [WHIM_REASON_CLIENT_OUTDATED] = "client_outdated",
  [WHIM_REASON_CLIENT_REJECTED] = "client_rejected",
  [WHIM_REASON_REFUSED] = "refused",
  [WHIM_REASON_WRONG_SERVER] = "wrong_server",
};

static const char *const statuses[WHIM_MESSAGE_N_STATUSES] = {
  [WHIM_MESSAGE_STATUS_NONE] = "none",           [WHIM_MESSAGE_STATUS_FAILED] = "failed",
  [WHIM_MESSAGE_STATUS_PENDING] = "pending",     [WHIM_MESSAGE_STATUS_SENT] = "sent",
  [WHIM_MESSAGE_STATUS_DELIVERED] = "delivered", [WHIM_MESSAGE_STATUS_READ] = "read",
  [WHIM_MESSAGE_STATUS_PLAYED] = "played",
};

const char *
whim_channel_state_to_word (WhimChannelState state)
{
  return (guint)state < WHIM_CHANNEL_N_STATES ? channel_states[state] : channel_states[0];
}

const char *
whim_reason_to_word (WhimReason reason)
{
  return (guint)reason < WHIM_N_REASONS ? reasons[reason] : reasons[0];
}

const char *
whim_message_status_to_word (WhimMessageStatus status)
{
  return (guint)status < WHIM_MESSAGE_N_STATUSES ? statuses[status] : statuses[0];
}

WhimReason
whim_reason_from_word (const char *word)
{
  for (guint i = 0; i < WHIM_N_REASONS; i++)
    if (g_strcmp0 (word, reasons[i]) == 0)
      return (WhimReason)i;
  return WHIM_REASON_NONE;
}

WhimMessageStatus
whim_message_status_from_word (const char *word)
{
  for (guint i = 0; i < WHIM_MESSAGE_N_STATUSES; i++)
    if (g_strcmp0 (word, statuses[i]) == 0)
      return (WhimMessageStatus)i;
  return WHIM_MESSAGE_STATUS_NONE;
}
