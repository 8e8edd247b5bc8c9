/*
 * What is wrong with several paths, each of which would end a command by itself: who has
 * to mend them wants to know all of them, and not one for each try. The first in the
 * order of their paths are kept, the others counted.
 *
 * Any thread may add; the rest is for when nobody does any more.
 */
#ifndef BATON_CLIENT_TERMINAL_FAULTS_H
#define BATON_CLIENT_TERMINAL_FAULTS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/error.h"

/* As many as conflicts are named. */
#define FAULTS_NAMED_MAX 20u

struct fault {
	int code;
	char *sentence; /* owned */
};

struct faults {
	pthread_mutex_t lock;
	struct fault named[FAULTS_NAMED_MAX]; /* sorted */
	size_t named_count;
	uint64_t total; /* atomic */
};

void faults_init(struct faults *faults);
void faults_fini(struct faults *faults);

void faults_add(struct faults *faults, const struct error *error);
bool faults_any(const struct faults *faults);
/* The first, and how many more there are; its code. There is one. */
int faults_error(const struct faults *faults, struct error *error);

#endif
