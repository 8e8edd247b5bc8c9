/*
 * How far a writer is trusted, in words. Pure.
 */
#ifndef BATON_DAEMON_ACCESS_GRANT_TIER_H
#define BATON_DAEMON_ACCESS_GRANT_TIER_H

#include "daemon/history/history.h"

/* "trusted", "untrusted"; static. */
const char *tier_text(enum tier tier);
/* False for another word. */
bool tier_parse(const char *text, enum tier *ret_tier);

#endif
