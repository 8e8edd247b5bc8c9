#include "daemon/metrics/metrics.h"

#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/metrics/exposition.h"
#include "proto/base/array.h"
#include "proto/base/cleanup.h"
#include "proto/base/clock.h"

/* Upper bounds of the histogram in milliseconds: from a status to a persist of a large
 * tree over a long line. */
static const uint64_t bounds_ms[] = {1,    5,    10,   25,    50,    100,   250,   500,
				     1000, 2500, 5000, 10000, 30000, 60000, 300000};
static const char *const bounds[] = {"0.001", "0.005", "0.01", "0.025", "0.05",
				     "0.1",   "0.25",  "0.5",  "1",     "2.5",
				     "5",     "10",    "30",   "60",    "300"};
#define BOUND_COUNT (sizeof(bounds_ms) / sizeof(*bounds_ms))

struct verb_figures {
	const char *verb;             /* borrowed: a literal */
	uint64_t within[BOUND_COUNT]; /* not cumulative */
	uint64_t count, sum_ms;
	uint64_t received, sent, bytes, new_bytes;
};

struct result_figures {
	const char *verb, *result; /* borrowed: literals */
	uint64_t count;
};

struct metrics {
	pthread_mutex_t mutex;
	struct verb_figures *verbs; /* owned */
	size_t verb_count, verb_room;
	struct result_figures *results; /* owned */
	size_t result_count, result_room;
	uint64_t *running; /* owned; when each request that runs began */
	size_t running_count, running_room;
	int64_t backed_up_ms; /* Unix time of the last backup that succeeded; 0: none */
};

struct metrics *metrics_new(void)
{
	struct metrics *metrics = must_calloc(1, sizeof(*metrics));
	claim(pthread_mutex_init(&metrics->mutex, NULL) == 0);
	return metrics;
}

void metrics_free(struct metrics *metrics)
{
	if (!metrics)
		return;
	(void)pthread_mutex_destroy(&metrics->mutex);
	free(metrics->verbs);
	free(metrics->results);
	free(metrics->running);
	free(metrics);
}

/* ---- counting --------------------------------------------------------------------- */

void metrics_begin(struct metrics *metrics, uint64_t *ret_begun)
{
	HOLD(&metrics->mutex);
	*ret_begun = clock_now_ms();
	array_make_room(metrics->running, metrics->running_count, metrics->running_room);
	metrics->running[metrics->running_count++] = *ret_begun;
}

/* One that began then: which of several does not matter. */
static void forget_running(struct metrics *metrics, uint64_t begun)
{
	for (size_t i = 0; i < metrics->running_count; i++)
		if (metrics->running[i] == begun) {
			metrics->running[i] = metrics->running[--metrics->running_count];
			return;
		}
}

static struct verb_figures *verb_of(struct metrics *metrics, const char *verb)
{
	for (size_t i = 0; i < metrics->verb_count; i++)
		if (strcmp(metrics->verbs[i].verb, verb) == 0)
			return &metrics->verbs[i];
	array_make_room(metrics->verbs, metrics->verb_count, metrics->verb_room);
	metrics->verbs[metrics->verb_count] = (struct verb_figures){.verb = verb};
	return &metrics->verbs[metrics->verb_count++];
}

static struct result_figures *result_of(struct metrics *metrics,
					const struct request_count *count)
{
	for (size_t i = 0; i < metrics->result_count; i++) {
		struct result_figures *result = &metrics->results[i];
		if (strcmp(result->verb, count->verb) == 0 &&
		    strcmp(result->result, count->result) == 0)
			return result;
	}
	array_make_room(metrics->results, metrics->result_count, metrics->result_room);
	metrics->results[metrics->result_count] =
		(struct result_figures){count->verb, count->result, 0};
	return &metrics->results[metrics->result_count++];
}

void metrics_end(struct metrics *metrics, uint64_t begun,
		 const struct request_count *count)
{
	HOLD(&metrics->mutex);
	struct verb_figures *verb = verb_of(metrics, count->verb);
	size_t at = 0;
	while (at < BOUND_COUNT && count->elapsed_ms > bounds_ms[at])
		at++;
	if (at < BOUND_COUNT)
		verb->within[at]++;
	verb->count++;
	verb->sum_ms += count->elapsed_ms;
	verb->received += count->received;
	verb->sent += count->sent;
	bool good = strcmp(count->result, "ok") == 0;
	verb->bytes += good ? count->bytes : 0;
	verb->new_bytes += good ? count->new_bytes : 0;
	result_of(metrics, count)->count++;
	forget_running(metrics, begun);
	if (good && strcmp(count->verb, "backup") == 0)
		metrics->backed_up_ms = clock_wall_ms();
}

/* ---- telling ---------------------------------------------------------------------- */

static void write_results(const struct metrics *metrics, struct buffer *out)
{
	exposition_family(out, "batond_requests_total", "counter",
			  "Requests that have ended, by verb and result: ok, or the name "
			  "of the error.");
	for (size_t i = 0; i < metrics->result_count; i++) {
		const struct exposition_label labels[] = {
			{"verb", text_of(metrics->results[i].verb)},
			{"result", text_of(metrics->results[i].result)},
			{0}};
		exposition_number(out, "batond_requests_total", labels,
				  metrics->results[i].count);
	}
}

static void write_histogram(const struct verb_figures *verb, struct buffer *out)
{
	uint64_t count = 0;
	for (size_t i = 0; i <= BOUND_COUNT; i++) {
		bool last = i == BOUND_COUNT;
		count = last ? verb->count : count + verb->within[i];
		const struct exposition_label labels[] = {
			{"verb", text_of(verb->verb)},
			{"le", text_of(last ? "+Inf" : bounds[i])},
			{0}};
		exposition_number(out, "batond_request_duration_seconds_bucket", labels,
				  count);
	}
	const struct exposition_label labels[] = {{"verb", text_of(verb->verb)}, {0}};
	exposition_seconds(out, "batond_request_duration_seconds_sum", labels,
			   verb->sum_ms);
	exposition_number(out, "batond_request_duration_seconds_count", labels,
			  verb->count);
}

static void write_durations(const struct metrics *metrics, struct buffer *out)
{
	exposition_family(out, "batond_request_duration_seconds", "histogram",
			  "How long requests took, from their first byte to their last.");
	for (size_t i = 0; i < metrics->verb_count; i++)
		write_histogram(&metrics->verbs[i], out);
}

static void write_bytes(const struct metrics *metrics, struct buffer *out,
			const char *name, const char *help, size_t offset)
{
	exposition_family(out, name, "counter", help);
	for (size_t i = 0; i < metrics->verb_count; i++) {
		const struct exposition_label labels[] = {
			{"verb", text_of(metrics->verbs[i].verb)}, {0}};
		uint64_t number;
		memcpy(&number, (const uint8_t *)&metrics->verbs[i] + offset,
		       sizeof(number));
		exposition_number(out, name, labels, number);
	}
}

static uint64_t oldest_ms(const struct metrics *metrics)
{
	uint64_t now = clock_now_ms();
	uint64_t oldest = now;
	for (size_t i = 0; i < metrics->running_count; i++)
		oldest = metrics->running[i] < oldest ? metrics->running[i] : oldest;
	return now - oldest;
}

static void write_moments(const struct metrics *metrics, struct buffer *out)
{
	exposition_family(out, "batond_oldest_request_age_seconds", "gauge",
			  "How long the oldest request that has not ended has run; 0: "
			  "none runs.");
	exposition_seconds(out, "batond_oldest_request_age_seconds", NULL,
			   oldest_ms(metrics));
	exposition_family(out, "batond_backup_last_success_timestamp_seconds", "gauge",
			  "When the last backup that this daemon made had ended; 0: it "
			  "has made none.");
	exposition_seconds(out, "batond_backup_last_success_timestamp_seconds", NULL,
			   (uint64_t)metrics->backed_up_ms);
}

void metrics_write(struct metrics *metrics, struct buffer *out)
{
	HOLD(&metrics->mutex);
	write_results(metrics, out);
	write_durations(metrics, out);
	write_bytes(metrics, out, "batond_received_bytes_total",
		    "Bytes that clients sent.", offsetof(struct verb_figures, received));
	write_bytes(metrics, out, "batond_sent_bytes_total",
		    "Bytes that were sent to clients.",
		    offsetof(struct verb_figures, sent));
	write_bytes(metrics, out, "batond_content_bytes_total",
		    "Bytes of the files in what was persisted or attached.",
		    offsetof(struct verb_figures, bytes));
	write_bytes(metrics, out, "batond_new_content_bytes_total",
		    "Of these, bytes that the namespace did not have: the rest was "
		    "deduplicated.",
		    offsetof(struct verb_figures, new_bytes));
	write_moments(metrics, out);
}
