/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "session/whim-link-code.h"

#include "base/whim-util.h"
#include "base/whim-writer.h"

#define ITERATIONS 131072u
#define ALPHABET "123456789ABCDEFGHJKLMNPQRSTVWXYZ"
#define GROUP 4u
#define BUNDLE_INFO "link_code_pairing_key_bundle_encryption_key"
#define ADV_INFO "adv_secret"

void
whim_link_code_make (const guint8 random[5], char code[WHIM_LINK_CODE_LENGTH + 1])
{
  guint64 bits = 0;

  for (guint i = 0; i < 5; i++)
    bits = bits << 8 | random[i];
  for (guint i = 0; i < WHIM_LINK_CODE_LENGTH; i++)
    code[i] = ALPHABET[bits >> (5 * (WHIM_LINK_CODE_LENGTH - 1 - i)) & 31];
  code[WHIM_LINK_CODE_LENGTH] = '\0';
}

char *
whim_link_code_show (const char *code)
{
  return g_strdup_printf ("%.*s-%s", (int)GROUP, code, code + GROUP);
}

WhimSecret *
whim_link_code_derive (const char *code, const guint8 salt[WHIM_LINK_CODE_SALT_SIZE])
{
  return whim_pbkdf2_sha256 (code, WHIM_LINK_CODE_LENGTH, salt, WHIM_LINK_CODE_SALT_SIZE,
                             ITERATIONS, 32);
}

typedef struct
{
  WhimSecret *code; /* nobody else should read it meanwhile */
  guint8 salt[WHIM_LINK_CODE_SALT_SIZE];
} DeriveOp;

static void
derive_op_free (gpointer data)
{
  DeriveOp *op = data;

  whim_secret_unref (op->code);
  g_free (op);
}

static void
derive_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  DeriveOp *op = data;

  g_task_return_pointer (task,
                         whim_link_code_derive ((const char *)whim_secret_get (op->code), op->salt),
                         (GDestroyNotify)whim_secret_unref);
}

void
whim_link_code_derive_async (const char *code,
                             const guint8 salt[WHIM_LINK_CODE_SALT_SIZE],
                             GCancellable *cancellable,
                             GAsyncReadyCallback callback,
                             gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (NULL, cancellable, callback, user_data);
  DeriveOp *op = g_new0 (DeriveOp, 1);

  g_task_set_source_tag (task, whim_link_code_derive_async);
  op->code = whim_secret_new_from (code, WHIM_LINK_CODE_LENGTH);
  whim_copy (op->salt, salt, sizeof op->salt);
  g_task_set_task_data (task, op, derive_op_free);
  g_task_run_in_thread (task, derive_thread);
}

WhimSecret *
whim_link_code_derive_finish (GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, NULL), NULL);
  return g_task_propagate_pointer (G_TASK (result), error);
}

void
whim_link_code_wrap (WhimSecret *key,
                     const guint8 salt[WHIM_LINK_CODE_SALT_SIZE],
                     const guint8 iv[WHIM_AES_BLOCK_SIZE],
                     const guint8 public_key[WHIM_KEY_SIZE],
                     guint8 wrapped[WHIM_LINK_CODE_WRAPPED_SIZE])
{
  whim_copy (wrapped, salt, WHIM_LINK_CODE_SALT_SIZE);
  whim_copy (wrapped + WHIM_LINK_CODE_SALT_SIZE, iv, WHIM_AES_BLOCK_SIZE);
  whim_aes256_ctr (whim_secret_get (key), iv, public_key, WHIM_KEY_SIZE,
                   wrapped + WHIM_LINK_CODE_SALT_SIZE + WHIM_AES_BLOCK_SIZE);
}

void
whim_link_code_unwrap (WhimSecret *key,
                       const guint8 wrapped[WHIM_LINK_CODE_WRAPPED_SIZE],
                       guint8 public_key[WHIM_KEY_SIZE])
{
  whim_aes256_ctr (whim_secret_get (key), wrapped + WHIM_LINK_CODE_SALT_SIZE,
                   wrapped + WHIM_LINK_CODE_SALT_SIZE + WHIM_AES_BLOCK_SIZE, WHIM_KEY_SIZE,
                   public_key);
}

gboolean
whim_link_code_finish (WhimKeyPair *ephemeral,
                       WhimKeyPair *identity,
                       const guint8 phone_ephemeral[WHIM_KEY_SIZE],
                       const guint8 phone_identity[WHIM_KEY_SIZE],
                       const WhimLinkParts *parts,
                       GBytes **bundle,
                       WhimSecret **adv_secret,
                       GError **error)
{
  g_autoptr (WhimSecret) es = whim_x25519 (ephemeral, phone_ephemeral, error);
  g_autoptr (WhimSecret) is = es == NULL ? NULL : whim_x25519 (identity, phone_identity, error);
  g_autoptr (WhimSecret) key = NULL;
  g_autoptr (WhimSecret) plain = whim_secret_new (3 * WHIM_KEY_SIZE);
  g_autoptr (WhimSecret) ikm = whim_secret_new (3 * WHIM_KEY_SIZE);
  g_autoptr (WhimAead) aead = NULL;
  guint8 *bytes = whim_secret_get_writable (plain);
  guint8 sealed[3 * WHIM_KEY_SIZE + WHIM_GCM_TAG_SIZE];
  WhimWriter writer;

  if (is == NULL)
    return FALSE;
  whim_copy (bytes, whim_key_pair_get_public (identity), WHIM_KEY_SIZE);
  whim_copy (bytes + WHIM_KEY_SIZE, phone_identity, WHIM_KEY_SIZE);
  whim_copy (bytes + 2 * WHIM_KEY_SIZE, parts->random, WHIM_KEY_SIZE);
  key = whim_hkdf_sha256 (whim_secret_get (es), WHIM_KEY_SIZE, parts->salt, sizeof parts->salt,
                          BUNDLE_INFO, 32);
  aead = whim_aead_new (whim_secret_get (key));
  whim_aead_seal (aead, parts->nonce, NULL, 0, bytes, 3 * WHIM_KEY_SIZE, sealed);
  whim_writer_init (&writer, WHIM_LINK_CODE_BUNDLE_SIZE);
  whim_writer_put (&writer, parts->salt, sizeof parts->salt);
  whim_writer_put (&writer, parts->nonce, sizeof parts->nonce);
  whim_writer_put (&writer, sealed, sizeof sealed);
  *bundle = whim_writer_end (&writer);
  bytes = whim_secret_get_writable (ikm);
  whim_copy (bytes, whim_secret_get (es), WHIM_KEY_SIZE);
  whim_copy (bytes + WHIM_KEY_SIZE, whim_secret_get (is), WHIM_KEY_SIZE);
  whim_copy (bytes + 2 * WHIM_KEY_SIZE, parts->random, WHIM_KEY_SIZE);
  *adv_secret = whim_hkdf_sha256 (bytes, 3 * WHIM_KEY_SIZE, NULL, 0, ADV_INFO, 32);
  return TRUE;
}
