#include "daemon/scrub/scrub.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "daemon/scrub/step.h"
#include "daemon/store/disk/parts.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/base/clock.h"

/* The place is written down after so many steps, and at the end: at most so much is read
 * twice. */
#define STEPS_BETWEEN_WRITES 16u
#define LOWEST_PRIORITY 19

struct scrub {
	struct store *store;   /* borrowed */
	const struct log *log; /* borrowed */
	uint64_t period_ms;
	pthread_t thread;
	pthread_mutex_t mutex; /* of what follows */
	pthread_cond_t wake;
	bool stopping;
	struct scrub_figures figures;
	struct scrub_place begin;
	uint64_t pass_damaged; /* the thread's: of the pass that runs */
};

/* ---- the thread ------------------------------------------------------------------- */

static void on_damage(void *context, const char *sentence)
{
	struct scrub *scrub = context;
	log_line(
		scrub->log, LOG_ERROR, "scrub",
		"%s; nothing in it is reused any more; `batond check` tells which layers "
		"need it",
		sentence);
	scrub->pass_damaged++;
	HOLD(&scrub->mutex);
	scrub->figures.damaged++;
}

/* False: it is to stop. */
static bool wait_for(struct scrub *scrub, uint64_t wait_ms)
{
	struct timespec until = clock_moment_in(wait_ms);
	HOLD(&scrub->mutex);
	while (!scrub->stopping &&
	       pthread_cond_timedwait(&scrub->wake, &scrub->mutex, &until) == 0)
		;
	return !scrub->stopping;
}

static void end_pass(struct scrub *scrub)
{
	log_line(scrub->log, LOG_INFO, "scrub",
		 "all that is stored has been read; %" PRIu64
		 " frames were found damaged",
		 scrub->pass_damaged);
	scrub->pass_damaged = 0;
	HOLD(&scrub->mutex);
	scrub->figures.passes++;
	scrub->figures.ended_ms = clock_wall_ms();
}

static void count(struct scrub *scrub, uint64_t len)
{
	HOLD(&scrub->mutex);
	scrub->figures.bytes += len;
}

static int64_t ended_ms(struct scrub *scrub)
{
	return scrub_figures(scrub).ended_ms;
}

/* It begins by waiting, so that a start costs nobody anything. */
static void read_on(struct scrub *scrub, struct scrub_step *step,
		    struct scrub_place *place)
{
	uint64_t len = SCRUB_STEP_LEN;
	unsigned steps = 0;
	while (wait_for(scrub, scrub_wait_ms(scrub->period_ms, len ? len : 1,
					     scrub_total(scrub->store)))) {
		bool ended = scrub_step_run(step, place, SCRUB_STEP_LEN, &len);
		count(scrub, len);
		if (ended && scrub_total(scrub->store) > 0)
			end_pass(scrub);
		if (ended || ++steps % STEPS_BETWEEN_WRITES == 0)
			scrub_place_write(scrub->store, place, ended_ms(scrub));
	}
}

static void *run(void *context)
{
	struct scrub *scrub = context;
	struct scrub_step step AUTO(scrub_step_fini);
	struct scrub_place place = scrub->begin;
	/* Of this thread alone, on Linux. */
	(void)setpriority(PRIO_PROCESS, 0, LOWEST_PRIORITY);
	scrub_step_init(&step, scrub->store);
	step.on_damage = on_damage;
	step.context = scrub;
	read_on(scrub, &step, &place);
	scrub_place_write(scrub->store, &place, ended_ms(scrub));
	return NULL;
}

/* ---- from the loop ---------------------------------------------------------------- */

static void free_scrub(struct scrub *scrub)
{
	(void)pthread_cond_destroy(&scrub->wake);
	(void)pthread_mutex_destroy(&scrub->mutex);
	free(scrub);
}

struct scrub *scrub_start(struct store *store, const struct log *log, uint64_t period_ms)
{
	if (period_ms == 0 || store_refusal(store)->code)
		return NULL;
	struct scrub *scrub = must_calloc(1, sizeof(*scrub));
	*scrub = (struct scrub){.store = store, .log = log, .period_ms = period_ms};
	scrub_place_read(store, &scrub->begin, &scrub->figures.ended_ms);
	claim(pthread_mutex_init(&scrub->mutex, NULL) == 0);
	pthread_condattr_t attributes;
	claim(pthread_condattr_init(&attributes) == 0);
	claim(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0);
	claim(pthread_cond_init(&scrub->wake, &attributes) == 0);
	(void)pthread_condattr_destroy(&attributes);
	int number = pthread_create(&scrub->thread, NULL, run, scrub);
	if (number == 0)
		return scrub;
	log_line(log, LOG_WARNING, "scrub", "no thread for it could be started: %s",
		 strerror(number));
	free_scrub(scrub);
	return NULL;
}

void scrub_stop(struct scrub *scrub)
{
	if (!scrub)
		return;
	(void)pthread_mutex_lock(&scrub->mutex);
	scrub->stopping = true;
	(void)pthread_cond_signal(&scrub->wake);
	(void)pthread_mutex_unlock(&scrub->mutex);
	(void)pthread_join(scrub->thread, NULL);
	free_scrub(scrub);
}

struct scrub_figures scrub_figures(struct scrub *scrub)
{
	if (!scrub)
		return (struct scrub_figures){0};
	HOLD(&scrub->mutex);
	return scrub->figures;
}
