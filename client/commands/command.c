#include "client/commands/command.h"

typedef int run(const struct options *options, struct report *report,
		struct error *error);

static run *const runs[] = {
	[VERB_PERSIST] = persist_run, [VERB_ATTACH] = attach_run,
	[VERB_LS] = ls_run,           [VERB_LOG] = log_run,
	[VERB_DIFF] = diff_run,       [VERB_CAT] = cat_run,
	[VERB_STATUS] = status_run,   [VERB_WHEREAMI] = whereami_run,
	[VERB_VERSION] = version_run, [VERB_HELP] = help_run,
};

int command_run(const struct options *options, struct report *report, struct error *error)
{
	return runs[verb_number(options->verb)](options, report, error);
}
