#include "proto/base/memory.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t reserve_size;
static _Atomic(void *) reserve; /* owned; NULL: broken into, or none is kept */

static bool break_reserve(void)
{
	void *kept = atomic_exchange(&reserve, NULL);
	free(kept);
	return kept != NULL;
}

static bool mend_reserve(void)
{
	if (reserve_size == 0 || atomic_load(&reserve))
		return true;
	void *fresh = malloc(reserve_size), *none = NULL;
	if (fresh && !atomic_compare_exchange_strong(&reserve, &none, fresh))
		free(fresh); /* another thread was quicker */
	return fresh != NULL;
}

int memory_keep_reserve(size_t size, struct error *error)
{
	(void)break_reserve();
	reserve_size = size;
	if (mend_reserve())
		return 0;
	return error_set(error, ERR_NO_MEMORY, "no memory for a reserve of %zu bytes",
			 size);
}

/* ---- what must be there ------------------------------------------------------------ */

static void *or_abort(void *at, size_t size)
{
	if (at)
		return at;
	(void)fprintf(stderr, "out of memory: %zu bytes could not be had\n", size);
	abort();
}

void *must_alloc(size_t size)
{
	size = size > 0 ? size : 1;
	void *at = malloc(size);
	if (!at && break_reserve())
		at = malloc(size);
	return or_abort(at, size);
}

void *must_calloc(size_t count, size_t size)
{
	if (count == 0 || size == 0)
		count = size = 1;
	void *at = calloc(count, size);
	if (!at && break_reserve())
		at = calloc(count, size);
	return or_abort(at, size);
}

void *must_realloc(void *at, size_t size)
{
	size = size > 0 ? size : 1;
	void *moved = realloc(at, size);
	if (!moved && break_reserve())
		moved = realloc(at, size);
	return or_abort(moved, size);
}

char *must_strdup(const char *text)
{
	return must_memdup(text, strlen(text));
}

char *must_memdup(const void *data, size_t len)
{
	char *copy = must_alloc(len + 1);
	if (len > 0)
		memcpy(copy, data, len);
	copy[len] = '\0';
	return copy;
}

/* ---- what may be refused ----------------------------------------------------------- */

static void *or_error(void *at, size_t size, struct error *error)
{
	if (!at)
		(void)error_set(error, ERR_NO_MEMORY, "no memory for %zu bytes", size);
	return at;
}

void *may_alloc(size_t size, struct error *error)
{
	size = size > 0 ? size : 1;
	return or_error(mend_reserve() ? malloc(size) : NULL, size, error);
}

void *may_calloc(size_t count, size_t size, struct error *error)
{
	if (count == 0 || size == 0)
		count = size = 1;
	void *at = mend_reserve() ? calloc(count, size) : NULL;
	return or_error(at, count > SIZE_MAX / size ? SIZE_MAX : count * size, error);
}

void *may_realloc(void *at, size_t size, struct error *error)
{
	size = size > 0 ? size : 1;
	return or_error(mend_reserve() ? realloc(at, size) : NULL, size, error);
}

int memory_check(size_t size, struct error *error)
{
	void *at = may_alloc(size, error);
	free(at);
	return at ? 0 : ERR_NO_MEMORY;
}
