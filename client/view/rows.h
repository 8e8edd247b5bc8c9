/*
 * A view as the daemon gives it (PROTOCOL.md §6): ATTACH goes out, the layers come in,
 * then rows are pulled one by one, checked by the manifest decoder, and counted into the
 * digest of the view. Memory is one ROWS message and the list of layers.
 *
 * Belongs to the thread that owns the link.
 */
#ifndef BATON_CLIENT_VIEW_ROWS_H
#define BATON_CLIENT_VIEW_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/bytes.h"
#include "proto/base/error.h"
#include "proto/bounds.h"
#include "proto/link/link.h"
#include "proto/manifest/manifest.h"
#include "proto/message/message.h"
#include "proto/unit/codec.h"
#include "proto/unit/digest.h"

struct view_row {
	struct row row; /* borrowed until the next call */
	uint32_t layer; /* position in layers */
	bool conflict;
	const uint32_t *conflict_layers; /* borrowed until the next call; positions */
	size_t conflict_count;
};

struct view_rows {
	struct link *link; /* borrowed */
	struct msg_layer_list layers, stale, left_out;
	uint64_t left_out_count; /* of which left_out has the first */
	struct text_list unknown_needs, unknown_from, unknown_prefer, warnings;
	struct message_memory memory; /* owned; what the lists borrow from, with … */
	uint8_t **payloads;           /* owned; … the VIEW messages */
	size_t payload_count;

	struct codec *codec; /* owned */
	uint8_t *message;    /* owned; the ROWS that the decoder reads, or … */
	uint8_t *raw;        /* owned; … their unpacked bytes */
	struct row_decoder decoder;
	bool has_rows; /* a first ROWS came */
	bool ended;
	struct piece_writer digest_writer;
	uint32_t *conflict_layers; /* owned */

	struct digest tag;    /* what the daemon calls the rows; 0: there are none */
	bool held;            /* it found the tag in the request, and sends no rows */
	struct totals totals; /* of the rows so far */
	uint64_t conflicts;
	struct digest digest; /* of the view; once view_rows_next() gave 0 */
};

/* Receives what comes before the rows; the ATTACH was sent. view_rows_fini() also after
 * a failure. A refusal of the daemon is its code and sentence. */
int view_rows_open(struct view_rows *view, struct link *link,
		   const struct msg_attach *request, struct error *error);

/* Asks for the rows of a view that is held. */
int view_rows_want(struct view_rows *view, struct error *error);

/* Reads the next row; not of a view that is held. 1: a row; 0: the end, now digest and
 * totals are known; <0: ERR_DAMAGED, ERR_PROTOCOL, or the link's error. */
int view_rows_next(struct view_rows *view, struct view_row *ret_row, struct error *error);

void view_rows_fini(struct view_rows *view);

/* Room for the name of a layer's maker (label.h): four names, and the words between
 * them. */
#define LAYER_LABEL_SIZE (4u * NAME_LEN_MAX + 80u)
const char *layer_label(const struct msg_layer *layer, char *ret_text, size_t size);

#endif
