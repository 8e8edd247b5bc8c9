/*
 * The lines of a section that say what is granted: `namespace`, `verbs`, `workflow`,
 * `job`, `tier`. Pure; any thread.
 */
#ifndef BATON_DAEMON_ACCESS_GRANT_GRANT_LINES_H
#define BATON_DAEMON_ACCESS_GRANT_GRANT_LINES_H

#include "daemon/access/grant/grant.h"
#include "daemon/access/grant/tier.h"
#include "daemon/service/config_section.h"

/* `verbs` and `tier`, where the section has them; others stay what they are. ERR_USAGE.
 */
int grant_lines_verbs(const struct config_section *section, uint32_t *verbs,
		      struct error *error);
int grant_lines_tier(const struct config_section *section, enum tier *tier,
		     struct error *error);

/* All of them as they stand: `namespace` has patterns, separated by commas, and `**`
 * where it is not there; all verbs where none are. */
int grant_lines_read(const struct config_section *section, struct grant *grant,
		     enum tier *ret_tier, struct error *error);

#endif
