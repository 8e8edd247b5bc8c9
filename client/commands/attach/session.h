/*
 * One try of an attach over one connection: ATTACH, VIEW, the rows; DIR is looked at,
 * what is missing there asked for and written; ATTACHED, RECORDED (PROTOCOL.md §6), in
 * this order.
 *
 * Main thread; units come from the download's workers.
 */
#ifndef BATON_CLIENT_COMMANDS_ATTACH_SESSION_H
#define BATON_CLIENT_COMMANDS_ATTACH_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "client/destination/destination.h"
#include "client/options/options.h"
#include "client/terminal/progress.h"
#include "client/terminal/report.h"
#include "client/view/held.h"
#include "client/view/session.h"
#include "client/view/table.h"
#include "proto/path/glob.h"

struct attach {
	const struct options *options; /* borrowed */
	struct report *report;         /* borrowed */
	uint64_t started_ms;           /* clock_now_ms(), of the first try */
	struct view_held held;         /* what the stat record says that DIR has */
	struct view_session session;
	struct own_places own;   /* lent to the destination */
	struct view_table table; /* the view's rows */
	struct glob_filter filter;
	struct destination *destination; /* owned */
	struct progress *progress;       /* owned */
	uint32_t base; /* position in the view of the layer that gives most files */
	/* What a failure leaves to know. */
	bool got_to_directory; /* the error says in what state DIR is */
	bool was_disturbed;    /* others deleted in DIR what this try needed there */
};

void attach_init(struct attach *attach, const struct options *options,
		 struct report *report, uint64_t started_ms);
void attach_fini(struct attach *attach);
/* The whole try, its report on standard output included. */
int attach_session(struct attach *attach, uint64_t deadline_ms, struct error *error);

/* ---- fetch.c: the bytes ---- */
/* Asks for the units that DIR lacks, and hands each to the destination. */
int attach_fetch(struct attach *attach, struct error *error);

/* ---- record.c: the stat record ---- */
/* Remembers for the next persist and attach what now lies in DIR. */
void attach_record(struct attach *attach);

#endif
