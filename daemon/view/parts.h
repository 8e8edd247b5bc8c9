/*
 * What the stages of view_make share (view.h has the rules and the promise). Each stage
 * reads the facts and what the earlier ones wrote:
 *
 *   executions.c  jobs, shards, which execution comes after which (rule 1)
 *   content.c     layers by commit and by content
 *   facts.c       both together: what each execution made, and what it needs
 *   states.c      replaced, late, stale (rules 2, 3)
 *   order.c       which layer comes before which (rule 5)
 *   select.c      what belongs to the answer (rule 4)
 *   list.c        the listing (rule 5)
 *
 * Only the C files of this folder include this.
 */
#ifndef BATON_DAEMON_VIEW_PARTS_H
#define BATON_DAEMON_VIEW_PARTS_H

#include "daemon/view/view.h"

struct facts_execution {
	uint32_t job;   /* number of its job, by name */
	uint32_t group; /* executions that may replace each other: all I/N shards of a
			   job in one tier, or those there that share a label */
	uint64_t shard_index, shard_total; /* 0 and 0 for a label */
	/* ascends in the group by inherited, run, attempt; ties are equal */
	uint32_t place;
	bool there;            /* not of a later run than the request's */
	bool numeric_attempts; /* all attempts beside it are numbers */
	bool superseded;      /* by a later one in its place that did or said something */
	uint32_t first_layer; /* the first that it committed, shadows aside; VIEW_NONE */
	/* the first layer that a later execution in its place committed; VIEW_NONE */
	uint32_t replaced_by;
};

struct view_facts {
	const struct history *history;      /* borrowed */
	const struct view_request *request; /* borrowed */
	struct facts_execution *executions; /* owned; as history.executions */
	const char **jobs;                  /* owned; names ascend, borrowed */
	size_t job_count;
	uint32_t *by_job;     /* owned; executions by job, group, place, heard */
	uint32_t *job_first;  /* owned; job_count + 1 positions in by_job */
	uint32_t *by_commit;  /* owned; layers in commit order */
	uint32_t *by_content; /* owned; layers by job, content, commit */
	uint32_t *content_at; /* owned; per layer: where its equals begin in by_content */
	bool numeric_runs[2]; /* own and inherited runs: all are numbers */
};

/* Zeroed room for count items, never NULL; the numbers from 0 to count - 1; <0, 0, >0. */
void *facts_items(size_t count, size_t size);
uint32_t *facts_numbered(size_t count);
int facts_compare(uint64_t a, uint64_t b);

void view_facts_init(struct view_facts *facts, const struct history *history,
		     const struct view_request *request);
void view_facts_fini(struct view_facts *facts);

void facts_order_executions(struct view_facts *facts); /* executions, jobs, by_job */
void facts_sort_layers(struct view_facts *facts);      /* by_commit, by_content */
const struct history_execution *facts_maker(const struct view_facts *facts,
					    uint32_t layer);
uint32_t facts_job_of_layer(const struct view_facts *facts, uint32_t layer);
/* Number of a job by its name; VIEW_NONE for one that no execution (that is there) has.
 */
uint32_t facts_job_named(const struct view_facts *facts, const char *name);
/* Whether execution b takes the place of a: one slice, or other numbers of shards. */
bool facts_takes_place(const struct view_facts *facts, uint32_t a, uint32_t b);
/* By number where both are I/N, "" first, labels last. */
int facts_shard_compare(const struct view_facts *facts, uint32_t a, uint32_t b);

/*
 * The layers that stand in for a replaced one: of its job, equal content, in sight (also
 * stale), made by executions that took its maker's place. Gives the next one in commit
 * order, VIEW_NONE at the end; *cursor is 0 before the first.
 */
uint32_t facts_stand_in(const struct view_facts *facts, const struct view *view,
			uint32_t replaced, uint32_t *cursor);
/* Whether a later execution's layers took the place of this layer: also for shadows. */
bool facts_gone(const struct view *view, uint32_t layer);

/* Calls visit for each job directly upstream of a job, perhaps several times: the needs
 * of the latest execution of each of its shards, or where that gave none, the jobs whose
 * layers it attached. */
void facts_upstream(const struct view_facts *facts, uint32_t job,
		    void (*visit)(void *context, uint32_t job), void *context);

/* Fills view.states and view.reasons. */
void view_states_make(const struct view_facts *facts, struct view *view);

/* The order of all layers in sight, stale ones among them. */
struct view_order {
	size_t count;      /* nodes */
	size_t words;      /* of a set of nodes */
	uint32_t *layers;  /* owned; node → layer, in commit order */
	uint32_t *node_of; /* owned; layer → node, VIEW_NONE */
	uint64_t *before;  /* owned; count × words: all that come before each node */
	bool *first;       /* owned; nothing comes before the node */
};

void view_order_make(const struct view_facts *facts, const struct view *view,
		     struct view_order *ret_order);
void view_order_fini(struct view_order *order);
/* All nodes that come before this one, as a set. */
const uint64_t *view_order_before(const struct view_order *order, uint32_t node);

/* Fills view.layers with the given nodes (a set) in listing order. */
void view_order_list(const struct view_facts *facts, const struct view_order *order,
		     const uint64_t *chosen, struct view *view);

/* The nodes that the request sees, stale ones among them; owned by the caller. */
uint64_t *view_select_nodes(const struct view_facts *facts,
			    const struct view_order *order);
/* Fills view.unknown_needs. */
void view_select_unknown(const struct view_facts *facts, struct view *view);

#endif
