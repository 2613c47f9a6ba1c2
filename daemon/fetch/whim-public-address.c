/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "fetch/whim-public-address.h"

#include "base/whim-url.h"
#include "fetch/whim-fetcher.h"

struct _WhimPublicAddress
{
  GNetworkAddress parent_instance;
  gboolean allow_private;
};

/* ---- The enumerator -------------------------------------------------------------------------- */

#define WHIM_TYPE_PUBLIC_ENUMERATOR (whim_public_enumerator_get_type ())
G_DECLARE_FINAL_TYPE (WhimPublicEnumerator,
                      whim_public_enumerator,
                      WHIM,
                      PUBLIC_ENUMERATOR,
                      GSocketAddressEnumerator)

struct _WhimPublicEnumerator
{
  GSocketAddressEnumerator parent_instance;
  GSocketAddressEnumerator *all;
  gboolean allow_private;
  gboolean found;   /* some address will do */
  gboolean refused; /* some address will not */
};

G_DEFINE_FINAL_TYPE (WhimPublicEnumerator, whim_public_enumerator, G_TYPE_SOCKET_ADDRESS_ENUMERATOR)

static gboolean
may_call (WhimPublicEnumerator *self, GSocketAddress *address)
{
  GInetAddress *inet;

  if (!G_IS_INET_SOCKET_ADDRESS (address))
    return FALSE;
  inet = g_inet_socket_address_get_address (G_INET_SOCKET_ADDRESS (address));
  if (self->allow_private
      || whim_address_is_public (g_inet_address_to_bytes (inet),
                                 g_inet_address_get_native_size (inet)))
    {
      self->found = TRUE;
      return TRUE;
    }
  self->refused = TRUE;
  return FALSE;
}

/* The end of the list: an error if nothing of it may be called. */
static void
explain_end (WhimPublicEnumerator *self, GError **error)
{
  if (self->refused && !self->found)
    g_set_error_literal (error, WHIM_FETCH_ERROR, WHIM_FETCH_ERROR_ADDRESS,
                         "the host has a private address; " WHIM_URL_PRIVATE_SETTING " allows it");
}

static GSocketAddress *
public_enumerator_next (GSocketAddressEnumerator *enumerator,
                        GCancellable *cancellable,
                        GError **error)
{
  WhimPublicEnumerator *self = WHIM_PUBLIC_ENUMERATOR (enumerator);
  g_autoptr (GError) inner = NULL;

  for (;;)
    {
      g_autoptr (GSocketAddress) address
          = g_socket_address_enumerator_next (self->all, cancellable, &inner);

      if (address == NULL)
        break;
      if (may_call (self, address))
        return g_steal_pointer (&address);
    }
  if (inner != NULL)
    g_propagate_error (error, g_steal_pointer (&inner));
  else
    explain_end (self, error);
  return NULL;
}

static void
next_found_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  WhimPublicEnumerator *self = g_task_get_source_object (task);
  GError *error = NULL;
  g_autoptr (GSocketAddress) address = g_socket_address_enumerator_next_finish (
      G_SOCKET_ADDRESS_ENUMERATOR (source), result, &error);

  if (address != NULL && !may_call (self, address))
    {
      g_socket_address_enumerator_next_async (self->all, g_task_get_cancellable (task),
                                              next_found_cb, g_object_ref (task));
      return;
    }
  if (address == NULL && error == NULL)
    explain_end (self, &error);
  if (error != NULL)
    g_task_return_error (task, error);
  else
    g_task_return_pointer (task, g_steal_pointer (&address), g_object_unref);
}

static void
public_enumerator_next_async (GSocketAddressEnumerator *enumerator,
                              GCancellable *cancellable,
                              GAsyncReadyCallback callback,
                              gpointer user_data)
{
  WhimPublicEnumerator *self = WHIM_PUBLIC_ENUMERATOR (enumerator);
  GTask *task = g_task_new (self, cancellable, callback, user_data);

  g_task_set_source_tag (task, public_enumerator_next_async);
  g_socket_address_enumerator_next_async (self->all, cancellable, next_found_cb, task);
}

static GSocketAddress *
public_enumerator_next_finish (GSocketAddressEnumerator *enumerator,
                               GAsyncResult *result,
                               GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, enumerator), NULL);
  return g_task_propagate_pointer (G_TASK (result), error);
}

static void
whim_public_enumerator_finalize (GObject *object)
{
  g_clear_object (&WHIM_PUBLIC_ENUMERATOR (object)->all);
  G_OBJECT_CLASS (whim_public_enumerator_parent_class)->finalize (object);
}

static void
whim_public_enumerator_class_init (WhimPublicEnumeratorClass *klass)
{
  GSocketAddressEnumeratorClass *enumerator_class = G_SOCKET_ADDRESS_ENUMERATOR_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = whim_public_enumerator_finalize;
  enumerator_class->next = public_enumerator_next;
  enumerator_class->next_async = public_enumerator_next_async;
  enumerator_class->next_finish = public_enumerator_next_finish;
}

static void
whim_public_enumerator_init (WhimPublicEnumerator *self)
{
}

/* ---- The address ----------------------------------------------------------------------------- */

static GSocketConnectableIface *parent_iface;

static void connectable_init (GSocketConnectableIface *iface);

/* Of GNetworkAddress, because TLS takes the name that a certificate must have from one. */
G_DEFINE_FINAL_TYPE_WITH_CODE (WhimPublicAddress,
                               whim_public_address,
                               G_TYPE_NETWORK_ADDRESS,
                               G_IMPLEMENT_INTERFACE (G_TYPE_SOCKET_CONNECTABLE, connectable_init))

static GSocketAddressEnumerator *
public_address_enumerate (GSocketConnectable *connectable)
{
  WhimPublicEnumerator *enumerator = g_object_new (WHIM_TYPE_PUBLIC_ENUMERATOR, NULL);

  enumerator->all = parent_iface->enumerate (connectable);
  enumerator->allow_private = WHIM_PUBLIC_ADDRESS (connectable)->allow_private;
  return G_SOCKET_ADDRESS_ENUMERATOR (enumerator);
}

static void
connectable_init (GSocketConnectableIface *iface)
{
  parent_iface = g_type_interface_peek_parent (iface);
  iface->enumerate = public_address_enumerate;
  iface->proxy_enumerate = public_address_enumerate;
}

static void
whim_public_address_class_init (WhimPublicAddressClass *klass)
{
}

static void
whim_public_address_init (WhimPublicAddress *self)
{
}

GSocketConnectable *
whim_public_address_new (const char *host, guint16 port, gboolean allow_private)
{
  WhimPublicAddress *self
      = g_object_new (WHIM_TYPE_PUBLIC_ADDRESS, "hostname", host, "port", (guint)port, NULL);

  self->allow_private = allow_private;
  return G_SOCKET_CONNECTABLE (self);
}
