/*
 * The catalogue: which namespaces, workflows, executions, layers and segments exist, and
 * who saw what (FORMAT.md §5, schema.sql). SQLite behind typed functions: nothing above
 * this module knows SQL.
 *
 * Any thread may call: there is one connection, and a mutex inside that a call holds
 * until it returns. Every function that changes something is one transaction, which costs
 * one sync and is durable when the function returns 0; where there is nothing to change
 * it writes nothing. Only the contact of a persist costs no sync: it becomes durable with
 * the next change. A failed write or sync makes the catalogue refuse every further change
 * with ERR_READ_ONLY (FORMAT.md §1); reading goes on. A write that finds no room is
 * ERR_NO_ROOM, is undone, and may succeed later.
 */
#ifndef BATON_STORE_CATALOGUE_CATALOGUE_H
#define BATON_STORE_CATALOGUE_CATALOGUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/history/history.h"
#include "daemon/store/disk/io.h"
#include "daemon/store/disk/stamp.h"
#include "proto/base/arena.h"
#include "proto/base/bytes.h"
#include "proto/base/error.h"
#include "proto/base/text.h"
#include "proto/bounds.h"
#include "proto/manifest/manifest.h"
#include "proto/message/message.h"
#include "proto/unit/digest.h"

#define SEGMENT_ID_LEN 16u

struct segment_id {
	uint8_t bytes[SEGMENT_ID_LEN];
};

struct catalogue;

/* Opens or creates `catalogue.db` in the directory, checkpoints and syncs its WAL before
 * anything is answered. ERR_VERSION for a newer schema, ERR_DAMAGED, ERR_LOCAL. */
int catalogue_open(const struct io *io, const char *directory,
		   struct catalogue **ret_catalogue, struct error *error);
/* What opening could not do, as a sentence: there was no room for it, or the catalogue
 * has an older schema and cannot be brought to this one. The next open tries again. NULL:
 * all was done. */
const char *catalogue_unfinished(const struct catalogue *catalogue);
/* Opens one that exists, and changes nothing on the disk, not even its log. Every change
 * is refused later: with ERR_READ_ONLY, or with what catalogue_refuse_changes() was
 * given. Errors as catalogue_open(). */
int catalogue_open_to_read(const struct io *io, const char *directory,
			   struct catalogue **ret_catalogue, struct error *error);
/* Every change fails with this from now on. To be called before another thread knows the
 * catalogue. */
void catalogue_refuse_changes(struct catalogue *catalogue, const struct error *refusal);
/* Checkpoints, where there is room for it, and closes. NULL is fine. */
int catalogue_close(struct catalogue *catalogue, struct error *error);
/* Whether a failed write has made it read-only. */
bool catalogue_is_read_only(struct catalogue *catalogue);

/* Which catalogue it is, and how many changes it counts. Takes no mutex, so that it does
 * not wait for a change that runs. */
struct stamp_mark catalogue_mark(struct catalogue *catalogue);
/* Of one that was opened to read: how many changes were durable, as its log shows. Sound
 * frames count that stand behind a broken one, where SQLite takes the log to end. */
uint64_t catalogue_log_commits(const struct catalogue *catalogue);

int64_t catalogue_setting(struct catalogue *catalogue, const char *name); /* 0: none */
int catalogue_set_setting(struct catalogue *catalogue, const char *name, int64_t value,
			  struct error *error);

/* ---- segments ----------------------------------------------------------------- */
enum segment_state {
	SEGMENT_OPEN = 1,
	SEGMENT_SEALED = 2,
	SEGMENT_DAMAGED = 3,
};

struct segment_row {
	struct segment_id id;
	int64_t namespace_id;
	uint64_t vouched; /* bytes */
	char location[64];
	enum segment_state state;
	uint64_t holes_bytes; /* of what is vouched for, how much compaction left out */
	uint64_t holes_len;   /* of what says where; 0: it left nothing out */
};

/* All segments, ascending by id; owned by the caller (free). */
int catalogue_segments(struct catalogue *catalogue, struct segment_row **ret_rows,
		       size_t *ret_count, struct error *error);
/* What compaction left out of one, encoded (segment/holes.h). ERR_NOT_FOUND. */
int catalogue_segment_holes(struct catalogue *catalogue, const struct segment_id *id,
			    struct buffer *ret_holes, struct error *error);
/* Changes location, state and holes of one that exists. */
int catalogue_move_segment(struct catalogue *catalogue, const struct segment_row *row,
			   const struct buffer *holes, struct error *error);
/* Forgets one that no layer names. ERR_DAMAGED: one does, or it is not there. */
int catalogue_remove_segment(struct catalogue *catalogue, const struct segment_id *id,
			     struct error *error);
/* Changes state, vouched length and location of one that exists. */
int catalogue_update_segment(struct catalogue *catalogue, const struct segment_row *row,
			     struct error *error);

/* ---- contacts: who is asking (rules W2, W4, R1, R3) --------------------------- */
enum contact_kind {
	CONTACT_PERSIST, /* creates namespace, workflow and execution where missing */
	CONTACT_ATTACH,  /* creates them only where the workflow exists or is a retry */
	CONTACT_LOOK,    /* the same answer as an attach would get, but nothing is kept */
};

/*
 * Whose history it is (rule A10). Each tier of a namespace has workflows, executions,
 * layers, segments and units of its own, so that nothing of one tier changes, replaces or
 * gives away anything of the other. Only a history may show both.
 */
struct scope {
	struct text namespace; /* borrowed; empty: "default" */
	enum tier tier;
	bool both; /* the other tier's layers, too; an untrusted asker sees both anyway */
};

/* Who asks, in its own words. Borrowed texts; what was not said is empty. */
struct identity {
	struct scope scope;
	struct text workflow, run, job, shard, attempt, execution;
	struct text_list needs;
	bool has_needs;
	struct text retry_of;
	bool retry_none;     /* it says that it is no retry */
	bool retry_detected; /* retry_of was guessed from what surrounds the client */
};

struct contact_request {
	struct identity identity;
	enum contact_kind kind;
	/* Which layers of a workflow a retry of it inherits (R1): positions in
	 * history.layers, the catalogue's to free. The rule is the view's, not the
	 * store's. Called with the mutex held; must not call the catalogue. */
	int (*inherited)(const struct history *history, uint32_t **ret_layers,
			 size_t *ret_count, struct error *error);
	bool parent_is_barred; /* the asker may not choose retry_of as a parent (A8) */
};

/* After a CONTACT_LOOK the rows of these ids may be undone: only 0 or not 0 tells. */
struct contact {
	enum tier tier;
	int64_t namespace_id; /* 0: unknown (looks, attaches to unknown workflows) */
	int64_t workflow_id;  /* 0: unknown workflow: there is nothing to see */
	int64_t execution_id; /* 0: anonymous */
	/* The workflow of that name in the other tier, also where the history does not
	 * show it; 0: there is none. */
	int64_t other_workflow_id;
	bool both;          /* the history shows it */
	char warning[1024]; /* "" or a note: a detected parent that is not used */
};

/* A layer as it is stored. */
struct layer_record {
	int64_t id;
	uint8_t name[LAYER_ID_LEN];
	int64_t execution_id; /* of the workflow that made it */
	/* owned, with the history's memory */
	char *workflow, *run, *job, *shard, *attempt;
	uint32_t sequence;
	struct digest digest, content;
	struct totals totals;
	uint64_t new_bytes, stored_bytes;
	int64_t created_ms;
	enum tier tier;
	bool inherited;
};

/*
 * A workflow's facts for a view (view/view.h), and the records behind them; positions
 * agree: history.layers[i] is records[i], history.executions[i] has execution_ids[i].
 * Bases of other workflows are there as shadows.
 */
struct catalogue_history {
	struct history history;
	struct layer_record *records; /* by ascending id */
	/* An inherited layer's execution is the copy, where there is one, else a
	 * fact-only entry with inherited = true and the maker's own id. */
	int64_t *execution_ids;
	uint32_t own_execution; /* position of contact.execution_id, or VIEW_NONE */
	char *parent;           /* the workflow that it retries, or NULL; owned */
	struct arena memory;    /* of all of the above */
};
void catalogue_history_fini(struct catalogue_history *history);

/*
 * Makes a contact and loads the workflow's history, as one transaction (undone at its end
 * for CONTACT_LOOK). The rules:
 *  - The first attach or persist fixes the parent; one that names another later is
 *    ERR_IDENTITY. A parent that is unknown or expired is ERR_NOT_FOUND with its
 * sentence; if it was only detected, a warning, and there is no parent. A workflow that
 * retries itself is ERR_IDENTITY.
 *  - A parent that is barred counts only where it is fixed already, or, for an untrusted
 *    asker, where the trusted workflow of this name has it. Elsewhere it is ERR_DENIED;
 *    if it was only detected, a warning, and there is no parent. It is not looked up for
 *    that: the answer must not tell whether it exists.
 *  - A detected parent that contradicts the fixed one is a warning, since every later job
 *    detects it again. retry_none where there is a parent is ERR_IDENTITY. Who says
 *    nothing takes what was fixed.
 *  - The first contact with a parent copies the layers visible there (`inherited`), and
 *    the parent's executions with what they needed and attached: its own ones, and those
 *    that it inherited, unless the parent itself ran their job and their layers are not
 *    visible.
 *  - An expired workflow is ERR_NOT_FOUND with its date; its name is not used again.
 *  - Another execution id under the same run, job, shard and attempt is ERR_IDENTITY:
 *    "two executions call themselves …".
 *  - Needs that are given are remembered with the execution; where none are given, those
 *    from before stay.
 *  - Empty namespace, run and attempt stand for "default", "1" and "1".
 *  - ERR_USAGE without a workflow, and for a persist without a job.
 *  - If nothing changes but the time of the contact, it is written only where the last
 * one was a while ago: a minute, or less where lives are short (lifetime.h).
 *  - An unknown workflow without a parent: a persist creates it. An attach or a look gets
 *    workflow_id 0 and, unless the other tier shows something, an empty history; nothing
 *    is created.
 *
 * All of this holds within the asker's tier. A history of both tiers has the other tier's
 * layers as a look from there would see them, with what a retry would inherit there.
 */
int catalogue_contact(struct catalogue *catalogue, const struct contact_request *request,
		      struct contact *ret_contact, struct catalogue_history *ret_history,
		      struct error *error);

/* The history of another workflow: read only. ERR_NOT_FOUND for an unknown or expired
 * one, with its sentence. */
int catalogue_workflow_history(struct catalogue *catalogue, const struct scope *scope,
			       struct text workflow,
			       struct catalogue_history *ret_history,
			       struct error *error);

/* How many layers the other tier's workflow of this name has stored, visible or not: what
 * a history of both tiers would add. It counts and loads none. */
int catalogue_count_other(struct catalogue *catalogue, const struct scope *scope,
			  struct text workflow, uint64_t *ret_count, struct error *error);

/* The history again, after a commit. `both`: with the other tier's layers, as they are
 * stored. */
int catalogue_history_load(struct catalogue *catalogue, const struct contact *contact,
			   bool both, struct catalogue_history *ret_history,
			   struct error *error);

/* Finds a layer of the scope by its id, or by the first digits of it, at least 4, that no
 * other has. Gives its workflow's history, and its position there. ERR_NOT_FOUND,
 * ERR_USAGE (several begin so). */
int catalogue_find_layer(struct catalogue *catalogue, const struct scope *scope,
			 struct text id, struct catalogue_history *ret_history,
			 uint32_t *ret_position, struct error *error);

/* The database id of the last layer that there was, of any workflow, when the execution
 * was first heard of; INT64_MAX: it is no longer remembered, or from before this daemon's
 * start. */
int64_t catalogue_last_layer_before(struct catalogue *catalogue, int64_t execution_id);

/* Remembers what an execution has attached. layer_ids: as in struct layer_record. */
int catalogue_record_attach(struct catalogue *catalogue, const struct contact *contact,
			    const int64_t *layer_ids, size_t count, struct error *error);

/* ---- layers ------------------------------------------------------------------- */

/* Where a frame lies, in terms that outlive a restart. */
struct stored_place {
	struct segment_id segment;
	uint64_t offset; /* of the frame */
};

/* The layer that a key of this execution made. 1 found, 0 not, <0 error. The record's
 * texts are NULL. */
int catalogue_find_key(struct catalogue *catalogue, int64_t execution_id,
		       const uint8_t key[KEY_LEN], struct layer_record *ret_record,
		       struct error *error);

/*
 * What the catalogue knows of a layer: its row, and those that it needs to mean anything
 * (facts.h). Ids are the catalogue's own. Texts and lists are borrowed from `memory`, or
 * from what was decoded.
 */
struct workflow_facts {
	int64_t id; /* 0: there is none */
	int64_t namespace_id;
	enum tier tier;
	struct text namespace, name;
	int64_t created_ms;           /* 0: not said */
	int64_t namespace_created_ms; /* 0: not said */
};

struct execution_facts {
	int64_t id, origin; /* origin 0: an own one of the workflow */
	int64_t run_heard;
	struct text run, job, shard, attempt, execution;
	struct text_list needs;
	bool has_needs;
	struct text attached; /* a set (id_set.h) */
};

struct layer_facts {
	int64_t id;
	uint8_t name[LAYER_ID_LEN];
	uint32_t sequence;
	uint8_t key[KEY_LEN];
	struct digest digest, content;
	struct totals totals;
	uint64_t new_bytes, stored_bytes;
	int64_t created_ms;
	struct stored_place root, placement;
	struct text bases;     /* a set */
	struct text inherited; /* a set: by the workflow */
	struct workflow_facts workflow, parent;
	struct execution_facts execution;
	/* Copies, and executions that have no layer, by which they could be known. */
	const struct execution_facts *others;
	size_t other_count;
	size_t others_from;     /* the one to begin with, where not all of them fit */
	uint64_t others_in_all; /* how many there were where they were not all said */
	struct arena memory;    /* owned */
};

struct layer_commit {
	/* Borrowed; reserved (facts.h), and complete. What is said in it of the workflow
	 * is not believed. */
	const struct layer_facts *layer;
	const struct segment_id *segments; /* borrowed: all that the layer refers to */
	size_t segment_count;
	const struct segment_row *written; /* borrowed: new or grown ones, new vouched */
	size_t written_count;
	int64_t place_in; /* in this namespace a place was taken for it (census.h), which
			   * it fills; 0: none was */
};

/* Commits the layer as it was reserved, and its segments. ERR_IDENTITY when the key
 * exists with another digest; an equal one gives that layer and *ret_again = true,
 * changing nothing. ERR_NOT_FOUND when the workflow has expired meanwhile, ERR_LIMIT
 * beyond WORKSPACE_LAYERS_MAX. The record's texts are NULL. */
int catalogue_commit_layer(struct catalogue *catalogue, const struct layer_commit *commit,
			   struct layer_record *ret_record, bool *ret_again,
			   struct error *error);

/* Where a layer lies now, and the segments it refers to (owned by the caller). */
struct layer_place {
	struct stored_place root, placement;
	struct segment_id *segments;
	size_t segment_count;
};
int catalogue_layer_place(struct catalogue *catalogue, int64_t layer_id,
			  struct layer_place *ret_place, struct error *error);
/* Where other layers of the same digest have their roots, at most `room` of them. */
int catalogue_layer_twins(struct catalogue *catalogue, int64_t layer_id,
			  const struct digest *digest, size_t room,
			  struct stored_place *ret_places, size_t *ret_count,
			  struct error *error);

/* All layers, for check: ids ascending; owned by the caller (free). */
int catalogue_layer_ids(struct catalogue *catalogue, int64_t **ret_ids, size_t *ret_count,
			struct error *error);
/* One record by id. Its texts are set; free them with layer_record_fini. */
int catalogue_layer_record(struct catalogue *catalogue, int64_t layer_id,
			   struct layer_record *ret_record, struct error *error);
void layer_record_fini(struct layer_record *record);

/* ---- figures ------------------------------------------------------------------- */
struct catalogue_figures {
	uint64_t namespaces, workflows, layers, segments, vouched_bytes;
};
int catalogue_figures(struct catalogue *catalogue, struct catalogue_figures *ret_figures,
		      struct error *error);

/* Reads every page, and runs SQLite's integrity check and foreign key check. ERR_DAMAGED
 * names the first problem. */
int catalogue_check(struct catalogue *catalogue, struct error *error);

void layer_id_text(const uint8_t name[LAYER_ID_LEN], char ret_text[LAYER_ID_TEXT_SIZE]);

#endif
