/*
 * How an array grows. Its owner keeps three things beside each other: the items (owned),
 * how many there are, and for how many there is memory; {NULL, 0, 0} is empty. Only these
 * macros raise the third, and never before the memory is there. What a peer or a file decides
 * the length of grows by the latter two (memory.h).
 *
 *	array_make_room(list->items, list->count, list->room);
 *	list->items[list->count++] = item;
 *
 *	if (array_may_make_room(list->items, list->count, list->room, error))
 *		return ERR_NO_MEMORY;
 */
#ifndef BATON_PROTO_BASE_ARRAY_H
#define BATON_PROTO_BASE_ARRAY_H

#include <stddef.h>
#include <stdint.h>

#include "proto/base/bytes.h"
#include "proto/base/error.h"

/* The first allocation has at least so many bytes, so that arrays of small items do not
 * grow one by one. */
#define ARRAY_FIRST_LEN 64u

/* At least `needed`, and twice what there was. */
static inline size_t array_next_room_(size_t needed, size_t room, size_t item_size)
{
	size_t first = item_size < ARRAY_FIRST_LEN ? ARRAY_FIRST_LEN / item_size : 1;
	claim(needed <= SIZE_MAX / 2 / item_size && room <= SIZE_MAX / 2 / item_size);
	size_t next = room > 0 ? 2 * room : first;
	return needed > next ? needed : next;
}

/* Room for `needed` items in all. Items may move; those that are new are not zeroed. That
 * the room fits its type is claimed: what a peer may ask for is bounded before. */
#define array_reserve(items, needed, room)                                               \
	do {                                                                             \
		if ((needed) > (room)) {                                                 \
			size_t more_ =                                                   \
				array_next_room_((needed), (room), sizeof(*(items)));    \
			claim((__typeof__(room))more_ == more_);                         \
			(items) = must_realloc((items), more_ * sizeof(*(items)));       \
			(room) = (__typeof__(room))more_;                                \
		}                                                                        \
	} while (0)

/* Room for one more after the `count` that are there. */
#define array_make_room(items, count, room)                                              \
	array_reserve(items, (size_t)(count) + 1, room)

/* The same, but 0 or ERR_NO_MEMORY: then the array is as it was. */
#define array_may_reserve(items, needed, room, error)                                    \
	({                                                                               \
		int err_ = 0;                                                            \
		if ((needed) > (room)) {                                                 \
			size_t more_ =                                                   \
				array_next_room_((needed), (room), sizeof(*(items)));    \
			claim((__typeof__(room))more_ == more_);                         \
			void *moved_ = may_realloc((items), more_ * sizeof(*(items)),    \
						   (error));                             \
			if (moved_) {                                                    \
				(items) = moved_;                                        \
				(room) = (__typeof__(room))more_;                        \
			}                                                                \
			err_ = moved_ ? 0 : ERR_NO_MEMORY;                               \
		}                                                                        \
		err_;                                                                    \
	})
#define array_may_make_room(items, count, room, error)                                   \
	array_may_reserve(items, (size_t)(count) + 1, room, error)

#endif
