/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "session/whim-verdict.h"

#include <string.h>

#define FAILURE "failure"
#define ERROR "stream:error"
#define UNLINKED WHIM_SESSION_EVENT_UNLINKED
#define BLOCKED WHIM_SESSION_EVENT_BLOCKED
#define TROUBLE WHIM_SESSION_EVENT_TROUBLE
#define REPLACED WHIM_SESSION_EVENT_REPLACED

/* Unlinked deletes the keys, blocked waits for somebody, trouble comes back by itself. What stands
 * in no source is blocked: whoever goes on against a refusal marks the account. */
static const WhimVerdict verdicts[] = {
  { FAILURE, NULL, NULL, "400", BLOCKED, WHIM_REASON_REFUSED, "generic" },
  { FAILURE, NULL, NULL, "401", UNLINKED, WHIM_REASON_UNLINKED,
    "unlinked on the phone, or expired" },
  { FAILURE, NULL, NULL, "402", BLOCKED, WHIM_REASON_TEMPORARILY_BANNED, "banned for a time" },
  { FAILURE, NULL, NULL, "403", UNLINKED, WHIM_REASON_ACCOUNT_LOCKED,
    "account locked, or phone gone" },
  { FAILURE, NULL, NULL, "405", BLOCKED, WHIM_REASON_CLIENT_OUTDATED, "client too old" },
  { FAILURE, NULL, NULL, "406", UNLINKED, WHIM_REASON_BANNED, "account banned" },
  { FAILURE, NULL, NULL, "409", BLOCKED, WHIM_REASON_CLIENT_REJECTED, "user agent not believed" },
  { FAILURE, NULL, NULL, "411", BLOCKED, WHIM_REASON_PHONE_OUTDATED,
    "phone without linked devices" },
  { FAILURE, NULL, NULL, "412", BLOCKED, WHIM_REASON_REFUSED, "unknown" },
  { FAILURE, NULL, NULL, "413", BLOCKED, WHIM_REASON_REFUSED,
    "token expired; not for such accounts" },
  { FAILURE, NULL, NULL, "414", BLOCKED, WHIM_REASON_REFUSED,
    "token invalid; not for such accounts" },
  { FAILURE, NULL, NULL, "415", BLOCKED, WHIM_REASON_REFUSED, "not found" },
  { FAILURE, NULL, NULL, "418", BLOCKED, WHIM_REASON_REFUSED, "client unknown" },
  { FAILURE, NULL, NULL, "500", TROUBLE, WHIM_REASON_SERVER_ERROR, "internal error" },
  { FAILURE, NULL, NULL, "501", BLOCKED, WHIM_REASON_REFUSED, "experimental" },
  { FAILURE, NULL, NULL, "503", TROUBLE, WHIM_REASON_SERVER_RESTART, "service unavailable" },
  { FAILURE, NULL, NULL, NULL, BLOCKED, WHIM_REASON_REFUSED, "anything else" },

  { ERROR, "conflict", "replaced", NULL, REPLACED, WHIM_REASON_REPLACED, "same keys elsewhere" },
  { ERROR, "conflict", NULL, NULL, UNLINKED, WHIM_REASON_UNLINKED, "unlinked on the phone" },
  { ERROR, "ack", NULL, NULL, TROUBLE, WHIM_REASON_PROTOCOL, "misses an acknowledgement" },
  { ERROR, "xml-not-well-formed", NULL, NULL, TROUBLE, WHIM_REASON_PROTOCOL, "cannot read us" },
  { ERROR, NULL, NULL, "515", WHIM_SESSION_EVENT_RESTART, WHIM_REASON_SERVER_RESTART,
    "again at once" },
  { ERROR, NULL, NULL, "516", UNLINKED, WHIM_REASON_UNLINKED, "forced logout" },
  { ERROR, NULL, NULL, "401", UNLINKED, WHIM_REASON_UNLINKED, "unlinked on the phone" },
  { ERROR, NULL, NULL, "409", REPLACED, WHIM_REASON_REPLACED, "same keys elsewhere" },
  { ERROR, NULL, NULL, "429", TROUBLE, WHIM_REASON_RATE_LIMITED, "too much; later than usual" },
  { ERROR, NULL, NULL, "503", TROUBLE, WHIM_REASON_SERVER_RESTART, "server restarts" },
  { ERROR, NULL, NULL, "5xx", TROUBLE, WHIM_REASON_SERVER_ERROR, "fault of the server" },
  { ERROR, NULL, NULL, NULL, TROUBLE, WHIM_REASON_PROTOCOL, "anything else" },
  { NULL, NULL, NULL, NULL, WHIM_SESSION_N_EVENTS, WHIM_REASON_NONE, NULL },
};

const WhimVerdict *
whim_verdicts (void)
{
  return verdicts;
}

static const char *
get_code (WhimNode *node)
{
  return whim_node_get_attr (node, whim_node_is (node, FAILURE) ? "reason" : "code");
}

static gboolean
fits (const WhimVerdict *verdict, WhimNode *node)
{
  const char *code = get_code (node);

  if (!whim_node_is (node, verdict->stanza))
    return FALSE;
  if (verdict->child != NULL)
    {
      WhimNode *child = whim_node_find_child (node, verdict->child);

      return child != NULL
             && (verdict->type == NULL || whim_node_attr_equals (child, "type", verdict->type));
    }
  if (verdict->code == NULL)
    return TRUE;
  if (strcmp (verdict->code, "5xx") == 0)
    return code != NULL && code[0] == '5' && strlen (code) == 3;
  return g_strcmp0 (code, verdict->code) == 0;
}

const WhimVerdict *
whim_verdict_find (WhimNode *node)
{
  for (const WhimVerdict *verdict = verdicts; verdict->stanza != NULL; verdict++)
    if (fits (verdict, node))
      return verdict;
  g_return_val_if_reached (NULL);
}

/* Digits only: nothing that a server writes goes into answers and logs by itself. */
static const char *
clean_number (const char *text)
{
  gsize len = text == NULL ? 0 : strlen (text);

  return len > 0 && len <= 6 && strspn (text, "0123456789") == len ? text : NULL;
}

char *
whim_verdict_make_detail (const WhimVerdict *verdict, WhimNode *node)
{
  const char *code = clean_number (get_code (node));
  const char *ban = clean_number (whim_node_get_attr (node, "code"));

  if (verdict->child != NULL)
    return g_strdup (verdict->type != NULL ? verdict->type : verdict->child);
  if (verdict->reason == WHIM_REASON_TEMPORARILY_BANNED && ban != NULL)
    return g_strdup_printf ("%s/%s", code, ban);
  return g_strdup (code);
}

char *
whim_verdict_to_markdown (void)
{
  GString *text = g_string_new ("| from the server | event | reason | meaning |\n"
                                "| --- | --- | --- | --- |\n");

  for (const WhimVerdict *verdict = verdicts; verdict->stanza != NULL; verdict++)
    {
      g_string_append_printf (text, "| %s", verdict->stanza);
      if (verdict->child != NULL)
        g_string_append_printf (text, " %s", verdict->child);
      if (verdict->type != NULL)
        g_string_append_printf (text, " %s", verdict->type);
      if (verdict->code != NULL)
        g_string_append_printf (text, " %s", verdict->code);
      g_string_append_printf (text, " | %s | %s | %s |\n",
                              whim_session_event_to_word (verdict->event),
                              whim_reason_to_word (verdict->reason), verdict->meaning);
    }
  return g_string_free (text, FALSE);
}
