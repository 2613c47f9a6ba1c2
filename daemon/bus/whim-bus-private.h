/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "bus/whim-bus.h"

G_BEGIN_DECLS

#define WHIM_BUS_PATH "/org/whimbrel/Whimbrel1"
#define WHIM_BUS_MANAGER_PATH WHIM_BUS_PATH "/Manager"
#define WHIM_BUS_CHANNEL_PATH WHIM_BUS_PATH "/Channel/"
#define WHIM_BUS_PAIRING_PATH WHIM_BUS_PATH "/Pairing/"
#define WHIM_BUS_PREFIX WHIM_BUS_NAME "."

/* Counts what was added to the interfaces. */
#define WHIM_BUS_API_VERSION 1u

typedef struct _WhimBusSubscription WhimBusSubscription;
typedef struct _WhimBusRequest WhimBusRequest;

struct _WhimBus
{
  grefcount references;
  WhimEngine *engine;
  WhimClock *clock;
  WhimCaller caller; /* the user of the session: everything */
  GCancellable *cancellable;
  GDBusConnection *connection; /* NULL: off, not yet on, or lost */
  GDBusObjectManagerServer *objects;
  GHashTable *channels; /* id -> WhimBusFacet: the facet Channel of what is exported */
  GHashTable *senders;  /* unique name -> WhimBusSender */
  guint name;           /* 0: not asked for */
  gboolean running;
  GPtrArray *subscriptions; /* of WhimBusSubscription */
  guint last_subscription;
  GHashTable *requests; /* path -> WhimBusRequest */
  gint64 news_seq;      /* up to here everybody heard that there is news */
  guint news_timer;
  gboolean news_reading;
};

/* ---- Facets: one interface of one object -------------------------------------------------------
 */

#define WHIM_TYPE_BUS_FACET (whim_bus_facet_get_type ())
G_DECLARE_FINAL_TYPE (WhimBusFacet, whim_bus_facet, WHIM, BUS_FACET, GDBusInterfaceSkeleton)

/** whim_bus_facet_new: @info (transfer none): static; @channel_id (nullable) */
WhimBusFacet *whim_bus_facet_new (WhimBus *bus, GDBusInterfaceInfo *info, const char *channel_id);
/** whim_bus_facet_set_values: @values (transfer floating): a{sv} of every property; what differs
 *  from before is told in one signal */
void whim_bus_facet_set_values (WhimBusFacet *self, GVariant *values);
WhimBus *whim_bus_facet_get_bus (WhimBusFacet *self);
const char *whim_bus_facet_get_channel (WhimBusFacet *self);

/* ---- Members ---------------------------------------------------------------------------------
 */

/** WhimBusHandler: answers @invocation (transfer full) once, now or later */
typedef void (*WhimBusHandler) (WhimBusFacet *facet, GDBusMethodInvocation *invocation);

/**
 * WhimBusMember: a method
 * @interface: without the prefix, such as "Messages"
 * @operation: (nullable): what it calls in the operation table
 * @narrow: (nullable): an option which makes it another operation, @twin
 * @handle: (nullable): what is more than one operation
 */
typedef struct
{
  const char *interface;
  const char *method;
  const char *operation;
  const char *narrow;
  const char *twin;
  WhimBusHandler handle;
} WhimBusMember;

/** whim_bus_members: (transfer none): ends with a NULL interface */
const WhimBusMember *whim_bus_members (void);
/** whim_bus_member_find: (transfer none) (nullable): @interface: the full name */
const WhimBusMember *whim_bus_member_find (const char *interface, const char *method);

/** WhimBusUnreached: an operation without a method, and why */
typedef struct
{
  const char *operation; /* or a family, such as "whapi." */
  const char *reason;
} WhimBusUnreached;
/** whim_bus_unreached: (transfer none): ends with a NULL operation */
const WhimBusUnreached *whim_bus_unreached (void);

/** whim_bus_manager_facets, whim_bus_channel_facets: (transfer none): the interfaces of the two
 *  kinds of objects; NULL-terminated */
GDBusInterfaceInfo *const *whim_bus_manager_facets (void);
GDBusInterfaceInfo *const *whim_bus_channel_facets (void);
GDBusInterfaceInfo *whim_bus_request_facet (void);

/* ---- Calls -----------------------------------------------------------------------------------
 */

/** whim_bus_call_member: runs the operation of @member; takes @invocation */
void whim_bus_call_member (WhimBusFacet *facet,
                           const WhimBusMember *member,
                           GDBusMethodInvocation *invocation);
/** whim_bus_call_any: Manager.Call; takes @invocation */
void whim_bus_call_any (WhimBusFacet *facet, GDBusMethodInvocation *invocation);

/** whim_bus_return_error: by the one table of errors, with the field in the message; takes
 *  @invocation, not @error */
void whim_bus_return_error (GDBusMethodInvocation *invocation, const GError *error);

/** whim_bus_take_option: an option of a method that is no operation; FALSE with an error that names
 *  it if it is there with another type. @format as of g_variant_lookup(), with one @target */
gboolean whim_bus_take_option (GVariant *options,
                               const char *name,
                               const GVariantType *type,
                               GVariant **value,
                               GError **error);

/* ---- Values (whim-bus-values.c) --------------------------------------------------------------
 */

/** whim_bus_adapt: (transfer full): @value as a parameter of @type, if it says the same: any
 *  integer becomes x, a{ss} becomes a{sv}; else as it is, and engine says what is wrong */
GVariant *whim_bus_adapt (GVariant *value, WhimParamType type);
/** whim_bus_make_params: (transfer floating): a{sv} of @operation out of the arguments of a
 *  method: each by its name, and a{sv} arguments member by member */
GVariant *whim_bus_make_params (const WhimOperation *operation,
                                const GDBusMethodInfo *method,
                                GVariant *arguments,
                                const char *channel_id);
/** whim_bus_make_reply: (transfer floating) (nullable): @result as @method's signature wants it */
GVariant *whim_bus_make_reply (const GDBusMethodInfo *method, GVariant *result, GError **error);
/** whim_bus_find_argument: (transfer none) (nullable): the argument that gives the parameter
 *  @field of @operation */
const char *whim_bus_find_argument (const WhimOperation *operation,
                                    const GDBusMethodInfo *method,
                                    const char *field);
/** whim_bus_channel_values: (transfer floating): the properties of Channel, of engine's a{sv} */
GVariant *whim_bus_channel_values (GVariant *channel);

/* ---- Senders: what one program holds ---------------------------------------------------------
 */

typedef struct
{
  WhimBus *bus; /* borrowed */
  char *name;
  guint calls;
  guint subscriptions;
  guint pairings;
  guint watch;
} WhimBusSender;

typedef enum
{
  WHIM_BUS_HOLDS_CALL,
  WHIM_BUS_HOLDS_SUBSCRIPTION,
  WHIM_BUS_HOLDS_PAIRING,
} WhimBusHolding;

GHashTable *whim_bus_senders_new (void);
/** whim_bus_sender_take: one more; FALSE with RateLimited beyond the limit. Subscriptions and
 *  pairings end when the sender leaves the bus */
gboolean
whim_bus_sender_take (WhimBus *self, const char *name, WhimBusHolding holding, GError **error);
void whim_bus_sender_give (WhimBus *self, const char *name, WhimBusHolding holding);

/* ---- Events ----------------------------------------------------------------------------------
 */

void whim_bus_subscribe (WhimBusFacet *facet, GDBusMethodInvocation *invocation);
void whim_bus_unsubscribe (WhimBusFacet *facet, GDBusMethodInvocation *invocation);
/** whim_bus_events_advanced: the journal has grown */
void whim_bus_events_advanced (WhimBus *self);
/** whim_bus_events_drop: @sender (nullable: all) has left */
void whim_bus_events_drop (WhimBus *self, const char *sender);
void whim_bus_subscription_unref (WhimBusSubscription *self);

/* ---- Pairing ---------------------------------------------------------------------------------
 */

void whim_bus_start_pairing (WhimBusFacet *facet, GDBusMethodInvocation *invocation);
void whim_bus_request_get (WhimBusFacet *facet, GDBusMethodInvocation *invocation);
void whim_bus_request_close (WhimBusFacet *facet, GDBusMethodInvocation *invocation);
/** whim_bus_pairing_advanced: the journal has grown */
void whim_bus_pairing_advanced (WhimBus *self);
/** whim_bus_pairing_changed: the state of a channel may have changed */
void whim_bus_pairing_changed (WhimBus *self, const char *channel_id);
/** whim_bus_pairing_drop: @sender (nullable: all) has left; @tell: with Finished */
void whim_bus_pairing_drop (WhimBus *self, const char *sender, gboolean tell);
void whim_bus_request_unref (WhimBusRequest *self);

G_END_DECLS
