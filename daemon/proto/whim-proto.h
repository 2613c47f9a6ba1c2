/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "adv.pb-c.h"
#include "history.pb-c.h"
#include "message.pb-c.h"
#include "noise.pb-c.h"
#include "payload.pb-c.h"

#include <glib.h>

G_BEGIN_DECLS

#define WHIM_PROTO_ERROR (whim_proto_error_quark ())
GQuark whim_proto_error_quark (void);

typedef enum
{
  WHIM_PROTO_ERROR_MALFORMED,
  WHIM_PROTO_ERROR_TOO_DEEP,
  WHIM_PROTO_ERROR_TOO_LARGE,
} WhimProtoError;

/**
 * whim_proto_unpack:
 * @descriptor: of the expected message
 *
 * protobuf-c recurses into whatever the bytes say and allocates for it: a scan for depth stands
 * before it, and the memory is bounded by the size of the input. Any thread. Every text of the
 * result is valid UTF-8; what was not is replaced.
 *
 * Returns: (transfer full) (nullable): free with whim_proto_free()
 */
gpointer whim_proto_unpack (const ProtobufCMessageDescriptor *descriptor,
                            gconstpointer bytes,
                            gsize len,
                            GError **error);
gpointer whim_proto_unpack_bytes (const ProtobufCMessageDescriptor *descriptor,
                                  GBytes *bytes,
                                  GError **error);
void whim_proto_free (gpointer message);

/** whim_proto_pack: (transfer full) */
GBytes *whim_proto_pack (gconstpointer message);

/** whim_proto_data: a view for a message to be packed; the bytes stay the caller's */
ProtobufCBinaryData whim_proto_data (gconstpointer bytes, gsize len);
ProtobufCBinaryData whim_proto_data_bytes (GBytes *bytes);
/** whim_proto_dup_data: (transfer full) */
GBytes *whim_proto_dup_data (const ProtobufCBinaryData *data);

#define WHIM_PROTO_CLEANUP(Type)                                                                   \
  static inline void whim_proto_free_##Type (Type *message) { whim_proto_free (message); }         \
  G_DEFINE_AUTOPTR_CLEANUP_FUNC (Type, whim_proto_free_##Type)

WHIM_PROTO_CLEANUP (Wa__HandshakeMessage)
WHIM_PROTO_CLEANUP (Wa__CertChain)
WHIM_PROTO_CLEANUP (Wa__NoiseCertificateDetails)
WHIM_PROTO_CLEANUP (Wa__ClientPayload)
WHIM_PROTO_CLEANUP (Wa__DeviceProps)
WHIM_PROTO_CLEANUP (Wa__ADVSignedDeviceIdentityHMAC)
WHIM_PROTO_CLEANUP (Wa__ADVSignedDeviceIdentity)
WHIM_PROTO_CLEANUP (Wa__ADVDeviceIdentity)
WHIM_PROTO_CLEANUP (Wa__ADVSignedKeyIndexList)
WHIM_PROTO_CLEANUP (Wa__ADVKeyIndexList)
WHIM_PROTO_CLEANUP (Wa__Message)
WHIM_PROTO_CLEANUP (Wa__HistorySync)
WHIM_PROTO_CLEANUP (Wa__WebMessageInfo)
WHIM_PROTO_CLEANUP (Wa__ReactionMessage)
WHIM_PROTO_CLEANUP (Wa__LIDMigrationMappingSyncPayload)

G_END_DECLS
