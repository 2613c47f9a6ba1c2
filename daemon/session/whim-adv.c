/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "session/whim-adv.h"

#include "base/whim-util.h"
#include "base/whim-writer.h"
#include "proto/whim-proto.h"
#include "session/whim-session.h"

#define HOSTED 1
#define MAX_CONTAINER 500u
#define PREFIX_ACCOUNT "\x06\x00"
#define PREFIX_DEVICE "\x06\x01"
#define PREFIX_HOSTED "\x06\x05"
#define PREFIX_LIST "\x06\x02"
#define PREFIX_HOSTED_LIST "\x06\x07"
#define PREFIX_SIZE 2u
/* Indexes of one list: a bound for what is kept; a phone has few companions. */
#define MAX_INDEXES 4096u

void
whim_adv_identity_clear (WhimAdvIdentity *self)
{
  g_clear_pointer (&self->stored, g_bytes_unref);
  g_clear_pointer (&self->answer, g_bytes_unref);
}

static gboolean
fail (GError **error, WhimSessionError code, const char *what)
{
  g_set_error_literal (error, WHIM_SESSION_ERROR, code, what);
  return FALSE;
}

static GBytes *
join (const char *prefix,
      const ProtobufCBinaryData *details,
      WhimKeyPair *own,
      const guint8 *account_key)
{
  WhimWriter writer;

  whim_writer_init (&writer, details->len + 80);
  whim_writer_put (&writer, prefix, PREFIX_SIZE);
  whim_writer_put (&writer, details->data, details->len);
  whim_writer_put (&writer, whim_key_pair_get_public (own), WHIM_KEY_SIZE);
  if (account_key != NULL)
    whim_writer_put (&writer, account_key, WHIM_KEY_SIZE);
  return whim_writer_end (&writer);
}

static void
finish_identity (Wa__ADVSignedDeviceIdentity *identity, WhimKeyPair *own, WhimAdvIdentity *out)
{
  g_autoptr (GBytes) message
      = join (PREFIX_DEVICE, &identity->details, own, identity->accountsignaturekey.data);
  Wa__ADVSignedDeviceIdentity copy = *identity;
  guint8 signature[WHIM_SIGNATURE_SIZE];

  whim_xeddsa_sign (own, g_bytes_get_data (message, NULL), g_bytes_get_size (message), signature);
  copy.has_devicesignature = TRUE;
  copy.devicesignature = whim_proto_data (signature, WHIM_SIGNATURE_SIZE);
  out->stored = whim_proto_pack (&copy);
  copy.has_accountsignaturekey = FALSE;
  out->answer = whim_proto_pack (&copy);
  whim_copy (out->account_key, identity->accountsignaturekey.data, WHIM_KEY_SIZE);
}

gboolean
whim_adv_accept (GBytes *container,
                 WhimSecret *adv_secret,
                 WhimKeyPair *own_identity,
                 WhimAdvIdentity *out,
                 GError **error)
{
  g_autoptr (Wa__ADVSignedDeviceIdentityHMAC) wrapped = NULL;
  g_autoptr (Wa__ADVSignedDeviceIdentity) identity = NULL;
  g_autoptr (Wa__ADVDeviceIdentity) details = NULL;
  g_autoptr (GBytes) message = NULL;
  guint8 mac[32];
  gboolean hosted;

  if (g_bytes_get_size (container) == 0 || g_bytes_get_size (container) > MAX_CONTAINER)
    return fail (error, WHIM_SESSION_ERROR_MALFORMED, "device-identity has a wrong size");
  wrapped
      = whim_proto_unpack_bytes (&wa__advsigned_device_identity_hmac__descriptor, container, NULL);
  if (wrapped == NULL || !wrapped->has_details || !wrapped->has_hmac)
    return fail (error, WHIM_SESSION_ERROR_MALFORMED, "device-identity cannot be parsed");
  hosted = wrapped->has_accounttype && wrapped->accounttype == HOSTED;
  whim_hmac_sha256 (whim_secret_get (adv_secret), whim_secret_get_size (adv_secret),
                    hosted ? PREFIX_HOSTED : "", hosted ? PREFIX_SIZE : 0, wrapped->details.data,
                    wrapped->details.len, mac);
  if (wrapped->hmac.len != sizeof mac
      || !whim_bytes_equal_constant_time (mac, wrapped->hmac.data, sizeof mac))
    return fail (error, WHIM_SESSION_ERROR_ADV, "the phone did not know our secret");
  identity = whim_proto_unpack (&wa__advsigned_device_identity__descriptor, wrapped->details.data,
                                wrapped->details.len, NULL);
  if (identity == NULL || !identity->has_details
      || identity->accountsignaturekey.len != WHIM_KEY_SIZE
      || identity->accountsignature.len != WHIM_SIGNATURE_SIZE)
    return fail (error, WHIM_SESSION_ERROR_MALFORMED, "the signed identity lacks a part");
  details = whim_proto_unpack (&wa__advdevice_identity__descriptor, identity->details.data,
                               identity->details.len, NULL);
  if (details == NULL)
    return fail (error, WHIM_SESSION_ERROR_MALFORMED, "the identity cannot be parsed");
  message = join (details->has_devicetype && details->devicetype == HOSTED ? PREFIX_HOSTED
                                                                           : PREFIX_ACCOUNT,
                  &identity->details, own_identity, NULL);
  if (!whim_xeddsa_verify (identity->accountsignaturekey.data, g_bytes_get_data (message, NULL),
                           g_bytes_get_size (message), identity->accountsignature.data))
    return fail (error, WHIM_SESSION_ERROR_ADV, "the account did not sign our key");
  out->key_index = details->keyindex;
  finish_identity (identity, own_identity, out);
  return TRUE;
}

/* ---- key index lists ---------------------------------------------------------------------------
 */

void
whim_adv_key_indexes_clear (WhimAdvKeyIndexes *self)
{
  g_clear_pointer (&self->valid, g_array_unref);
}

/* Without its own key a list cannot be checked here; with one it must be right. */
static gboolean
list_is_signed (const Wa__ADVSignedKeyIndexList *list, gboolean hosted)
{
  WhimWriter writer;
  g_autoptr (GBytes) message = NULL;

  if (!list->has_accountsignaturekey)
    return TRUE;
  if (list->accountsignaturekey.len != WHIM_KEY_SIZE
      || list->accountsignature.len != WHIM_SIGNATURE_SIZE)
    return FALSE;
  whim_writer_init (&writer, list->details.len + PREFIX_SIZE);
  whim_writer_put (&writer, hosted ? PREFIX_HOSTED_LIST : PREFIX_LIST, PREFIX_SIZE);
  whim_writer_put (&writer, list->details.data, list->details.len);
  message = whim_writer_end (&writer);
  return whim_xeddsa_verify (list->accountsignaturekey.data, g_bytes_get_data (message, NULL),
                             g_bytes_get_size (message), list->accountsignature.data);
}

gboolean
whim_adv_parse_key_indexes (GBytes *bytes, WhimAdvKeyIndexes *indexes)
{
  g_autoptr (Wa__ADVSignedKeyIndexList) list
      = whim_proto_unpack_bytes (&wa__advsigned_key_index_list__descriptor, bytes, NULL);
  g_autoptr (Wa__ADVKeyIndexList) details = NULL;

  if (list == NULL || !list->has_details)
    return FALSE;
  details = whim_proto_unpack (&wa__advkey_index_list__descriptor, list->details.data,
                               list->details.len, NULL);
  if (details == NULL || details->n_validindexes > MAX_INDEXES)
    return FALSE;
  if (!list_is_signed (list, details->has_accounttype && details->accounttype == HOSTED))
    {
      g_info ("a list of companions is not signed as it should be");
      return FALSE;
    }
  indexes->raw_id = details->rawid;
  indexes->timestamp = MIN (details->timestamp, G_MAXINT64);
  indexes->current = details->currentindex;
  indexes->valid = g_array_new (FALSE, FALSE, sizeof (guint32));
  g_array_append_vals (indexes->valid, details->validindexes, (guint)details->n_validindexes);
  return TRUE;
}

gboolean
whim_adv_key_indexes_allow (const WhimAdvKeyIndexes *self, guint64 index)
{
  if (index > self->current)
    return TRUE;
  for (guint i = 0; i < self->valid->len; i++)
    if (g_array_index (self->valid, guint32, i) == index)
      return TRUE;
  return FALSE;
}
