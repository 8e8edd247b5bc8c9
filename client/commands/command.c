#include "client/commands/command.h"

static const struct {
	int (*run)(const struct options *options, struct report *report,
		   struct error *error);
	bool cleans_up;
} commands[] = {
	[VERB_PERSIST] = {persist_run, true},  [VERB_ATTACH] = {attach_run, true},
	[VERB_LS] = {ls_run, false},           [VERB_LOG] = {log_run, false},
	[VERB_DIFF] = {diff_run, false},       [VERB_CAT] = {cat_run, false},
	[VERB_STATUS] = {status_run, false},   [VERB_WHEREAMI] = {whereami_run, false},
	[VERB_VERSION] = {version_run, false}, [VERB_HELP] = {help_run, false},
};

int command_run(const struct options *options, struct report *report, struct error *error)
{
	return commands[options->verb - verbs].run(options, report, error);
}

bool command_cleans_up(const struct options *options)
{
	return commands[options->verb - verbs].cleans_up;
}
