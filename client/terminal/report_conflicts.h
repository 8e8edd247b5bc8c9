/*
 * The conflicts of a failed attach, kept until the end of the report: as details below
 * the sentence, grouped by directory, and as an array of the error object (rule W7).
 */
#ifndef BATON_CLIENT_TERMINAL_REPORT_CONFLICTS_H
#define BATON_CLIENT_TERMINAL_REPORT_CONFLICTS_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "proto/base/json_writer.h"
#include "proto/message/message.h"
#include "proto/options/string_list.h"

struct report_conflict {
	char *path; /* owned; path_len bytes and a NUL */
	size_t path_len;
	struct string_list layers;
};

/* {0} is empty and ready. */
struct report_conflicts {
	struct report_conflict *items; /* owned */
	size_t count;
	uint64_t total; /* paths in all; the daemon names the first 20 */
};

void report_conflicts_copy(struct report_conflicts *conflicts,
			   const struct msg_error *message);
void report_conflicts_fini(struct report_conflicts *conflicts);

/* Lines below the sentence; nothing where there are no conflicts. */
void report_conflicts_print(const struct report_conflicts *conflicts, FILE *stream);

/* "conflicts": [{"path", "layers"}], "conflict_count". */
void report_conflicts_json(const struct report_conflicts *conflicts,
			   struct json_writer *writer);

#endif
