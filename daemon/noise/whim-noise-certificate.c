/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "noise/whim-noise-private.h"

/* Proof that the server's static key is signed, through an intermediate, by the root. The checks
 * and their order: dossier 1, 2.4. */

static gboolean
fail (GError **error, const char *what)
{
  g_set_error_literal (error, WHIM_NOISE_ERROR, WHIM_NOISE_ERROR_CERTIFICATE, what);
  return FALSE;
}

static gboolean
certificate_is_complete (const Wa__NoiseCertificate *certificate)
{
  return certificate != NULL && certificate->has_details && certificate->has_signature
         && certificate->signature.len == WHIM_SIGNATURE_SIZE;
}

static gboolean
certificate_is_signed (const Wa__NoiseCertificate *certificate, const guint8 *by)
{
  return whim_xeddsa_verify (by, certificate->details.data, certificate->details.len,
                             certificate->signature.data);
}

static gboolean
is_in_time (const Wa__NoiseCertificateDetails *details, gint64 unix_now)
{
  guint64 now = (guint64)MAX (unix_now, 0);

  return details->notbefore <= now && now <= details->notafter;
}

gboolean
whim_noise_chain_verify (GBytes *chain,
                         const guint8 *root_public,
                         const guint8 *server_static,
                         gint64 unix_now,
                         GError **error)
{
  g_autoptr (Wa__CertChain) certs
      = whim_proto_unpack_bytes (&wa__cert_chain__descriptor, chain, NULL);
  g_autoptr (Wa__NoiseCertificateDetails) intermediate = NULL;
  g_autoptr (Wa__NoiseCertificateDetails) leaf = NULL;

  if (certs == NULL || !certificate_is_complete (certs->leaf)
      || !certificate_is_complete (certs->intermediate))
    return fail (error, "the certificate chain lacks a part");
  intermediate = whim_proto_unpack (&wa__noise_certificate_details__descriptor,
                                    certs->intermediate->details.data,
                                    certs->intermediate->details.len, NULL);
  leaf = whim_proto_unpack (&wa__noise_certificate_details__descriptor, certs->leaf->details.data,
                            certs->leaf->details.len, NULL);
  if (intermediate == NULL || leaf == NULL)
    return fail (error, "a certificate cannot be parsed");
  if (!certificate_is_signed (certs->intermediate, root_public))
    return fail (error, "the root did not sign the intermediate certificate");
  /* serial 0 is the root; present as 0 and absent mean the same */
  if (intermediate->issuerserial != 0 || intermediate->key.len != WHIM_KEY_SIZE)
    return fail (error, "the intermediate certificate names another issuer");
  if (!certificate_is_signed (certs->leaf, intermediate->key.data))
    return fail (error, "the intermediate did not sign the server's certificate");
  if (leaf->issuerserial != intermediate->serial)
    return fail (error, "the server's certificate names another issuer");
  if (leaf->key.len != WHIM_KEY_SIZE
      || !whim_bytes_equal_constant_time (leaf->key.data, server_static, WHIM_KEY_SIZE))
    return fail (error, "the server's certificate is for another key");
  if (!is_in_time (intermediate, unix_now) || !is_in_time (leaf, unix_now))
    {
      g_set_error_literal (error, WHIM_NOISE_ERROR, WHIM_NOISE_ERROR_CLOCK,
                           "the server's certificate is not valid at this machine's time");
      return FALSE;
    }
  return TRUE;
}
