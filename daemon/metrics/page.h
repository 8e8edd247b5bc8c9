/*
 * The page of all figures, as `batond metrics` shows it and an HTTP listener can.
 */
#ifndef BATON_DAEMON_METRICS_PAGE_H
#define BATON_DAEMON_METRICS_PAGE_H

#include "daemon/session/services.h"
#include "proto/base/bytes.h"
#include "proto/base/error.h"

#define METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* Any thread; some milliseconds. What is told of is for who may see everything. */
int metrics_page(const struct services *services, struct buffer *out,
		 struct error *error);

#endif
