/*
 * What the two files share that load a workflow's history: history.c loads executions and
 * layers; sets.c turns the stored sets of layer ids (id_set.h) into positions among them.
 * For these only; with the catalogue's mutex held.
 */
#ifndef BATON_STORE_CATALOGUE_LOADER_H
#define BATON_STORE_CATALOGUE_LOADER_H

#include "daemon/store/catalogue/internal.h"
#include "proto/base/arena.h"

/* Which execution of the history stands for the one that made a layer. */
struct maker {
	int64_t id;
	uint32_t position;
};

/* A set of layers as it is stored (id_set.h), until its layers have positions. */
struct stored_set {
	const uint8_t *bytes; /* borrowed from the arena */
	size_t len;
};

struct loader {
	struct catalogue *catalogue; /* borrowed */
	const struct sight *sight;   /* borrowed */
	struct arena memory;
	struct arena_list executions; /* struct history_execution */
	struct arena_list ids;        /* int64_t */
	struct arena_list attached;   /* struct stored_set, as executions */
	struct arena_list makers;     /* struct maker */
	struct arena_list layers;     /* struct history_layer */
	struct arena_list records;    /* struct layer_record */
	struct arena_list bases;      /* struct stored_set, as layers */
	struct arena_list layer_ids;  /* int64_t, as layers */
	struct arena_list facts;      /* int64_t: ids that a set names, not loaded yet */
	size_t own_count; /* executions of the workflow; those of others follow */
};

void loader_fini(struct loader *loader);

/* For qsort() and bsearch(), of items that begin with an int64_t id. */
int loader_compare_ids(const void *a, const void *b);
/* Where an id is in a list that ascends by it; VIEW_NONE: it is not there. */
uint32_t loader_position(const struct arena_list *list, size_t count, size_t item_size,
			 int64_t id);
/* Position of the execution that stands for this one; VIEW_NONE: not loaded. */
uint32_t loader_maker(const struct loader *loader, int64_t execution_id);
/* Adds the layer of the current row; the position of its maker is filled in later. */
int loader_add_layer(struct loader *loader, struct query *query, bool inherited,
		     bool shadow, struct error *error);
/* Keeps a copy of a set's bytes at the end of the list. */
void loader_keep_set(struct loader *loader, struct arena_list *list, struct reader bytes);

/* Fills attached and bases, and adds the layers of other workflows that these name. */
int loader_load_sets(struct loader *loader, struct error *error);

#endif
