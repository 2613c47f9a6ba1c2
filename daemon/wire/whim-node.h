/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "wire/whim-jid.h"

G_BEGIN_DECLS

#define WHIM_WIRE_ERROR (whim_wire_error_quark ())
GQuark whim_wire_error_quark (void);

typedef enum
{
  WHIM_WIRE_ERROR_TRUNCATED, /* the bytes end too early */
  WHIM_WIRE_ERROR_INVALID,   /* a tag, list or value that the format does not have */
  WHIM_WIRE_ERROR_TOO_LARGE, /* a bound of whim-limits.h */
} WhimWireError;

/**
 * WhimNode:
 *
 * A stanza or a part of one: tag, attributes, and children or bytes. Immutable, counted
 * atomically, any thread. Getters borrow from the node.
 */
typedef struct _WhimNode WhimNode;

#define WHIM_TYPE_NODE (whim_node_get_type ())
GType whim_node_get_type (void);

WhimNode *whim_node_ref (WhimNode *self);
void whim_node_unref (WhimNode *self);

const char *whim_node_get_tag (const WhimNode *self);
gboolean whim_node_is (const WhimNode *self, const char *tag);

guint whim_node_get_n_attrs (const WhimNode *self);
/** whim_node_get_attr_name: (transfer none): of attribute number @index */
const char *whim_node_get_attr_name (const WhimNode *self, guint index);

/** whim_node_get_attr: (transfer none) (nullable): value as text; an address in canonical text */
const char *whim_node_get_attr (const WhimNode *self, const char *name);

/** whim_node_get_attr_jid: (transfer none) (nullable): also parses a value that came as text */
WhimJid *whim_node_get_attr_jid (const WhimNode *self, const char *name);

/** whim_node_attr_is_address: whether it came, or is encoded, as an address and not as text */
gboolean whim_node_attr_is_address (const WhimNode *self, const char *name);

/** whim_node_get_attr_int: the value as a decimal, or @fallback if absent or no number */
gint64 whim_node_get_attr_int (const WhimNode *self, const char *name, gint64 fallback);

/** whim_node_get_attr_time: Unix seconds, or @fallback if absent, not later than 0 or later than
 *  %WHIM_LIMIT_TIME */
gint64 whim_node_get_attr_time (const WhimNode *self, const char *name, gint64 fallback);

/** whim_node_attr_equals: FALSE if absent */
gboolean whim_node_attr_equals (const WhimNode *self, const char *name, const char *value);

guint whim_node_get_n_children (const WhimNode *self);
/** whim_node_get_child: (transfer none): lives as long as its parent; ref it to keep it longer */
WhimNode *whim_node_get_child (const WhimNode *self, guint index);
/** whim_node_find_child: (transfer none) (nullable): the first child with @tag */
WhimNode *whim_node_find_child (const WhimNode *self, const char *tag);

/** whim_node_has_content: whether it has bytes or text (an empty one counts) */
gboolean whim_node_has_content (const WhimNode *self);
/**
 * whim_node_get_content: (transfer none) (nullable): leaf content; token, packed and text content
 * count as their bytes (dossier 1, 3.3). Not NUL-terminated. %NULL and 0 if there is none.
 */
const guint8 *whim_node_get_content (const WhimNode *self, gsize *len);
/** whim_node_dup_content: (transfer full) (nullable): as #GBytes, sharing memory where possible */
GBytes *whim_node_dup_content (const WhimNode *self);
/** whim_node_dup_content_text: (transfer full) (nullable): %NULL if not UTF-8 or has a NUL */
char *whim_node_dup_content_text (const WhimNode *self);

/**
 * whim_node_to_string: (transfer full): tags, attribute names and byte counts; attribute values
 * only for type, class, xmlns, code, and never an address or content. For logs.
 */
char *whim_node_to_string (const WhimNode *self);

#define WHIM_FOREACH_CHILD(parent, child)                                                          \
  for (guint child##_i = 0; child##_i < whim_node_get_n_children (parent); child##_i++)            \
    for (WhimNode *child = whim_node_get_child (parent, child##_i); child != NULL; child = NULL)

/**
 * WhimNodeBuilder:
 *
 * Makes a node. Not shared between threads. whim_node_builder_end() consumes it.
 */
typedef struct _WhimNodeBuilder WhimNodeBuilder;

WhimNodeBuilder *whim_node_builder_new (const char *tag);
void whim_node_builder_free (WhimNodeBuilder *self);
/** whim_node_builder_attr: copies; a %NULL or empty @value leaves the attribute out */
void whim_node_builder_attr (WhimNodeBuilder *self, const char *name, const char *value);
/** whim_node_builder_attr_jid: encoded as an address; %NULL leaves the attribute out */
void whim_node_builder_attr_jid (WhimNodeBuilder *self, const char *name, WhimJid *jid);
void whim_node_builder_attr_int (WhimNodeBuilder *self, const char *name, gint64 value);
/** whim_node_builder_child: takes @child (transfer full) */
void whim_node_builder_child (WhimNodeBuilder *self, WhimNode *child);
/** whim_node_builder_bytes: content that is encoded as BINARY; refs @bytes */
void whim_node_builder_bytes (WhimNodeBuilder *self, GBytes *bytes);
void whim_node_builder_data (WhimNodeBuilder *self, gconstpointer bytes, gsize len);
/** whim_node_builder_text: content that is encoded as a string (token, packed, …) */
void whim_node_builder_text (WhimNodeBuilder *self, const char *text);
/** whim_node_builder_end: (transfer full): the node; frees the builder */
WhimNode *whim_node_builder_end (WhimNodeBuilder *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (WhimNode, whim_node_unref)
/** whim_inflate: (transfer full) (nullable): a zlib stream, up to WHIM_LIMIT_INFLATED */
GBytes *whim_inflate (const guint8 *bytes, gsize len, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (WhimNodeBuilder, whim_node_builder_free)

/**
 * whim_node_encode:
 *
 * Returns: (transfer full): the plaintext of a frame: flags byte 00 and the body, shortest forms
 * (dossier 1, 3.4)
 */
GBytes *whim_node_encode (const WhimNode *self);

/**
 * whim_node_decode:
 * @frame: decrypted frame, with its flags byte; a compressed one is inflated within bounds
 *
 * Returns: (transfer full) (nullable): the node, or %NULL with #WHIM_WIRE_ERROR
 */
WhimNode *whim_node_decode (GBytes *frame, GError **error);

G_END_DECLS
