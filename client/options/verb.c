#include "client/options/verb.h"

#include <limits.h>
#include <stddef.h>
#include <string.h>

#define ANY_NUMBER UINT_MAX

/* clang-format off */
const struct verb_words verbs[] = {
	[VERB_PERSIST] = {"persist", "PATH...", 0, ANY_NUMBER,
		"keep files as a layer of the workflow's workspace", true},
	[VERB_ATTACH] = {"attach", "[DIR]", 0, 1,
		"put the workspace's files into DIR (default .)", true},
	[VERB_LS] = {"ls", "[GLOB...]", 0, ANY_NUMBER,
		"list what a job would get, and which job each path comes from", false},
	[VERB_LOG] = {"log", "", 0, 0,
		"list the layers in order, and what each came after", false},
	[VERB_DIFF] = {"diff", "LAYER|WORKFLOW LAYER|WORKFLOW", 2, 2,
		"list the paths that differ between two trees", false},
	[VERB_CAT] = {"cat", "PATH", 1, 1,
		"write one file of the view to standard output", false},
	[VERB_STATUS] = {"status", "", 0, 0,
		"show the daemon: version, uptime, stores, sessions, sizes", false},
	[VERB_WHEREAMI] = {"whereami", "", 0, 0,
		"show who this job is, and where each value was found", false},
	[VERB_VERSION] = {"version", "", 0, 0, "show the version", false},
	[VERB_HELP] = {"help", "[COMMAND]", 0, 1,
		"explain a command and its options", false},
	{NULL, NULL, 0, 0, NULL, false},
};
/* clang-format on */

const struct verb_words *verb_named(const char *name)
{
	for (const struct verb_words *verb = verbs; verb->name; verb++) {
		if (strcmp(verb->name, name) == 0)
			return verb;
	}
	return NULL;
}

enum verb verb_number(const struct verb_words *verb)
{
	return (enum verb)(verb - verbs);
}
