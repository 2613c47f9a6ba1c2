/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "rest/whim-rest-private.h"
#include "rest/whim-rest-resources.h"

#include <string.h>

/* The page for people: one file, with the contract inside, so that it needs no key and nothing from
 * anywhere else. */

#define PAGE "/org/whimbrel/rest/docs.html"
#define MARK "@CONTRACT@"

GBytes *
whim_rest_docs (void)
{
  static GBytes *made;

  if (made == NULL)
    {
      g_autoptr (GBytes) page = g_resource_lookup_data (whim_rest_get_resource (), PAGE,
                                                        G_RESOURCE_LOOKUP_FLAGS_NONE, NULL);
      GBytes *contract = whim_rest_openapi ();
      g_autoptr (GString) text
          = g_string_new_len (g_bytes_get_data (page, NULL), (gssize)g_bytes_get_size (page));
      g_autoptr (GString) json = g_string_new_len (g_bytes_get_data (contract, NULL),
                                                   (gssize)g_bytes_get_size (contract));
      gsize len;

      /* "</script>" inside would end the element; in JSON the slash may be escaped */
      g_string_replace (json, "</", "<\\/", 0);
      g_string_replace (text, MARK, json->str, 1);
      len = text->len;
      made = g_bytes_new_take (g_string_free (g_steal_pointer (&text), FALSE), len);
    }
  return made;
}
