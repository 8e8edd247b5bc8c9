#include "daemon/verb/persist/unit_job.h"

#include <stdlib.h>

#include "proto/base/bytes.h"

static int verify(struct unit_job *job, struct codec *codec, uint8_t *raw)
{
	const struct units_message *message = &job->message;
	int err = codec_unpack(codec, message->codec, message->payload,
			       message->payload_len, raw, message->raw_len, &job->error);
	if (err)
		return err;
	const uint8_t *at = raw;
	for (uint32_t i = 0; i < message->count; i++) {
		struct unit_name *unit = &job->units[i];
		unit->key = units_key_at(message, i);
		struct xxh128 xxh = xxh128_of(at, unit->key.len);
		if (!xxh128_equal(&xxh, &unit->key.xxh))
			return error_set(
				&job->error, ERR_DAMAGED,
				"unit %u of %u in a UNITS message: its bytes do not "
				"have the XXH3-128 that was announced",
				i + 1, message->count);
		unit->sha = sha256_of(at, unit->key.len);
		at += unit->key.len;
	}
	return 0;
}

static void run(struct crew_job *crew_job, struct codec *codec, uint8_t *raw)
{
	struct unit_job *job = (struct unit_job *)crew_job;
	job->code = verify(job, codec, raw);
}

int unit_job_new(uint8_t *payload, uint32_t len, struct unit_job **ret_job,
		 struct error *error)
{
	struct unit_job *job = must_calloc(1, sizeof(*job));
	job->job.run = run;
	job->payload = payload;
	int err = units_decode(payload, len, &job->message, error);
	if (err) {
		unit_job_free(job);
		return err;
	}
	job->units = may_calloc(job->message.count, sizeof(*job->units), error);
	if (!job->units) {
		unit_job_free(job);
		return ERR_NO_MEMORY;
	}
	*ret_job = job;
	return 0;
}

void unit_job_free(struct unit_job *job)
{
	if (!job)
		return;
	free(job->units);
	free(job->payload);
	free(job);
}
