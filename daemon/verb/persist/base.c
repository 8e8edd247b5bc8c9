#include "daemon/verb/persist/base.h"

#include "daemon/session/authorise.h"
#include "proto/base/cleanup.h"

/* Its database id; 0: not in the history. */
static int64_t find_in_history(const struct catalogue_history *history, struct text base)
{
	for (uint32_t i = 0; i < history->history.layer_count; i++) {
		const struct layer_record *record = &history->records[i];
		char id[LAYER_ID_TEXT_SIZE];
		layer_id_text(record->name, id);
		bool shadow = history->history.layers[i].shadow;
		if (!shadow && text_is(base, id))
			return record->id;
	}
	return 0;
}

/* A layer of another workflow, of the asker's tier alone: what may be cited is stored
 * there. */
static int64_t find_in_namespace(const struct session *session, struct text base)
{
	const struct msg_persist *request = &session->request->persist;
	struct catalogue *catalogue = store_catalogue(session->services->store);
	AUTO(catalogue_history_fini) struct catalogue_history history = {0};
	uint32_t position;
	struct error ignored;
	const struct scope scope = {request->identity.namespace, session->tier, false};
	if (base.len != LAYER_ID_TEXT_SIZE - 1 ||
	    catalogue_find_layer(catalogue, &scope, base, &history, &position, &ignored))
		return 0;
	return history.records[position].id;
}

void persist_base_find(const struct session *session,
		       const struct catalogue_history *history,
		       struct transaction *transaction, struct buffer *ret_root)
{
	const struct msg_persist *request = &session->request->persist;
	struct error ignored;
	if (request->base.len == 0 || !session_reads_workflow(session))
		return;
	int64_t layer_id = find_in_history(history, request->base);
	if (!layer_id && session_reads_namespace(session))
		layer_id = find_in_namespace(session, request->base);
	if (layer_id)
		(void)transaction_base(transaction, layer_id, ret_root, &ignored);
}
