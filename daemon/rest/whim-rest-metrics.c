/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "rest/whim-rest-private.h"

/* The figures of the HTTP face, in Prometheus' text format. */

static const gint64 bounds_ms[WHIM_REST_N_BOUNDS] = { 1, 5, 10, 50, 100, 500, 1000, 5000, 10000 };

void
whim_rest_figures_note (WhimRestFigures *self, guint status, gint64 took_ms)
{
  guint bound = 0;

  self->by_class[MIN (status / 100, G_N_ELEMENTS (self->by_class) - 1)]++;
  self->total_ms += took_ms;
  self->count++;
  while (bound < WHIM_REST_N_BOUNDS && took_ms > bounds_ms[bound])
    bound++;
  if (bound < WHIM_REST_N_BOUNDS)
    self->by_time[bound]++;
}

void
whim_rest_figures_print (const WhimRestFigures *self, GString *text)
{
  guint64 sum = 0;

  g_string_append (text, "# HELP whimbrel_http_requests_total Requests that were answered.\n"
                         "# TYPE whimbrel_http_requests_total counter\n");
  for (guint i = 1; i < G_N_ELEMENTS (self->by_class); i++)
    g_string_append_printf (text,
                            "whimbrel_http_requests_total{status=\"%uxx\"} %" G_GUINT64_FORMAT "\n",
                            i, self->by_class[i]);
  g_string_append (text,
                   "# HELP whimbrel_http_request_duration_seconds Until the answer was made.\n"
                   "# TYPE whimbrel_http_request_duration_seconds histogram\n");
  for (guint i = 0; i < WHIM_REST_N_BOUNDS; i++)
    {
      char bound[G_ASCII_DTOSTR_BUF_SIZE];

      sum += self->by_time[i];
      g_ascii_formatd (bound, sizeof bound, "%g", (double)bounds_ms[i] / 1000);
      g_string_append_printf (
          text, "whimbrel_http_request_duration_seconds_bucket{le=\"%s\"} %" G_GUINT64_FORMAT "\n",
          bound, sum);
    }
  g_string_append_printf (
      text,
      "whimbrel_http_request_duration_seconds_bucket{le=\"+Inf\"} %" G_GUINT64_FORMAT "\n"
      "whimbrel_http_request_duration_seconds_sum %" G_GINT64_FORMAT ".%03d\n"
      "whimbrel_http_request_duration_seconds_count %" G_GUINT64_FORMAT "\n",
      self->count, self->total_ms / 1000, (int)(self->total_ms % 1000), self->count);
  g_string_append_printf (text,
                          "# HELP whimbrel_http_event_streams Open streams of events.\n"
                          "# TYPE whimbrel_http_event_streams gauge\n"
                          "whimbrel_http_event_streams %u\n",
                          whim_rest_stream_count ());
}
