/*
 * The units that one persist has met, found by XXH3-128 and length, decided by SHA-256:
 * what repeats inside the persist is asked about and sent once.
 *
 * A unit with a key seen before is hashed with SHA-256. It is the same unit if a SHA-256
 * says so; while that of the first is not known yet (the daemon computes it from what it
 * is sent), the newcomer is a *claim* to be the same, settled at the end: XXH3-128 alone
 * never makes two units one.
 *
 * Any thread; its own lock. A struct unit lives as long as the table and never moves.
 */
#ifndef BATON_CLIENT_CONTENT_UNITS_H
#define BATON_CLIENT_CONTENT_UNITS_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/base/error.h"
#include "proto/unit/digest.h"

enum unit_state {
	UNIT_NEW,    /* on its way to the daemon; the SHA-256 may not be known yet */
	UNIT_HELD,   /* the daemon has it: offered and equal, or stored */
	UNIT_CLAIM,  /* believed to be equal to a unit that is UNIT_NEW */
	UNIT_LACKED, /* of the stat record, its bytes not read; the daemon has it not */
};

struct units;

struct units *units_new(void);
void units_free(struct units *table);

/* Finds or adds the unit with these bytes (key->len of them). Returns true when the
 * caller has to ask for it, and to send it if need be. */
bool units_claim(struct units *table, const struct unit_key *key, const void *data,
		 uint32_t *ret_unit);
/* Finds or adds a unit of the stat record, whose bytes nobody has read. Returns true when
 * the caller has to ask for it. */
bool units_recall(struct units *table, const struct unit_name *name, uint32_t *ret_unit);
/* Adds a unit of the base, without looking for an equal one. */
uint32_t units_add_held(struct units *table, const struct unit_name *name);
/* The daemon does not have a recalled unit: who claims it next has to send it. */
void units_lacked(struct units *table, uint32_t unit);
/* Adds a unit without looking for an equal one, its SHA-256 known: a manifest piece. */
uint32_t units_add(struct units *table, const struct unit_name *name);

struct unit_key units_key(struct units *table, uint32_t unit);
struct unit_name units_name(struct units *table, uint32_t unit);
/* The same, where no answer to come can change it: the daemon holds the unit, or it is a
 * claim, of which the SHA-256 is its own bytes'. Else false. */
bool units_final(struct units *table, uint32_t unit, struct unit_name *ret_name);

/* The daemon holds it, under this SHA-256. ERR_DAMAGED if its SHA-256 was known and is
 * another. */
int units_held(struct units *table, uint32_t unit, const struct digest *sha,
	       struct error *error);

/* Notes the SHA-256 of a unit that was only just hashed. */
void units_learn(struct units *table, uint32_t unit, const struct digest *sha);

/* How many claims and recalled units are to be settled. */
uint32_t units_claims(struct units *table);
/* Settles the claims once no unit is on its way: how many are not equal to any unit that
 * the daemon holds, or were recalled and have not come. Those have become UNIT_NEW and
 * are the caller's to send. */
uint32_t units_settle(struct units *table);
/* Whether it still has to be sent. */
bool units_is_new(struct units *table, uint32_t unit);

uint32_t units_count(struct units *table);

#endif
