/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "wire/whim-jid.h"

#include "wire/whim-jid-private.h"
#include "wire/whim-node.h"

#include <string.h>

struct _WhimJid
{
  gint ref_count;
  WhimJidServer server;
  guint16 device;
  guint16 integrator;
  char *text; /* made when first asked for; atomic */
  char user[];
};

static const char *const server_texts[WHIM_JID_N_SERVERS] = {
  [WHIM_JID_SERVER_USER] = "s.whatsapp.net",
  [WHIM_JID_SERVER_LID] = "lid",
  [WHIM_JID_SERVER_GROUP] = "g.us",
  [WHIM_JID_SERVER_BROADCAST] = "broadcast",
  [WHIM_JID_SERVER_NEWSLETTER] = "newsletter",
  [WHIM_JID_SERVER_HOSTED] = "hosted",
  [WHIM_JID_SERVER_HOSTED_LID] = "hosted.lid",
  [WHIM_JID_SERVER_BOT] = "bot",
  [WHIM_JID_SERVER_MSGR] = "msgr",
  [WHIM_JID_SERVER_INTEROP] = "interop",
  [WHIM_JID_SERVER_CALL] = "call",
};

/* A user part longer than any id that exists; keeps texts bounded. */
#define MAX_USER 128u

gboolean
whim_jid_find_server (const char *text, WhimJidServer *server)
{
  if (strcmp (text, "c.us") == 0)
    {
      *server = WHIM_JID_SERVER_USER;
      return TRUE;
    }
  for (guint i = 0; i < WHIM_JID_N_SERVERS; i++)
    if (strcmp (text, server_texts[i]) == 0)
      {
        *server = (WhimJidServer)i;
        return TRUE;
      }
  return FALSE;
}

/* The largest device that the wire can carry: a byte beside a domain, two bytes in the foreign
 * forms (dossier 1, 3.5). Anything above would silently become the phone. */
static guint
max_device (WhimJidServer server)
{
  switch (server)
    {
    case WHIM_JID_SERVER_USER:
    case WHIM_JID_SERVER_LID:
    case WHIM_JID_SERVER_HOSTED:
    case WHIM_JID_SERVER_HOSTED_LID:
      return G_MAXUINT8;
    case WHIM_JID_SERVER_MSGR:
    case WHIM_JID_SERVER_INTEROP:
      return G_MAXUINT16;
    case WHIM_JID_SERVER_GROUP:
    case WHIM_JID_SERVER_BROADCAST:
    case WHIM_JID_SERVER_NEWSLETTER:
    case WHIM_JID_SERVER_BOT:
    case WHIM_JID_SERVER_CALL:
    case WHIM_JID_N_SERVERS:
    default:
      return 0;
    }
}

gboolean
whim_jid_parts_are_ok (WhimJidServer server, const char *user, gsize len, guint device)
{
  if (len > MAX_USER || device > max_device (server) || (len == 0 && device != 0))
    return FALSE;
  for (gsize i = 0; i < len; i++)
    if (!g_ascii_isgraph (user[i]) || user[i] == '@' || user[i] == ':' || user[i] == '/')
      return FALSE;
  return TRUE;
}

G_DEFINE_BOXED_TYPE (WhimJid, whim_jid, whim_jid_ref, whim_jid_unref)

static WhimJid *
jid_new (WhimJidServer server, const char *user, gsize len, guint device, guint integrator)
{
  WhimJid *self = g_malloc (sizeof (WhimJid) + len + 1);

  self->ref_count = 1;
  self->server = server;
  self->device = (guint16)device;
  self->integrator = (guint16)integrator;
  self->text = NULL;
  for (gsize i = 0; i < len; i++)
    self->user[i] = user[i];
  self->user[len] = '\0';
  return self;
}

WhimJid *
whim_jid_new (WhimJidServer server, const char *user, guint device)
{
  g_return_val_if_fail ((guint)server < WHIM_JID_N_SERVERS && device <= G_MAXUINT16, NULL);
  return jid_new (server, user, strlen (user), device, 0);
}

WhimJid *
whim_jid_new_interop (const char *user, guint device, guint integrator)
{
  return jid_new (WHIM_JID_SERVER_INTEROP, user, strlen (user), device, integrator);
}

WhimJid *
whim_jid_new_server (void)
{
  return jid_new (WHIM_JID_SERVER_USER, "", 0, 0, 0);
}

/* The part before the "@": user, user:device, and the old user.agent:device. */
static gboolean
parse_user (const char *text, gsize len, gsize *user_len, guint *device)
{
  const char *colon = memchr (text, ':', len);
  guint64 value;
  char *end;

  *device = 0;
  *user_len = colon == NULL ? len : (gsize)(colon - text);
  if (colon == NULL)
    return TRUE;
  if (!g_ascii_isdigit (colon[1]))
    return FALSE;
  value = g_ascii_strtoull (colon + 1, &end, 10);
  if (end != text + len || value > G_MAXUINT16)
    return FALSE;
  *device = (guint)value;
  return TRUE;
}

/* "integrator-user", the text form of Baileys and zapo (dossier 1, 3.5) */
static WhimJid *
parse_interop_user (const char *text, guint device)
{
  char *end;
  guint64 integrator = g_ascii_isdigit (text[0]) ? g_ascii_strtoull (text, &end, 10) : 0;

  if (integrator == 0 || integrator > G_MAXUINT16 || *end != '-' || end[1] == '\0'
      || strchr (end + 1, '-') != NULL)
    return NULL;
  return jid_new (WHIM_JID_SERVER_INTEROP, end + 1, strlen (end + 1), device, (guint)integrator);
}

WhimJid *
whim_jid_parse (const char *text, GError **error)
{
  const char *at = strchr (text, '@');
  WhimJidServer server;
  gsize user_len = 0;
  guint device = 0;
  WhimJid *self;

  if (!whim_jid_find_server (at == NULL ? text : at + 1, &server)
      || (at != NULL && (at == text || !parse_user (text, (gsize)(at - text), &user_len, &device)))
      || !whim_jid_parts_are_ok (server, text, user_len, device))
    {
      g_set_error_literal (error, WHIM_WIRE_ERROR, WHIM_WIRE_ERROR_INVALID, "not an address");
      return NULL;
    }
  self = jid_new (server, text, user_len, device, 0);
  if (server == WHIM_JID_SERVER_INTEROP && strchr (self->user, '-') != NULL)
    {
      WhimJid *whole = self;

      self = parse_interop_user (whole->user, device);
      whim_jid_unref (whole);
      if (self == NULL)
        g_set_error_literal (error, WHIM_WIRE_ERROR, WHIM_WIRE_ERROR_INVALID, "not an address");
    }
  return self;
}

WhimJid *
whim_jid_ref (WhimJid *self)
{
  g_atomic_int_inc (&self->ref_count);
  return self;
}

void
whim_jid_unref (WhimJid *self)
{
  if (!g_atomic_int_dec_and_test (&self->ref_count))
    return;
  g_free (self->text);
  g_free (self);
}

WhimJidServer
whim_jid_get_server (const WhimJid *self)
{
  return self->server;
}

const char *
whim_jid_get_user (const WhimJid *self)
{
  return self->user;
}

guint
whim_jid_get_device (const WhimJid *self)
{
  return self->device;
}

guint
whim_jid_get_integrator (const WhimJid *self)
{
  return self->integrator;
}

static char *
jid_make_text (const WhimJid *self)
{
  const char *server = server_texts[self->server];

  if (self->user[0] == '\0')
    return g_strdup (server);
  if (self->server == WHIM_JID_SERVER_INTEROP && self->integrator != 0)
    return self->device != 0
               ? g_strdup_printf ("%u-%s:%u@%s", self->integrator, self->user, self->device, server)
               : g_strdup_printf ("%u-%s@%s", self->integrator, self->user, server);
  if (self->device != 0)
    return g_strdup_printf ("%s:%u@%s", self->user, self->device, server);
  return g_strconcat (self->user, "@", server, NULL);
}

const char *
whim_jid_get_text (const WhimJid *self)
{
  char **slot = &((WhimJid *)self)->text;
  char *text = g_atomic_pointer_get (slot);

  if (text == NULL)
    {
      text = jid_make_text (self);
      if (!g_atomic_pointer_compare_and_exchange (slot, NULL, text))
        {
          g_free (text);
          text = g_atomic_pointer_get (slot);
        }
    }
  return text;
}

const char *
whim_jid_get_server_text (WhimJidServer server)
{
  g_return_val_if_fail ((guint)server < WHIM_JID_N_SERVERS, NULL);
  return server_texts[server];
}

static WhimJidServer
unhosted (WhimJidServer server)
{
  if (server == WHIM_JID_SERVER_HOSTED)
    return WHIM_JID_SERVER_USER;
  if (server == WHIM_JID_SERVER_HOSTED_LID)
    return WHIM_JID_SERVER_LID;
  return server;
}

WhimJid *
whim_jid_to_bare (WhimJid *self)
{
  WhimJidServer server = unhosted (self->server);

  if (self->device == 0 && server == self->server)
    return whim_jid_ref (self);
  return jid_new (server, self->user, strlen (self->user), 0, self->integrator);
}

WhimJid *
whim_jid_with_device (WhimJid *self, guint device)
{
  if (self->device == device)
    return whim_jid_ref (self);
  return jid_new (self->server, self->user, strlen (self->user), device, self->integrator);
}

gboolean
whim_jid_equal (const WhimJid *a, const WhimJid *b)
{
  return a == b
         || (a->server == b->server && a->device == b->device && a->integrator == b->integrator
             && strcmp (a->user, b->user) == 0);
}

guint
whim_jid_hash (gconstpointer data)
{
  const WhimJid *self = data;

  return g_str_hash (self->user) * 31 + (guint)self->server * 7 + self->device;
}

gboolean
whim_jid_equal0 (gconstpointer a, gconstpointer b)
{
  if (a == NULL || b == NULL)
    return a == b;
  return whim_jid_equal (a, b);
}

gboolean
whim_jid_is_user (const WhimJid *self)
{
  switch (self->server)
    {
    case WHIM_JID_SERVER_USER:
    case WHIM_JID_SERVER_LID:
    case WHIM_JID_SERVER_HOSTED:
    case WHIM_JID_SERVER_HOSTED_LID:
      return self->user[0] != '\0';
    case WHIM_JID_SERVER_GROUP:
    case WHIM_JID_SERVER_BROADCAST:
    case WHIM_JID_SERVER_NEWSLETTER:
    case WHIM_JID_SERVER_BOT:
    case WHIM_JID_SERVER_MSGR:
    case WHIM_JID_SERVER_INTEROP:
    case WHIM_JID_SERVER_CALL:
      return FALSE;
    case WHIM_JID_N_SERVERS:
    default:
      g_return_val_if_reached (FALSE);
    }
}

gboolean
whim_jid_is_lid (const WhimJid *self)
{
  return self->server == WHIM_JID_SERVER_LID || self->server == WHIM_JID_SERVER_HOSTED_LID;
}

gboolean
whim_jid_is_server (const WhimJid *self)
{
  return self->server == WHIM_JID_SERVER_USER && self->user[0] == '\0';
}

guint8
whim_jid_get_domain (const WhimJid *self)
{
  if (self->server == WHIM_JID_SERVER_LID)
    return 1;
  if (self->server == WHIM_JID_SERVER_HOSTED)
    return 128;
  if (self->server == WHIM_JID_SERVER_HOSTED_LID)
    return 129;
  return 0;
}

char *
whim_jid_dup_signal_name (const WhimJid *self)
{
  guint8 domain = whim_jid_get_domain (self);

  if (domain == 0)
    return g_strdup (self->user);
  return g_strdup_printf ("%s_%u", self->user, domain);
}
