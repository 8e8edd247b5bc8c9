/*
 * Which frames an attach needs: for each unit mention of the view the frame it lies in,
 * and which mentions the client wants. Memory: 4 bytes and a bit per mention, 28 bytes
 * per frame. Belongs to one thread.
 */
#ifndef BATON_DAEMON_WORKSPACE_FRAME_PLAN_H
#define BATON_DAEMON_WORKSPACE_FRAME_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/store/layer/reader.h"

struct frame_plan;

struct frame_plan *frame_plan_new(void);
void frame_plan_free(struct frame_plan *plan); /* NULL is fine */

/* The next mention lies in this frame. ERR_NO_MEMORY. */
int frame_plan_add(struct frame_plan *plan, const struct frame_place *place,
		   struct error *error);
/* There are no more mentions: makes room for what is asked of them, which must not come
 * before. ERR_NO_MEMORY. */
int frame_plan_end(struct frame_plan *plan, struct error *error);

/* Marks mentions first + i for each bit i (least significant first) of len bytes; false
 * when a bit is beyond the last mention. first is a multiple of 8. */
bool frame_plan_want(struct frame_plan *plan, uint64_t first, const uint8_t *bits,
		     size_t len);

/* Goes through the frames of the wanted mentions, each once, in the order of their first
 * wanted mention; what was wanted is then forgotten. */
void frame_plan_begin(struct frame_plan *plan);
bool frame_plan_next(struct frame_plan *plan, struct frame_place *ret_place);
/* The frame that was given as number `number` since frame_plan_begin(), from 1; false
 * where there were not so many. */
bool frame_plan_given(const struct frame_plan *plan, uint64_t number,
		      struct frame_place *ret_place);

#endif
