/*
 * Persist, in the order of PROTOCOL.md §5: READY, then ASKs and UNITS in any order, then
 * COMMIT and COMMITTED.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "daemon/session/layer_message.h"
#include "daemon/session/persist_keys.h"
#include "daemon/session/view.h"
#include "daemon/store/transaction/transaction.h"
#include "daemon/verb/persist/base.h"
#include "daemon/verb/persist/outcome.h"
#include "daemon/verb/persist/persist.h"
#include "daemon/verb/persist/unit_job.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"

/* UNITS that are on the crew at once, per session; then the session waits for the first:
 * enough to keep every core busy while the next message arrives. */
#define JOBS_MAX 4u
/* UNITS of up to so many raw bytes are verified on the session's own thread when no
 * others are on the crew: that takes about as long as waking a thread and waiting for
 * it. */
#define OWN_WORK_LEN (64u * 1024u)
/* Frames arrive faster than they are verified; with this the kernel holds some of them
 * meanwhile, which saves 13 % of the time of a cold persist. */
#define RECEIVE_BUFFER_SIZE (4 * 1024 * 1024)
#define SESSION_ID_LEN 16u
/* Answers that may wait to be read: all of a window's, at their largest. */
#define ANSWERS_LEN_MAX (ASK_WINDOW_UNITS * (1 + CANDIDATES_MAX * SHA256_LEN) + 65536u)

struct persisting {
	struct session *session; /* borrowed */
	struct contact contact;
	struct catalogue_history history; /* owned; as it was at the beginning */
	struct persist_claim key;
	struct transaction *transaction; /* owned */
	struct unit_job *jobs[JOBS_MAX]; /* owned; a ring */
	unsigned first_job, job_count;
	/* Owned; room for BULK_LEN_MAX bytes each. They are reused because the page
	 * faults of fresh ones cost 2 % of a cold persist. */
	uint8_t *spare[JOBS_MAX + 1];
	unsigned spare_count;
	uint8_t *root; /* owned; of a ROOT message */
	uint32_t root_len;
	struct digest *candidates; /* owned; ASK_UNITS_MAX × CANDIDATES_MAX */
	struct unit_key *keys;     /* owned; ASK_UNITS_MAX */
	struct buffer answer;      /* owned */
};

static void persist_fini(struct persisting *persist)
{
	struct crew *crew = persist->session->services->crew;
	for (; persist->job_count; persist->job_count--) {
		struct unit_job *job = persist->jobs[persist->first_job];
		crew_wait(crew, &job->job);
		unit_job_free(job);
		persist->first_job = (persist->first_job + 1) % JOBS_MAX;
	}
	while (persist->spare_count)
		free(persist->spare[--persist->spare_count]);
	transaction_free(persist->transaction);
	catalogue_history_fini(&persist->history);
	free(persist->root);
	free(persist->candidates);
	free(persist->keys);
	buffer_fini(&persist->answer);
}

/* ---- buffers for payloads ---- */

/* NULL: ERR_NO_MEMORY. */
static uint8_t *take_payload(struct persisting *persist, struct error *error)
{
	return persist->spare_count ? persist->spare[--persist->spare_count]
				    : may_alloc(BULK_LEN_MAX, error);
}

/* Takes ownership of payload. NULL is fine: it was handed on. */
static void give_payload(struct persisting *persist, uint8_t *payload)
{
	if (!payload)
		return;
	claim(persist->spare_count <= JOBS_MAX);
	persist->spare[persist->spare_count++] = payload;
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

/* ERR_PROTOCOL for a client that asks on without reading: it is beyond its window. */
static int queue_answer(struct persisting *persist, uint16_t type, struct error *error)
{
	struct link *link = &persist->session->link;
	int err = buffer_may_reserve(&link->queue, persist->answer.len + WIRE_HEADER_LEN,
				     error);
	if (err)
		return err;
	link_queue(link, type, persist->answer.at, persist->answer.len);
	if (link->queue.len - link->queue_sent <= ANSWERS_LEN_MAX)
		return 0;
	return error_set(
		error, ERR_PROTOCOL,
		"more than %u units are asked about or sent and not yet answered",
		ASK_WINDOW_UNITS);
}

/* ---- ASK and OFFER ---- */

static int on_ask(struct persisting *persist, const struct link_message *message,
		  struct error *error)
{
	struct reader in = reader_of(message->payload, message->len);
	uint32_t count = reader_u32(&in);
	if (in.failed || count == 0 || count > ASK_UNITS_MAX ||
	    in.left != (size_t)count * UNITS_ENTRY_LEN)
		return error_set(error, ERR_PROTOCOL, "ASK: is malformed");
	for (uint32_t i = 0; i < count; i++) {
		reader_copy(&in, persist->keys[i].xxh.bytes, XXH128_LEN);
		persist->keys[i].len = reader_u32(&in);
		if (persist->keys[i].len == 0 || persist->keys[i].len > UNIT_LEN_MAX)
			return error_set(
				error, ERR_PROTOCOL,
				"ASK: a unit of %u bytes; there are units of 1 to "
				"%u",
				persist->keys[i].len, UNIT_LEN_MAX);
	}
	persist->session->link.worked_bytes += (uint64_t)count * UNIT_WORK_LEN;
	uint8_t counts[ASK_UNITS_MAX];
	int err = transaction_offer(persist->transaction, persist->keys, count, counts,
				    persist->candidates, error);
	if (err)
		return err;
	buffer_clear(&persist->answer);
	err = buffer_may_reserve(
		&persist->answer,
		sizeof(count) + count * (1 + CANDIDATES_MAX * SHA256_LEN), error);
	if (err)
		return err;
	buffer_put_u32(&persist->answer, count);
	const struct digest *candidate = persist->candidates;
	for (uint32_t i = 0; i < count; i++) {
		buffer_put_u8(&persist->answer, counts[i]);
		buffer_put(&persist->answer, candidate, counts[i] * sizeof(*candidate));
		candidate += counts[i];
	}
	return queue_answer(persist, MSG_OFFER, error);
}

/* ---- UNITS and STORED ---- */

static int store_units(struct persisting *persist, const struct unit_job *job,
		       struct error *error)
{
	struct frame_input frame = {
		.kind = job->message.kind,
		.codec = job->message.codec,
		.raw_len = job->message.raw_len,
		.units = job->units,
		.unit_count = job->message.count,
		.payload = job->message.payload,
		.payload_len = job->message.payload_len,
	};
	int err = transaction_put(persist->transaction, &frame, error);
	buffer_clear(&persist->answer);
	if (err == 0)
		err = buffer_may_reserve(
			&persist->answer,
			sizeof(uint32_t) + job->message.count * SHA256_LEN, error);
	if (err)
		return err;
	buffer_put_u32(&persist->answer, job->message.count);
	for (uint32_t i = 0; i < job->message.count; i++)
		buffer_put(&persist->answer, &job->units[i].sha, sizeof(struct digest));
	return queue_answer(persist, MSG_STORED, error);
}

/* Waits for the oldest job on the crew, stores its units, answers. */
static int finish_job(struct persisting *persist, struct error *error)
{
	struct unit_job *job = persist->jobs[persist->first_job];
	crew_wait(persist->session->services->crew, &job->job);
	persist->first_job = (persist->first_job + 1) % JOBS_MAX;
	persist->job_count--;
	int err = job->code;
	if (err)
		*error = job->error;
	else
		err = store_units(persist, job, error);
	give_payload(persist, take_ptr(&job->payload));
	unit_job_free(job);
	return err;
}

static int finish_jobs(struct persisting *persist, struct error *error)
{
	int err = 0;
	while (err == 0 && persist->job_count)
		err = finish_job(persist, error);
	return err;
}

static int on_units(struct persisting *persist, struct link_message *message,
		    struct error *error)
{
	struct unit_job *job = NULL;
	int err = persist->job_count == JOBS_MAX ? finish_job(persist, error) : 0;
	if (err == 0)
		err = unit_job_new(take_ptr(&message->payload), message->len, &job,
				   error);
	if (err)
		return err;
	unsigned at = (persist->first_job + persist->job_count) % JOBS_MAX;
	bool is_small = persist->job_count == 0 && job->message.raw_len <= OWN_WORK_LEN;
	persist->jobs[at] = job;
	persist->job_count++;
	if (is_small)
		crew_run(persist->session->services->crew, &job->job);
	else
		crew_submit(persist->session->services->crew, &job->job);
	return is_small ? finish_job(persist, error) : 0;
}

static bool is_job_done(const struct persisting *persist)
{
	return crew_is_done(persist->session->services->crew,
			    &persist->jobs[persist->first_job]->job);
}

/* While nothing arrives: collects finished crew jobs, and checks pieces ahead of the
 * commit, which would have to check them. */
static int collect_jobs(struct persisting *persist, struct error *error)
{
	int ready = 0;
	bool has_ahead;
	while (((has_ahead = transaction_has_ahead(persist->transaction)) ||
		persist->job_count) &&
	       (ready = link_wait(&persist->session->link, 0, error)) == 0) {
		bool collects = persist->job_count &&
				(!has_ahead || is_job_done(persist));
		int err = collects ? finish_job(persist, error)
				   : transaction_look_ahead(persist->transaction, error);
		if (err)
			return err;
	}
	return ready < 0 ? ready : 0;
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
		err = finish_jobs(persist, error);
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
		return on_ask(persist, message, error);
	case MSG_UNITS:
		return on_units(persist, message, error);
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
		err = collect_jobs(persist, error);
		if (err)
			return err;
		struct link_message message = {.payload = take_payload(persist, error)};
		if (!message.payload)
			return ERR_NO_MEMORY;
		err = link_receive(&persist->session->link, &message, BULK_LEN_MAX,
				   error);
		committed = err == 0 && message.type == MSG_COMMIT;
		if (err == 0 && message.type != 0)
			err = on_message(persist, &message, error);
		give_payload(persist, message.payload);
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
	const struct contact_request request = contact_of(who, &scope, CONTACT_PERSIST);
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
	return err == ERR_INTERRUPTED && taken_over ? superseded(error) : err;
}
