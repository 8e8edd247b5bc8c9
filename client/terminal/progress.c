#include "client/terminal/progress.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "client/terminal/progress_line.h"
#include "client/terminal/report.h"
#include "client/terminal/terminal.h"
#include "proto/base/bytes.h"
#include "proto/base/clock.h"
#include "proto/machine/thread.h"

#define QUIET_START_MS 500u
#define REDRAW_MS 200u
#define PLAIN_LINE_MS 5000u

struct progress {
	const char *verb; /* borrowed */
	bool redraws;     /* a terminal; else plain lines */
	atomic_uint_fast64_t files, bytes, total_files, total_bytes;
	atomic_bool shown;
	pthread_t thread;
	pthread_mutex_t lock; /* guards ended */
	pthread_cond_t end;
	bool ended;
	/* used by the thread only */
	uint64_t last_ms, last_bytes, last_work, rate, work_rate;
};

static uint64_t load(const atomic_uint_fast64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

/* How many came since `before`; after a restart there may be fewer. */
static uint64_t since(uint64_t now, uint64_t before)
{
	return now < before ? now : now - before;
}

static void show(struct progress *progress)
{
	atomic_store_explicit(&progress->shown, true, memory_order_relaxed);
	uint64_t now = clock_now_ms();
	struct progress_figures figures = {
		.verb = progress->verb,
		.files = load(&progress->files),
		.bytes = load(&progress->bytes),
		.total_files = load(&progress->total_files),
		.total_bytes = load(&progress->total_bytes),
	};
	uint64_t elapsed_ms = now - progress->last_ms;
	uint64_t work = progress_work(figures.files, figures.bytes);
	progress->rate = progress_rate(
		progress->rate, since(figures.bytes, progress->last_bytes), elapsed_ms);
	progress->work_rate = progress_rate(progress->work_rate,
					    since(work, progress->last_work), elapsed_ms);
	progress->last_ms = now;
	progress->last_bytes = figures.bytes;
	progress->last_work = work;
	figures.bytes_per_second = progress->rate;
	figures.work_per_second = progress->work_rate;
	char line[PROGRESS_LINE_SIZE];
	unsigned width = progress->redraws ? terminal_width() : sizeof(line);
	(void)progress_line(&figures, line, width < sizeof(line) ? width : sizeof(line));
	if (progress->redraws)
		terminal_draw(line);
	else
		terminal_say("", line);
}

/* Waits until the next line is due; false: the work is over. */
static bool wait_for_turn(struct progress *progress, unsigned ms)
{
	struct timespec until = clock_moment_in(ms);
	(void)pthread_mutex_lock(&progress->lock);
	int waited = 0;
	while (!progress->ended && waited == 0)
		waited = pthread_cond_timedwait(&progress->end, &progress->lock, &until);
	bool goes_on = !progress->ended;
	(void)pthread_mutex_unlock(&progress->lock);
	return goes_on;
}

static void *run(void *argument)
{
	struct progress *progress = argument;
	unsigned turn_ms = progress->redraws ? REDRAW_MS : PLAIN_LINE_MS;
	unsigned wait_ms = progress->redraws ? QUIET_START_MS : PLAIN_LINE_MS;
	for (; wait_for_turn(progress, wait_ms); wait_ms = turn_ms)
		show(progress);
	return NULL;
}

static bool is_terminal(void)
{
	const char *kind = getenv("TERM");
	return isatty(STDERR_FILENO) && kind && strcmp(kind, "dumb") != 0;
}

struct progress *progress_new(const char *verb, bool enabled)
{
	if (!enabled)
		return NULL;
	struct progress *progress = must_calloc(1, sizeof(*progress));
	progress->verb = verb;
	progress->redraws = is_terminal();
	progress->last_ms = clock_now_ms();
	pthread_condattr_t monotonic;
	(void)pthread_condattr_init(&monotonic);
	(void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&progress->end, &monotonic);
	(void)pthread_condattr_destroy(&monotonic);
	(void)pthread_mutex_init(&progress->lock, NULL);
	if (thread_start(&progress->thread, 0, run, progress))
		return progress;
	/* Work without a line is better than no work. */
	free(progress);
	return NULL;
}

void progress_set_total(struct progress *progress, uint64_t files, uint64_t bytes)
{
	if (!progress)
		return;
	atomic_store_explicit(&progress->total_files, files, memory_order_relaxed);
	atomic_store_explicit(&progress->total_bytes, bytes, memory_order_relaxed);
}

bool progress_is_shown(const struct progress *progress)
{
	return progress && atomic_load_explicit(&progress->shown, memory_order_relaxed);
}

void progress_add(struct progress *progress, uint64_t files, uint64_t bytes)
{
	if (!progress)
		return;
	atomic_fetch_add_explicit(&progress->files, files, memory_order_relaxed);
	atomic_fetch_add_explicit(&progress->bytes, bytes, memory_order_relaxed);
}

void progress_restart(struct progress *progress)
{
	if (!progress)
		return;
	atomic_store_explicit(&progress->files, 0, memory_order_relaxed);
	atomic_store_explicit(&progress->bytes, 0, memory_order_relaxed);
}

void progress_free(struct progress *progress)
{
	if (!progress)
		return;
	(void)pthread_mutex_lock(&progress->lock);
	progress->ended = true;
	(void)pthread_cond_signal(&progress->end);
	(void)pthread_mutex_unlock(&progress->lock);
	(void)pthread_join(progress->thread, NULL);
	terminal_draw(NULL);
	(void)pthread_cond_destroy(&progress->end);
	(void)pthread_mutex_destroy(&progress->lock);
	free(progress);
}
