/*
 * Progress on standard error: redrawn in place on a terminal (files, bytes, rate, time
 * left), a plain line every five seconds elsewhere, nothing with --quiet or
 * --no-progress. A thread of its own draws; counting is a relaxed atomic addition from
 * any thread.
 */
#ifndef BATON_CLIENT_TERMINAL_PROGRESS_H
#define BATON_CLIENT_TERMINAL_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress;

/* verb: "persist", "attach"; borrowed. Nothing is drawn in the first half second. Returns
 * NULL, which every function here takes, if not enabled or without a thread. */
struct progress *progress_new(const char *verb, bool enabled);
/* How much there is in all; 0: that is not known. */
void progress_set_total(struct progress *progress, uint64_t files, uint64_t bytes);
/* Whether a line has been drawn: only then is it worth while to find out a total. */
bool progress_is_shown(const struct progress *progress);
void progress_add(struct progress *progress, uint64_t files, uint64_t bytes);
/* The work begins again: nothing is done yet. */
void progress_restart(struct progress *progress);
/* Erases the line and ends the thread. */
void progress_free(struct progress *progress);

#endif
