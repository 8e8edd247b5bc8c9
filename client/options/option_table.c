#include "client/options/option_table.h"

#include <limits.h>

#include "client/options/option_kinds.h"
#include "client/options/options.h"

#define ANY_NUMBER UINT_MAX

/* clang-format off */
const struct verb verbs[] = {
	[VERB_PERSIST] = {"persist", "PATH...", 0, ANY_NUMBER,
		"keep files as a layer of the workflow's workspace"},
	[VERB_ATTACH] = {"attach", "[DIR]", 0, 1,
		"put the workspace's files into DIR (default .)"},
	[VERB_LS] = {"ls", "[GLOB...]", 0, ANY_NUMBER,
		"list what a job would get, and which job each path comes from"},
	[VERB_LOG] = {"log", "", 0, 0,
		"list the layers in order, and what each came after"},
	[VERB_DIFF] = {"diff", "LAYER|WORKFLOW LAYER|WORKFLOW", 2, 2,
		"list the paths that differ between two trees"},
	[VERB_CAT] = {"cat", "PATH", 1, 1,
		"write one file of the view to standard output"},
	[VERB_STATUS] = {"status", "", 0, 0,
		"show the daemon: version, uptime, stores, sessions, sizes"},
	[VERB_WHEREAMI] = {"whereami", "", 0, 0,
		"show who this job is, and where each value was found"},
	[VERB_VERSION] = {"version", "", 0, 0, "show the version"},
	[VERB_HELP] = {"help", "[COMMAND]", 0, 1,
		"explain a command and its options"},
	{.name = NULL},
};
/* clang-format on */

#define TAKES(verb) (1u << VERB_##verb)
#define PERSIST TAKES(PERSIST)
#define ATTACH TAKES(ATTACH)
#define FILLING (PERSIST | ATTACH)
#define VIEWING (ATTACH | TAKES(LS) | TAKES(CAT))
#define COMPARING (VIEWING | TAKES(DIFF))
#define FILTERED (ATTACH | TAKES(LS) | TAKES(DIFF))
#define ALL OPTION_OF_ALL

#define TO(kind_, member) .kind = &option_##kind_, .at = offsetof(struct options, member)

/* clang-format off */
static const struct option options[] = {
	/* what is kept */
	{"--root", 0, "DIR", NULL, PERSIST, TO(text, root),
		"stored paths are relative to DIR (default)", .initial = "."},
	{"--prefix", 0, "P", NULL, PERSIST, TO(text, prefix),
		"store everything below P, in which {job} and {shard} stand for themselves"},
	{"--paths-from", 0, "FILE|-", NULL, PERSIST, TO(text, paths_from),
		"read more PATHs from FILE, one per line, or ended by NULs if it holds any; - is standard input"},
	{"--follow", 'L', NULL, NULL, PERSIST, TO(flag, follow),
		"store what the symbolic links lead to that a PATH names, matches or goes through, under the links' names; links inside of that stay links"},
	{"--exclude-vcs", 0, NULL, NULL, PERSIST, TO(flag, exclude_vcs),
		"leave out what version control systems keep: .git, .hg, .svn …"},
	{"--if-changed", 0, "error|skip|prefix", NULL, PERSIST, TO(choice, if_changed),
		"when a file keeps changing while it is read: fail, leave it out, or keep what was there when it was opened (default); skip also leaves out a file that vanishes before it is read", .initial = "error"},
	{"--allow-token", 0, NULL, NULL, PERSIST, TO(flag, allow_token),
		"persist files, names and targets of links that hold the token that this persist was given, too; encoded in another way it is not noticed in any case"},

	/* what is wanted */
	{"--only", 0, "GLOB", NULL, FILTERED, TO(patterns, only),
		"take only paths that match; repeatable"},
	{"--literal", 0, NULL, NULL, PERSIST | VIEWING | TAKES(DIFF), TO(flag, literal),
		"take each PATH, GLOB and --only as it is written: not as a glob (--exclude stays one), nor, with cat, as ls prints it"},
	{"--exclude", 0, "GLOB", NULL, PERSIST | FILTERED, TO(patterns, exclude),
		"leave out paths that match, at any depth without a /; repeatable"},
	{"--from", 0, "JOB", NULL, COMPARING, TO(names, from),
		"take only the layers of JOB; repeatable"},
	{"--from-workflow", 0, "ID", NULL, COMPARING | TAKES(LOG), TO(name, from_workflow),
		"read another workflow of the namespace; records nothing there"},
	{"--layer", 0, "ID", NULL, VIEWING, TO(layer, layer),
		"take only this layer: its id, or a beginning of it that is unique"},
	{"--prefer", 0, "JOB[/SHARD]", NULL, VIEWING, TO(names, prefer),
		"where layers conflict, take JOB's, or those of its SHARD; repeatable, the first that has one counts"},
	{"--on-conflict", 0, "error|first|last", NULL, VIEWING, TO(choice_word, on_conflict),
		"where concurrent layers disagree: fail, or take the first or last in order (default)", .initial = "error"},
	{"--by-job", 0, NULL, NULL, VIEWING, TO(flag, by_job),
		"each job's files in a directory of their own, JOB or JOB/SHARD (JOB/% for what a job with shards made without one)"},
	{"--stale", 0, "drop|keep", NULL, COMPARING, TO(choice_bool, stale_keep),
		"what to do with layers built on something that was replaced (default)", .initial = "drop"},
	{"--tier", 0, "trusted|untrusted", NULL, COMPARING | TAKES(LOG), TO(choice_bool, untrusted),
		"untrusted: the layers of untrusted jobs too, a forked pull request's say, which a trusted job does not see otherwise (default)", .initial = "trusted"},
	{"--all", 0, NULL, NULL, TAKES(LOG), TO(flag, all),
		"list replaced, late, stale and inherited layers too, each with the reason"},

	/* how it is written */
	{"--expect", 0, "DIGEST", NULL, ATTACH, TO(digest, expect),
		"fail, exit 6, unless the view has this digest"},
	{"--delete", 0, NULL, NULL, ATTACH, TO(flag, delete_extra),
		"remove from DIR what the view does not have; what --only or --exclude leave out stays"},
	{"--keep-existing", 0, NULL, NULL, ATTACH, TO(flag, keep_existing),
		"leave each file, link and folder that is in DIR as it is, and put what is missing"},
	{"--times", 0, "keep|now", NULL, ATTACH, TO(choice_bool, times_now),
		"modification times as they were stored, or one for all, the present (default)", .initial = "keep"},
	{"--verify", 0, NULL, NULL, ATTACH | TAKES(CAT), TO(flag, verify),
		"check everything by SHA-256 too"},
	{"--if-empty", 0, "error|warn|ok", NULL, FILLING, TO(choice, if_empty),
		"when nothing matches: fail, exit 3, or succeed with or without a warning (default)", .initial = "error"},
	{"--no-stat-record", 0, NULL, "BATON_NO_STAT_RECORD", FILLING, TO(flag, no_stat_record),
		"read all files, and remember nothing of them for the next time; the variable says so with any value"},
	{"--dry-run", 'n', NULL, NULL, FILLING, TO(flag, dry_run),
		"say what would be done, and do nothing"},
	{"--verbose", 'v', NULL, NULL, FILLING | TAKES(LS), TO(flag, verbose),
		"say more: each path, or with ls also times and layers"},

	/* who and where */
	{"--server", 0, "URL", "BATON_SERVER", ALL, TO(server, server),
		"unix:/path, tcp://host:port or tls://host[:port][#pin] of the daemon (default: batond/batond.sock in $XDG_RUNTIME_DIR, without that variable in /run/user/UID, then /run/batond/batond.sock)"},
	{"--ca", 0, "FILE", "BATON_CA", ALL, TO(text, ca),
		"with tls:// and no #pin: trust the authorities in FILE instead of the system's"},
	{"--certificate", 0, "FILE", "BATON_CERTIFICATE", ALL, TO(text, certificate),
		"with tls://: the certificate to show to a daemon that demands one, and what leads to its authority"},
	{"--key", 0, "FILE", "BATON_KEY", ALL, TO(text, key),
		"the key of that certificate (default: in the same file)"},
	{"--namespace", 0, "NAME", "BATON_NAMESPACE", ALL, TO(setting, namespace),
		"the tenant, usually one repository (default \"default\")", .initial = "default"},
	{"--workflow", 0, "ID", "BATON_WORKFLOW", ALL, TO(setting, workflow),
		"the pipeline run, an id that all its jobs share"},
	{"--run", 0, "R", "BATON_RUN", ALL, TO(setting, run),
		"which time the workflow runs under this id (default 1)"},
	{"--job", 0, "NAME", "BATON_JOB", ALL, TO(setting, job),
		"who persists; an attach without one is anonymous"},
	{"--shard", 0, "LABEL", "BATON_SHARD", ALL, TO(setting, shard),
		"which slice of the job: 3/10, or any text; without one, what BATON_MATRIX holds"},
	{"--attempt", 0, "A", "BATON_ATTEMPT", ALL, TO(setting, attempt),
		"which execution of the job within the run (default 1)"},
	{"--execution", 0, "ID", "BATON_EXECUTION", ALL, TO(setting, execution),
		"an id of this execution, to notice two with one identity"},
	{"--needs", 0, "JOB", "BATON_NEEDS", ALL, TO(needs, needs),
		"a job that this one needs; repeatable, '' for none at all; the variable has them separated by commas, or one per line"},
	{"--retry-of", 0, "ID", "BATON_RETRY_OF", ALL, TO(retry_of, retry_of),
		"the workflow that this one retries; none: it retries nothing"},
	{"--token-file", 0, "FILE", "BATON_TOKEN_FILE", ALL, TO(text, token_file),
		"the token in FILE says who asks; without it that in BATON_TOKEN, or what CircleCI sets; never sent in clear to another machine"},

	/* how it is said */
	{"--timeout", 0, "SECONDS", "BATON_TIMEOUT", ALL, TO(timeout, timeout_ms),
		"for reaching the daemon and for silence on the line (default); unless it is given, status waits for no daemon, nor does any command where no server is named and no folder of its socket is there", .initial = "60"},
	{"--json", 0, NULL, NULL, ALL, TO(flag, json),
		"one JSON object on standard output at the end, nothing else there"},
	{"--quiet", 0, NULL, NULL, ALL, TO(flag, quiet),
		"no progress and no summary; warnings and errors remain"},
	{"--no-progress", 0, NULL, NULL, ALL, TO(flag, no_progress),
		"no progress"},
	{"--help", 'h', NULL, NULL, ALL, .kind = &option_verb, .help = "explain the command"},
	{"--version", 0, NULL, NULL, ALL, .kind = &option_verb, .help = "show the version"},
	{.flag = NULL},
};
/* clang-format on */

const struct program baton = {
	.name = "baton",
	.about = "Passes files between the jobs of a CI workflow.",
	.options = options,
	.verbs = verbs,
	.common = "options of every command, and the environment variable that sets each",
	.dash_advice = "a PATH that begins with - goes behind --",
	.notes = "exit status:\n"
		 "  0  done\n"
		 "  1  a bug or an unexpected failure\n"
		 "  2  wrong usage, or an identity that contradicts itself\n"
		 "  3  not there: workflow, layer, path, or nothing matched\n"
		 "  4  conflict between concurrent layers\n"
		 "  5  not allowed\n"
		 "  6  damaged or unexpected data: a digest or checksum does not match\n"
		 "  7  daemon unreachable, busy, shutting down, or too slow: try again\n"
		 "  8  no room: disk, quota or a limit\n"
		 "  9  local file error: cannot read a source or write the destination\n",
};
