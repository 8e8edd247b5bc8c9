/*
 * Memory that running requests hold together, at most: who needs more than is left waits
 * for its turn. Shares are given in the order in which they were asked for; one lane
 * (task/workers.h) never has all of it, so that who waits for its own lane keeps no other
 * one waiting. Who asks for more than a lane may have gets it when the lane holds nothing
 * else. Any thread.
 */
#ifndef BATON_DAEMON_TASK_BUDGET_H
#define BATON_DAEMON_TASK_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/base/error.h"
#include "proto/base/text.h"

struct budget;

/* {0}: nothing. It must not move while it holds something. */
struct budget_share {
	struct budget *budget; /* borrowed; NULL: holds nothing */
	struct text lane;      /* borrowed */
	uint64_t cost;
	bool given;
	int given_fd; /* of who waits: readable once it is given; -1: nobody does */
	struct budget_share *next;
};

struct budget_wish {
	struct text lane; /* borrowed while the share is held */
	uint64_t cost;    /* bytes */
	int wake_fd;      /* readable: ends the wait */
	int peer_fd;      /* the connection that it is for: its end ends the wait */
	uint64_t wait_ms; /* so long at most */
};

struct budget *budget_new(uint64_t max);
void budget_free(struct budget *budget); /* nobody holds or waits; NULL is fine */

/* Fills an empty share, which is to be given back. ERR_BUSY: not within the time;
 * ERR_INTERRUPTED: woken; ERR_LOST: the connection ended. */
int budget_take(struct budget *budget, const struct budget_wish *wish,
		struct budget_share *share, struct error *error);
void budget_give_back(struct budget_share *share); /* an empty one is fine */

/* Whether somebody waits, so that who holds a share without using it should not. */
bool budget_is_wanted(struct budget *budget);

#endif
