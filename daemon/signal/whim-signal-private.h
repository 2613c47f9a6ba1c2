/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "signal/whim-signal.h"

#include <signal_protocol.h>

struct _WhimSignalContext
{
  signal_context *context;
  GRecMutex lock; /* libsignal wants one and takes it twice */
};

/* Between begin and end every change of the cache is remembered, so that a failed operation leaves
 * nothing behind: on a pkmsg libsignal saves the identity before it has checked the MAC. */
void whim_signal_cache_begin (WhimSignalCache *self);
void whim_signal_cache_end (WhimSignalCache *self, gboolean keep);

WhimKeyPair *whim_signal_cache_get_identity (WhimSignalCache *self);
guint32 whim_signal_cache_get_registration_id (WhimSignalCache *self);
gboolean whim_signal_cache_take_identity_changed (WhimSignalCache *self);

/* A store context whose callbacks touch only @cache. */
signal_protocol_store_context *whim_signal_cache_make_store (WhimSignalCache *cache,
                                                             WhimSignalContext *context);

/* 33 bytes with the leading 05, as libsignal wants public keys. */
#define WHIM_SIGNAL_POINT_SIZE 33u
void whim_signal_make_point (const guint8 key[WHIM_KEY_SIZE], guint8 point[WHIM_SIGNAL_POINT_SIZE]);
int whim_signal_decode_key (const guint8 key[WHIM_KEY_SIZE],
                            ec_public_key **out,
                            WhimSignalContext *context);

/* Sets a WHIM_SIGNAL_ERROR for a result of libsignal; always FALSE. */
gboolean whim_signal_set_error (GError **error, int code);
/* @name is borrowed and must outlive the address. */
signal_protocol_address whim_signal_make_address (const char *name, guint device);
/* Bytes of a peer that the library calls an invalid argument are an invalid message. */
int whim_signal_judge_input (int result);
