/*
 * Persist, in the order of PROTOCOL.md §5: READY, then ASKs and UNITS in any order, then
 * COMMIT and COMMITTED.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "daemon/session/authorise.h"
#include "daemon/session/layer_message.h"
#include "daemon/session/persist_keys.h"
#include "daemon/session/view.h"
#include "daemon/store/transaction/transaction.h"
#include "daemon/verb/persist/base.h"
#include "daemon/verb/persist/outcome.h"
#include "daemon/verb/persist/persist.h"
#include "daemon/verb/persist/quota.h"
#include "daemon/verb/persist/units.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"

/* Frames arrive faster than they are verified; with this the kernel holds some of them
 * meanwhile, which saves 13 % of the time of a cold persist. */
#define RECEIVE_BUFFER_SIZE (4 * 1024 * 1024)
#define SESSION_ID_LEN 16u

static void persist_fini(struct persisting *persist)
{
	persist_units_fini(persist);
	transaction_free(persist->transaction);
	catalogue_history_fini(&persist->history);
	free(persist->root);
	free(persist->candidates);
	free(persist->keys);
	buffer_fini(&persist->answer);
}

/* ---- READY ---- */

/* Describes the layer to the client, and notes it for the log. */
static void describe(struct persisting *persist, const struct layer_record *record,
		     struct msg_layer *layer)
{
	struct session *session = persist->session;
	layer_message_new(session->arena, &session->request->persist.identity, record,
			  layer);
	layer_id_text(record->name, session->layer);
	session->files = record->totals.files;
	session->bytes = record->totals.bytes;
	session->new_bytes = record->new_bytes;
}

static int send_ready(struct persisting *persist, struct error *error)
{
	AUTO(buffer_fini) struct buffer root = {0};
	persist_base_find(persist->session, &persist->history, persist->transaction,
			  &root);
	uint8_t id[SESSION_ID_LEN];
	if (getrandom(id, sizeof(id), 0) != sizeof(id))
		return error_set(error, ERR_BUSY, "no random bytes for a session id");
	struct text warning = text_of(persist->contact.warning);
	struct msg_ready ready = {
		.session = {.at = (const char *)id, .len = sizeof(id)},
		.warnings = {.items = &warning, .count = warning.len ? 1 : 0},
	};
	if (root.len <= CONTROL_LEN_MAX - 4096)
		ready.base_root = (struct text){(const char *)root.at, root.len};
	return link_send_control(&persist->session->link, MSG_READY, &ready, error);
}

static int send_committed_before(struct persisting *persist,
				 const struct layer_record *record, struct error *error)
{
	static const uint8_t no_session[SESSION_ID_LEN];
	struct msg_ready ready = {
		.session = {.at = (const char *)no_session, .len = sizeof(no_session)},
		.has_committed = true,
	};
	describe(persist, record, &ready.committed);
	return link_send_control(&persist->session->link, MSG_READY, &ready, error);
}

/* ---- COMMIT and COMMITTED ---- */

static int commit(struct persisting *persist, const struct msg_commit *message,
		  struct layer_record *ret_record, bool *ret_again, struct error *error)
{
	bool inline_root = message->root.len > 0;
	struct transaction_commit input = {
		.execution_id = persist->contact.execution_id,
		.root = inline_root ? (const uint8_t *)message->root.at : persist->root,
		.root_len = inline_root ? message->root.len : persist->root_len,
	};
	memcpy(input.key, persist->key.key, KEY_LEN);
	int err = session_begin_silence(persist->session, error);
	if (err)
		return err;
	err = transaction_commit(persist->transaction, &input, ret_record, ret_again,
				 error);
	session_end_silence(persist->session);
	return err;
}

/* The layer is durable; what else there is to say must not fail the persist. */
static void add_outcome(struct persisting *persist, int64_t layer_id,
			struct msg_committed *reply)
{
	struct session *session = persist->session;
	struct error ignored = {0};
	if (session_begin_silence(session, &ignored))
		return;
	const struct persisted it = {&persist->contact, &persist->history, layer_id};
	if (session_outcome(session, &it, reply, &ignored))
		log_line(session->services->log, LOG_WARNING, "persist",
			 "after layer %s: %s", session->layer, ignored.text);
	session_end_silence(session);
}

static int on_commit(struct persisting *persist, const struct link_message *message,
		     struct error *error)
{
	AUTO(message_memory_fini) struct message_memory memory = {0};
	struct msg_commit commit_message;
	int err = message_decode(&memory, MSG_COMMIT, message->payload, message->len,
				 &commit_message, error);
	if (err == 0)
		err = access_may_finish(persist->session->services->access,
					persist->session->principal, error);
	if (err == 0)
		err = persist_units_finish(persist, error);
	struct layer_record record = {0};
	struct msg_committed reply = {0};
	if (err == 0)
		err = commit(persist, &commit_message, &record, &reply.again, error);
	if (err)
		return err;
	describe(persist, &record, &reply.layer);
	reply.new_bytes = record.new_bytes;
	reply.stored_bytes = record.stored_bytes;
	add_outcome(persist, record.id, &reply);
	return link_send_control(&persist->session->link, MSG_COMMITTED, &reply, error);
}

static int on_root(struct persisting *persist, struct link_message *message,
		   struct error *error)
{
	if (message->len > ROOT_LEN_MAX)
		return error_set(error, ERR_LIMIT,
				 "ROOT: %u bytes; a root has at most %u", message->len,
				 ROOT_LEN_MAX);
	free(persist->root);
	persist->root = take_ptr(&message->payload);
	persist->root_len = message->len;
	return 0;
}

/* ---- the conversation ---- */

static int on_message(struct persisting *persist, struct link_message *message,
		      struct error *error)
{
	switch (message->type) {
	case MSG_ASK:
		return persist_units_ask(persist, message, error);
	case MSG_UNITS:
		return persist_units_take(persist, message, error);
	case MSG_ROOT:
		return on_root(persist, message, error);
	case MSG_COMMIT:
		return on_commit(persist, message, error);
	default:
		return error_set(error, ERR_PROTOCOL, "%s does not belong into a persist",
				 message_type_name(message->type));
	}
}

/* Takes messages until COMMIT is answered. */
static int converse(struct persisting *persist, struct error *error)
{
	/* Come back after a message that is ignored, too: finished crew jobs must not
	 * wait for the next one. */
	persist->session->link.tell_swallowed = true;
	bool committed = false;
	int err = 0;
	while (err == 0 && !committed) {
		err = persist_units_collect(persist, error);
		if (err)
			return err;
		struct link_message message = {
			.payload = persist_units_buffer(persist, error)};
		if (!message.payload)
			return ERR_NO_MEMORY;
		err = link_receive(&persist->session->link, &message, BULK_LEN_MAX,
				   error);
		committed = err == 0 && message.type == MSG_COMMIT;
		if (err == 0 && message.type != 0)
			err = on_message(persist, &message, error);
		persist_units_give_back(persist, message.payload);
	}
	return err;
}

static void widen_receive_buffer(const struct session *session)
{
	int size = RECEIVE_BUFFER_SIZE;
	/* SO_RCVBUFFORCE needs a capability; SO_RCVBUF is cut to the system's limit. */
	if (setsockopt(session->link.transport.fd, SOL_SOCKET, SO_RCVBUFFORCE, &size,
		       sizeof(size)))
		(void)setsockopt(session->link.transport.fd, SOL_SOCKET, SO_RCVBUF, &size,
				 sizeof(size));
}

/* Refuses before the client has sent anything; the commit checks the limit again. */
static int check_room(const struct persisting *persist, struct error *error)
{
	const struct history *history = &persist->history.history;
	size_t count = 0;
	for (size_t i = 0; i < history->layer_count; i++)
		count += !history->layers[i].shadow;
	if (count < WORKSPACE_LAYERS_MAX)
		return 0;
	return error_set(error, ERR_LIMIT,
			 "this workspace has %u layers already, and that is the most",
			 WORKSPACE_LAYERS_MAX);
}

/* Called while this session holds the key, so that no other one works with it. */
static int persist_with_key(struct persisting *persist, struct error *error)
{
	struct session *session = persist->session;
	struct store *store = session->services->store;
	struct layer_record record = {0};
	int found = catalogue_find_key(store_catalogue(store),
				       persist->contact.execution_id, persist->key.key,
				       &record, error);
	if (found < 0)
		return found;
	if (found)
		return send_committed_before(persist, &record, error);
	int err = check_room(persist, error);
	if (err)
		return err;
	persist->candidates =
		may_alloc(ASK_UNITS_MAX * CANDIDATES_MAX * sizeof(struct digest), error);
	persist->keys = may_alloc(ASK_UNITS_MAX * sizeof(struct unit_key), error);
	if (!persist->candidates || !persist->keys)
		return ERR_NO_MEMORY;
	widen_receive_buffer(session);
	err = transaction_begin(store, persist->contact.namespace_id,
				&persist->transaction, error);
	if (err == 0)
		err = persist_quota_enter(persist, error);
	if (err == 0)
		err = send_ready(persist, error);
	return err ? err : converse(persist, error);
}

static int superseded(struct error *error)
{
	return error_set(error, ERR_SUPERSEDED,
			 "a newer session with the same key has taken this persist over");
}

static int enter_key(struct persisting *persist, struct error *error)
{
	struct session *session = persist->session;
	persist->key.execution_id = persist->contact.execution_id;
	persist->key.wake_fd = session->wake_fd;
	persist->key.arrival = session->request->arrival;
	memcpy(persist->key.key, session->request->persist.key.at, KEY_LEN);
	bool entered = persist_claim_enter(session->services->keys, &persist->key);
	session_end_silence(session);
	return entered ? 0 : superseded(error);
}

int verb_persist(struct session *session, struct error *error)
{
	AUTO(persist_fini) struct persisting persist = {.session = session};
	const struct msg_identity *who = &session->request->persist.identity;
	const struct scope scope = {who->namespace, session->tier, false};
	const struct contact_request request =
		session_contact(session, &scope, CONTACT_PERSIST);
	int err = catalogue_contact(store_catalogue(session->services->store), &request,
				    &persist.contact, &persist.history, error);
	if (err == 0)
		err = enter_key(&persist, error);
	if (err)
		return err;
	err = persist_with_key(&persist, error);
	bool taken_over =
		persist_claim_is_superseded(session->services->keys, &persist.key);
	/* The transaction ends before the key is free for the next session. */
	transaction_free(take_ptr(&persist.transaction));
	persist_claim_leave(session->services->keys, &persist.key);
	if (err == ERR_QUOTA)
		persist_quota_explain(&persist, error);
	return err == ERR_INTERRUPTED && taken_over ? superseded(error) : err;
}
