/*
 * Trees that tests persist into a store and read back, the way a client and an attach do:
 * units are asked about, pieces too, and a row's bytes come from the frame that the
 * reader names.
 */
#ifndef BATON_TESTS_STORE_TREE_H
#define BATON_TESTS_STORE_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/store/layer/reader.h"
#include "daemon/store/store.h"
#include "daemon/store/transaction/transaction.h"
#include "tests/harness/catalogue_steps.h"

/* A file: its bytes follow from `content` and its length. */
struct tree_file {
	char path[64];
	uint32_t content;
	uint32_t len;
};

struct store_tree {
	struct tree_file *files; /* owned; in manifest order */
	size_t count;
};
/* `count` files of up to len_max bytes, in directories of 50; contents begin at `content`
 * and are all different. */
struct store_tree tree_new(size_t count, uint32_t content, uint32_t len_max);
void tree_fini(struct store_tree *tree);
/* The bytes of a file, owned by the caller. */
uint8_t *tree_bytes(const struct tree_file *file);
struct unit_name tree_unit_name(const struct tree_file *file);

struct tree_persist {
	struct who who;
	uint32_t key;
	const struct store_tree *tree;
	int64_t base;        /* layer id; 0: none */
	bool without_asking; /* sends every unit */
};

struct tree_figures {
	uint64_t offered, sent; /* units, pieces too */
	uint64_t pieces, pieces_of_base;
};

/* Persists; the texts of the record are NULL. */
int tree_persist(struct store *store, const struct tree_persist *persist,
		 struct layer_record *ret_record, struct tree_figures *ret_figures,
		 struct error *error);
/* The same up to the commit: the transaction and the encoded root are the caller's. */
int tree_send(struct store *store, const struct tree_persist *persist,
	      struct transaction **ret_transaction, struct buffer *ret_root,
	      int64_t *ret_execution, struct tree_figures *ret_figures,
	      struct error *error);

/* Reads the layer whole and compares it with the tree; ERR_UNEXPECTED where it differs.
 */
int tree_verify(struct store *store, int64_t layer_id, const struct store_tree *tree,
		struct error *error);
/* One row's bytes by way of the reader. ERR_UNEXPECTED where they differ. */
int tree_verify_row(struct layer_reader *reader, const struct io *io,
		    const struct row *row, uint64_t mention, const struct tree_file *file,
		    struct error *error);

/* Moves a segment to another file as it is. ERR_BUSY while it has a writer. */
int tree_move_segment(struct store *store, const struct segment_id *id,
		      struct error *error);

/* A check with read_data that counts what it finds; sentences are kept in `text` (the
 * first few), which may be NULL. */
int tree_check(struct store *store, uint64_t *ret_damaged, char *text, size_t room,
	       struct error *error);

#endif
