/*
 * What an attach tells its user.
 */
#ifndef BATON_CLIENT_COMMANDS_ATTACH_REPORT_H
#define BATON_CLIENT_COMMANDS_ATTACH_REPORT_H

#include <stdint.h>

#include "client/destination/destination.h"
#include "client/options/options.h"
#include "client/view/session.h"

struct attach_figures {
	uint64_t started_ms;
	struct destination_counts counts;
};

/* At the end: a summary, the digest, the layers in their order; or one JSON object. */
void attach_report(const struct options *options, const struct view_session *session,
		   const struct attach_figures *figures);

/* With -v: what is about to be done, path by path. */
int attach_report_paths(const struct options *options, const struct view_session *session,
			struct destination *destination, struct error *error);

/* --dry-run: what would be done, with -v path by path. */
int attach_report_dry(const struct options *options, const struct view_session *session,
		      struct destination *destination, struct error *error);

#endif
