#include "daemon/upkeep/rest.h"

#include <malloc.h>

/* How long nothing may run or wait before memory is given back: getting it again costs
 * the next request a millisecond. */
#define REST_MS 2000u

/* malloc keeps what one session freed between blocks that others still held. */
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
