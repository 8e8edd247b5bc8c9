#include "daemon/upkeep/rest.h"

#include <malloc.h>

/* So long nothing may run or wait: what has to be had anew costs the next request a
 * millisecond. */
#define REST_MS 2000u

/* What sessions freed lies between what others still held, and malloc keeps it. */
static void give_back(struct rest *rest)
{
	crew_give_back(rest->crew);
	(void)malloc_trim(0);
}

void rest_tick(struct rest *rest, uint64_t now_ms)
{
	struct workers_figures figures = workers_figures(rest->workers);
	if (figures.running || figures.waiting || figures.ended != rest->ended) {
		rest->ended = figures.ended;
		rest->due_ms = now_ms + REST_MS;
	} else if (rest->due_ms && now_ms >= rest->due_ms) {
		rest->due_ms = 0;
		give_back(rest);
	}
}
