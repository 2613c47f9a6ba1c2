/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "transport/whim-shard-private.h"

/* The main thread's side of a link. */

void
whim_link_event_free (gpointer data)
{
  LinkEvent *event = data;

  whim_link_unref (event->link);
  g_clear_pointer (&event->nodes, g_ptr_array_unref);
  g_clear_error (&event->error);
  g_free (event);
}

WhimLink *
whim_link_ref (WhimLink *self)
{
  g_atomic_int_inc (&self->ref_count);
  return self;
}

void
whim_link_unref (WhimLink *self)
{
  if (!g_atomic_int_dec_and_test (&self->ref_count))
    return;
  whim_shard_remove_link (self->shard);
  whim_frame_splitter_clear (&self->splitter);
  g_clear_pointer (&self->handshake, whim_noise_handshake_free);
  g_clear_pointer (&self->send_cipher, whim_noise_cipher_free);
  g_clear_pointer (&self->receive_cipher, whim_noise_cipher_free);
  g_clear_pointer (&self->payload, g_bytes_unref);
  g_clear_pointer (&self->routing_info, g_bytes_unref);
  g_clear_object (&self->connect_cancellable);
  g_queue_clear_full (&self->stash, whim_link_event_free);
  whim_mailbox_unref (self->to_main);
  g_free (self);
}

void
whim_link_set_handler (WhimLink *self,
                       WhimLinkNodesFunc nodes,
                       WhimLinkClosedFunc closed,
                       gpointer user_data)
{
  self->nodes_func = nodes;
  self->closed_func = closed;
  self->user_data = user_data;
  if (!g_queue_is_empty (&self->stash))
    {
      LinkEvent *kick = g_new0 (LinkEvent, 1);

      kick->type = LINK_EVENT_STASHED;
      kick->link = whim_link_ref (self);
      whim_mailbox_post (self->to_main, kick);
    }
}

void
whim_link_send (WhimLink *self, WhimNode *node)
{
  if (!self->closed)
    whim_shard_post (self->shard, SHARD_COMMAND_SEND, self, node, NULL);
}

void
whim_link_send_encoded (WhimLink *self, GBytes *encoded)
{
  if (!self->closed)
    whim_shard_post (self->shard, SHARD_COMMAND_SEND, self, NULL, encoded);
}

void
whim_link_close (WhimLink *self)
{
  if (self->closed)
    return;
  self->closed = TRUE;
  g_queue_clear_full (&self->stash, whim_link_event_free);
  whim_shard_post (self->shard, SHARD_COMMAND_CLOSE, self, NULL, NULL);
}
