/*
 * Whether all that the store holds is still there and right, for `batond check`.
 */
#ifndef BATON_STORE_CHECK_CHECK_H
#define BATON_STORE_CHECK_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/base/error.h"

struct store;

struct check_options {
	bool read_data; /* also decode every frame and verify XXH3-128 and SHA-256 */
	bool mark; /* keeps the damaged frames that are found in `damaged`, so that the
		    * next start offers nothing in them */
	/* Called for each finding with a sentence that names what is damaged and which
	 * layers it touches. */
	void (*on_damage)(void *context, const char *sentence);
	/* The same for damage that hurts no layer: each that it touches has another copy
	 * of what it needs. May be NULL. */
	void (*on_healed)(void *context, const char *sentence);
	void (*on_progress)(void *context, uint64_t done,
			    uint64_t total); /* may be NULL */
	void *context;
};

struct check_figures {
	uint64_t layers, segments, frames, units, bytes, damaged, healed;
	uint64_t unmarked; /* damaged frames that were not marked; with options->mark
			    * they are now */
};

/* Verifies catalogue, segments, placements, manifests, and that every unit cited lies
 * where it is said to. 0 also when damage was found and told: see figures. */
int check_store(struct store *store, const struct check_options *options,
		struct check_figures *ret_figures, struct error *error);

#endif
