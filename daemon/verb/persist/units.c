#include "daemon/verb/persist/units.h"

#include <stdlib.h>

#include "daemon/session/authorise.h"
#include "daemon/verb/persist/quota.h"
#include "daemon/verb/persist/unit_job.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"

/* UNITS of up to so many raw bytes are verified on the session's own thread when no
 * others are on the crew: that takes about as long as waking a thread and waiting for
 * it. */
#define OWN_WORK_LEN (64u * 1024u)
/* Answers that may wait to be read: all of a window's, at their largest. */
#define ANSWERS_LEN_MAX (ASK_WINDOW_UNITS * (1 + CANDIDATES_MAX * SHA256_LEN) + 65536u)

/* ---- buffers for payloads ---- */

uint8_t *persist_units_buffer(struct persisting *persist, struct error *error)
{
	return persist->spare_count ? persist->spare[--persist->spare_count]
				    : may_alloc(BULK_LEN_MAX, error);
}

void persist_units_give_back(struct persisting *persist, uint8_t *payload)
{
	if (!payload)
		return;
	claim(persist->spare_count <= JOBS_MAX);
	persist->spare[persist->spare_count++] = payload;
}

/* ---- answers ---- */

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

/* The layers that its workflow sees, the newest first: those are likeliest to have what
 * comes. */
static size_t list_reach(const struct persisting *persist, int64_t *ids)
{
	const struct catalogue_history *history = &persist->history;
	size_t count = 0;
	if (!session_reads_workflow(persist->session))
		return 0;
	for (size_t i = history->history.layer_count; i-- > 0;)
		if (!history->history.layers[i].shadow)
			ids[count++] = history->records[i].id;
	return count;
}

/* Who does not read the whole namespace hears by no offer what else is stored there (rule
 * A7), unless the configuration says that it may. */
static int narrow(struct persisting *persist, struct error *error)
{
	const struct services *services = persist->session->services;
	if (persist->is_narrow || services->reuse_namespace ||
	    session_reads_namespace(persist->session))
		return 0;
	size_t room = persist->history.history.layer_count;
	int64_t *ids AUTO_FREE = may_calloc(room + 1, sizeof(*ids), error);
	if (!ids)
		return ERR_NO_MEMORY;
	crew_enter(services->crew);
	transaction_narrow(persist->transaction, ids, list_reach(persist, ids));
	crew_leave(services->crew);
	persist->is_narrow = true;
	return 0;
}

int persist_units_ask(struct persisting *persist, const struct link_message *message,
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
	int err = narrow(persist, error);
	if (err == 0)
		err = transaction_offer(persist->transaction, persist->keys, count,
					counts, persist->candidates, error);
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
	persist_quota_renew(persist);
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
	persist_units_give_back(persist, take_ptr(&job->payload));
	unit_job_free(job);
	return err;
}

int persist_units_finish(struct persisting *persist, struct error *error)
{
	int err = 0;
	while (err == 0 && persist->job_count)
		err = finish_job(persist, error);
	return err;
}

int persist_units_take(struct persisting *persist, struct link_message *message,
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

int persist_units_collect(struct persisting *persist, struct error *error)
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

void persist_units_fini(struct persisting *persist)
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
}
