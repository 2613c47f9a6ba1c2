/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "tests/fuzz/handlers-world.h"

/** stanza_make: (transfer full): what a server may send, before anything is wrong with it */
Tree *stanza_make (World *world, Choices *choices);
/** stanza_make_end: (transfer full): what ends a connection */
Tree *stanza_make_end (Choices *choices);
/** content_make: (transfer full): a Message as somebody may write it; not padded */
GBytes *content_make (World *world, Choices *choices);
/** stanza_add_enc: the <enc> with @padded, of that device for ours */
Tree *stanza_add_enc (World *world, Tree *message, Party *party, GBytes *padded);

/* protobuf by hand: it may be wrong */
void wire_bytes (GByteArray *self, guint field, gconstpointer bytes, gsize len);
void wire_text (GByteArray *self, guint field, const char *text);
void wire_number (GByteArray *self, guint field, guint64 value);
/** takes @inner */
void wire_message (GByteArray *self, guint field, GByteArray *inner);
