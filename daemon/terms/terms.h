/*
 * The terms on which a namespace is kept: how long its workflows live, and how much it
 * may hold (rules L1, L3). The configuration says them in sections `[namespace PATTERN]`;
 * they are read again at SIGHUP. Any thread.
 */
#ifndef BATON_DAEMON_TERMS_TERMS_H
#define BATON_DAEMON_TERMS_TERMS_H

#include <stdint.h>

#include "daemon/history/history.h"
#include "daemon/service/config.h"
#include "proto/base/error.h"
#include "proto/base/text.h"

struct terms {
	uint64_t retention_ms; /* without contact for longer a workflow expires; 0: never
				*/
	uint64_t ttl_max_ms;   /* the longest --ttl; LIFETIME_NEVER_MS: any */
	uint64_t quota;        /* stored bytes; 0: no limit */
	uint64_t layers;       /* 0: no limit */
};

/* What all namespaces have. */
struct terms_book;

/* What the configuration says is copied. ERR_USAGE names the line that is wrong. */
int terms_book_new(const struct config *config, struct terms_book **ret_book,
		   struct error *error);
void terms_book_free(struct terms_book *book); /* NULL is fine */

/* From now on the book says what the other one says, which is left with what it said. */
void terms_book_take(struct terms_book *book, struct terms_book *other);

/* Those of a tier of a namespace: for each key the first section that is about it and has
 * the key, else the configuration's own `retention`, no limit, and for an untrusted tier
 * no
 * --ttl beyond its retention. An empty name stands for "default". */
struct terms terms_of(struct terms_book *book, struct text namespace, enum tier tier);

/* The shortest retention that any namespace may have; 0: none. */
uint64_t terms_shortest_retention(struct terms_book *book);

#endif
