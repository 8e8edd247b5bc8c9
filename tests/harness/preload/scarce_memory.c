/*
 * To be preloaded: malloc and its kin, of which the n-th large one fails. A test tells it
 * which by a file that both have mapped, named in SCARCE_MEMORY: struct plan.
 */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* Less is small: what is that, may be had from a reserve. */
#define LARGE_LEN 65536u
/* What is freed of this length is the daemon's reserve: then some large ones can be had.
 */
#define RESERVE_LEN (8u << 20)
#define LARGE_ONES_IN_RESERVE 8

void *__libc_malloc(size_t size);
void __libc_free(void *at);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *at, size_t size);

struct plan {
	_Atomic uint32_t fail;    /* number of the allocation that fails; 0: none */
	_Atomic uint32_t forever; /* 1: and each large one behind it */
	_Atomic uint32_t seen;    /* large ones so far */
};

static _Atomic(struct plan *) plan;
static _Atomic int in_reserve; /* large ones that may be had from it */

__attribute__((constructor)) static void begin(void)
{
	const char *path = getenv("SCARCE_MEMORY");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	if (fd < 0)
		return;
	void *at = mmap(NULL, sizeof(struct plan), PROT_READ | PROT_WRITE, MAP_SHARED, fd,
			0);
	(void)close(fd);
	if (at != MAP_FAILED)
		atomic_store(&plan, at);
}

static bool is_refused(size_t size)
{
	struct plan *now = atomic_load(&plan);
	if (!now || size < LARGE_LEN)
		return false;
	uint32_t number = atomic_fetch_add(&now->seen, 1) + 1;
	uint32_t fail = atomic_load(&now->fail);
	bool refused = fail &&
		       (number == fail || (number > fail && atomic_load(&now->forever)));
	if (refused && size < RESERVE_LEN && atomic_load(&in_reserve) > 0) {
		atomic_fetch_sub(&in_reserve, 1);
		refused = false;
	}
	if (refused)
		errno = ENOMEM;
	return refused;
}

void *malloc(size_t size)
{
	return is_refused(size) ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
	size_t all;
	bool refused = !__builtin_mul_overflow(count, size, &all) && is_refused(all);
	return refused ? NULL : __libc_calloc(count, size);
}

void *realloc(void *at, size_t size)
{
	return is_refused(size) ? NULL : __libc_realloc(at, size);
}

void free(void *at)
{
	if (at && malloc_usable_size(at) >= RESERVE_LEN)
		atomic_store(&in_reserve, LARGE_ONES_IN_RESERVE);
	__libc_free(at);
}
