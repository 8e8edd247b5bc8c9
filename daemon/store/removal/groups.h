/*
 * The part of a pass that gives segments back, a few at a time: it looks which are worth
 * it, closes these, waits for who may have been offered something in them, looks again,
 * and acts (FORMAT.md §13). Belongs to one thread.
 */
#ifndef BATON_STORE_REMOVAL_GROUPS_H
#define BATON_STORE_REMOVAL_GROUPS_H

#include "daemon/store/removal/pass.h"
#include "proto/base/error.h"

/* Looks through these segments and does what is worth it. What fails for want of room, or
 * for damage, fails alone: the first failure is told in the end. */
int groups_run(struct collector_pass *pass, const struct ids *ids, struct error *error);

#endif
