/*
 * Looks for a secret in a file that is read in pieces: whether its bytes stand in one of
 * them, or partly in each of two that follow each other. Belongs to one thread.
 */
#ifndef BATON_CLIENT_CONTENT_SECRET_H
#define BATON_CLIENT_CONTENT_SECRET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/text.h"

#define SECRET_LEN_MAX 64u

/* What was seen of one file; {0}: nothing. */
struct secret_watch {
	uint64_t end; /* offset behind the last piece */
	size_t len;   /* bytes of the tail, which are the last ones before it */
	uint8_t tail[2 * SECRET_LEN_MAX];
};

/* Takes the piece at this offset, which may repeat what came before. secret: at most
 * SECRET_LEN_MAX bytes, at least one. */
bool secret_watch_finds(struct secret_watch *watch, struct text secret, uint64_t offset,
			const void *piece, size_t len);

#endif
