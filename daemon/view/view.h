/*
 * Which layers an attach sees, and which comes after which (rules W4, W5, W6, W9, R2).
 *
 * Pure: a `struct history` (facts) and a `struct view_request` (a question) go in, a
 * `struct view` comes out. No input or output, no clock, no global state; the same facts
 * give the same view, in the same order. The merge of the trees (W7) is in merge.h.
 *
 * Rules, in the order in which they are applied:
 *
 *  1. Run limit (W5). Layers and executions of runs later than the request's are not
 *     there. Inherited ones always are.
 *  2. Replacing (W4, R2, A10). Executions of one (job, shard, tier) are ordered: inherited before
 *     own, then by run, then by attempt. Among those that have layers the last one's
 *     layers are `visible`; an earlier one's are `replaced`, or `late` where they were
 *     committed after a layer of a later execution. With shards I/N (both numbers), an
 *     execution also replaces earlier ones of the job whose shard is of another N;
 *     that needs a later run or attempt. So the attempts of all numbered shards of a
 *     job in a run are one scope of ids, those of a label are one. `03/10` is the
 *     slice `3/10`.
 *  3. Stale (W9). A base of a layer is a layer that its execution had attached before
 *     it persisted. A visible layer is stale when a base was replaced and no visible
 *     layer of the base's job has equal content, or when a base is stale itself. The
 *     equal layer must be of an execution that took the place of the base's (another
 *     shard's says nothing), and not stale itself. `stale_keep` keeps them; otherwise
 *     they leave.
 *  4. Selection (W5). `from` selects the named jobs. Else `needs` selects the named jobs
 *     and their upstream: through the needs that a job's latest execution declared, or,
 *     where it declared none, through the jobs whose layers it attached. (Of a job with
 *     shards each shard's latest execution counts; one that has declared, attached and
 *     persisted nothing yet does not count.) Else every visible layer. Of the asking job
 *     only layers of the asking execution are seen; these always belong to the view
 *     unless `from` leaves them out. Layers of other jobs that come after a layer of the
 *     asking job (of whichever execution) are left out, and so are those whose makers had
 *     attached a layer of the asking job that was replaced since. Both hold for `from`
 *     too.
 *  5. Order (W6). A before B: same execution and A first; B's execution had attached
 *     A, or a replaced layer with A's content whose place A took, before it persisted
 *     B; or B's execution declared that it needs A's job, directly or through jobs
 *     that persisted nothing, unless it had attached any layer of A's job before it
 *     persisted B (what was observed beats what was declared). Transitive, over all
 *     visible layers, also through those not selected. An edge that would close a
 *     cycle is dropped; declared ones that agree with the order of commits are taken
 *     first, so they stay.
 *     The listing is topological; among the free ones: position in the request's
 *     needs, job name, shard (I/N by numbers), sequence, commit order.
 */
#ifndef BATON_DAEMON_VIEW_VIEW_H
#define BATON_DAEMON_VIEW_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/history/history.h"
#include "proto/base/error.h"

struct view_request {
	const char *run; /* NULL: every run (log, from_workflow) */
	uint32_t
		execution; /* the asking one, position in history.executions; VIEW_NONE */
	const char *job;   /* the asking job, NULL for an anonymous one */
	bool has_needs;
	const char *const *needs;
	size_t need_count;
	const char *const *from;
	size_t from_count;
	uint32_t layer; /* only this layer, whatever its state; VIEW_NONE for all */
	bool stale_keep;
};

enum layer_state {
	LAYER_VISIBLE = 1, /* seen by some attach */
	LAYER_REPLACED,    /* an execution after its own committed a layer */
	LAYER_LATE,        /* the same, but it committed after that */
	LAYER_STALE,       /* its base was replaced by different content */
	LAYER_HIDDEN,      /* a shadow, or a later run than the request's */
};

/* "visible", "replaced" …; static. */
const char *layer_state_text(enum layer_state state);

struct view_layer {
	uint32_t layer; /* position in history.layers */
	/* owned; ascending positions in view.layers of all layers before this one */
	uint32_t *before;
	size_t before_count;
	/* owned; direct predecessors only (transitive reduction), for `log` */
	uint32_t *after;
	size_t after_count;
};

struct view {
	struct view_layer *layers; /* owned; in order */
	size_t layer_count;
	/* Layers that the request would see if they were not stale; not in `layers`
	 * unless stale_keep. owned; positions in history.layers, in commit order */
	uint32_t *stale;
	size_t stale_count;
	/* owned; positions in request.needs of jobs the history never heard of */
	size_t *unknown_needs;
	size_t unknown_need_count;
	/* owned; enum layer_state for every layer of the history */
	uint8_t *states;
	/* owned; one for each layer of the history. Of a stale layer: the replaced base,
	 * its own or that of a stale base. Of a replaced or late one, shadows included:
	 * the first layer that a later execution committed in its place. Else
	 * VIEW_NONE. */
	uint32_t *reasons;
};

/*
 * Answers the request. ERR_STALE when a job named in from, or without from in needs, has
 * a stale layer in the answer (and not stale_keep): the sentence names the layer, its
 * base and what replaced that. Memory: n × n / 8 bytes for n layers in sight, and a
 * number for each pair of the answer that is ordered. An empty view is not an error here:
 * the session knows the reason to give.
 */
int view_make(const struct history *history, const struct view_request *request,
	      struct view *ret_view, struct error *error);
void view_fini(struct view *view);

/*
 * What a retry of the workflow inherits of it (rule R1): what a request over all its runs
 * sees. Positions in history.layers, in the view's order; owned by the caller (free).
 */
int view_inherited(const struct history *history, uint32_t **ret_layers,
		   size_t *ret_count, struct error *error);

/* Whether view position a comes before view position b. */
bool view_is_before(const struct view *view, uint32_t a, uint32_t b);

/* The sentence why a layer is stale, replaced or late, for warnings, W9 and `log --all`;
 * empty for any other. Names are those of execution_label. Writes at most room bytes with
 * NUL, whole characters. */
void view_stale_sentence(const struct history *history, const struct view *view,
			 uint32_t layer, char *ret_text, size_t room);

#endif
