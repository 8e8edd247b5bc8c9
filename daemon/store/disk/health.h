/*
 * Whether an open store takes changes, and who is told when it no longer does (FORMAT.md
 * §1): after the first failed write or sync it takes none. Any thread.
 */
#ifndef BATON_STORE_DISK_HEALTH_H
#define BATON_STORE_DISK_HEALTH_H

#include <stdatomic.h>
#include <stdbool.h>

#include "proto/base/error.h"

struct health {
	atomic_bool failed;
	/* Why no change is taken, though nothing has failed; code 0: they are taken.
	 * Constant once the store is open. */
	struct error refusal;
	/* Failures that nobody could report when they happened are asked for: whether
	 * the catalogue has become read-only; the errno of the first written segment
	 * that could not be closed, or 0. */
	bool (*catalogue_failed)(void *store);
	int (*close_errno)(void *store);
	void *store; /* borrowed; what these are given */
	/* As in struct store_options: the first failure, and a line for the log; either
	 * may be NULL. */
	void (*on_failure)(void *context, const char *sentence);
	void (*on_note)(void *context, const char *sentence);
	void *context; /* borrowed; what these are given */
};

/* Whether a write, a sync or the closing of what was written has failed. */
bool health_is_failed(struct health *health);

/* ERR_READ_ONLY once a write has failed, the refusal where there is one, else 0. */
int health_check_writable(struct health *health, struct error *error);

/* From now on no change is taken; on_failure is told of the first failure. Returns
 * error->code, untouched. */
int health_fail(struct health *health, struct error *error);

/* The same when the catalogue has become read-only, or a written segment could not be
 * closed; else nothing. Returns error->code. */
int health_fail_if_broken(struct health *health, struct error *error);

/* A line for the log. */
void health_note(const struct health *health, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
