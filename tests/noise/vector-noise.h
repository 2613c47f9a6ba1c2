/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/* The handshake vector of dossier 1, 2.7: computed with Baileys, zapo and an implementation of its
 * author, which agreed. */

#define VECTOR_CE_PRIV "88635310f8530ab6aebb7894198220c418f74ad901006bbe41e402b8c1d90219"
#define VECTOR_CS_PRIV "b477bd491386ee6f369c759872c32441b76c84a1b46ef3ee961f0828b97a4db4"
#define VECTOR_SERVER_HELLO                                                                        \
  "1ad7020a206c859434277be32878777f29d33a707ea30cd0411327ae3d6bd2145f74a65b7112304d"               \
  "b1beeb8bf2c44d8259ef1e2b7b532b047e061e0723509dc841bec722ab4231046c64ef2cff3214c5"               \
  "9823041cf7bbd61a80025b7d793f34af3ce66b83798924c2bf691cbc725d3381db088a8ec3eb3237"               \
  "b59035ff7753cba2ba235c5c46a34641f089228cf3604e6c383c02e60be3ec82551677fe8ef3ddb2"               \
  "f652d05328f4ded684fa29f779a4ef3f42a2a63a69448429f85275dd8ffcf96538e9f98f947cc313"               \
  "f55ab39d402d390f8f266485a9816a74c8073b65f0255f2e86c1418cca7f6461add740af92e0d45c"               \
  "65e4cb72a19643172d81957a92922060495f96210f311888945244923d2a2171be7912ff830fc84b"               \
  "39a2d33c3f810d1e00f42342141dda1c023c52e3f1ef474a1700a27ccce8e0f4cf038b77c29414b7"               \
  "d185c844df61090a170a6eb19b3a7c1f0a6da6a3d8c02a40439b"
#define VECTOR_CLIENT_PAYLOAD "088784b4f739180190010c880201"
#define VECTOR_WIRE_2                                                                              \
  "00005422520a308d5bbb09a966a30f4db4cd1febac356db2375dc3bac9de0285be339f87a9094393"               \
  "37778e25b77a4ca8f8b949f40ea92b121e3ec51368056875d24767fb48ebf5d4825ddf0220ceae8e"               \
  "afc940fab14c9e"
#define VECTOR_FRAME_0                                                                             \
  "000026d3f81ee200634a324c61485fe7e03891edba37395611ac47b08b5773c9aeb7fe4a8d8141f9"               \
  "83"
#define VECTOR_FRAME_1                                                                             \
  "000026a7922c53243c9c4aaf6522155d49dc6c485981da804c061c6f6c27f0926a901704804f7976"               \
  "45"
#define VECTOR_FRAME_S                                                                             \
  "000024c1602a592dbf63fe59dee94ac17ff1bbf4e88b1876efe474295e753e74025cd0ee07f676"
#define VECTOR_ROOT_PUB "2857dcea476338f71618a618a48c4ff218bad7b76ed1040d2166e26c1e9d9f6a"
#define VECTOR_WIRE_1                                                                              \
  "5741060300002412220a20c833cef0e9d6bf59b5a88f89453e177c53d1c6e042984eac732ca56fb8"               \
  "8b5276"
