#include "client/commands/persist/session.h"

#include <stdlib.h>
#include <string.h>

#include "client/question/how.h"
#include "client/terminal/advice.h"
#include "proto/base/advice.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/bounds.h"

/* A root that is larger is sent before the COMMIT, as a ROOT (PROTOCOL.md §5). */
#define ROOT_IN_COMMIT_MAX (CONTROL_LEN_MAX - 4096u)

/* advice: for the warning with the same number; there may be fewer. */
static void warn_each(const struct persist *persist, const struct text_list *warnings,
		      const struct text_list *advice)
{
	for (size_t i = 0; i < warnings->count; i++) {
		char text[ERROR_TEXT_SIZE];
		char words[ADVICE_TEXT_SIZE];
		struct text name = i < advice->count ? advice->items[i] : text_of("");
		(void)text_clean(warnings->items[i], text, sizeof(text));
		report_warning(persist->report, "%s%s", text,
			       advice_text(advice_named(name.at, name.len), words));
	}
}

/* Receives a control message into the outcome, which owns what it borrows from. */
static int expect(struct connection *connection, uint16_t type,
		  struct persist_outcome *outcome, void *ret_message, struct error *error)
{
	struct link_message message = {0};
	int err = link_expect(&connection->link, type, &message, error);
	if (err < 0)
		return err;
	free(outcome->payload);
	outcome->payload = message.payload;
	return message_decode(&outcome->memory, type, message.payload, message.len,
			      ret_message, error);
}

/* ---- PERSIST, READY ---- */

int persist_connect(struct persist *persist, uint64_t deadline_ms,
		    struct connection *ret_connection, struct error *error)
{
	struct msg_persist message = {
		.identity = persist->identity,
		.key = {.at = (const char *)persist->key, .len = PERSIST_KEY_LEN},
		.again = persist->key_sent,
	};
	char base[LAYER_ID_TEXT_SIZE];
	persist_record_base(persist, base);
	message.base = text_of(base);
	persist->key_sent = true;
	struct connection_request request = {MSG_PERSIST, &message};
	struct connection_how how = how_to_connect(persist->options);
	int err = connection_open(&how, deadline_ms, &request, ret_connection, error);
	/* Already now, because a walk may take long and find nothing to send. */
	if (err == 0)
		connection_keep_alive(ret_connection);
	return err;
}

static bool is_digest(struct text text, const struct digest *digest)
{
	return text.len == SHA256_LEN && memcmp(text.at, digest->bytes, SHA256_LEN) == 0;
}

/* An earlier try got through, and only its acknowledgement was lost. */
static int take_committed(const struct persist *persist, const struct msg_ready *ready,
			  struct persist_outcome *outcome, struct error *error)
{
	if (ready->committed.digest.len != SHA256_LEN)
		return error_set(error, ERR_PROTOCOL,
				 "persist: the daemon names a layer without its digest");
	if (persist->has_digest && !is_digest(ready->committed.digest, &persist->digest))
		return error_set(
			error, ERR_IDENTITY,
			"persist: the daemon committed this persist with another "
			"digest than was sent");
	outcome->again = true;
	outcome->committed = (struct msg_committed){
		.layer = ready->committed,
		.again = true,
	};
	return 0;
}

/* ---- COMMIT, COMMITTED ---- */

static int send_commit(struct connection *connection, const struct upload_result *upload,
		       struct error *error)
{
	struct msg_commit commit = {.skipped = upload->skipped};
	if (upload->root.len <= ROOT_IN_COMMIT_MAX) {
		commit.root =
			(struct text){(const char *)upload->root.at, upload->root.len};
		return link_send_control(&connection->link, MSG_COMMIT, &commit, error);
	}
	struct iovec root = {.iov_base = upload->root.at, .iov_len = upload->root.len};
	int err = link_send(&connection->link, MSG_ROOT, &root, 1, error);
	if (err < 0)
		return err;
	return link_send_control(&connection->link, MSG_COMMIT, &commit, error);
}

/* One try. */
struct persist_try {
	struct persist *persist;         /* borrowed */
	struct connection *connection;   /* borrowed */
	struct persist_outcome *outcome; /* borrowed */
	/* Nothing can have been committed before and there is no base: the walk need not
	 * wait for READY. */
	bool is_fresh;
};

static int await_ready(struct persist_try *try, struct msg_ready *ret_ready,
		       struct error *error)
{
	int err = expect(try->connection, MSG_READY, try->outcome, ret_ready, error);
	if (err == 0)
		warn_each(try->persist, &ret_ready->warnings, &(struct text_list){0});
	return err;
}

static int begin(void *context, struct error *error)
{
	struct msg_ready ready;
	int err = await_ready(context, &ready, error);
	if (err < 0 || !ready.has_committed)
		return err;
	return error_set(error, ERR_PROTOCOL,
			 "persist: the daemon names a layer before it was sent one");
}

/* Called when all that the root names was sent. The stat record is written while the
 * daemon makes the layer durable. */
static int commit(void *context, const struct upload_result *upload, struct error *error)
{
	struct persist_try *try = context;
	int err = persist_check_totals(try->persist, &upload->totals, error);
	if (err < 0)
		return err;
	try->persist->digest = upload->digest;
	try->persist->has_digest = true;
	err = send_commit(try->connection, upload, error);
	if (err == 0)
		persist_record_begin(try->persist, upload, try->outcome->base_held);
	return err;
}

static int await_committed(struct persist_try *try, struct error *error)
{
	struct persist_outcome *outcome = try->outcome;
	int err = expect(try->connection, MSG_COMMITTED, outcome, &outcome->committed,
			 error);
	if (err < 0)
		return err;
	if (!is_digest(outcome->committed.layer.digest, &try->persist->digest))
		return error_set(error, ERR_UNEXPECTED,
				 "persist: the daemon committed another digest than was "
				 "sent");
	return 0;
}

/* ---- the whole ---- */

int persist_check_totals(const struct persist *persist, const struct totals *totals,
			 struct error *error)
{
	if (totals_rows(totals) > 0 || persist->options->if_empty != IF_EMPTY_ERROR)
		return 0;
	return error_set(error, ERR_EMPTY,
			 "persist: nothing was found that can be stored; use "
			 "--if-empty=ok if an empty layer is as it should be");
}

static int upload(struct persist_try *try, const struct root *base, struct error *error)
{
	struct persist *persist = try->persist;
	struct own_places own = persist->own;
	own_places_add_data(&own, try->connection->data_place,
			    try->connection->data_place_count);
	struct upload_request request = {
		.link = &try->connection->link,
		.ask_window = try->connection->ask_window,
		.selection = &persist->selection,
		.prefix = persist->prefix,
		.record = persist->record,
		.own = &own,
		.base = base,
		.if_changed = persist->options->if_changed,
		.secret = persist->options->allow_token
				  ? text_of(NULL)
				  : credentials_mark(&persist->credentials),
		.if_empty = persist->options->if_empty,
		.progress = persist->progress,
		.on_begin = try->is_fresh ? begin : NULL,
		.on_sent = commit,
		.context = try,
	};
	try->outcome->has_upload = true;
	return upload_run(&request, &try->outcome->upload, error);
}

/* Waits for READY, which may say that an earlier try was committed, or bring the base. */
static int begin_first(struct persist_try *try, struct root *ret_base,
		       bool *ret_committed, struct error *error)
{
	struct persist_outcome *outcome = try->outcome;
	struct msg_ready ready;
	int err = await_ready(try, &ready, error);
	if (err < 0)
		return err;
	*ret_committed = ready.has_committed;
	if (ready.has_committed)
		return take_committed(try->persist, &ready, outcome, error);
	outcome->base_held = persist_record_root(try->persist, ready.base_root, ret_base);
	return 0;
}

static int converse(struct persist_try *try, struct error *error)
{
	struct persist *persist = try->persist;
	struct root base AUTO(root_fini) = {0};
	bool committed = false;
	int err = 0;
	try->is_fresh = !persist->record && !persist->has_digest;
	if (!try->is_fresh)
		err = begin_first(try, &base, &committed, error);
	if (err < 0 || committed)
		return err;
	err = upload(try, try->outcome->base_held ? &base : NULL, error);
	if (err == 0)
		err = await_committed(try, error);
	if (err == 0)
		warn_each(persist, &try->outcome->committed.warnings,
			  &try->outcome->committed.warning_advice);
	return err;
}

int persist_session(struct persist *persist, struct connection *connection,
		    struct persist_outcome *ret_outcome, struct error *error)
{
	*ret_outcome = (struct persist_outcome){0};
	struct persist_try try = {
		.persist = persist, .connection = connection, .outcome = ret_outcome};
	int err = converse(&try, error);
	persist->sent_bytes += connection->link.sent_bytes;
	return err;
}

void persist_outcome_fini(struct persist_outcome *outcome)
{
	if (outcome->has_upload)
		upload_result_fini(&outcome->upload);
	free(outcome->payload);
	message_memory_fini(&outcome->memory);
	*outcome = (struct persist_outcome){0};
}
