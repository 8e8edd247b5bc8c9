/* The receiving thread: OFFERs to the batches that asked, STOREDs to the units that were
 * sent, in the order of the questions. It reads only while something is unanswered, so
 * that a slow disk on this side is not taken for a silent daemon. */
#include <stdlib.h>
#include <string.h>

#include "client/upload/internal.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"

/* After a lost connection the socket may still hold what the daemon had to say. */
static bool wait_for_work(struct upload *upload)
{
	flow_lock(&upload->flow);
	while (!upload->flow.code && !upload->flow.is_closing && upload->in_flight == 0)
		(void)pthread_cond_wait(&upload->flow.question, &upload->flow.lock);
	bool goes_on = upload->flow.code ? upload->flow.code == ERR_LOST
					 : upload->in_flight > 0;
	flow_unlock(&upload->flow);
	return goes_on;
}

static void answered_locked(struct upload *upload, uint32_t count)
{
	upload->in_flight -= count;
	(void)pthread_cond_signal(&upload->flow.room);
	if (upload->in_flight == 0)
		(void)pthread_cond_signal(&upload->flow.done);
}

static int take_offer(struct upload *upload, struct link_message *message,
		      struct error *error)
{
	flow_lock(&upload->flow);
	struct batch *batch = batch_queue_take(&upload->asked);
	if (batch) {
		batch->offer = take_ptr(&message->payload);
		batch->offer_len = message->len;
		answered_locked(upload, batch->count);
		batch_queue_put(&upload->answered, batch);
		(void)pthread_cond_signal(&upload->flow.job);
	}
	flow_unlock(&upload->flow);
	if (batch)
		return 0;
	return error_set(error, ERR_PROTOCOL,
			 "the daemon: sent an OFFER that answers nothing");
}

static struct parcel *take_parcel(struct upload *upload)
{
	flow_lock(&upload->flow);
	struct parcel *parcel = upload->sent_first;
	if (parcel)
		upload->sent_first = parcel->next;
	if (!upload->sent_first)
		upload->sent_last = NULL;
	flow_unlock(&upload->flow);
	return parcel;
}

static int note_stored(struct upload *upload, const struct parcel *parcel,
		       struct reader *stored, struct error *error)
{
	if (reader_u32(stored) != parcel->count ||
	    stored->left != (size_t)parcel->count * SHA256_LEN)
		return error_set(error, ERR_PROTOCOL,
				 "the daemon: a STORED does not answer its UNITS");
	for (uint32_t i = 0; i < parcel->count; i++) {
		struct digest sha;
		reader_copy(stored, sha.bytes, SHA256_LEN);
		int rc = units_held(upload->units, parcel->units[i], &sha, error);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int take_stored(struct upload *upload, const struct link_message *message,
		       struct error *error)
{
	struct parcel *parcel AUTO_FREE = take_parcel(upload);
	if (!parcel)
		return error_set(error, ERR_PROTOCOL,
				 "the daemon: sent a STORED that answers nothing");
	struct reader stored = reader_of(message->payload, message->len);
	int rc = note_stored(upload, parcel, &stored, error);
	flow_lock(&upload->flow);
	answered_locked(upload, parcel->count);
	flow_unlock(&upload->flow);
	return rc;
}

int upload_receive_one(struct upload *upload, struct error *error)
{
	struct link_message message = {0};
	int rc = link_receive(upload->request->link, &message, 0, error);
	if (rc < 0)
		return rc;
	if (message.type == MSG_OFFER)
		rc = take_offer(upload, &message, error);
	else if (message.type == MSG_STORED)
		rc = take_stored(upload, &message, error);
	else
		rc = error_set(error, ERR_PROTOCOL,
			       "the daemon: sent %s in the middle of a persist",
			       message_type_name(message.type));
	free(message.payload);
	return rc;
}

void *upload_receive(void *context)
{
	struct upload *upload = context;
	struct error error;
	while (wait_for_work(upload)) {
		if (upload_receive_one(upload, &error) == 0)
			continue;
		(void)flow_fail(&upload->flow, &error);
		return NULL;
	}
	return NULL;
}
