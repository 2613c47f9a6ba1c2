/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "session/whim-client-payload.h"

#include "base/whim-random.h"
#include "base/whim-util.h"
#include "base/whim-writer.h"
#include "proto/whim-proto.h"

#include <string.h>

#define PLATFORM_WEB 14
#define PLATFORM_TYPE_CHROME 1
#define KEY_TYPE_DJB "\x05"

/* What the phone decides by how much history it sends: whatsmeow's choice (dossier 1, 4.3). */
static GBytes *
make_device_props (void)
{
  Wa__DeviceProps props = WA__DEVICE_PROPS__INIT;
  Wa__AppVersion version = WA__APP_VERSION__INIT;
  Wa__HistorySyncConfig history = WA__HISTORY_SYNC_CONFIG__INIT;
  char os[] = "Whimbrel";

  version.has_primary = TRUE;
  version.primary = 1;
  version.has_secondary = TRUE;
  version.has_tertiary = TRUE;
  props.os = os;
  props.version = &version;
  props.has_platformtype = TRUE;
  props.platformtype = PLATFORM_TYPE_CHROME;
  props.has_requirefullsync = TRUE;
  history.has_storagequotamb = TRUE;
  history.storagequotamb = 10240;
  history.has_inlineinitialpayloadine2eemsg = TRUE;
  history.inlineinitialpayloadine2eemsg = TRUE;
  history.has_supportcallloghistory = TRUE;
  history.supportcallloghistory = TRUE;
  history.has_supportbotuseragentchathistory = TRUE;
  history.supportbotuseragentchathistory = TRUE;
  history.has_supportcagreactionsandpolls = TRUE;
  history.supportcagreactionsandpolls = TRUE;
  history.has_supportbizhostedmsg = TRUE;
  history.supportbizhostedmsg = TRUE;
  history.has_supportrecentsyncchunkmessagecounttuning = TRUE;
  history.supportrecentsyncchunkmessagecounttuning = TRUE;
  history.has_supporthostedgroupmsg = TRUE;
  history.supporthostedgroupmsg = TRUE;
  history.has_supportfbidbotchathistory = TRUE;
  history.supportfbidbotchathistory = TRUE;
  history.has_supportmessageassociation = TRUE;
  history.supportmessageassociation = TRUE;
  history.has_supportgrouphistory = TRUE;
  history.has_thumbnailsyncdayslimit = TRUE;
  history.thumbnailsyncdayslimit = 60;
  history.has_supportmanushistory = TRUE;
  history.supportmanushistory = TRUE;
  history.has_supporthatchhistory = TRUE;
  history.supporthatchhistory = TRUE;
  history.supportgrouphistory = TRUE;
  props.historysyncconfig = &history;
  return whim_proto_pack (&props);
}

static void
fill_registration (Wa__DevicePairingRegistrationData *data,
                   const WhimCredentials *credentials,
                   const WhimClientVersion *version,
                   GBytes *props,
                   guint8 scratch[4 + 3 + 16])
{
  g_autofree char *text
      = g_strdup_printf ("%u.%u.%u", version->primary, version->secondary, version->tertiary);

  whim_write_u32_be (scratch, credentials->registration_id);
  whim_write_u24_be (scratch + 4, credentials->signed_prekey_id);
  whim_md5 (text, strlen (text), scratch + 7); /* must fit appVersion (dossier 1, 11.11) */
  data->has_eregid = TRUE;
  data->eregid = whim_proto_data (scratch, 4);
  data->has_ekeytype = TRUE;
  data->ekeytype = whim_proto_data (KEY_TYPE_DJB, 1);
  data->has_eident = TRUE;
  data->eident = whim_proto_data (whim_key_pair_get_public (credentials->identity), WHIM_KEY_SIZE);
  data->has_eskeyid = TRUE;
  data->eskeyid = whim_proto_data (scratch + 4, 3);
  data->has_eskeyval = TRUE;
  data->eskeyval
      = whim_proto_data (whim_key_pair_get_public (credentials->signed_prekey), WHIM_KEY_SIZE);
  data->has_eskeysig = TRUE;
  data->eskeysig = whim_proto_data (credentials->signed_prekey_signature, WHIM_SIGNATURE_SIZE);
  data->has_buildhash = TRUE;
  data->buildhash = whim_proto_data (scratch + 7, 16);
  data->has_deviceprops = TRUE;
  data->deviceprops = whim_proto_data_bytes (props);
}

static void
fill_user_agent (Wa__UserAgent *agent,
                 Wa__AppVersion *app_version,
                 const WhimClientVersion *version)
{
  static char zeros[] = "000";
  static char os_version[] = "0.1";
  static char nothing[] = "";
  static char device[] = "Desktop";
  static char language[] = "en";
  static char country[] = "US";

  app_version->has_primary = TRUE;
  app_version->primary = version->primary;
  app_version->has_secondary = TRUE;
  app_version->secondary = version->secondary;
  app_version->has_tertiary = TRUE;
  app_version->tertiary = version->tertiary;
  agent->has_platform = TRUE;
  agent->platform = PLATFORM_WEB;
  agent->appversion = app_version;
  agent->mcc = zeros;
  agent->mnc = zeros;
  agent->osversion = os_version;
  agent->manufacturer = nothing;
  agent->device = device;
  agent->osbuildnumber = os_version;
  agent->has_releasechannel = TRUE;
  agent->localelanguageiso6391 = language;
  agent->localecountryiso31661alpha2 = country;
}

GBytes *
whim_client_payload_make (const WhimCredentials *credentials, const WhimClientVersion *version)
{
  Wa__ClientPayload payload = WA__CLIENT_PAYLOAD__INIT;
  Wa__UserAgent agent = WA__USER_AGENT__INIT;
  Wa__AppVersion app_version = WA__APP_VERSION__INIT;
  Wa__WebInfo web = WA__WEB_INFO__INIT;
  Wa__DevicePairingRegistrationData registration = WA__DEVICE_PAIRING_REGISTRATION_DATA__INIT;
  g_autoptr (GBytes) props = NULL;
  guint8 scratch[4 + 3 + 16];
  gboolean paired = whim_credentials_is_paired (credentials);

  fill_user_agent (&agent, &app_version, version);
  web.has_websubplatform = TRUE;
  payload.useragent = &agent;
  payload.webinfo = &web;
  payload.has_connecttype = TRUE;
  payload.connecttype = 1;
  payload.has_connectreason = TRUE;
  payload.connectreason = 1;
  payload.has_passive = TRUE;
  payload.passive = paired;
  payload.has_pull = TRUE;
  payload.pull = paired;
  if (paired)
    {
      payload.has_username = TRUE;
      payload.username = g_ascii_strtoull (whim_jid_get_user (credentials->pn), NULL, 10);
      payload.has_device = TRUE;
      payload.device = whim_jid_get_device (credentials->pn);
      payload.has_lc = TRUE;
      payload.lc = 1;
      payload.has_liddbmigrated = TRUE;
      payload.liddbmigrated = TRUE;
    }
  else
    {
      props = make_device_props ();
      fill_registration (&registration, credentials, version, props, scratch);
      payload.devicepairingdata = &registration;
    }
  return whim_proto_pack (&payload);
}
