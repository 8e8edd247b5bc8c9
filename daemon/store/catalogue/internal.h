/*
 * What the files of the catalogue, and those of store/life, share: its state and its
 * transactions. For these only; all but catalogue_lock needs the mutex held.
 */
#ifndef BATON_STORE_CATALOGUE_INTERNAL_H
#define BATON_STORE_CATALOGUE_INTERNAL_H

#include <pthread.h>

#include "daemon/store/catalogue/catalogue.h"
#include "daemon/store/catalogue/lifetime.h"
#include "daemon/store/database/database.h"
#include "daemon/store/database/query.h"
#include "daemon/store/database/row.h"
#include "daemon/store/database/vfs.h"
#include "daemon/store/disk/accounts.h"
#include "daemon/store/disk/stamp.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"

/* One that is being committed: see facts_reserve(). */
struct reserved_layer {
	int64_t layer_id, execution_id;
	int64_t sequence;
};

/* When an execution was first heard of. */
struct heard {
	int64_t execution; /* 0: none */
	int64_t last_layer;
};
/* How many are remembered. */
#define HEARD_MAX 4096u

struct catalogue {
	pthread_mutex_t mutex;
	const struct io *io;       /* borrowed */
	struct database *database; /* owned */
	struct vfs *vfs;           /* borrowed: the database's */
	struct lifetime lifetime;
	bool syncs_commits;      /* what SQLite was told last: to sync at a commit */
	bool has_unsynced;       /* a change was committed, and no sync has followed */
	struct error unfinished; /* what opening could not do; code 0: nothing */
	bool frozen;             /* opened to read: the files stay as they are */
	bool pretends;           /* frozen, and of an older schema: in a transaction that
				  * is never committed it was brought to this one */
	struct error refusal;    /* of every change; code 0: they are taken */
	struct stamp_file stamp;
	uint64_t store;                  /* which catalogue; constant once it is open */
	_Atomic uint64_t commits;        /* durable changes that were counted */
	uint64_t log_commits;            /* catalogue_log_commits */
	struct reserved_layer *reserved; /* owned */
	size_t reserved_count, reserved_room;
	struct heard heard[HEARD_MAX]; /* those of this daemon's life, in a ring */
	size_t heard_count;            /* how many there were */
	/* Owned; of layers, and the places that running persists have taken for theirs
	 * (store/life/census.h). What gives layers up has them counted again. */
	struct accounts layers;
};

struct catalogue *catalogue_lock(struct catalogue *catalogue);
void catalogue_unlock(struct catalogue **catalogue);
/* Holds the mutex until the scope ends. */
#define CATALOGUE_LOCKED(catalogue)                                                      \
	struct catalogue *locked_ AUTO(catalogue_unlock) = catalogue_lock(catalogue);    \
	(void)locked_

/* ERR_DAMAGED: what should be a set of layers (id_set.h) is none. */
int catalogue_bad_set(const struct catalogue *catalogue, struct error *error);

/* Makes the schema of a new database, and adds what a known older one lacks. ERR_VERSION
 * where it is another schema, by its number or by its tables and indexes; the sentence
 * names the data directory. ERR_NO_ROOM: an older one cannot be brought to this one now.
 */
int catalogue_check_schema(struct catalogue *catalogue, struct error *error);
/* Gives the pages of a catalogue of schema 2 their sums. If there is no room for that,
 * the catalogue goes on without sums and `unfinished` says why; it is an error only after
 * a failed write or sync. */
int catalogue_add_sums(struct catalogue *catalogue, struct error *error);

/* The two arguments that "%.*s" takes for a struct text. */
#define WORDS(text) (int)(text).len, (text).at ? (text).at : ""

/* ---- transactions ---------------------------------------------------------------- */

/* struct change change AUTO(change_end) = {0}; — undone at its end unless committed. */
struct change {
	struct catalogue *catalogue; /* borrowed; NULL: not begun, or over */
	bool unsynced;
	int64_t rows_before; /* changed by this connection before it began */
};

/* ERR_READ_ONLY after a failed write, or what catalogue_refuse_changes() was given. */
int change_begin(struct change *change, struct catalogue *catalogue, struct error *error);
/* A change whose commit is not synced: the next synced change makes it durable, since a
 * sync is of the whole log. */
int change_begin_unsynced(struct change *change, struct catalogue *catalogue,
			  struct error *error);
/* Makes committed changes durable that no sync has followed, if there are any. */
int catalogue_sync_locked(struct catalogue *catalogue, struct error *error);
/* A change that will not be committed, and so writes nothing: never refused. */
int change_try(struct change *change, struct catalogue *catalogue, struct error *error);
/* If a synced change has changed a row, it raises `commits` by one, and the stamp is
 * written. */
int change_commit(struct change *change, struct error *error);
void change_end(struct change *change);
/* Within a change: what is done between these two calls is undone, whether the change is
 * committed or not. If change_undo_aside() fails, the change must not be committed. */
int change_begin_aside(const struct change *change, int64_t *ret_mark,
		       struct error *error);
int change_undo_aside(struct change *change, int64_t mark, struct error *error);

/* ---- shared between the files ---------------------------------------------------- */

struct workflow_row {
	int64_t id; /* 0: there is none */
	int64_t namespace_id;
	int64_t parent;     /* 0: none */
	int64_t expired_ms; /* 0: it lives */
};

/* The name under which the catalogue keeps a tier of a namespace, as a namespace of its
 * own (FORMAT.md §5). */
#define NAMESPACE_KEY_SIZE (NAME_LEN_MAX + 16u)
struct text catalogue_namespace_key(struct text name, enum tier tier,
				    char ret_key[NAMESPACE_KEY_SIZE]);
/* The tier of such a name. */
enum tier catalogue_namespace_tier(const char *key);
/* What clients call the namespace of such a name; borrowed from it. */
struct text catalogue_namespace_name(const char *key);

/* The id of a tier of the namespace; 0 where there is none. An empty name stands for
 * "default". */
int catalogue_find_namespace(struct catalogue *catalogue, struct text name,
			     enum tier tier, int64_t *ret_id, struct error *error);
static inline enum tier tier_other(enum tier tier)
{
	return tier == TIER_TRUSTED ? TIER_UNTRUSTED : TIER_TRUSTED;
}
/* Whether a history of the scope shows both tiers. */
static inline bool scope_shows_both(const struct scope *scope)
{
	return scope->both || scope->tier == TIER_UNTRUSTED;
}
/* The ids of the tiers that the scope shows, the asker's first; where it shows one, that
 * one twice. 0: there is none. */
int catalogue_find_scope(struct catalogue *catalogue, const struct scope *scope,
			 int64_t ret_ids[2], struct error *error);
int catalogue_find_workflow(struct catalogue *catalogue, int64_t namespace_id,
			    struct text name, struct workflow_row *ret_row,
			    struct error *error);
/* The living workflow of that name in the tier that is not the scope's; id 0: none. */
int catalogue_find_other(struct catalogue *catalogue, const struct scope *scope,
			 struct text name, struct workflow_row *ret_row,
			 struct error *error);
/* The day of a Unix time in milliseconds, in UTC. */
void catalogue_date_text(int64_t ms, char ret_text[16]);
/* Writes ERR_NOT_FOUND "workflow `W` expired on DATE (UTC); …". */
int catalogue_expired(struct text name, int64_t expired_ms, struct error *error);

/* The layer's row, with its id and bases as they are in it; what it names is there. */
int catalogue_insert_layer(struct catalogue *catalogue, const struct layer_facts *layer,
			   enum tier tier, struct error *error);
/* That the layer refers to the segment. */
int catalogue_cite_segment(struct catalogue *catalogue, int64_t layer_id,
			   const struct segment_id *id, struct error *error);

/* Finds or makes the execution that an identity with a job names, and remembers its
 * needs. ERR_IDENTITY where another execution calls itself the same. */
int catalogue_execution(struct catalogue *catalogue, int64_t workflow_id,
			const struct identity *identity, int64_t *ret_id,
			struct error *error);

/* Copies the layers of the parent that the request's rule names, and the executions
 * behind them (rules R1, R4). */
int catalogue_inherit(struct catalogue *catalogue, const struct contact_request *request,
		      int64_t workflow_id, int64_t parent_id, struct error *error);

/* Whose history is loaded, and what it shows. */
struct sight {
	int64_t workflow_id;
	enum tier tier;
	int64_t other_id;     /* the same workflow in the other tier; 0: not shown */
	int64_t execution_id; /* the asker's; 0: it has none */
};
int catalogue_load(struct catalogue *catalogue, const struct sight *sight,
		   struct catalogue_history *ret_history, struct error *error);

/* Sets contact_ms to the store's time now, if it is older than contact_grain_ms
 * (lifetime.h); `always`: in any case, which costs nothing in a change that changes
 * something else. */
int catalogue_touch(struct catalogue *catalogue, int64_t workflow_id, bool always,
		    struct error *error);

/* The columns of a layer's record, which layer_record_of() reads: from layers, joined
 * with the execution that made the layer and with that one's workflow. LEFT JOIN: where
 * one of these rows is missing, the layer is still found, and the damage is told. */
#define LAYER_COLUMNS                                                                    \
	"layers.id, layers.name, layers.execution, sequence, digest, content, files,"    \
	" directories, symlinks, bytes, units, new_bytes, stored_bytes,"                 \
	" layers.created_ms, tier, workflows.name, run, job, shard, attempt"
#define LAYER_JOIN                                                                       \
	" LEFT JOIN executions ON executions.id = layers.execution"                      \
	" LEFT JOIN workflows ON workflows.id = executions.workflow"
enum layer_column {
	COLUMN_ID,
	COLUMN_NAME,
	COLUMN_EXECUTION,
	COLUMN_SEQUENCE,
	COLUMN_DIGEST,
	COLUMN_CONTENT,
	COLUMN_FILES,
	COLUMN_DIRECTORIES,
	COLUMN_SYMLINKS,
	COLUMN_BYTES,
	COLUMN_UNITS,
	COLUMN_NEW_BYTES,
	COLUMN_STORED_BYTES,
	COLUMN_CREATED_MS,
	COLUMN_TIER,
	COLUMN_WORKFLOW,
	COLUMN_RUN,
	COLUMN_JOB,
	COLUMN_SHARD,
	COLUMN_ATTEMPT,
	LAYER_COLUMN_COUNT,
};
/* The record of the current row; its texts are borrowed from the row. */
int layer_record_of(struct query *query, struct layer_record *ret_record,
		    struct error *error);
/* catalogue_find_key with the mutex held. */
int catalogue_find_key_locked(struct catalogue *catalogue, int64_t execution_id,
			      const uint8_t key[KEY_LEN], struct layer_record *ret_record,
			      struct error *error);

#endif
