#include "client/terminal/progress_line.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "client/terminal/human.h"

/* How long a rate takes to follow a change. */
#define RATE_MEMORY_MS 3000
/* What a file costs beside its bytes, as bytes. Measured with 64,000 files of 793 MB in
 * all: 7 us for each, in which 3 KB pass at 400 MB/s. */
#define FILE_WORK 4096u

/* A line that grows until it is full. */
struct line {
	char *text;
	size_t len, size;
};

__attribute__((format(printf, 2, 3))) static void add(struct line *line,
						      const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	int len = vsnprintf(line->text + line->len, line->size - line->len, format,
			    arguments);
	va_end(arguments);
	if (len > 0)
		line->len += (size_t)len;
	if (line->len >= line->size)
		line->len = line->size - 1;
}

static void add_amounts(struct line *line, const struct progress_figures *figures)
{
	char files[HUMAN_TEXT_SIZE], of[HUMAN_TEXT_SIZE];
	if (figures->total_files > 0)
		add(line, "%s: %s of %s", figures->verb,
		    human_count(figures->files, files),
		    human_things(figures->total_files, "file", of));
	else
		add(line, "%s: %s", figures->verb,
		    human_things(figures->files, "file", files));
	char bytes[HUMAN_TEXT_SIZE];
	add(line, ", %s", human_size(figures->bytes, bytes));
	if (figures->total_bytes > 0)
		add(line, " of %s", human_size(figures->total_bytes, of));
}

/* Never 100 %, which means that it is done: the total may turn out too small. */
static unsigned percentage(const struct progress_figures *figures)
{
	double part = (double)figures->bytes / (double)figures->total_bytes;
	return part >= 0.99 ? 99 : (unsigned)(part * 100);
}

uint64_t progress_work(uint64_t files, uint64_t bytes)
{
	return bytes + files * FILE_WORK;
}

static void add_time_left(struct line *line, const struct progress_figures *figures)
{
	uint64_t done = progress_work(figures->files, figures->bytes);
	uint64_t all = progress_work(figures->total_files, figures->total_bytes);
	if (figures->total_bytes == 0 || figures->work_per_second == 0 || done >= all)
		return;
	double seconds = (double)(all - done) / (double)figures->work_per_second;
	char left[HUMAN_TEXT_SIZE];
	if (seconds < 1e9)
		add(line, ", %s left", human_seconds((uint64_t)(seconds * 1000), left));
}

const char *progress_line(const struct progress_figures *figures, char *ret_line,
			  size_t size)
{
	struct line line = {.text = ret_line, .size = size};
	add_amounts(&line, figures);
	if (figures->total_bytes > 0)
		add(&line, " (%u %%)", percentage(figures));
	if (figures->bytes_per_second == 0)
		return ret_line;
	char rate[HUMAN_TEXT_SIZE];
	add(&line, ", %s/s", human_size(figures->bytes_per_second, rate));
	add_time_left(&line, figures);
	return ret_line;
}

uint64_t progress_rate(uint64_t old_rate, uint64_t amount, uint64_t elapsed_ms)
{
	if (elapsed_ms == 0)
		return old_rate;
	double now = (double)amount * 1000 / (double)elapsed_ms;
	if (old_rate == 0)
		return (uint64_t)now;
	double weight = (double)elapsed_ms / (double)(elapsed_ms + RATE_MEMORY_MS);
	return (uint64_t)((1 - weight) * (double)old_rate + weight * now);
}
