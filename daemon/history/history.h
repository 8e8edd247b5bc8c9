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

struct history_execution {
	/* borrowed, NUL-terminated; shard may be "" */
	const char *run, *job, *shard, *attempt;
	bool inherited;
	/* It only made shadows: nothing was heard here of its job. */
	bool fact;
	bool has_needs;
	const char *const *needs; /* borrowed; of its latest contact */
	size_t need_count;
	/* borrowed; positions in history.layers, successful attaches */
	const uint32_t *attached;
	size_t attached_count;
	uint64_t heard;     /* ascends with first contact */
	uint64_t run_heard; /* when its run was first heard of in this workflow */
};

struct history_layer {
	uint32_t execution; /* position in history.executions; for an inherited layer an
			       inherited execution */
	uint32_t sequence;  /* 1 … within the execution */
	uint64_t commit;    /* ascends with commit, over all workflows */
	struct digest content;
	bool inherited;
	/* Present as a fact only (a base of another workflow that was not inherited):
	 * never visible. */
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
