/*
 * Scope-bound clean-up: what a function opens is closed when its scope ends, unless
 * ownership left through take_fd() or take_ptr().
 *
 * Every descriptor variable is -1 or owned; every pointer variable is NULL or owned.
 */
#ifndef BATON_PROTO_BASE_CLEANUP_H
#define BATON_PROTO_BASE_CLEANUP_H

#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline void cleanup_fd_(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
}

static inline void cleanup_ptr_(void *at)
{
	free(*(void **)at);
}

static inline void cleanup_dir_(DIR **dir)
{
	if (*dir)
		(void)closedir(*dir);
}

static inline void cleanup_stream_(FILE **stream)
{
	if (*stream)
		(void)fclose(*stream);
}

static inline void cleanup_unlock_(pthread_mutex_t **mutex)
{
	(void)pthread_mutex_unlock(*mutex);
}

/* int fd AUTO_FD = -1; — for descriptors whose close() cannot lose data. */
#define AUTO_FD __attribute__((cleanup(cleanup_fd_)))
/* char *text AUTO_FREE = NULL; */
#define AUTO_FREE __attribute__((cleanup(cleanup_ptr_)))
#define AUTO_DIR __attribute__((cleanup(cleanup_dir_)))
#define AUTO_STREAM __attribute__((cleanup(cleanup_stream_)))
/* struct buffer text AUTO(buffer_fini) = {0}; — any function that takes a pointer. */
#define AUTO(function) __attribute__((cleanup(function)))

/* HOLD(&table->mutex); holds the mutex to the end of the scope; only one in a scope. */
#define HOLD(mutex)                                                                      \
	pthread_mutex_t *held_ AUTO(cleanup_unlock_) = (mutex);                          \
	(void)pthread_mutex_lock(held_)

/* Gives up ownership: returns the descriptor and sets the variable to -1. */
static inline int take_fd(int *fd)
{
	int taken = *fd;
	*fd = -1;
	return taken;
}

/* Gives up ownership: returns the pointer and sets the variable to NULL. */
#define take_ptr(at)                        \
	({                                  \
		__typeof__(*(at)) taken_ = *(at); \
		*(at) = NULL;               \
		taken_;                     \
	})

#endif
