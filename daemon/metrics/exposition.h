/*
 * Prometheus' text format, version 0.0.4: families of figures, a line for each figure.
 * https://prometheus.io/docs/instrumenting/exposition_formats/. Pure.
 */
#ifndef BATON_DAEMON_METRICS_EXPOSITION_H
#define BATON_DAEMON_METRICS_EXPOSITION_H

#include <stdint.h>

#include "proto/base/bytes.h"
#include "proto/base/text.h"

/* Comes before the figures of a family. type: counter, gauge or histogram; help: a clean
 * text in one line. */
void exposition_family(struct buffer *out, const char *name, const char *type,
		       const char *help);

struct exposition_label {
	const char *name;
	struct text value; /* any text: it is escaped */
};

/* One figure, with the labels up to one without a name; NULL: none. */
void exposition_number(struct buffer *out, const char *name,
		       const struct exposition_label *labels, uint64_t number);
/* Seconds, of milliseconds. */
void exposition_seconds(struct buffer *out, const char *name,
			const struct exposition_label *labels, uint64_t ms);

/* A family of one figure. */
void exposition_gauge(struct buffer *out, const char *name, const char *help,
		      uint64_t number);

#endif
