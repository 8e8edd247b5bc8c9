#include "client/upload/exchange.h"

#include <stdlib.h>

#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"

/* Batches in use: enough that the daemon's queue is never empty, few enough for 64 MiB
 * even where all hold chunks of large files. On a long line all of these wait for their
 * OFFER most of the time, so there may be more of them where they are small: together
 * they hold no more. At 1 Gbit/s and a round trip of 80 ms, that is twice what the line
 * can take meanwhile. */
#define BATCHES 12u
#define BATCHES_MAX 64u
#define BATCHES_LEN_MAX ((size_t)BATCHES * BATCH_LEN)

struct parcel {
	struct parcel *next;
	uint32_t count;
	uint32_t units[];
};

void exchange_init(struct exchange *exchange)
{
	(void)pthread_mutex_init(&exchange->send_lock, NULL);
}

void exchange_fini(struct exchange *exchange)
{
	batch_queue_fini(&exchange->free);
	batch_queue_fini(&exchange->asked);
	batch_queue_fini(&exchange->answered);
	while (exchange->sent_first) {
		struct parcel *parcel AUTO_FREE = exchange->sent_first;
		exchange->sent_first = parcel->next;
	}
	(void)pthread_mutex_destroy(&exchange->send_lock);
}

int exchange_begin(struct exchange *exchange, struct error *error)
{
	if (exchange->has_begun)
		return 0;
	exchange->has_begun = true;
	return exchange->on_begin ? exchange->on_begin(exchange->context, error) : 0;
}

/* ---- batches ---- */

static bool has_free_locked(const struct exchange *exchange)
{
	return exchange->in_use < BATCHES || (exchange->in_use < BATCHES_MAX &&
					      exchange->batches_len < BATCHES_LEN_MAX);
}

struct batch *exchange_take_free_locked(struct exchange *exchange)
{
	if (!has_free_locked(exchange))
		return NULL;
	exchange->in_use++;
	struct batch *batch = batch_queue_take(&exchange->free);
	return batch ? batch : batch_new();
}

struct batch *exchange_lease(struct exchange *exchange)
{
	struct flow *flow = exchange->flow;
	struct batch *batch = NULL;
	flow_lock(flow);
	while (!flow->code && !(batch = exchange_take_free_locked(exchange)))
		flow_wait_locked(flow, &flow->freed);
	flow_unlock(flow);
	return batch;
}

/* A batch that larger units come into keeps their pages. */
static void note_len_locked(struct exchange *exchange, struct batch *batch)
{
	if (batch->len <= batch->longest_len)
		return;
	exchange->batches_len += batch->len - batch->longest_len;
	batch->longest_len = batch->len;
}

/* Who waits for a batch waits since there was none: the first that is free wakes all of
 * them, since it may be of use to one only. It goes to the front: its pages are warm.
 * Where there is hardly room for more batches it goes altogether: it may have held much
 * more once than it will again. */
static void release_locked(struct exchange *exchange, struct batch *batch)
{
	bool had_free = has_free_locked(exchange);
	exchange->in_use--;
	if (exchange->batches_len > BATCHES_LEN_MAX - BATCH_LEN) {
		exchange->batches_len -= batch->longest_len;
		batch_free(batch);
	} else {
		batch_queue_put_first(&exchange->free, batch);
	}
	if (had_free || !has_free_locked(exchange))
		return;
	(void)pthread_cond_broadcast(&exchange->flow->job);
	(void)pthread_cond_broadcast(&exchange->flow->freed);
}

void exchange_release(struct exchange *exchange, struct batch *batch)
{
	batch_clear(batch);
	flow_lock(exchange->flow);
	release_locked(exchange, batch);
	flow_unlock(exchange->flow);
}

/* ---- the window ---- */

/* Not with the flow's help, which might send: send_lock is held. */
static void wait_for_room_locked(struct exchange *exchange)
{
	struct flow *flow = exchange->flow;
	struct error error;
	if (!flow_is_alone(flow)) {
		flow_wait_locked(flow, &flow->room);
		return;
	}
	flow_unlock(flow);
	if (exchange_receive_one(exchange, &error) < 0)
		(void)flow_fail(flow, &error);
	flow_lock(flow);
}

/* Reserves room for unanswered units. send_lock and the flow's are held. */
static int window_take_locked(struct exchange *exchange, uint32_t count,
			      struct error *error)
{
	claim(count <= exchange->window);
	while (!exchange->flow->code && exchange->in_flight + count > exchange->window)
		wait_for_room_locked(exchange);
	if (exchange->flow->code)
		return flow_failure_locked(exchange->flow, error);
	if (exchange->in_flight == 0)
		(void)pthread_cond_signal(&exchange->flow->question);
	exchange->in_flight += count;
	return 0;
}

/* ---- questions ---- */

/* Queues and sends; send_lock is held, so that the order of both is one. */
static int ask_sending(struct exchange *exchange, struct batch *batch,
		       const struct iovec *payload, struct error *error)
{
	flow_lock(exchange->flow);
	note_len_locked(exchange, batch);
	int err = window_take_locked(exchange, batch->count, error);
	if (err == 0) {
		batch_queue_put(&exchange->asked, batch);
	} else {
		batch_clear(batch);
		release_locked(exchange, batch);
	}
	flow_unlock(exchange->flow);
	return err < 0 ? err : link_send(exchange->link, MSG_ASK, payload, 1, error);
}

int exchange_ask(struct exchange *exchange, struct batch *batch, struct error *error)
{
	int err = batch->count > 0 ? exchange_begin(exchange, error) : 0;
	if (err < 0 || batch->count == 0) {
		exchange_release(exchange, batch);
		return err;
	}
	struct buffer payload AUTO(buffer_fini) = {0};
	buffer_put_u32(&payload, batch->count);
	for (uint32_t i = 0; i < batch->count; i++) {
		buffer_put(&payload, batch->units[i].key.xxh.bytes, XXH128_LEN);
		buffer_put_u32(&payload, batch->units[i].key.len);
	}
	struct iovec piece = {.iov_base = payload.at, .iov_len = payload.len};
	(void)pthread_mutex_lock(&exchange->send_lock);
	err = ask_sending(exchange, batch, &piece, error);
	(void)pthread_mutex_unlock(&exchange->send_lock);
	return err;
}

/* ---- frames ---- */

static struct parcel *parcel_of(const struct batch_unit *units, uint32_t count)
{
	struct parcel *parcel =
		must_alloc(sizeof(*parcel) + count * sizeof(parcel->units[0]));
	*parcel = (struct parcel){.count = count};
	for (uint32_t i = 0; i < count; i++)
		parcel->units[i] = units[i].unit;
	return parcel;
}

static void put_parcel_locked(struct exchange *exchange, struct parcel *parcel)
{
	if (exchange->sent_last)
		exchange->sent_last->next = parcel;
	else
		exchange->sent_first = parcel;
	exchange->sent_last = parcel;
	exchange->has_sent = true;
}

int exchange_send(struct exchange *exchange, const struct batch_unit *units,
		  uint32_t count, const struct iovec message[2], struct error *error)
{
	(void)pthread_mutex_lock(&exchange->send_lock);
	flow_lock(exchange->flow);
	int err = window_take_locked(exchange, count, error);
	if (err == 0)
		put_parcel_locked(exchange, parcel_of(units, count));
	flow_unlock(exchange->flow);
	if (err == 0)
		err = link_send(exchange->link, MSG_UNITS, message, 2, error);
	(void)pthread_mutex_unlock(&exchange->send_lock);
	return err;
}

/* ---- answers ---- */

/* After a lost connection the socket may still hold what the daemon had to say. */
static bool wait_for_work(struct exchange *exchange)
{
	flow_lock(exchange->flow);
	while (!exchange->flow->code && !exchange->flow->is_closing &&
	       exchange->in_flight == 0)
		(void)pthread_cond_wait(&exchange->flow->question, &exchange->flow->lock);
	bool goes_on = exchange->flow->code ? exchange->flow->code == ERR_LOST
					    : exchange->in_flight > 0;
	flow_unlock(exchange->flow);
	return goes_on;
}

static void answered_locked(struct exchange *exchange, uint32_t count)
{
	exchange->in_flight -= count;
	(void)pthread_cond_signal(&exchange->flow->room);
	if (exchange->in_flight == 0)
		(void)pthread_cond_signal(&exchange->flow->done);
}

static int take_offer(struct exchange *exchange, struct link_message *message,
		      struct error *error)
{
	flow_lock(exchange->flow);
	struct batch *batch = batch_queue_take(&exchange->asked);
	if (batch) {
		batch->offer = take_ptr(&message->payload);
		batch->offer_len = message->len;
		answered_locked(exchange, batch->count);
		batch_queue_put(&exchange->answered, batch);
		(void)pthread_cond_signal(&exchange->flow->job);
	}
	flow_unlock(exchange->flow);
	if (batch)
		return 0;
	return error_set(error, ERR_PROTOCOL,
			 "the daemon: sent an OFFER that answers nothing");
}

static struct parcel *take_parcel(struct exchange *exchange)
{
	flow_lock(exchange->flow);
	struct parcel *parcel = exchange->sent_first;
	if (parcel)
		exchange->sent_first = parcel->next;
	if (!exchange->sent_first)
		exchange->sent_last = NULL;
	flow_unlock(exchange->flow);
	return parcel;
}

static int note_stored(struct exchange *exchange, const struct parcel *parcel,
		       struct reader *stored, struct error *error)
{
	if (reader_u32(stored) != parcel->count ||
	    stored->left != (size_t)parcel->count * SHA256_LEN)
		return error_set(error, ERR_PROTOCOL,
				 "the daemon: a STORED does not answer its UNITS");
	for (uint32_t i = 0; i < parcel->count; i++) {
		struct digest sha;
		reader_copy(stored, sha.bytes, SHA256_LEN);
		int err = units_held(exchange->units, parcel->units[i], &sha, error);
		if (err < 0)
			return err;
	}
	return 0;
}

static int take_stored(struct exchange *exchange, const struct link_message *message,
		       struct error *error)
{
	struct parcel *parcel AUTO_FREE = take_parcel(exchange);
	if (!parcel)
		return error_set(error, ERR_PROTOCOL,
				 "the daemon: sent a STORED that answers nothing");
	struct reader stored = reader_of(message->payload, message->len);
	int err = note_stored(exchange, parcel, &stored, error);
	flow_lock(exchange->flow);
	answered_locked(exchange, parcel->count);
	flow_unlock(exchange->flow);
	return err;
}

int exchange_receive_one(struct exchange *exchange, struct error *error)
{
	struct link_message message = {0};
	int err = link_receive(exchange->link, &message, 0, error);
	if (err < 0)
		return err;
	if (message.type == MSG_OFFER)
		err = take_offer(exchange, &message, error);
	else if (message.type == MSG_STORED)
		err = take_stored(exchange, &message, error);
	else
		err = error_set(error, ERR_PROTOCOL,
				"the daemon: sent %s in the middle of a persist",
				message_type_name(message.type));
	free(message.payload);
	return err;
}

void exchange_receive(struct exchange *exchange)
{
	struct error error;
	while (wait_for_work(exchange)) {
		if (exchange_receive_one(exchange, &error) == 0)
			continue;
		(void)flow_fail(exchange->flow, &error);
		return;
	}
}
