/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "proto/whim-proto.h"

#include "base/whim-limits.h"
#include "base/whim-reader.h"

/* What unpacking may allocate: every field of a message type costs its whole struct, so a hostile
 * input of empty sub-messages grows by this factor at most, and by no more. */
#define MEMORY_FACTOR 64u
#define MEMORY_MINIMUM 65536u

typedef struct
{
  gsize left;
} Budget;

G_DEFINE_QUARK (whim - proto - error - quark, whim_proto_error)

static void *
budget_alloc (void *data, size_t size)
{
  Budget *budget = data;

  if (size > budget->left)
    return NULL;
  budget->left -= size;
  return g_try_malloc (size);
}

static void
budget_free (void *data, void *memory)
{
  g_free (memory);
}

static void *
plain_alloc (void *data, size_t size)
{
  return g_malloc (size);
}

static ProtobufCAllocator plain_allocator = { plain_alloc, budget_free, NULL };

static guint64
read_varint (WhimReader *reader)
{
  guint64 value = 0;

  for (guint shift = 0; shift < 64; shift += 7)
    {
      guint8 byte = whim_reader_u8 (reader);

      value |= (guint64)(byte & 0x7f) << shift;
      if ((byte & 0x80) == 0)
        return value;
    }
  whim_reader_fail (reader);
  return 0;
}

/* Walks the bytes as protobuf-c would: only a field that the descriptor calls a message counts as
 * a level. The walk itself is bounded by the same depth. */
static gboolean
depth_is_ok (const ProtobufCMessageDescriptor *descriptor,
             const guint8 *bytes,
             gsize len,
             guint depth)
{
  WhimReader reader;

  if (depth > WHIM_LIMIT_PROTO_DEPTH)
    return FALSE;
  whim_reader_init (&reader, bytes, len);
  while (whim_reader_get_left (&reader) > 0)
    {
      guint64 key = read_varint (&reader);
      const ProtobufCFieldDescriptor *field;
      const guint8 *content;
      guint64 size;

      switch (key & 7)
        {
        case 0:
          read_varint (&reader);
          continue;
        case 1:
          whim_reader_take (&reader, 8);
          continue;
        case 5:
          whim_reader_take (&reader, 4);
          continue;
        case 2:
          break;
        default:
          return TRUE; /* malformed: protobuf-c says so */
        }
      size = read_varint (&reader);
      content = size > G_MAXUINT32 ? NULL : whim_reader_take (&reader, (gsize)size);
      if (content == NULL || key >> 3 > G_MAXINT32)
        return TRUE;
      field = protobuf_c_message_descriptor_get_field (descriptor, (unsigned)(key >> 3));
      if (field != NULL && field->type == PROTOBUF_C_TYPE_MESSAGE
          && !depth_is_ok (field->descriptor, content, (gsize)size, depth + 1))
        return FALSE;
    }
  return TRUE;
}

static void
mend_text (char **text)
{
  char *mended;

  if (*text == NULL || g_utf8_validate (*text, -1, NULL))
    return;
  mended = g_utf8_make_valid (*text, -1);
  g_free (*text);
  *text = mended;
}

/* protobuf-c takes any bytes for a text. What a peer wrote goes into variants, JSON and the store,
 * which take UTF-8 only: wrong bytes are replaced here, once, for everybody. */
static void
mend_strings (ProtobufCMessage *message)
{
  for (guint i = 0; i < message->descriptor->n_fields; i++)
    {
      const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
      gpointer member = (guint8 *)message + field->offset;
      gboolean text = field->type == PROTOBUF_C_TYPE_STRING;
      gsize n = 1;

      if (!text && field->type != PROTOBUF_C_TYPE_MESSAGE)
        continue;
      if (field->label == PROTOBUF_C_LABEL_REPEATED)
        {
          n = *(size_t *)(gpointer)((guint8 *)message + field->quantifier_offset);
          member = *(gpointer *)member;
        }
      for (gsize k = 0; k < n; k++)
        {
          if (text)
            mend_text ((char **)member + k);
          else if (((ProtobufCMessage **)member)[k] != NULL)
            mend_strings (((ProtobufCMessage **)member)[k]);
        }
    }
}

gpointer
whim_proto_unpack (const ProtobufCMessageDescriptor *descriptor,
                   gconstpointer bytes,
                   gsize len,
                   GError **error)
{
  Budget budget = { MAX (len * MEMORY_FACTOR, MEMORY_MINIMUM) };
  ProtobufCAllocator allocator = { budget_alloc, budget_free, &budget };
  gpointer message;

  if (len > WHIM_LIMIT_INFLATED)
    {
      g_set_error_literal (error, WHIM_PROTO_ERROR, WHIM_PROTO_ERROR_TOO_LARGE,
                           "the message is too large");
      return NULL;
    }
  if (!depth_is_ok (descriptor, bytes, len, 0))
    {
      g_set_error_literal (error, WHIM_PROTO_ERROR, WHIM_PROTO_ERROR_TOO_DEEP,
                           "the message nests too deep");
      return NULL;
    }
  message = protobuf_c_message_unpack (descriptor, &allocator, len, bytes);
  if (message == NULL)
    g_set_error (error, WHIM_PROTO_ERROR, WHIM_PROTO_ERROR_MALFORMED,
                 "%" G_GSIZE_FORMAT " bytes are no message of the expected kind", len);
  else
    mend_strings (message);
  return message;
}

gpointer
whim_proto_unpack_bytes (const ProtobufCMessageDescriptor *descriptor,
                         GBytes *bytes,
                         GError **error)
{
  gsize len;
  gconstpointer data = g_bytes_get_data (bytes, &len);

  return whim_proto_unpack (descriptor, data, len, error);
}

void
whim_proto_free (gpointer message)
{
  if (message != NULL)
    protobuf_c_message_free_unpacked (message, &plain_allocator);
}

GBytes *
whim_proto_pack (gconstpointer message)
{
  gsize len = protobuf_c_message_get_packed_size (message);
  guint8 *bytes = g_malloc (MAX (len, 1));

  protobuf_c_message_pack (message, bytes);
  return g_bytes_new_take (bytes, len);
}

ProtobufCBinaryData
whim_proto_data (gconstpointer bytes, gsize len)
{
  ProtobufCBinaryData data = { len, (uint8_t *)bytes };

  return data;
}

ProtobufCBinaryData
whim_proto_data_bytes (GBytes *bytes)
{
  gsize len;
  gconstpointer data = g_bytes_get_data (bytes, &len);

  return whim_proto_data (data, len);
}

GBytes *
whim_proto_dup_data (const ProtobufCBinaryData *data)
{
  return g_bytes_new (data->data, data->len);
}
