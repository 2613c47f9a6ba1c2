/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef enum
{
  WHIM_SETTING_DATA_DIR = 0,
  WHIM_SETTING_LISTEN,
  WHIM_SETTING_API_KEY,      /* NULL: made at first start */
  WHIM_SETTING_CORS_ORIGINS, /* NULL: none */
  WHIM_SETTING_RATE_LIMIT,
  WHIM_SETTING_TOKEN_IN_QUERY,
  WHIM_SETTING_ALLOW_PRIVATE_FETCH,
  WHIM_SETTING_WA_URL,
  WHIM_SETTING_WA_WEB_URL, /* NULL: none is asked for the version */
  WHIM_SETTING_WA_NOISE_ROOT,
  WHIM_SETTING_WA_CA_FILE, /* NULL: only the system's */
  WHIM_SETTING_WA_VERSION, /* NULL: built in, refreshed and remembered */
  WHIM_SETTING_STORE,
  WHIM_SETTING_BUS,
  WHIM_N_SETTINGS
} WhimSetting;

typedef enum
{
  WHIM_ORIGIN_DEFAULT = 0,
  WHIM_ORIGIN_KEY_FILE,
  WHIM_ORIGIN_ENVIRONMENT,
  WHIM_ORIGIN_COMMAND_LINE,
} WhimOrigin;

/**
 * WhimConfig:
 *
 * The settings of the daemon. First parse the command line with the option group, then
 * whim_config_load(). Main thread; not changed after loading.
 */
typedef struct _WhimConfig WhimConfig;

WhimConfig *whim_config_new (void);
void whim_config_free (WhimConfig *self);

/** whim_config_get_option_group: (transfer full): its options write into @self, which must outlive
 *  the parsing */
GOptionGroup *whim_config_get_option_group (WhimConfig *self);

/** whim_config_load: reads key file and environment and checks every value; the message of @error
 *  is one line */
gboolean whim_config_load (WhimConfig *self, GError **error);

/** whim_config_get: (transfer none) (nullable) */
const char *whim_config_get (const WhimConfig *self, WhimSetting setting);
gboolean whim_config_get_boolean (const WhimConfig *self, WhimSetting setting);
guint whim_config_get_number (const WhimConfig *self, WhimSetting setting);
/** whim_config_dup_noise_root: (transfer full): 32 bytes */
GBytes *whim_config_dup_noise_root (const WhimConfig *self);
WhimOrigin whim_config_get_origin (const WhimConfig *self, WhimSetting setting);

/** whim_config_wants_print: --print-config was given */
gboolean whim_config_wants_print (const WhimConfig *self);
/** whim_config_print: (transfer full): every setting with its origin, one a line, without secrets
 */
char *whim_config_print (const WhimConfig *self);

/** whim_config_dup_environment: (transfer full) (element-type utf8): NAME=VALUE of each setting
 * that is not a default, to start another program with the same configuration */
char **whim_config_dup_environment (const WhimConfig *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (WhimConfig, whim_config_free)

G_END_DECLS
