/*
 * What is known of a workflow: its executions, its layers, and who had attached which.
 * Data only. The store fills it in, ../view has the rules that are applied to it.
 */
#ifndef BATON_DAEMON_HISTORY_HISTORY_H
#define BATON_DAEMON_HISTORY_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/unit/digest.h"

#define VIEW_NONE UINT32_MAX

/* How far a writer is trusted (rule A10). */
enum tier {
	TIER_TRUSTED = 0,
	TIER_UNTRUSTED = 1, /* a forked pull request, say */
};

struct history_execution {
	/* borrowed, NUL-terminated; shard may be "" */
	const char *run, *job, *shard, *attempt;
	enum tier tier;
	bool inherited;
	/* Of another workflow: known here only as the maker of shadows
	 * (history_layer). */
	bool fact;
	bool has_needs;
	const char *const *needs; /* borrowed; as its latest contact declared them */
	size_t need_count;
	/* borrowed; positions in history.layers, successful attaches */
	const uint32_t *attached;
	size_t attached_count;
	uint64_t heard;     /* numbers ascend in the order of first contact */
	uint64_t run_heard; /* the same of its run in this workflow */
};

struct history_layer {
	uint32_t execution; /* position in history.executions; for an inherited layer an
			       inherited execution */
	uint32_t sequence;  /* 1 … within the execution */
	uint64_t commit; /* numbers ascend in the order of commits, over all workflows */
	struct digest content;
	enum tier tier;
	bool inherited;
	/* Only here to be compared with: a base from another workflow that was not
	 * inherited. Never visible. */
	bool shadow;
	const uint32_t
		*bases; /* borrowed; positions; what its execution had attached before */
	size_t base_count;
};

struct history {
	const struct history_execution *executions;
	size_t execution_count;
	const struct history_layer *layers;
	size_t layer_count;
};

#endif
