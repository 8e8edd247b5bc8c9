/*
 * What every token claims, whoever signed it. Pure; any thread.
 *
 * Sentences about a token are read by its bearer, and stand in the log: they show what it
 * claims only as clean texts.
 */
#ifndef BATON_DAEMON_ACCESS_TOKEN_CLAIMS_H
#define BATON_DAEMON_ACCESS_TOKEN_CLAIMS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "proto/base/error.h"
#include "proto/bounds.h"

/* Two machines' clocks may differ by so much. */
#define CLOCK_TOLERANCE_S 60

/* A claim as a text: a string as it is, an integer in digits, true or false. */
struct claim_text {
	char at[NAME_LEN_MAX + 1];
};

/* False: there is no such claim, or it is something else, empty, longer than NAME_LEN_MAX
 * bytes, or has control characters. */
bool claims_text(const json_t *claims, const char *name, struct claim_text *ret_text);

/* `exp`, which must be there, and `nbf`: whether now_s (Unix time) lies between them,
 * with CLOCK_TOLERANCE_S on both sides. ERR_DENIED. *ret_expires_s: when the tolerance
 * ends, too. */
int claims_check_time(const json_t *claims, int64_t now_s, int64_t *ret_expires_s,
		      struct error *error);

/* Whether `aud`, a text or a list of texts, has this audience. */
bool claims_have_audience(const json_t *claims, const char *audience);

/* "2026-11-29 22:41:07 UTC" */
struct time_text {
	char at[40];
};
struct time_text time_text_of(int64_t unix_s);

#endif
