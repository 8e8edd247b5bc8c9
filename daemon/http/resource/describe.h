/*
 * Members that several documents have. Into the object that is open.
 */
#ifndef BATON_DAEMON_HTTP_RESOURCE_DESCRIBE_H
#define BATON_DAEMON_HTTP_RESOURCE_DESCRIBE_H

#include <stdint.h>

#include "daemon/http/resource/subject.h"
#include "proto/base/json_writer.h"

/* RFC 3339, UTC, with milliseconds; 0 gives null. */
void describe_time(struct json_writer *writer, const char *name, int64_t unix_ms);

/* All of a layer, as the value of the array that is open. */
void describe_layer(struct json_writer *writer, const struct subject *subject,
		    uint32_t layer);
/* The ids of the layers directly before position `position` of the view; none for
 * VIEW_NONE. */
void describe_after(struct json_writer *writer, const struct subject *subject,
		    uint32_t position);

#endif
