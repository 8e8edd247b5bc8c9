/*
 * What an attach remembers of DIR, for the next persist from there (its base) and the
 * next attach to there (the view that it holds).
 */
#include <errno.h>
#include <string.h>

#include "client/commands/attach/session.h"
#include "proto/base/bytes.h"

/* Whether DIR has the rows of one layer, all of them, under their own paths (record.h).
 * Their digest proves it, whatever the daemon says: in a merge, a row may have another's
 * time. */
static bool is_aligned(const struct attach *attach)
{
	const struct view_rows *view = &attach->session.view;
	return view->layers.count == 1 &&
	       view->layers.items[0].digest.len == SHA256_LEN &&
	       memcmp(view->layers.items[0].digest.at, view->digest.bytes, SHA256_LEN) ==
		       0;
}

/* What the next attach may name instead of asking for these rows again. */
static struct record_view view_for_record(const struct attach *attach)
{
	const struct view_rows *view = &attach->session.view;
	return (struct record_view){
		.tag = view->tag,
		.digest = view->digest,
		.server = view_held_server(attach->session.connection.server),
		.totals = view->totals,
	};
}

void attach_record(struct attach *attach)
{
	struct record_view view = view_for_record(attach);
	const struct msg_layer_list *layers = &attach->session.view.layers;
	struct record_base base = {0};
	char id[LAYER_ID_TEXT_SIZE] = "";
	if (layers->count > 0) {
		const struct msg_layer *layer = &layers->items[attach->base];
		if (layer->layer.len < sizeof(id))
			memcpy(id, layer->layer.at, layer->layer.len);
		base.known = layer->digest.len == SHA256_LEN &&
			     hex_decode(id, LAYER_ID_LEN, base.layer);
		base.aligned = is_aligned(attach);
		if (base.known)
			memcpy(base.digest.bytes, layer->digest.at, SHA256_LEN);
	}
	if (destination_record(attach->destination, base.known ? &base : NULL, &view) !=
		    0 &&
	    attach->options->verbose)
		report_note(attach->report, "no stat record was written: %s",
			    strerror(errno));
}
