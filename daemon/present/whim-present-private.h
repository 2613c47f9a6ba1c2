/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "present/whim-json.h"
#include "present/whim-present.h"

G_BEGIN_DECLS

/* The members of an a{sv}, taken apart once: looking each up in the variant is a search from its
 * start every time. */
typedef struct
{
  const char *name;
  GVariant *value;
} WhimMember;
typedef struct
{
  WhimMember few[24]; /* a message has no more */
  WhimMember *members;
  guint n;
} WhimMembers;
/** whim_members_init: @dict must live until whim_members_clear() */
void whim_members_init (WhimMembers *self, GVariant *dict);
void whim_members_clear (WhimMembers *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (WhimMembers, whim_members_clear)
/** whim_members_get: (transfer none) (nullable) */
GVariant *whim_members_get (const WhimMembers *self, const char *name);
/** whim_members_get_text: (nullable): also NULL if it is no string */
const char *whim_members_get_text (const WhimMembers *self, const char *name);
/** whim_members_add_all: into the open object, but those in @except (nullable, NULL-terminated) */
void whim_members_add_all (const WhimMembers *self, WhimJson *json, const char *const *except);
/** whim_members_add_named: the member @name, if it is there, under the name @as */
void
whim_members_add_named (const WhimMembers *self, WhimJson *json, const char *name, const char *as);

/** whim_present_add_value: the value itself, by its type; dictionaries become objects */
void whim_present_add_value (WhimJson *json, GVariant *value);
/** whim_present_add_members: the members of an a{sv} into the open object, but those in @except
 *  (nullable, NULL-terminated) */
void whim_present_add_members (WhimJson *json, GVariant *dict, const char *const *except);
/** whim_present_add_named: the member @name, if it is there, under the name @as */
void whim_present_add_named (WhimJson *json, GVariant *dict, const char *name, const char *as);
/** whim_present_add_state: whapi's "code" and "text" of a channel's status */
void whim_present_add_state (WhimJson *json, const char *status);
void whim_present_add_text (WhimJson *json, const char *name, const char *text);

/** whim_present_add_reaction_members: of a reaction's a{sv}; whoever reacts is told by digits */
void whim_present_add_reaction_members (WhimJson *json, GVariant *reaction);
/** whim_present_add_message_members: the same without the braces */
void whim_present_add_message_members (WhimJson *json, GVariant *message, WhimDialect dialect);
/** whim_present_add_message: a message's a{sv} as an object */
void whim_present_add_message (WhimJson *json, GVariant *message, WhimDialect dialect);
/** whim_present_add_chat: a chat's a{sv} as an object */
void whim_present_add_chat (WhimJson *json, GVariant *chat, WhimDialect dialect);
/** whim_present_add_qr: the members "qr" (picture) and "raw" of a pairing code */
void whim_present_add_qr (WhimJson *json, const char *text);

G_END_DECLS
