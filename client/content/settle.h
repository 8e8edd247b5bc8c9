/*
 * Rule T3 at the end: files whose change time proved nothing when they were read.
 */
#ifndef BATON_CLIENT_CONTENT_SETTLE_H
#define BATON_CLIENT_CONTENT_SETTLE_H

#include "client/content/source.h"

/* Looks again at them, once the clock has moved on; those that changed are to be read
 * again. Any thread that reads; the caller waits for nothing else meanwhile. */
int settle_racy(struct source *source, struct error *error);

#endif
