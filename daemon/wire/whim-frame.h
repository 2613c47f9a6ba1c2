/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * WhimFrameSplitter:
 *
 * Bytes in, frames out: three bytes of length, then the payload (dossier 1, 1.2). WebSocket
 * messages are pushed as they come; frames may share one and span several. On the stack.
 */
typedef struct
{
  GByteArray *pending;
  gsize at; /* how much of @pending is consumed */
} WhimFrameSplitter;

void whim_frame_splitter_init (WhimFrameSplitter *self);
void whim_frame_splitter_clear (WhimFrameSplitter *self);
void whim_frame_splitter_push (WhimFrameSplitter *self, gconstpointer bytes, gsize len);

/**
 * whim_frame_splitter_pop:
 * @frame: (out) (transfer full): the next payload
 *
 * Returns: TRUE with a frame; FALSE without @error when more bytes are needed; FALSE with
 *   #WHIM_WIRE_ERROR on a frame of length zero
 */
gboolean whim_frame_splitter_pop (WhimFrameSplitter *self, GBytes **frame, GError **error);

/** whim_frame_splitter_steal_rest: (transfer full): the bytes behind the last popped frame */
GBytes *whim_frame_splitter_steal_rest (WhimFrameSplitter *self);

/** whim_frame_wrap: (transfer full): length and payload; @prefix (nullable) goes in front */
GBytes *whim_frame_wrap (GBytes *prefix, GBytes *payload);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (WhimFrameSplitter, whim_frame_splitter_clear)

G_END_DECLS
