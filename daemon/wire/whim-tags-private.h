/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* First byte of any value (dossier 1, 3.2). */
#define TAG_LIST_EMPTY 0u
#define TAG_SINGLE_MAX 235u
#define TAG_DICTIONARY_0 236u
#define TAG_DICTIONARY_3 239u
#define TAG_INTEROP_JID 245u
#define TAG_FB_JID 246u
#define TAG_AD_JID 247u
#define TAG_LIST_8 248u
#define TAG_LIST_16 249u
#define TAG_JID_PAIR 250u
#define TAG_HEX_8 251u
#define TAG_BINARY_8 252u
#define TAG_BINARY_20 253u
#define TAG_BINARY_32 254u
#define TAG_NIBBLE_8 255u

#define TAG_PACKED_MAX 127u

#define FRAME_FLAG_COMPRESSED 0x02u
