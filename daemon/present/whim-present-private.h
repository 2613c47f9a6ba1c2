/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "present/whim-present.h"

G_BEGIN_DECLS

/** whim_present_add_value: the value itself, by its type; dictionaries become objects */
void whim_present_add_value (JsonBuilder *builder, GVariant *value);
/** whim_present_add_members: the members of an a{sv} into the open object, but those in @except
 *  (nullable, NULL-terminated) */
void whim_present_add_members (JsonBuilder *builder, GVariant *dict, const char *const *except);
/** whim_present_add_named: the member @name, if it is there, under the name @as */
void
whim_present_add_named (JsonBuilder *builder, GVariant *dict, const char *name, const char *as);
/** whim_present_add_state: whapi's "code" and "text" of a channel's status */
void whim_present_add_state (JsonBuilder *builder, const char *status);
void whim_present_add_text (JsonBuilder *builder, const char *name, const char *text);

/** whim_present_add_reaction_members: of a reaction's a{sv}; whoever reacts is told by digits */
void whim_present_add_reaction_members (JsonBuilder *builder, GVariant *reaction);
/** whim_present_add_message_members: the same without the braces */
void
whim_present_add_message_members (JsonBuilder *builder, GVariant *message, WhimDialect dialect);
/** whim_present_add_message: a message's a{sv} as an object */
void whim_present_add_message (JsonBuilder *builder, GVariant *message, WhimDialect dialect);
/** whim_present_add_chat: a chat's a{sv} as an object */
void whim_present_add_chat (JsonBuilder *builder, GVariant *chat, WhimDialect dialect);
/** whim_present_add_qr: the members "qr" (picture) and "raw" of a pairing code */
void whim_present_add_qr (JsonBuilder *builder, const char *text);

/** whim_present_end: (transfer full): the text of what was built; frees @builder */
char *whim_present_end (JsonBuilder *builder);

G_END_DECLS
