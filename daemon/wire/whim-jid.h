/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib-object.h>

G_BEGIN_DECLS

/** WhimJidServer: the part behind the "@" (dossier 1, 3.5; dossier 2, 1.1) */
typedef enum
{
  WHIM_JID_SERVER_USER,       /* s.whatsapp.net; with an empty user it is the server itself */
  WHIM_JID_SERVER_LID,        /* lid */
  WHIM_JID_SERVER_GROUP,      /* g.us */
  WHIM_JID_SERVER_BROADCAST,  /* broadcast */
  WHIM_JID_SERVER_NEWSLETTER, /* newsletter */
  WHIM_JID_SERVER_HOSTED,     /* hosted */
  WHIM_JID_SERVER_HOSTED_LID, /* hosted.lid */
  WHIM_JID_SERVER_BOT,        /* bot */
  WHIM_JID_SERVER_MSGR,       /* msgr */
  WHIM_JID_SERVER_INTEROP,    /* interop */
  WHIM_JID_SERVER_CALL,       /* call */
  WHIM_JID_N_SERVERS
} WhimJidServer;

/**
 * WhimJid:
 *
 * An address. Immutable, counted atomically, any thread. "c.us" becomes s.whatsapp.net on parsing.
 */
typedef struct _WhimJid WhimJid;

#define WHIM_TYPE_JID (whim_jid_get_type ())
GType whim_jid_get_type (void);

/** whim_jid_new: (transfer full); @user may be "" for the server itself; @device 0 is the phone */
WhimJid *whim_jid_new (WhimJidServer server, const char *user, guint device);

/** whim_jid_new_interop: (transfer full): an address with an integrator */
WhimJid *whim_jid_new_interop (const char *user, guint device, guint integrator);

/** whim_jid_new_server: (transfer full): s.whatsapp.net with an empty user */
WhimJid *whim_jid_new_server (void);

/**
 * whim_jid_parse:
 * @text: "user\@server", "user:device\@server" or a bare server
 *
 * Returns: (transfer full) (nullable): %NULL with #WHIM_WIRE_ERROR on anything else
 */
WhimJid *whim_jid_parse (const char *text, GError **error);

WhimJid *whim_jid_ref (WhimJid *self);
void whim_jid_unref (WhimJid *self);

WhimJidServer whim_jid_get_server (const WhimJid *self);
const char *whim_jid_get_user (const WhimJid *self);
guint whim_jid_get_device (const WhimJid *self);
guint whim_jid_get_integrator (const WhimJid *self);

/** whim_jid_get_text: (transfer none): canonical text, device only if it is not 0 */
const char *whim_jid_get_text (const WhimJid *self);

/** whim_jid_get_server_text: (transfer none): such as "lid" */
const char *whim_jid_get_server_text (WhimJidServer server);

/** whim_jid_to_bare: (transfer full): without device; hosted servers become user and lid */
WhimJid *whim_jid_to_bare (WhimJid *self);

/** whim_jid_with_device: (transfer full): the same user and server with @device */
WhimJid *whim_jid_with_device (WhimJid *self, guint device);

gboolean whim_jid_equal (const WhimJid *a, const WhimJid *b);
guint whim_jid_hash (gconstpointer self);
gboolean whim_jid_equal0 (gconstpointer a, gconstpointer b);

/** whim_jid_is_user: a person's address: s.whatsapp.net with user, lid, hosted or hosted.lid */
gboolean whim_jid_is_user (const WhimJid *self);
/** whim_jid_is_lid: lid or hosted.lid */
gboolean whim_jid_is_lid (const WhimJid *self);
/** whim_jid_is_server: s.whatsapp.net with an empty user */
gboolean whim_jid_is_server (const WhimJid *self);

/** whim_jid_dup_signal_name: (transfer full): name part of the Signal address (dossier 2, 1.6) */
char *whim_jid_dup_signal_name (const WhimJid *self);

/** whim_jid_get_domain: the AD_JID domain byte: 0, 1, 128 or 129 */
guint8 whim_jid_get_domain (const WhimJid *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (WhimJid, whim_jid_unref)

G_END_DECLS
