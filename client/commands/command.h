/*
 * What each verb does, in a file of its own.
 */
#ifndef BATON_CLIENT_COMMANDS_COMMAND_H
#define BATON_CLIENT_COMMANDS_COMMAND_H

#include "client/options/options.h"
#include "client/terminal/report.h"
#include "proto/base/error.h"

/* Runs the options' verb. Returns 0, or an error whose sentence the caller prints; all
 * that is printed on standard output goes through the report, but for files (cat) and
 * help. */
int command_run(const struct options *options, struct report *report,
		struct error *error);

/* Whether the verb leaves something to clean up when it is interrupted. Others may die by
 * a signal at any time. */
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
