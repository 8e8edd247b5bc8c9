/*
 * Rule T3 at the end: files whose change time proved nothing when they were read.
 */
#ifndef BATON_CLIENT_CONTENT_SETTLE_H
#define BATON_CLIENT_CONTENT_SETTLE_H

#include "client/content/source.h"

/* Waits until the clock has moved on, and looks at these files again; those that have
 * changed will be read again. Any thread that reads, while the caller waits for nothing
 * else. */
int settle_racy(struct source *source, struct error *error);

#endif
