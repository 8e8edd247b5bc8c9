#include "daemon/verb/frame_doubt.h"

#include <stdlib.h>

#include "daemon/store/layer/healing.h"
#include "proto/base/cleanup.h"

int frame_doubt_hear(struct link *link, struct error *error)
{
	struct link_message none = {0};
	return link_has_error(link) ? link_receive(link, &none, 0, error) : 0;
}

/* If sending failed because the client left, the ERROR that it sent before can still be
 * received. */
static void hear_farewell(struct link *link, struct error *error)
{
	struct link_message rest = {0};
	struct error last = {0};
	if (error->code != ERR_LOST || link->last_error.len > 0)
		return;
	(void)link_receive(link, &rest, 0, &last);
	free(rest.payload);
	if (link->last_error.len > 0)
		*error = last;
}

static bool is_stopping(struct link *link)
{
	struct error ignored;
	return link_wait(link, 0, &ignored) == ERR_INTERRUPTED;
}

/* Where one frame is damaged others may be, and clients would find them one at a time,
 * each after another persist. So all frames of this round are read, and none that the
 * client did not ask for. */
static void doubt_others(struct link *link, struct store *store, struct frame_plan *plan)
{
	struct frame_place place;
	while (frame_plan_next(plan, &place))
		continue;
	for (uint64_t i = 1; frame_plan_given(plan, i, &place) && !is_stopping(link); i++)
		(void)healing_doubt(store, &place);
}

int frame_doubt_end(struct link *link, struct store *store, struct frame_plan *plan,
		    struct error *error)
{
	struct message_memory memory AUTO(message_memory_fini) = {0};
	struct msg_error told;
	struct frame_place place;
	hear_farewell(link, error);
	if (link_last_error(link, &memory, &told) &&
	    frame_plan_given(plan, told.frame, &place) && healing_doubt(store, &place))
		doubt_others(link, store, plan);
	return error->code;
}
