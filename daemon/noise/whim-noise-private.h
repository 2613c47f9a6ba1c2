/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "noise/whim-noise.h"
#include "proto/whim-proto.h"

#define NOISE_XX "Noise_XX_25519_AESGCM_SHA256\0\0\0\0"
#define NOISE_XX_SIZE 32u
#define NOISE_XXFALLBACK "Noise_XXfallback_25519_AESGCM_SHA256"
#define NOISE_XXFALLBACK_SIZE 36u

/* The symmetric state of dossier 1, 2.1. On the stack; clear it. */
typedef struct
{
  guint8 h[32];
  WhimSecret *ck;
  WhimAead *aead;
  guint32 n;
} NoiseState;

void whim_noise_state_init (NoiseState *self, const char *name, gsize len);
void whim_noise_state_clear (NoiseState *self);
void whim_noise_state_authenticate (NoiseState *self, gconstpointer data, gsize len);
gboolean
whim_noise_state_mix (NoiseState *self, WhimKeyPair *own, const guint8 *theirs, GError **error);
GBytes *whim_noise_state_encrypt (NoiseState *self, gconstpointer plain, gsize len);
GBytes *
whim_noise_state_decrypt (NoiseState *self, const ProtobufCBinaryData *cipher, GError **error);
/* Ends the handshake: @first encrypts client to server. */
void whim_noise_state_split (NoiseState *self, WhimNoiseCipher **first, WhimNoiseCipher **second);

gboolean whim_noise_chain_verify (GBytes *chain,
                                  const guint8 *root_public,
                                  const guint8 *server_static,
                                  gint64 unix_now,
                                  GError **error);
