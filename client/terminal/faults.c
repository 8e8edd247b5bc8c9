#include "client/terminal/faults.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/bytes.h"

void faults_init(struct faults *faults)
{
	*faults = (struct faults){0};
	(void)pthread_mutex_init(&faults->lock, NULL);
}

void faults_fini(struct faults *faults)
{
	for (size_t i = 0; i < faults->named_count; i++)
		free(faults->named[i].sentence);
	(void)pthread_mutex_destroy(&faults->lock);
	faults->named_count = 0;
}

/* A sentence begins with a path in ` `, which end it; a '/' is below every other byte, as
 * in a manifest. */
static int rank_of(char byte)
{
	return byte == '\0'  ? 0
	       : byte == '`' ? 1
	       : byte == '/' ? 2
			     : 3 + (unsigned char)byte;
}

static bool is_before(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return rank_of(*a) < rank_of(*b);
}

/* Inserted where it belongs; the last one falls off the end. */
static void add_locked(struct faults *faults, const struct error *error)
{
	size_t at = faults->named_count;
	while (at > 0 && is_before(error->text, faults->named[at - 1].sentence))
		at--;
	if (at == FAULTS_NAMED_MAX)
		return;
	if (faults->named_count == FAULTS_NAMED_MAX)
		free(faults->named[--faults->named_count].sentence);
	memmove(faults->named + at + 1, faults->named + at,
		(faults->named_count - at) * sizeof(faults->named[0]));
	faults->named[at] = (struct fault){error->code, must_strdup(error->text)};
	faults->named_count++;
}

void faults_add(struct faults *faults, const struct error *error)
{
	(void)pthread_mutex_lock(&faults->lock);
	add_locked(faults, error);
	(void)__atomic_fetch_add(&faults->total, 1, __ATOMIC_RELAXED);
	(void)pthread_mutex_unlock(&faults->lock);
}

bool faults_any(const struct faults *faults)
{
	return __atomic_load_n(&faults->total, __ATOMIC_RELAXED) > 0;
}

int faults_error(const struct faults *faults, struct error *error)
{
	const struct fault *first = &faults->named[0];
	if (faults->total == 1)
		return error_set(error, first->code, "%s", first->sentence);
	return error_set(error, first->code, "%s (and %" PRIu64 " more)", first->sentence,
			 faults->total - 1);
}
