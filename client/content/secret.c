#include "client/content/secret.h"

#include <string.h>

#include "proto/base/error.h"

/* The last bytes before `offset`, as many as are known, and at most so many. */
static size_t known_before(const struct secret_watch *watch, uint64_t offset, size_t most,
			   const uint8_t **ret_at)
{
	if (offset > watch->end || watch->end - offset > watch->len)
		return 0;
	size_t known = watch->len - (size_t)(watch->end - offset);
	size_t wanted = known < most ? known : most;
	*ret_at = watch->tail + known - wanted;
	return wanted;
}

/* Whether it lies across the beginning of the piece. */
static bool is_at_seam(const struct secret_watch *watch, struct text secret,
		       uint64_t offset, const uint8_t *piece, size_t len)
{
	uint8_t seam[2 * SECRET_LEN_MAX];
	const uint8_t *before = NULL;
	size_t known = known_before(watch, offset, secret.len - 1, &before);
	size_t begun = len < secret.len - 1 ? len : secret.len - 1;
	if (known == 0)
		return false;
	memcpy(seam, before, known);
	memcpy(seam + known, piece, begun);
	return memmem(seam, known + begun, secret.at, secret.len) != NULL;
}

/* Where pieces do not follow each other, what came before counts no more. */
static void remember(struct secret_watch *watch, uint64_t offset, const uint8_t *piece,
		     size_t len)
{
	const size_t room = sizeof(watch->tail);
	uint8_t joined[2 * sizeof(watch->tail)];
	const uint8_t *before = NULL;
	size_t added = len < room ? len : room;
	size_t known = len < room ? known_before(watch, offset, room, &before) : 0;
	if (known)
		memcpy(joined, before, known);
	memcpy(joined + known, piece + len - added, added);
	watch->len = known + added < room ? known + added : room;
	memcpy(watch->tail, joined + known + added - watch->len, watch->len);
	watch->end = offset + len;
}

bool secret_watch_finds(struct secret_watch *watch, struct text secret, uint64_t offset,
			const void *piece, size_t len)
{
	claim(secret.len > 0 && secret.len <= SECRET_LEN_MAX);
	if (len == 0)
		return false;
	bool found = memmem(piece, len, secret.at, secret.len) != NULL ||
		     is_at_seam(watch, secret, offset, piece, len);
	remember(watch, offset, piece, len);
	return found;
}
