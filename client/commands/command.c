#include "client/commands/command.h"

#include <string.h>

#include "client/options/option_table.h"
#include "proto/base/advice.h"

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

/* The option that a piece of advice is about. */
static const struct {
	uint32_t advice;
	const char *option;
} advised[] = {
	{ADVICE_ALLOW_EMPTY, "if-empty"}, {ADVICE_STALE_TOO, "stale"},
	{ADVICE_STALE_BACK, "stale"},     {ADVICE_UNTRUSTED_TOO, "tier"},
	{ADVICE_ONE_FROM_EACH, "from"},   {ADVICE_ONE_PREFER_EACH, "prefer"},
	{ADVICE_CHOOSE_JOB, "prefer"},    {ADVICE_CHOOSE_SHARD, "prefer"},
};

/* The daemon does not know which command asks: what that would refuse is no advice. */
static void drop_advice(const struct options *options, struct error *error)
{
	for (size_t i = 0; i < sizeof(advised) / sizeof(*advised); i++) {
		const struct option *option = option_named(&baton, advised[i].option,
							   strlen(advised[i].option));
		if (!option_taken_by(&baton, option, options->verb))
			error->advice &= ~advised[i].advice;
	}
}

int command_run(const struct options *options, struct report *report, struct error *error)
{
	int err = commands[options->verb - verbs].run(options, report, error);
	if (err)
		drop_advice(options, error);
	return err;
}

bool command_cleans_up(const struct options *options)
{
	return commands[options->verb - verbs].cleans_up;
}
