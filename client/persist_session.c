#include "client/persist_session.h"

#include <stdlib.h>
#include <string.h>

#include "proto/bytes.h"
#include "proto/cleanup.h"
#include "proto/limits.h"

/* A larger root goes ahead as a ROOT (PROTOCOL.md §5). */
#define ROOT_IN_COMMIT_MAX (CONTROL_LEN_MAX - 4096u)

static void warn_each(const struct persist *persist, const struct text_list *warnings)
{
	for (size_t i = 0; i < warnings->count; i++) {
		char text[ERROR_TEXT_SIZE];
		(void)text_clean(warnings->items[i], text, sizeof text);
		report_warning(persist->report, "%s", text);
	}
}

/* Receives a control message into the outcome, which owns what it borrows from. */
static int expect(struct connection *connection, uint16_t type,
		  struct persist_outcome *outcome, void *ret_message, struct error *error)
{
	struct link_message message = {0};
	int rc = link_expect(&connection->link, type, &message, error);
	if (rc < 0)
		return rc;
	free(outcome->payload);
	outcome->payload = message.payload;
	return message_decode(&outcome->memory, type, message.payload, message.len,
			      ret_message, error);
}

/* ---- PERSIST, READY ---- */

static int ask_to_begin(struct persist *persist, struct connection *connection,
			struct error *error)
{
	struct msg_persist request = {
		.identity = persist->identity,
		.key = {.at = (const char *)persist->key, .len = PERSIST_KEY_LEN},
		.again = persist->key_sent,
	};
	char base[17];
	persist_record_base(persist, base);
	request.base = text_of(base);
	persist->key_sent = true;
	int rc = link_send_control(&connection->link, MSG_PERSIST, &request, error);
	/* who closed the connection may have said why */
	return rc == ERR_LOST ? 0 : rc;
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
	int rc = link_send(&connection->link, MSG_ROOT, &root, 1, error);
	if (rc < 0)
		return rc;
	return link_send_control(&connection->link, MSG_COMMIT, &commit, error);
}

static int commit(struct persist *persist, struct connection *connection,
		  struct persist_outcome *outcome, struct error *error)
{
	persist->digest = outcome->upload.digest;
	persist->has_digest = true;
	int rc = send_commit(connection, &outcome->upload, error);
	if (rc < 0 && rc != ERR_LOST)
		return rc;
	rc = expect(connection, MSG_COMMITTED, outcome, &outcome->committed, error);
	if (rc < 0)
		return rc;
	if (!is_digest(outcome->committed.layer.digest, &persist->digest))
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

static int upload(struct persist *persist, struct connection *connection,
		  struct persist_outcome *outcome, const struct root *base,
		  struct error *error)
{
	struct upload_request request = {
		.link = &connection->link,
		.ask_window = connection->ask_window,
		.selection = &persist->selection,
		.prefix = persist->prefix,
		.record = persist->record,
		.base = base,
		.if_changed = persist->options->if_changed,
		.if_empty = persist->options->if_empty,
		.progress = persist->progress,
	};
	outcome->has_upload = true;
	int rc = upload_run(&request, &outcome->upload, error);
	if (rc < 0)
		return rc;
	return persist_check_totals(persist, &outcome->upload.totals, error);
}

static int converse(struct persist *persist, struct connection *connection,
		    struct persist_outcome *outcome, struct error *error)
{
	int rc = ask_to_begin(persist, connection, error);
	if (rc < 0)
		return rc;
	struct msg_ready ready;
	rc = expect(connection, MSG_READY, outcome, &ready, error);
	if (rc < 0)
		return rc;
	warn_each(persist, &ready.warnings);
	if (ready.has_committed)
		return take_committed(persist, &ready, outcome, error);
	struct root base AUTO(root_fini) = {0};
	outcome->base_held = persist_record_root(persist, ready.base_root, &base);
	rc = upload(persist, connection, outcome, outcome->base_held ? &base : NULL,
		    error);
	if (rc < 0)
		return rc;
	rc = commit(persist, connection, outcome, error);
	if (rc < 0)
		return rc;
	warn_each(persist, &outcome->committed.warnings);
	return 0;
}

int persist_session(struct persist *persist, struct connection *connection,
		    struct persist_outcome *ret_outcome, struct error *error)
{
	*ret_outcome = (struct persist_outcome){0};
	int rc = converse(persist, connection, ret_outcome, error);
	persist->sent_bytes += connection->link.sent_bytes;
	return rc;
}

void persist_outcome_fini(struct persist_outcome *outcome)
{
	if (outcome->has_upload)
		upload_result_fini(&outcome->upload);
	free(outcome->payload);
	message_memory_fini(&outcome->memory);
	*outcome = (struct persist_outcome){0};
}
