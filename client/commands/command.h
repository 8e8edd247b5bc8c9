/*
 * What the verbs do: one file per verb.
 */
#ifndef BATON_CLIENT_COMMANDS_COMMAND_H
#define BATON_CLIENT_COMMANDS_COMMAND_H

#include "client/options/options.h"
#include "client/terminal/report.h"
#include "proto/base/error.h"

/* Does what the options' verb says; 0 or an error, whose sentence main() prints. What
 * there is to say on standard output is said through the report. */
int command_run(const struct options *options, struct report *report,
		struct error *error);

/* Whether it has something to clean up when it is interrupted; else a signal ends it at
 * once. */
bool command_cleans_up(const struct options *options);

int persist_run(const struct options *, struct report *, struct error *);
int attach_run(const struct options *, struct report *, struct error *);
int ls_run(const struct options *, struct report *, struct error *);
int log_run(const struct options *, struct report *, struct error *);
int diff_run(const struct options *, struct report *, struct error *);
int cat_run(const struct options *, struct report *, struct error *);
int status_run(const struct options *, struct report *, struct error *);
int whereami_run(const struct options *, struct report *, struct error *);
int version_run(const struct options *, struct report *, struct error *);
int help_run(const struct options *, struct report *, struct error *);

#endif
