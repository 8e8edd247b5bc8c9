/*
 * Unit tests: the table of options, the command line, the environment, and their order.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/commands/command.h"
#include "client/options/option_kinds.h"
#include "client/options/option_table.h"
#include "client/options/options.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/bounds.h"
#include "proto/options/kind.h"
#include "proto/options/verb.h"
#include "tests/harness/option_tables.h"

#define WORDS_MAX 16

/* What parse() gave. */
static struct options options;
static struct error error;

/* options_parse() on "baton" and the words up to NULL. */
static int parse(const char *const *words)
{
	options_fini(&options);
	error = (struct error){0};
	char *argv[WORDS_MAX] = {must_strdup("baton")};
	int argc = 1;
	for (; words[argc - 1]; argc++) {
		assert_true(argc < WORDS_MAX);
		argv[argc] = must_strdup(words[argc - 1]);
	}
	int ret = options_parse(&options, argc, argv, &error);
	while (argc > 0)
		free(argv[--argc]);
	return ret;
}

#define PARSE(...) parse((const char *const[]){__VA_ARGS__, NULL})

static void assert_refused(int ret, const char *sentence_part)
{
	assert_int_equal(ret, ERR_USAGE);
	if (!strstr(error.text, sentence_part))
		fail_msg("\"%s\" does not hold \"%s\"", error.text, sentence_part);
}

static int clear_environment(void **state)
{
	(void)state;
	for (const struct option *option = baton.options; option->flag; option++) {
		if (option->variable)
			(void)unsetenv(option->variable);
	}
	return 0;
}

/* ---- the table ---- */

/* As the help says. */
static const struct {
	const char *command;
	const char *flags[20];
} promised[] = {
	{"persist",
	 {"--root", "--prefix", "--exclude", "--exclude-vcs", "--paths-from", "--literal",
	  "--if-empty", "--if-changed", "--dry-run"}},
	{"attach",
	 {"--only", "--exclude", "--from", "--prefer", "--by-job", "--layer",
	  "--on-conflict", "--stale", "--if-empty", "--expect", "--delete", "--times",
	  "--verify", "--dry-run", "--from-workflow"}},
	{"ls", {"--from-workflow"}},
	{"log", {"--all", "--from-workflow"}},
	{"diff", {NULL}},
	{"cat", {"--from-workflow"}},
	{"status", {NULL}},
	{"whereami", {NULL}},
	{"version", {NULL}},
	{"help", {NULL}},
};

static const struct {
	const char *flag, *variable;
} common[] = {
	{"--server", "BATON_SERVER"},
	{"--namespace", "BATON_NAMESPACE"},
	{"--workflow", "BATON_WORKFLOW"},
	{"--run", "BATON_RUN"},
	{"--job", "BATON_JOB"},
	{"--shard", "BATON_SHARD"},
	{"--attempt", "BATON_ATTEMPT"},
	{"--execution", "BATON_EXECUTION"},
	{"--needs", "BATON_NEEDS"},
	{"--retry-of", "BATON_RETRY_OF"},
	{"--timeout", "BATON_TIMEOUT"},
	{"--token-file", "BATON_TOKEN_FILE"},
	{"--json", NULL},
	{"--quiet", NULL},
	{"--no-progress", NULL},
};

static const struct option *named(const char *flag)
{
	const struct option *option = option_named(&baton, flag + 2, strlen(flag) - 2);
	if (!option)
		fail_msg("%s is not in the table", flag);
	return option;
}

static void every_promised_option_is_in_the_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(promised) / sizeof(*promised); i++) {
		const struct verb *verb;
		assert_int_equal(
			option_verb_named(&baton, promised[i].command, "", &verb, &error),
			0);
		for (size_t j = 0; promised[i].flags[j]; j++)
			assert_true(option_taken_by(&baton, named(promised[i].flags[j]),
						    verb));
		for (size_t j = 0; j < sizeof(common) / sizeof(*common); j++)
			assert_true(option_taken_by(&baton, named(common[j].flag), verb));
	}
}

static void every_common_option_has_its_promised_variable(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(common) / sizeof(*common); i++) {
		const struct option *option = named(common[i].flag);
		if (common[i].variable)
			assert_string_equal(option->variable, common[i].variable);
		else
			assert_null(option->variable);
	}
}

static void letters_are_n_v_and_h(void **state)
{
	(void)state;
	assert_string_equal(option_lettered(&baton, 'n')->flag, "--dry-run");
	assert_string_equal(option_lettered(&baton, 'v')->flag, "--verbose");
	assert_string_equal(option_lettered(&baton, 'h')->flag, "--help");
	assert_null(option_lettered(&baton, 'x'));
}

static void the_tables_are_sound(void **state)
{
	(void)state;
	assert_tables_are_sound(&baton);
}

/* What help_run() prints; owned by the caller. */
static char *help_text(const char *command)
{
	assert_int_equal(PARSE("help", command), 0);
	AUTO_STREAM FILE *file = tmpfile();
	assert_non_null(file);
	(void)fflush(stdout);
	int saved AUTO_FD = dup(STDOUT_FILENO);
	assert_true(dup2(fileno(file), STDOUT_FILENO) >= 0);
	int ret = help_run(&options, NULL, &error);
	(void)fflush(stdout);
	assert_true(dup2(saved, STDOUT_FILENO) >= 0);
	assert_int_equal(ret, 0);
	long len = ftell(file);
	assert_true(fseek(file, 0, SEEK_END) == 0 && (len = ftell(file)) > 0);
	rewind(file);
	char *text = must_calloc((size_t)len + 1, 1);
	assert_int_equal(fread(text, 1, (size_t)len, file), len);
	return text;
}

static void help_names_every_option_that_a_command_takes(void **state)
{
	(void)state;
	for (const struct verb *verb = verbs; verb->name; verb++) {
		char *text AUTO_FREE = help_text(verb->name);
		for (const struct option *option = baton.options; option->flag;
		     option++) {
			char *line AUTO_FREE = NULL;
			assert_true(asprintf(&line, "%s%s%s", option->flag,
					     option->argument   ? " "
					     : option->variable ? "  ("
								: "\n",
					     option->argument ? option->argument : "") >
				    0);
			assert_int_equal(strstr(text, line) != NULL,
					 option_taken_by(&baton, option, verb));
		}
	}
}

/* ---- the command line ---- */

static void values_stand_behind_a_blank_or_an_equals_sign(void **state)
{
	(void)state;
	assert_int_equal(
		PARSE("persist", "--job", "a", "--shard=3/10", "x", "--root=r=s"), 0);
	assert_string_equal(options.job.value, "a");
	assert_string_equal(options.job.origin, "--job");
	assert_string_equal(options.shard.value, "3/10");
	assert_string_equal(options.root, "r=s");
	assert_int_equal(options.arguments.count, 1);
}

static void options_may_stand_anywhere(void **state)
{
	(void)state;
	assert_int_equal(PARSE("--json", "persist", "a", "-nv", "b", "--literal"), 0);
	assert_true(options.json && options.dry_run && options.verbose &&
		    options.literal);
	assert_int_equal(options.arguments.count, 2);
	assert_string_equal(options.arguments.items[1], "b");
}

static void two_dashes_end_the_options(void **state)
{
	(void)state;
	assert_int_equal(PARSE("persist", "--literal", "--", "-n", "--json", "--"), 0);
	assert_false(options.dry_run || options.json);
	assert_int_equal(options.arguments.count, 3);
	assert_string_equal(options.arguments.items[2], "--");
}

static void one_dash_is_a_value_and_an_argument(void **state)
{
	(void)state;
	assert_int_equal(PARSE("persist", "--paths-from", "-", "-"), 0);
	assert_string_equal(options.paths_from, "-");
	assert_string_equal(options.arguments.items[0], "-");
}

static void an_unknown_option_is_named_with_the_nearest(void **state)
{
	(void)state;
	assert_refused(PARSE("persist", "--if-emtpy=ok", "a"),
		       "--if-emtpy: there is no such option; did you mean --if-empty?");
	assert_refused(PARSE("persist", "--zzzzzzzz", "a"), "lists them");
	assert_refused(PARSE("persist", "-x", "a"), "there is no option -x");
}

static void a_foreign_option_is_refused_with_the_commands_that_take_it(void **state)
{
	(void)state;
	assert_refused(PARSE("attach", "--root", "x"),
		       "--root: `baton attach` does not take it; persist does");
	assert_refused(PARSE("persist", "--layer", "ab", "x"), "attach, ls and cat do");
}

static void a_switch_takes_no_value_and_a_value_may_not_be_missing(void **state)
{
	(void)state;
	assert_refused(PARSE("persist", "--json=yes", "a"), "--json: it takes no value");
	assert_refused(PARSE("persist", "a", "--job"),
		       "--job: the value is missing: --job NAME");
}

static void choices_are_listed(void **state)
{
	(void)state;
	assert_refused(PARSE("attach", "--if-empty=maybe"),
		       "--if-empty=maybe: choose error, warn or ok");
	assert_refused(PARSE("attach", "--stale="), "choose drop or keep");
	assert_refused(PARSE("attach", "--stale=dro"), "choose drop or keep");
	assert_int_equal(PARSE("attach", "--if-empty=ok", "--stale=keep", "--times=now",
			       "--on-conflict=last"),
			 0);
	assert_int_equal(options.if_empty, IF_EMPTY_OK);
	assert_true(options.stale_keep && options.times_now);
	assert_string_equal(options.on_conflict, "last");
	assert_int_equal(PARSE("persist", "--if-changed=prefix", "a"), 0);
	assert_int_equal(options.if_changed, IF_CHANGED_PREFIX);
}

static void the_number_of_arguments_is_checked(void **state)
{
	(void)state;
	assert_refused(PARSE("attach", "a", "b"), "b: one argument too many");
	assert_refused(PARSE("diff", "a"), "an argument is missing");
	assert_refused(PARSE("persist"), "persist: which files?");
	assert_int_equal(PARSE("persist", "--paths-from=x"), 0);
	assert_refused(PARSE("persits", "x"), "did you mean `baton persist`?");
}

static void help_and_version_may_stand_anywhere(void **state)
{
	(void)state;
	assert_int_equal(PARSE("attach", "--root", "x", "-h"), 0);
	assert_ptr_equal(options.verb, &verbs[VERB_HELP]);
	assert_string_equal(options.arguments.items[0], "attach");
	assert_int_equal(options.arguments.count, 1);
	assert_int_equal(PARSE("--help"), 0);
	assert_int_equal(options.arguments.count, 0);
	assert_int_equal(PARSE("--version"), 0);
	assert_ptr_equal(options.verb, &verbs[VERB_VERSION]);
}

static void defaults_are_what_the_contract_says(void **state)
{
	(void)state;
	assert_int_equal(PARSE("attach"), 0);
	assert_string_equal(options.namespace.value, "default");
	assert_string_equal(options.namespace.origin, "default");
	assert_string_equal(options.directory, ".");
	assert_string_equal(options.root, ".");
	assert_string_equal(options.on_conflict, "error");
	assert_int_equal(options.timeout_ms, 60000);
	assert_int_equal(options.if_empty, IF_EMPTY_ERROR);
	assert_null(options.run.value);
	assert_null(options.attempt.value);
	assert_false(options.has_needs || options.timeout_given);
	assert_int_equal(PARSE("attach", "d"), 0);
	assert_string_equal(options.directory, "d");
}

static void json_and_quiet_are_known_also_when_the_rest_is_refused(void **state)
{
	(void)state;
	assert_refused(PARSE("log", "--quiet", "--json", "--bogus"), "--bogus");
	assert_true(options.json && options.quiet);
}

static void names_are_checked(void **state)
{
	(void)state;
	char name[NAME_LEN_MAX + 2];
	memset(name, 'a', sizeof(name));
	name[NAME_LEN_MAX + 1] = '\0';
	assert_refused(PARSE("log", "--job", name), "a name of 256 bytes");
	name[NAME_LEN_MAX] = '\0';
	assert_int_equal(PARSE("log", "--job", name), 0);
	assert_refused(PARSE("log", "--job", "a\nb"), "control characters");
	assert_refused(PARSE("log", "--workflow", "\xff"), "UTF-8");
	assert_refused(PARSE("attach", "--from", ""), "--from: it is empty");
	assert_int_equal(PARSE("log", "--job", "b\xc3\xa4r"), 0);
}

static void layers_digests_times_and_servers_are_checked(void **state)
{
	(void)state;
	assert_refused(PARSE("attach", "--layer=xyz"), "not a layer's id");
	assert_refused(PARSE("attach", "--layer=0123456789abcdef0"), "not a layer's id");
	assert_refused(PARSE("attach", "--expect=sha256:12"), "not a digest");
	assert_refused(PARSE("attach", "--timeout=soon"), "not a number of seconds");
	assert_refused(PARSE("attach", "--timeout=0"), "not a number of seconds");
	assert_refused(PARSE("attach", "--timeout=nan"), "not a number of seconds");
	assert_refused(PARSE("attach", "--server=http://x"), "--server=http://x");
	assert_int_equal(PARSE("attach", "--timeout=0.5"), 0);
	assert_int_equal(options.timeout_ms, 500);
	assert_true(options.timeout_given);
}

static void a_token_is_named_by_its_file_and_never_given(void **state)
{
	(void)state;
	assert_refused(PARSE("attach", "--token=secret"), "--token");
	assert_int_equal(PARSE("attach", "--token-file=/a"), 0);
	assert_string_equal(options.token_file, "/a");
	(void)setenv("BATON_TOKEN_FILE", "/b", 1);
	assert_int_equal(PARSE("ls"), 0);
	assert_string_equal(options.token_file, "/b");
	assert_int_equal(PARSE("ls", "--token-file=/a"), 0);
	assert_string_equal(options.token_file, "/a");
	(void)setenv("BATON_TOKEN_FILE", "", 1);
	assert_int_equal(PARSE("ls"), 0);
	assert_null(options.token_file);
	(void)unsetenv("BATON_TOKEN_FILE");
}

static void t1_job_and_shard_stand_for_themselves_in_a_prefix(void **state)
{
	(void)state;
	assert_int_equal(PARSE("persist", "--prefix={job}/x/{shard}/", "--job=a b",
			       "--shard=3/10", "p"),
			 0);
	assert_string_equal(options.prefix, "a b/x/3%2F10");
	assert_int_equal(PARSE("persist", "--prefix=./a/{other}", "p"), 0);
	assert_string_equal(options.prefix, "a/{other}");
	assert_int_equal(PARSE("persist", "--prefix=.//a/./b//", "p"), 0);
	assert_string_equal(options.prefix, "a/b");
	assert_int_equal(PARSE("persist", "--prefix=./", "p"), 0);
	assert_null(options.prefix);
	assert_refused(PARSE("persist", "--prefix={job}", "p"), "give --job");
	assert_refused(PARSE("persist", "--prefix=a/../b", "p"), "not a path below");
	assert_refused(PARSE("persist", "--prefix=../up", "p"), "not a path below");
	assert_refused(PARSE("persist", "--prefix=/a", "p"), "not a path below");
	assert_refused(PARSE("persist", "--prefix=/", "p"), "not a path below");
}

/* ---- the environment ---- */

/* Every option with a variable, each with a value that it takes. */
/* `option` was set to value, by what origin names, if that is kept. */
static void assert_set(const struct option *option, const char *value, const char *origin)
{
	const char *place = (const char *)&options + option->at;
	if (option->kind == &option_text) {
		assert_string_equal(*(char *const *)place, value);
		return;
	}
	const struct setting *setting = (const struct setting *)place;
	assert_string_equal(setting->value, value);
	assert_string_equal(setting->origin, origin);
}

static void the_command_line_beats_the_environment(void **state)
{
	for (const struct option *option = baton.options; option->flag; option++) {
		if (!option->variable || !option->argument || option->kind->is_list ||
		    option->kind == &option_timeout)
			continue;
		bool is_server = option->kind == &option_server;
		const char *far = is_server ? "unix:/far" : "far";
		const char *near = is_server ? "unix:/near" : "near";
		(void)setenv(option->variable, far, 1);
		assert_int_equal(PARSE("attach"), 0);
		assert_set(option, far, option->variable);
		assert_int_equal(PARSE("attach", option->flag, near), 0);
		assert_set(option, near, option->flag);
		(void)setenv(option->variable, "", 1);
		assert_int_equal(PARSE("attach"), 0);
		const char *left = *(char *const *)((const char *)&options + option->at);
		assert_true(!left || strcmp(left, "default") == 0);
		(void)clear_environment(state);
	}
}

static void the_environment_is_checked_too_and_named(void **state)
{
	(void)state;
	(void)setenv("BATON_TIMEOUT", "abc", 1);
	assert_refused(PARSE("attach"), "BATON_TIMEOUT=abc: not a number");
	assert_int_equal(PARSE("help"), 0);
	(void)setenv("BATON_TIMEOUT", "7", 1);
	assert_int_equal(PARSE("attach"), 0);
	assert_int_equal(options.timeout_ms, 7000);
}

static void assert_needs(size_t count, const char *const *names)
{
	assert_true(options.has_needs);
	assert_int_equal(options.needs.count, count);
	for (size_t i = 0; i < count; i++)
		assert_string_equal(options.needs.items[i], names[i]);
}

static void needs_are_separated_by_commas_or_stand_one_per_line(void **state)
{
	(void)state;
	(void)setenv("BATON_NEEDS", "a, b ,c", 1);
	assert_int_equal(PARSE("attach"), 0);
	assert_needs(3, (const char *[]){"a", "b", "c"});
	assert_string_equal(options.needs_origin.origin, "BATON_NEEDS");
	(void)setenv("BATON_NEEDS", "a, b\nc\n\n", 1);
	assert_int_equal(PARSE("attach"), 0);
	assert_needs(2, (const char *[]){"a, b", "c"});
}

static void each_needs_option_is_one_job_and_an_empty_one_is_none(void **state)
{
	(void)state;
	(void)setenv("BATON_NEEDS", "z", 1);
	assert_int_equal(PARSE("attach", "--needs", "a,b", "--needs=c"), 0);
	assert_needs(2, (const char *[]){"a,b", "c"});
	assert_int_equal(PARSE("attach", "--needs", ""), 0);
	assert_needs(0, NULL);
}

static void r1_retry_of_none_overrides_the_environment(void **state)
{
	(void)state;
	(void)setenv("BATON_RETRY_OF", "W1", 1);
	assert_int_equal(PARSE("attach"), 0);
	assert_string_equal(options.retry_of.value, "W1");
	assert_false(options.retry_none || options.retry_detected);
	assert_int_equal(PARSE("attach", "--retry-of", "none"), 0);
	assert_null(options.retry_of.value);
	assert_true(options.retry_none);
}

/* ---- the identity on the wire ---- */

static void a_missing_workflow_or_job_says_how_to_give_it(void **state)
{
	(void)state;
	struct msg_identity identity;
	struct text *items = NULL;
	assert_int_equal(PARSE("attach"), 0);
	assert_refused(options_identity(&options, false, &identity, &items, &error),
		       "give --workflow ID or set BATON_WORKFLOW");
	assert_int_equal(PARSE("attach", "--workflow=w"), 0);
	assert_refused(options_identity(&options, true, &identity, &items, &error),
		       "give --job NAME or set BATON_JOB");
	assert_null(items);
}

static void the_identity_has_what_was_given_and_nothing_else(void **state)
{
	(void)state;
	struct msg_identity identity;
	struct text *items AUTO_FREE = NULL;
	assert_int_equal(PARSE("attach", "--workflow=w", "--job=j", "--needs=a"), 0);
	assert_int_equal(options_identity(&options, true, &identity, &items, &error), 0);
	assert_true(text_is(identity.namespace, "default"));
	assert_true(text_is(identity.workflow, "w") && text_is(identity.job, "j"));
	assert_true(identity.run.len == 0 && identity.attempt.len == 0);
	assert_true(identity.has_needs && identity.needs.count == 1);
	assert_true(text_is(identity.needs.items[0], "a"));
}

static void r5_who_reads_another_workflow_needs_none_of_its_own(void **state)
{
	(void)state;
	struct msg_identity identity;
	struct text *items AUTO_FREE = NULL;
	assert_int_equal(PARSE("attach", "--from-workflow=w"), 0);
	assert_int_equal(options_identity(&options, false, &identity, &items, &error), 0);
	assert_true(text_is(identity.workflow, "w"));
}

#define TEST(name) cmocka_unit_test_setup(name, clear_environment)

int main(void)
{
	if (clearenv() != 0) /* of a CI system that runs the tests */
		return 1;
	const struct CMUnitTest tests[] = {
		TEST(every_promised_option_is_in_the_table),
		TEST(every_common_option_has_its_promised_variable),
		TEST(letters_are_n_v_and_h),
		TEST(the_tables_are_sound),
		TEST(help_names_every_option_that_a_command_takes),
		TEST(values_stand_behind_a_blank_or_an_equals_sign),
		TEST(options_may_stand_anywhere),
		TEST(two_dashes_end_the_options),
		TEST(one_dash_is_a_value_and_an_argument),
		TEST(an_unknown_option_is_named_with_the_nearest),
		TEST(a_foreign_option_is_refused_with_the_commands_that_take_it),
		TEST(a_switch_takes_no_value_and_a_value_may_not_be_missing),
		TEST(choices_are_listed),
		TEST(the_number_of_arguments_is_checked),
		TEST(help_and_version_may_stand_anywhere),
		TEST(defaults_are_what_the_contract_says),
		TEST(json_and_quiet_are_known_also_when_the_rest_is_refused),
		TEST(names_are_checked),
		TEST(layers_digests_times_and_servers_are_checked),
		TEST(a_token_is_named_by_its_file_and_never_given),
		TEST(t1_job_and_shard_stand_for_themselves_in_a_prefix),
		TEST(the_command_line_beats_the_environment),
		TEST(the_environment_is_checked_too_and_named),
		TEST(needs_are_separated_by_commas_or_stand_one_per_line),
		TEST(each_needs_option_is_one_job_and_an_empty_one_is_none),
		TEST(r1_retry_of_none_overrides_the_environment),
		TEST(a_missing_workflow_or_job_says_how_to_give_it),
		TEST(the_identity_has_what_was_given_and_nothing_else),
		TEST(r5_who_reads_another_workflow_needs_none_of_its_own),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	options_fini(&options);
	return failed;
}
