/*
 * What is wrong with several paths, each of which would end a command by itself. Who has
 * to mend them wants to know them all at once, not one for each try. The first ones in
 * the order of their paths are kept, the others counted.
 *
 * Any thread may add. Everything else is for when all have been added.
 */
#ifndef BATON_CLIENT_TERMINAL_FAULTS_H
#define BATON_CLIENT_TERMINAL_FAULTS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/error.h"

/* As many as the daemon names of conflicts. */
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
/* Writes the first fault, and how many more there are; returns its code. There must be
 * one. */
int faults_error(const struct faults *faults, struct error *error);

#endif
