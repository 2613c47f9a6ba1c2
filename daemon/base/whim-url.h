/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/** The one setting that lets us call private addresses; errors name it. */
#define WHIM_URL_PRIVATE_SETTING "[fetch] allow-private (WHIMBREL_ALLOW_PRIVATE_FETCH)"

/**
 * whim_url_parse:
 * @text: from a caller or a stranger
 * @allow_private: whether a host that is written as a private address will do
 *
 * Takes http and https URLs with a host, without user or password, of bounded length. Whether a
 * name leads to a private address is judged when connecting (`fetch`); a host that is an address
 * already, or "localhost", is judged here too.
 *
 * Returns: (transfer full) (nullable): %NULL with a %WHIM_ERROR_INVALID_PARAMETER whose text does
 * not repeat the URL
 */
GUri *whim_url_parse (const char *text, gboolean allow_private, GError **error);

/**
 * whim_address_is_public:
 * @bytes: an address in network order
 * @len: 4 or 16
 *
 * FALSE for loopback, private, link-local, carrier-grade NAT, metadata, multicast, reserved,
 * documentation and unspecified addresses, for IPv6 forms that carry such an IPv4 address
 * (mapped, compatible, NAT64, 6to4, Teredo), and for any other length.
 */
gboolean whim_address_is_public (const guint8 *bytes, gsize len);

/** whim_address_text_is_public: of an address as text; FALSE for what is none */
gboolean whim_address_text_is_public (const char *text);

G_END_DECLS
