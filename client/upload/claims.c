#include "client/upload/claims.h"

#include <stdlib.h>

#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"

struct claims {
	struct source *source;     /* borrowed */
	struct exchange *exchange; /* borrowed */
	bool *sent;                /* borrowed; by unit: it was met in a file before */
};

static int send_again(const struct claims *claims, uint32_t unit, uint64_t offset,
		      struct error *error)
{
	struct source *source = claims->source;
	struct exchange *exchange = claims->exchange;
	struct unit_name name = units_name(exchange->units, unit);
	struct batch *batch = exchange_lease(exchange);
	if (!batch)
		return flow_check(exchange->flow, error);
	size_t got;
	int err = source_read(source, offset, batch->data, name.key.len, &got, error);
	struct digest now = sha256_of(batch->data, err == 0 ? got : 0);
	if (err == 0 && !digest_equal(&now, &name.sha)) {
		char *path AUTO_FREE =
			tree_path_text(source->reading->tree, source->file.entry);
		err = error_set(error, ERR_CHANGED,
				"`%s`: changed after it was read; run the persist again",
				path);
	}
	if (err < 0) {
		exchange_release(exchange, batch);
		return err;
	}
	batch_add(batch, unit, &name.key);
	return exchange_ask(exchange, batch, error);
}

/* Units of one file that still have to be sent. */
static int settle_file(const struct claims *claims, uint32_t number, struct error *error)
{
	struct source *source = claims->source;
	struct units *units = claims->exchange->units;
	const struct entry *entry = tree_entry(source->reading->tree, number);
	uint64_t offset = 0;
	int err = 0;
	for (uint32_t i = 0; err == 0 && i < entry->unit_count; i++) {
		uint32_t unit = entry_units(entry)[i];
		if (units_is_new(units, unit) && !claims->sent[unit]) {
			claims->sent[unit] = true;
			if (!source_is_open(source))
				err = source_open(source, number, 0, error);
			if (err == 0)
				err = send_again(claims, unit, offset, error);
		}
		offset += units_key(units, unit).len;
	}
	source_close(source);
	return err;
}

int claims_settle(struct source *source, struct exchange *exchange, struct error *error)
{
	const struct tree *tree = source->reading->tree;
	if (units_settle(exchange->units) == 0)
		return 0;
	source->settles = true;
	bool *sent AUTO_FREE = must_calloc(units_count(exchange->units), sizeof(*sent));
	const struct claims claims = {source, exchange, sent};
	int err = 0;
	for (uint32_t i = 0; err == 0 && i < tree->count; i++) {
		const struct entry *entry = tree_entry(tree, i);
		if (entry->type == ROW_FILE && entry->is_row)
			err = settle_file(&claims, i, error);
	}
	return err;
}
