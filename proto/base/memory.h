/*
 * Memory, of two kinds.
 *
 * must_…() is for what is small and bounded. It aborts with a sentence when there is
 * none, so its callers have nothing to unwind. may_…() is for what a peer or a file
 * decides the size of. It fails with ERR_NO_MEMORY, and only the operation that needed it
 * fails.
 *
 * A process may keep a reserve. When there is no other memory left must_…() takes it, and
 * from then on may_…() fails, until enough was freed to make the reserve whole again. Any
 * thread.
 */
#ifndef BATON_PROTO_BASE_MEMORY_H
#define BATON_PROTO_BASE_MEMORY_H

#include <stddef.h>

#include "proto/base/error.h"

void *must_alloc(size_t size);
void *must_calloc(size_t count, size_t size);
void *must_realloc(void *at, size_t size);
char *must_strdup(const char *text);
/* len bytes of data, and then a NUL. */
char *must_memdup(const void *data, size_t len);

/* NULL and ERR_NO_MEMORY; may_realloc() then leaves the old memory as it is. */
void *may_alloc(size_t size, struct error *error);
void *may_calloc(size_t count, size_t size, struct error *error);
void *may_realloc(void *at, size_t size, struct error *error);

/* Whether `size` bytes could be had now: ERR_NO_MEMORY where not. For what will be many
 * arrays that must be there; others may take it before, but then there is the reserve. */
int memory_check(size_t size, struct error *error);

/* Keeps `size` bytes in reserve from now on, of address space only; 0: none, which is how
 * a process begins. Before there are other threads. ERR_NO_MEMORY. */
int memory_keep_reserve(size_t size, struct error *error);

#endif
