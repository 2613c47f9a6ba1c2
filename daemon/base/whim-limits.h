/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* Every bound on what a peer, a caller or a file can make us hold, with its reason. */

/* A frame's length field has three bytes (dossier 1, 1.2). */
#define WHIM_LIMIT_FRAME (16u * 1024u * 1024u - 1u)
/* Output of one inflate; whatsapp-rust uses the same (dossier 1, 3.1). */
#define WHIM_LIMIT_INFLATED (16u * 1024u * 1024u)
/* Nesting of nodes: no source needs more than about ten (dossier 1, 3.6). */
#define WHIM_LIMIT_NODE_DEPTH 32u
/* Nodes in one stanza: a group list of 1,024 members has about 10,000. */
#define WHIM_LIMIT_NODES 262144u
/* Nesting of protobuf messages: quotes and wrappers nest; protobuf-c recurses. */
#define WHIM_LIMIT_PROTO_DEPTH 48u
/* Nesting of JSON: json-glib recurses. */
#define WHIM_LIMIT_JSON_DEPTH 32u
/* A JSON body that carries no media. */
#define WHIM_LIMIT_JSON_BODY (1024u * 1024u)
/* Decoded nodes of one link that wait for the main thread; then the link is closed. */
#define WHIM_LIMIT_LINK_BACKLOG (64u * 1024u * 1024u)
/* Bytes that the server has not taken from us; then the link is closed. */
#define WHIM_LIMIT_LINK_UNSENT (32u * 1024u * 1024u)
/* Sockets and handshakes that are being opened at a time, over all channels: the key agreements of
 * a thousand at once would hold the shards for seconds, and a service takes so many for an attack.
 */
#define WHIM_LIMIT_HANDSHAKES 16u
/* Requests of one channel that wait for an answer of the server. */
#define WHIM_LIMIT_REQUESTS 256u
/* Devices of one account: WhatsApp allows five, tolerate growth. */
#define WHIM_LIMIT_DEVICES 64u
/* Stanzas of one channel that wait for their unit of work; beyond it the link is closed. */
#define WHIM_LIMIT_INBOX 4096u
/* Latest time that is believed, in seconds: the end of the year 9999. A peer may name any number,
 * and in milliseconds it has to fit as well. */
#define WHIM_LIMIT_TIME G_GINT64_CONSTANT (253402300799)
/* Text of one message; the apps allow 65,536 characters. */
#define WHIM_LIMIT_TEXT 65536u
/* Ciphertext of one enc node. */
#define WHIM_LIMIT_CIPHERTEXT (4u * 1024u * 1024u)
/* Answers of lists (product page, 4). */
#define WHIM_LIMIT_LIST 500u
/* Units of work, and queries, that wait for the store; beyond it they fail. */
#define WHIM_LIMIT_STORE_QUEUE 65536u
/* HTTP connections at a time; those beyond are closed at once. */
#define WHIM_LIMIT_HTTP_CONNECTIONS 1024u
/* Of one program on the bus: calls that wait for their answers, subscriptions, pairings. */
#define WHIM_LIMIT_BUS_CALLS 256u
#define WHIM_LIMIT_BUS_SUBSCRIPTIONS 16u
#define WHIM_LIMIT_BUS_PAIRINGS 16u
/* Of all programs on the bus: subscriptions; each is a cursor that reads the journal. */
#define WHIM_LIMIT_BUS_ALL_SUBSCRIPTIONS 256u
/* Events that a subscriber's connection has not taken; no more is read from the journal then. */
#define WHIM_LIMIT_BUS_UNTAKEN 128u
/* Channels and names of events in the filter of a subscription. */
#define WHIM_LIMIT_BUS_FILTER 256u
/* Open event streams. */
#define WHIM_LIMIT_STREAMS 256u
/* Bytes of an event stream that its client has not taken; no more is read from the journal then. */
#define WHIM_LIMIT_STREAM_UNSENT (256u * 1024u)
/* Messages of a group sender that may be missing before the next readable one; libsignal's own
 * limit elsewhere. The library below us stops at 2,000 (dossier 2, 3.6). */
#define WHIM_LIMIT_SENDER_KEY_GAP 25000u
/* Channels that one API key is bound to; more is a key for everything. */
#define WHIM_LIMIT_KEY_CHANNELS 256u
/* A URL that we are to call. */
#define WHIM_LIMIT_URL 2048u
/* Webhooks of one channel. */
#define WHIM_LIMIT_HOOKS 32u
/* Own headers of a webhook (whapi-compat, 9), and the text of one. */
#define WHIM_LIMIT_HOOK_HEADERS 5u
#define WHIM_LIMIT_HOOK_HEADER 1024u
/* Webhook requests under way, of all hooks and of one. */
#define WHIM_LIMIT_HOOK_REQUESTS 64u
#define WHIM_LIMIT_HOOK_LANES 8u
/* Events that wait for one webhook; those beyond become dead letters at once. */
#define WHIM_LIMIT_HOOK_BACKLOG 100000u
/* What is read of the answer to a webhook, so that its connection can be used again. */
#define WHIM_LIMIT_HOOK_ANSWER (64u * 1024u)
/* Hosts to which connections are kept open. */
#define WHIM_LIMIT_FETCH_HOSTS 64u

/* Events of a channel that the disk has refused and that wait for it. */
#define WHIM_LIMIT_UNTOLD 256u
/* Messages that could not be read and are waited for; more stand in the store alone. */
#define WHIM_LIMIT_REPAIRS 1024u
/* Retry receipts to one device in an hour; beyond it messages are given up at once. */
#define WHIM_LIMIT_RETRIES_PER_HOUR 1000u
/* Messages that one device gets again in an hour. */
#define WHIM_LIMIT_ANSWERS_PER_HOUR 1000u
/* Prekeys of ours that the server may list: it is given 812 at a time. */
#define WHIM_LIMIT_PREKEYS 8192u
/* Messages that our phone was asked for and has not sent; the others wait (dossier 2, 6.8). */
#define WHIM_LIMIT_PHONE_REQUESTS 256u
/* Messages that our phone may send in one answer. */
#define WHIM_LIMIT_PHONE_RESULTS 256u
/* Numbers in one request to the service, and in one call (dossier 2, 12.2). */
#define WHIM_LIMIT_NUMBERS_ASKED 50u
#define WHIM_LIMIT_NUMBERS 500u
/* Chats of strangers that were written to in this run of a channel. */
#define WHIM_LIMIT_STRANGERS 4096u
/* Callers that wait for the ack of a message sent past the queue, of one channel. */
#define WHIM_LIMIT_IMMEDIATE 256u
/* People mentioned in one text. */
#define WHIM_LIMIT_MENTIONS 256u
