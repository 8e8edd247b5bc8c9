/*
 * What exists, page by page, for people and programs that look around: namespaces by
 * name, workflows by age. Any thread; a call takes the catalogue's mutex for its length.
 */
#ifndef BATON_STORE_CATALOGUE_LIST_H
#define BATON_STORE_CATALOGUE_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/store/catalogue/catalogue.h"

struct listed_namespace {
	const char *name;
	int64_t created_ms; /* Unix time; of the tier that came first */
};

struct namespace_page {
	struct listed_namespace *items; /* in the arena */
	size_t count;
	bool more;
};

/* At most `limit` (1 or more) names that come after this one, ascending by their bytes.
 * Both tiers of a namespace are one entry. */
int catalogue_list_namespaces(struct catalogue *catalogue, struct text after,
			      size_t limit, struct arena *arena,
			      struct namespace_page *ret_page, struct error *error);

struct listed_workflow {
	int64_t id; /* ascends with the first contact; what a page goes on from */
	const char *name;
	const char *parent; /* the workflow that it retries; NULL: none */
	enum tier tier;
	int64_t created_ms; /* Unix time */
	int64_t expired_ms; /* 0: it lives */
	uint64_t jobs;      /* that it heard of itself */
	uint64_t layers;    /* of its own executions, replaced ones too */
	uint64_t bytes;     /* of file content in them */
};

struct workflow_page {
	struct listed_workflow *items; /* in the arena */
	size_t count;
	bool more;
};

/* At most `limit` (1 or more) workflows of the tiers that the scope shows, the newest
 * first, from those with a smaller id than `before` on; 0: from the newest on. An unknown
 * namespace has none. */
int catalogue_list_workflows(struct catalogue *catalogue, const struct scope *scope,
			     int64_t before, size_t limit, struct arena *arena,
			     struct workflow_page *ret_page, struct error *error);

#endif
