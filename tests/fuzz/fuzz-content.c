/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "content/whim-content.h"

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

/* What a stranger's device encrypted for us: padding, protobuf, wrappers, kinds; and the other
 * protobufs that come from outside. */
int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  static const ProtobufCMessageDescriptor *const others[] = {
    &wa__history_sync__descriptor,
    &wa__advsigned_device_identity_hmac__descriptor,
    &wa__advsigned_key_index_list__descriptor,
    &wa__cert_chain__descriptor,
    &wa__client_payload__descriptor,
    &wa__lidmigration_mapping_sync_payload__descriptor,
    &wa__web_message_info__descriptor,
  };
  g_autoptr (GBytes) bytes = g_bytes_new (data, size);
  g_autoptr (GBytes) plain = whim_content_unpad (bytes, NULL);
  g_autoptr (GBytes) padding = g_bytes_new_static ("0123456789abcdef0123456789abcdef", 32);
  g_autoptr (GBytes) secret = NULL;
  g_autoptr (GBytes) opened = NULL;
  WhimContentAction action;
  g_autoptr (GError) error = NULL;
  g_autoptr (WhimContent) content = whim_content_parse (bytes, &error);
  g_autoptr (WhimContent) unpadded = plain == NULL ? NULL : whim_content_parse (plain, NULL);

  g_assert_true ((content == NULL) == (error != NULL));
  if (content != NULL)
    {
      g_autoptr (GBytes) sent = whim_content_make_device_sent (content->bytes, "1@lid", NULL);

      g_assert_nonnull (content->kind_word);
      g_assert_true (content->body == NULL || g_utf8_validate (content->body, -1, NULL));
      g_assert_nonnull (sent);
      if (whim_content_get_action (content, &action))
        {
          g_assert_true (action.kind != WHIM_CONTENT_ACTION_NONE);
          g_assert_true (action.target_id != NULL || action.kind == WHIM_CONTENT_ACTION_TIMER);
          if (action.encrypted)
            opened = whim_content_open (padding, action.target_id, "1@lid", "2@lid",
                                        WHIM_CONTENT_LABEL_EDIT, NULL, &action.payload, &action.iv);
        }
      secret = whim_content_take_secret (content);
      g_assert_true (secret == NULL || g_bytes_get_size (secret) == 32);
    }
  g_assert_true (unpadded == NULL || unpadded->kind_word != NULL);
  for (guint i = 0; i < G_N_ELEMENTS (others); i++)
    whim_proto_free (whim_proto_unpack (others[i], data, size, NULL));
  return 0;
}
