#include "client/options/option_table.h"

#include <string.h>

#include "client/options/option_set.h"

#define TAKES(verb) (1u << VERB_##verb)
#define PERSIST TAKES(PERSIST)
#define ATTACH TAKES(ATTACH)
#define FILLING (PERSIST | ATTACH)
#define VIEWING (ATTACH | TAKES(LS) | TAKES(CAT))
#define COMPARING (VIEWING | TAKES(DIFF))
#define FILTERED (ATTACH | TAKES(LS) | TAKES(DIFF))
#define ALL (~0u)

#define TO(setter, member)                                                               \
	.set = option_set_##setter, .at = offsetof(struct options, member)

/* clang-format off */
const struct option option_table[] = {
	/* what is kept */
	{"--root", 0, "DIR", NULL, PERSIST, false, TO(text, root),
		"stored paths are relative to DIR (default .)"},
	{"--prefix", 0, "P", NULL, PERSIST, false, TO(text, prefix),
		"store everything below P, in which {job} and {shard} stand for themselves"},
	{"--paths-from", 0, "FILE|-", NULL, PERSIST, false, TO(text, paths_from),
		"read more PATHs from FILE, one per line, or ended by NULs if it holds any; - is standard input"},
	{"--literal", 0, NULL, NULL, PERSIST, false, TO(flag, literal),
		"take each PATH as it is written, not as a glob"},
	{"--follow", 'L', NULL, NULL, PERSIST, false, TO(flag, follow),
		"store what the symbolic links lead to that a PATH names, matches or goes through, under the links' names; links inside of that stay links"},
	{"--exclude-vcs", 0, NULL, NULL, PERSIST, false, TO(flag, exclude_vcs),
		"leave out what version control systems keep: .git, .hg, .svn …"},
	{"--if-changed", 0, "error|skip|prefix", NULL, PERSIST, false, TO(choice, if_changed),
		"when a file keeps changing while it is read: fail, leave it out, or keep what was there when it was opened (default error); skip also leaves out a file that vanishes before it is read"},

	/* what is wanted */
	{"--only", 0, "GLOB", NULL, FILTERED, true, TO(patterns, only),
		"take only paths that match; repeatable"},
	{"--exclude", 0, "GLOB", NULL, PERSIST | FILTERED, true, TO(patterns, exclude),
		"leave out paths that match, at any depth without a /; repeatable"},
	{"--from", 0, "JOB", NULL, COMPARING, true, TO(names, from),
		"take only the layers of JOB; repeatable"},
	{"--from-workflow", 0, "ID", NULL, COMPARING | TAKES(LOG), false, TO(name, from_workflow),
		"read another workflow of the namespace; records nothing there"},
	{"--layer", 0, "ID", NULL, VIEWING, false, TO(layer, layer),
		"take only this layer: its id, or a beginning of it that is unique"},
	{"--prefer", 0, "JOB[/SHARD]", NULL, VIEWING, true, TO(names, prefer),
		"where layers conflict, take JOB's, or those of its SHARD; repeatable, the first that has one counts"},
	{"--on-conflict", 0, "error|first|last", NULL, VIEWING, false, TO(choice_word, on_conflict),
		"where concurrent layers disagree: fail, or take the first or last in order (default error)"},
	{"--by-job", 0, NULL, NULL, VIEWING, false, TO(flag, by_job),
		"each job's files in a directory of their own, JOB or JOB/SHARD (JOB/% for what a job with shards made without one)"},
	{"--stale", 0, "drop|keep", NULL, COMPARING, false, TO(choice_bool, stale_keep),
		"what to do with layers built on something that was replaced (default drop)"},
	{"--all", 0, NULL, NULL, TAKES(LOG), false, TO(flag, all),
		"list replaced, late, stale and inherited layers too, each with the reason"},

	/* how it is written */
	{"--expect", 0, "DIGEST", NULL, ATTACH, false, TO(digest, expect),
		"fail, exit 6, unless the view has this digest"},
	{"--delete", 0, NULL, NULL, ATTACH, false, TO(flag, delete_extra),
		"remove from DIR what the view does not have; what --only or --exclude leave out stays"},
	{"--times", 0, "keep|now", NULL, ATTACH, false, TO(choice_bool, times_now),
		"modification times as they were stored, or the present (default keep)"},
	{"--verify", 0, NULL, NULL, ATTACH | TAKES(CAT), false, TO(flag, verify),
		"check everything by SHA-256 too"},
	{"--if-empty", 0, "error|warn|ok", NULL, FILLING, false, TO(choice, if_empty),
		"when nothing matches: fail, exit 3, or succeed with or without a warning (default error)"},
	{"--no-stat-record", 0, NULL, "BATON_NO_STAT_RECORD", FILLING, false, TO(flag, no_stat_record),
		"read all files, and remember nothing of them for the next time; the variable says so with any value"},
	{"--dry-run", 'n', NULL, NULL, FILLING, false, TO(flag, dry_run),
		"say what would be done, and do nothing"},
	{"--verbose", 'v', NULL, NULL, FILLING | TAKES(LS), false, TO(flag, verbose),
		"say more: each path, or with ls also times and layers"},

	/* who and where */
	{"--server", 0, "URL", "BATON_SERVER", ALL, false, TO(server, server),
		"unix:/path or tcp://host:port of the daemon (default: batond/batond.sock in $XDG_RUNTIME_DIR, without that variable in /run/user/UID, then /run/batond/batond.sock)"},
	{"--namespace", 0, "NAME", "BATON_NAMESPACE", ALL, false, TO(setting, namespace),
		"the tenant, usually one repository (default \"default\")"},
	{"--workflow", 0, "ID", "BATON_WORKFLOW", ALL, false, TO(setting, workflow),
		"the pipeline run, an id that all its jobs share"},
	{"--run", 0, "R", "BATON_RUN", ALL, false, TO(setting, run),
		"which time the workflow runs under this id (default 1)"},
	{"--job", 0, "NAME", "BATON_JOB", ALL, false, TO(setting, job),
		"who persists; an attach without one is anonymous"},
	{"--shard", 0, "LABEL", "BATON_SHARD", ALL, false, TO(setting, shard),
		"which slice of the job: 3/10, or any text"},
	{"--attempt", 0, "A", "BATON_ATTEMPT", ALL, false, TO(setting, attempt),
		"which execution of the job within the run (default 1)"},
	{"--execution", 0, "ID", "BATON_EXECUTION", ALL, false, TO(setting, execution),
		"an id of this execution, to notice two with one identity"},
	{"--needs", 0, "JOB", "BATON_NEEDS", ALL, true, TO(needs, needs),
		"a job that this one needs; repeatable, '' for none at all; the variable has them separated by commas, or one per line"},
	{"--retry-of", 0, "ID", "BATON_RETRY_OF", ALL, false, TO(retry_of, retry_of),
		"the workflow that this one retries; none: it retries nothing"},
	{"--token-file", 0, "FILE", "BATON_TOKEN_FILE", ALL, false, option_set_no_token, 0,
		"a file with a token; refused, like a token in BATON_TOKEN, as long as this version has none"},

	/* how it is said */
	{"--timeout", 0, "SECONDS", "BATON_TIMEOUT", ALL, false, TO(timeout, timeout_ms),
		"for reaching the daemon and for silence on the line (default 60)"},
	{"--json", 0, NULL, NULL, ALL, false, TO(flag, json),
		"one JSON object on standard output at the end, nothing else there"},
	{"--quiet", 0, NULL, NULL, ALL, false, TO(flag, quiet),
		"no progress and no summary; warnings and errors remain"},
	{"--no-progress", 0, NULL, NULL, ALL, false, TO(flag, no_progress),
		"no progress"},
	{"--help", 'h', NULL, NULL, ALL, false, TO(flag, help_asked), "explain the command"},
	{"--version", 0, NULL, NULL, ALL, false, TO(flag, version_asked), "show the version"},
	{.flag = NULL},
};
/* clang-format on */

_Static_assert(sizeof(option_table) / sizeof(*option_table) <= OPTIONS_MAX + 1,
	       "raise OPTIONS_MAX");

const struct option *option_named(const char *name, size_t len)
{
	for (const struct option *option = option_table; option->flag; option++) {
		const char *known = option->flag + strlen("--");
		if (strlen(known) == len && memcmp(known, name, len) == 0)
			return option;
	}
	return NULL;
}

const struct option *option_lettered(char letter)
{
	for (const struct option *option = option_table; option->flag; option++) {
		if (option->letter && option->letter == letter)
			return option;
	}
	return NULL;
}

bool option_taken_by(const struct option *option, const struct verb_words *verb)
{
	return option->verbs & 1u << verb_number(verb);
}

bool option_is_common(const struct option *option)
{
	return option->verbs == ALL;
}
