/*
 * What runs, attempts, shards and executions are called: which of two ids comes first,
 * and what to say in a sentence.
 */
#ifndef BATON_DAEMON_HISTORY_NAMES_H
#define BATON_DAEMON_HISTORY_NAMES_H

#include "daemon/history/history.h"

/*
 * The order of two ids of one kind within a scope (runs of a workflow; attempts of a run,
 * job and shard): numbers as numbers when `numeric`, else by when they were first heard
 * of. numeric is to be true only if every id of the scope is all digits, so that the
 * order is total.
 */
int id_compare(const char *a, uint64_t a_heard, const char *b, uint64_t b_heard,
	       bool numeric);

/* Splits "3/10" into 3 and 10; false for any other label, 0/n, i > n, or a number beyond
 * 64 bits. */
bool shard_numbers(const char *shard, uint64_t *ret_index, uint64_t *ret_total);

/* What to call an execution in a sentence (label.h): "build", "test 3/10",
 * "test 3/10 (run 2, attempt 3)" where run or attempt are not "1". */
void execution_label(const struct history_execution *execution, char *ret_text,
		     size_t room);

#endif
