#include "client/commands/command.h"

#include <limits.h>
#include <stddef.h>
#include <string.h>

#define ANY_NUMBER UINT_MAX

/* clang-format off */
const struct command commands[] = {
	[VERB_PERSIST] = {"persist", "PATH...", 0, ANY_NUMBER,
		"keep files as a layer of the workflow's workspace", true, persist_run},
	[VERB_ATTACH] = {"attach", "[DIR]", 0, 1,
		"put the workspace's files into DIR (default .)", true, attach_run},
	[VERB_LS] = {"ls", "[GLOB...]", 0, ANY_NUMBER,
		"list what a job would get, and which job each path comes from", false, ls_run},
	[VERB_LOG] = {"log", "", 0, 0,
		"list the layers in order, and what each came after", false, log_run},
	[VERB_DIFF] = {"diff", "LAYER|WORKFLOW LAYER|WORKFLOW", 2, 2,
		"list the paths that differ between two trees", false, diff_run},
	[VERB_CAT] = {"cat", "PATH", 1, 1,
		"write one file of the view to standard output", false, cat_run},
	[VERB_STATUS] = {"status", "", 0, 0,
		"show the daemon: version, uptime, stores, sessions, sizes", false, status_run},
	[VERB_WHEREAMI] = {"whereami", "", 0, 0,
		"show who this job is, and where each value was found", false, whereami_run},
	[VERB_VERSION] = {"version", "", 0, 0, "show the version", false, version_run},
	[VERB_HELP] = {"help", "[COMMAND]", 0, 1,
		"explain a command and its options", false, help_run},
	{NULL, NULL, 0, 0, NULL, false, NULL},
};
/* clang-format on */

const struct command *command_named(const char *name)
{
	for (const struct command *command = commands; command->name; command++) {
		if (strcmp(command->name, name) == 0)
			return command;
	}
	return NULL;
}
