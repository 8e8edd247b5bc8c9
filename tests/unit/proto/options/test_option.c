/*
 * Unit tests: the option engine on a table of its own: words, verbs, sources and their
 * order, kinds, and what each refuses.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/options/apply.h"
#include "proto/options/kind.h"
#include "proto/options/nearest.h"
#include "proto/options/verb.h"
#include "tests/harness/option_tables.h"

#define LIST_MAX 3

enum colour {
	RED,
	GREEN,
	BLUE,
};

struct wanted {
	char *text, *word;
	struct string_list list;
	bool flag, second;
	enum colour colour;
	uint64_t number, duration, size;
};

static int set_list(void *target, const struct option_use *use, struct error *error)
{
	return option_add(option_place(target, use), LIST_MAX, use, error);
}

static const struct option_kind option_list = {set_list, option_list_fini, true};

#define TO(kind_, member) .kind = &option_##kind_, .at = offsetof(struct wanted, member)
#define ALL OPTION_OF_ALL

static const struct option options[] = {
	{"--text", 0, "T", "ENGINE_TEXT", ALL, TO(text, text), "(default)", "calm"},
	{"--list", 0, "L", "ENGINE_LIST", ALL, TO(list, list), "repeatable", NULL},
	{"--flag", 'f', NULL, NULL, ALL, TO(flag, flag), "a switch", NULL},
	{"--also", 'a', NULL, NULL, 1u << 1, TO(flag, second), "of take", NULL},
	{"--colour", 0, "red|green|blue", NULL, ALL, TO(choice, colour), "it", NULL},
	{"--word", 0, "one|two", NULL, ALL, TO(choice_word, word), "it", NULL},
	{"--second", 0, "no|yes", NULL, 3u << 1, TO(choice_bool, second), "it", NULL},
	{"--number", 0, "N", NULL, ALL, TO(number, number), "it", NULL},
	{"--time", 0, "TIME", NULL, ALL, TO(duration, duration), "(default)", "2m"},
	{"--size", 0, "BYTES", NULL, ALL, TO(size, size), "it", NULL},
	{"--help", 'h', NULL, NULL, ALL, .kind = &option_verb, .help = "help"},
	{"--version", 0, NULL, NULL, ALL, .kind = &option_verb, .help = "version"},
	{.flag = NULL},
};

/* The first has no name in `serving`, and is left out in `commanding`. */
static const struct verb verbs[] = {
	{"", "", 0, 0, "serve"},          {"take", "A [B]", 1, 2, "take"},
	{"put", "", 0, 0, "put"},         {"help", "[COMMAND]", 0, 1, "help"},
	{"version", "", 0, 0, "version"}, {.name = NULL},
};

static const struct program serving = {"engine", "", options, verbs, "", NULL, ""};
static const struct program commanding = {"engine", "",     options, verbs + 1,
					  "",       "DASH", ""};

/* What read_line() gave. */
static struct wanted wanted;
static struct option_words words;
static struct string_list arguments;
static struct error error;

static int apply(const struct program *program)
{
	string_list_fini(&arguments);
	return option_apply_words(program, &words, &wanted, &arguments, &error);
}

/* Initial values, then the command line "engine" and what follows up to NULL. */
static int read_line(const struct program *program, const char *const *line)
{
	char *argv[16] = {(char[]){"engine"}};
	int argc = 1;
	for (; line[argc - 1]; argc++)
		argv[argc] = (char *)(uintptr_t)line[argc - 1];
	option_fini(program, &wanted);
	option_words_fini(&words);
	wanted = (struct wanted){0};
	option_apply_initial(program, &wanted);
	int err = option_words_split(program, argc, argv, &words, &error);
	if (err == 0)
		err = option_verb_take(program, &words, &error);
	return err ? err : apply(program);
}

#define READ(...) read_line(&serving, (const char *const[]){__VA_ARGS__, NULL})
#define COMMAND(...) read_line(&commanding, (const char *const[]){__VA_ARGS__, NULL})

static void assert_refused(int err, const char *sentence)
{
	assert_int_equal(err, ERR_USAGE);
	assert_string_equal(error.text, sentence);
}

static int tear_down(void **state)
{
	(void)state;
	(void)clearenv();
	option_fini(&serving, &wanted);
	option_words_fini(&words);
	string_list_fini(&arguments);
	return 0;
}

static void the_tables_are_sound(void **state)
{
	(void)state;
	assert_tables_are_sound(&serving);
}

/* ---- words ---- */

static void a_value_is_the_next_word_or_behind_an_equals_sign(void **state)
{
	(void)state;
	assert_int_equal(READ("--text", "a=b", "--word=two"), 0);
	assert_string_equal(wanted.text, "a=b");
	assert_string_equal(wanted.word, "two");
	assert_int_equal(READ("--text=a=b"), 0);
	assert_string_equal(wanted.text, "a=b");
	assert_int_equal(READ("--text", "--flag"), 0);
	assert_string_equal(wanted.text, "--flag");
	assert_false(wanted.flag);
}

static void letters_may_stand_together_and_options_anywhere(void **state)
{
	(void)state;
	assert_int_equal(READ("-fa", "take", "x", "--number=1", "-"), 0);
	assert_true(wanted.flag && wanted.second);
	assert_int_equal(arguments.count, 2);
	assert_string_equal(arguments.items[1], "-");
}

static void two_dashes_end_the_options(void **state)
{
	(void)state;
	assert_int_equal(READ("take", "--", "--flag", "--"), 0);
	assert_false(wanted.flag);
	assert_string_equal(arguments.items[0], "--flag");
	assert_string_equal(arguments.items[1], "--");
}

static void what_cannot_be_meant_is_refused_with_the_way_out(void **state)
{
	(void)state;
	assert_refused(READ("--txet=a"), "--txet: there is no such option; did you mean "
					 "--text?");
	assert_refused(READ("--zzzzzzzz"),
		       "--zzzzzzzz: there is no such option; `engine help` lists them");
	assert_refused(COMMAND("--=x"), "--: there is no such option; `engine help "
					"COMMAND` lists them");
	assert_refused(READ("-fx"), "-fx: there is no option -x");
	assert_refused(COMMAND("-x"), "-x: there is no option -x; DASH");
	assert_refused(READ("--flag=yes"), "--flag: it takes no value");
	assert_refused(READ("--flag="), "--flag: it takes no value");
	assert_refused(READ("--text"), "--text: the value is missing: --text T");
}

static void a_mention_without_a_command_line_is_checked_as_one(void **state)
{
	(void)state;
	assert_int_equal(option_words_add(&serving, &words, "--list", "--x=\n", &error),
			 0);
	assert_int_equal(option_words_add(&serving, &words, "--flag", NULL, &error), 0);
	assert_string_equal(option_words_find(&words, "--list")->value, "--x=\n");
	assert_null(option_words_find(&words, "--text"));
	assert_refused(option_words_add(&serving, &words, "--flag", "", &error),
		       "--flag: it takes no value");
	assert_refused(option_words_add(&serving, &words, "--text", NULL, &error),
		       "--text: the value is missing: --text T");
	assert_refused(option_words_add(&serving, &words, "--text=a", NULL, &error),
		       "--text=a: there is no such option; did you mean --text?");
	const char *const none[] = {"", "-", "--", "text", "-f"};
	for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++)
		assert_int_equal(option_words_add(&serving, &words, none[i], "x", &error),
				 ERR_USAGE);
	assert_int_equal(words.use_count, 2);
}

/* ---- verbs ---- */

static void without_a_verb_the_nameless_one_is_meant(void **state)
{
	(void)state;
	assert_int_equal(READ("--flag"), 0);
	assert_ptr_equal(words.verb, &verbs[0]);
	assert_refused(COMMAND("--flag"), "which command? `engine help` lists them");
}

static void a_verb_is_the_first_word(void **state)
{
	(void)state;
	assert_int_equal(READ("--flag", "take", "put"), 0);
	assert_string_equal(words.verb->name, "take");
	assert_string_equal(arguments.items[0], "put");
	assert_refused(READ("tkae"),
		       "tkae: there is no such command; did you mean `engine take`?");
	assert_refused(READ(""), ": there is no such command; `engine help` lists them");
	assert_refused(
		option_verb_named(&serving, "helb", "help ", &words.verb, &error),
		"helb: there is no such command; did you mean `engine help help`?");
}

static void the_number_of_arguments_is_checked(void **state)
{
	(void)state;
	assert_refused(READ("take"), "an argument is missing; usage: engine take A [B]");
	assert_int_equal(READ("take", "1", "2"), 0);
	assert_refused(READ("take", "1", "2", "3"),
		       "3: one argument too many; usage: engine take A [B]");
}

static void help_and_version_may_stand_anywhere_and_win(void **state)
{
	(void)state;
	assert_int_equal(READ("put", "--also", "x", "-h"), 0);
	assert_string_equal(words.verb->name, "help");
	assert_int_equal(arguments.count, 1);
	assert_string_equal(arguments.items[0], "put");
	assert_int_equal(READ("frob", "x", "--version"), 0);
	assert_string_equal(words.verb->name, "version");
	assert_int_equal(arguments.count, 0);
	assert_int_equal(option_words_add(&serving, &words, "--help", NULL, &error), 0);
	assert_refused(apply(&serving), "--help: only a command line takes it");
}

static void an_option_of_another_verb_is_refused(void **state)
{
	(void)state;
	assert_refused(READ("--also"), "--also: `engine` does not take it; take does");
	assert_refused(READ("--second=no"),
		       "--second: `engine` does not take it; take and put do");
}

/* ---- sources ---- */

static void initial_values_are_what_nobody_changed(void **state)
{
	(void)state;
	assert_int_equal(READ("--flag"), 0);
	assert_string_equal(wanted.text, "calm");
	assert_int_equal(wanted.duration, 120000);
}

static void of_a_repeated_option_the_last_counts_and_a_list_has_all(void **state)
{
	(void)state;
	assert_int_equal(READ("--text=a", "--list=1", "--text=b", "--list=2", "-ff"), 0);
	assert_string_equal(wanted.text, "b");
	assert_int_equal(wanted.list.count, 2);
	assert_string_equal(wanted.list.items[1], "2");
	assert_int_equal(READ("--list=1", "--list=2", "--list=3"), 0);
	assert_refused(READ("--list=1", "--list=2", "--list=3", "--list=4"),
		       "--list: given more than 3 times, which is the most");
}

static void a_list_on_the_line_replaces_what_was_there(void **state)
{
	(void)state;
	assert_int_equal(READ("--list=1", "--list=2"), 0);
	assert_int_equal(apply(&serving), 0);
	assert_int_equal(wanted.list.count, 2);
}

static void a_variable_counts_where_the_option_is_not_given(void **state)
{
	(void)state;
	(void)setenv("ENGINE_TEXT", "far", 1);
	(void)setenv("ENGINE_LIST", "a, b ,,c", 1);
	assert_int_equal(READ("--flag"), 0);
	assert_int_equal(option_apply_variables(&serving, &words, &wanted, &error), 0);
	assert_string_equal(wanted.text, "far");
	assert_int_equal(wanted.list.count, 3);
	assert_string_equal(wanted.list.items[1], "b");
	assert_int_equal(READ("--text=near", "--list=x"), 0);
	(void)setenv("ENGINE_LIST", "a,b,c,d", 1); /* too many, but nobody asks */
	assert_int_equal(option_apply_variables(&serving, &words, &wanted, &error), 0);
	assert_string_equal(wanted.text, "near");
	assert_int_equal(wanted.list.count, 1);
}

static void a_variable_with_a_newline_has_one_value_a_line(void **state)
{
	(void)state;
	(void)setenv("ENGINE_TEXT", "", 1);
	(void)setenv("ENGINE_LIST", "a,b\n\n c \n", 1);
	assert_int_equal(READ("--flag"), 0);
	assert_int_equal(option_apply_variables(&serving, &words, &wanted, &error), 0);
	assert_string_equal(wanted.text, "calm");
	assert_int_equal(wanted.list.count, 2);
	assert_string_equal(wanted.list.items[0], "a,b");
	assert_string_equal(wanted.list.items[1], "c");
	(void)setenv("ENGINE_LIST", "a,b,c,d", 1);
	assert_int_equal(READ("--flag"), 0);
	assert_refused(option_apply_variables(&serving, &words, &wanted, &error),
		       "ENGINE_LIST: given more than 3 times, which is the most");
}

/* ---- kinds ---- */

static void numbers_have_two_ends(void **state)
{
	(void)state;
	assert_int_equal(READ("--number=1"), 0);
	assert_int_equal(wanted.number, 1);
	assert_int_equal(READ("--number=1000000"), 0);
	assert_int_equal(wanted.number, 1000000);
	const char *const wrong[] = {"0",  "1000001", "-1", "+1",
				     " 1", "1 ",      "",   "99999999999999999999"};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		char *sentence AUTO_FREE = NULL;
		assert_true(asprintf(&sentence,
				     "--number=%s: not a number from 1 to 1000000",
				     wrong[i]) > 0);
		assert_refused(READ("--number", wrong[i]), sentence);
	}
}

static void times_have_a_unit_unless_they_are_nothing(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		uint64_t ms;
	} right[] = {
		{"0", 0},         {"0d", 0},
		{"250ms", 250},   {"7s", 7000},
		{"3m", 180000},   {"1h", 3600000},
		{"1d", 86400000}, {"1000000000d", 86400000000000000},
	};
	for (size_t i = 0; i < sizeof(right) / sizeof(*right); i++) {
		assert_int_equal(READ("--time", right[i].text), 0);
		assert_int_equal(wanted.duration, right[i].ms);
	}
	const char *const wrong[] = {"15x", "15", "s", "", "-1s", "1 s", "1000000001ms"};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		char *sentence AUTO_FREE = NULL;
		assert_true(asprintf(&sentence,
				     "--time=%s: not a time such as 500ms, 30s or 15d",
				     wrong[i]) > 0);
		assert_refused(READ("--time", wrong[i]), sentence);
	}
}

static void sizes_may_have_a_suffix(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		uint64_t bytes;
	} right[] = {
		{"0", 0},
		{"1000000", 1000000},
		{"16K", 16384},
		{"3M", 3u << 20},
		{"2G", UINT64_C(2) << 30},
		{"1000000T", UINT64_C(1000000) << 40},
	};
	for (size_t i = 0; i < sizeof(right) / sizeof(*right); i++) {
		assert_int_equal(READ("--size", right[i].text), 0);
		assert_int_equal(wanted.size, right[i].bytes);
	}
	const char *const wrong[] = {"K", "", "-1", "1 K", "1k", "1KB", "1000001"};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		char *sentence AUTO_FREE = NULL;
		assert_true(asprintf(&sentence,
				     "--size=%s: not a size such as 16K, 500M or 20G",
				     wrong[i]) > 0);
		assert_refused(READ("--size", wrong[i]), sentence);
	}
}

static void choices_are_listed(void **state)
{
	(void)state;
	assert_int_equal(READ("take", "x", "--colour=blue", "--word=two", "--second=yes"),
			 0);
	assert_int_equal(wanted.colour, BLUE);
	assert_string_equal(wanted.word, "two");
	assert_true(wanted.second);
	assert_int_equal(READ("take", "x", "--second=yes", "--second=no"), 0);
	assert_false(wanted.second);
	assert_refused(READ("--colour=re"), "--colour=re: choose red, green or blue");
	assert_refused(READ("--colour=redd"), "--colour=redd: choose red, green or blue");
	assert_refused(READ("--word="), "--word=: choose one or two");
	assert_refused(READ("put", "--second=maybe"), "--second=maybe: choose no or yes");
}

static void a_text_is_not_empty(void **state)
{
	(void)state;
	assert_refused(READ("--text="),
		       "--text: it is empty; give a value or leave it out");
}

/* ---- what was meant ---- */

static bool is_near(const char *spelt, const char *known)
{
	struct nearest nearest;
	nearest_init(&nearest, spelt, strlen(spelt));
	nearest_consider(&nearest, known);
	return nearest.name;
}

static void distance_counts_mistakes(void **state)
{
	(void)state;
	char long_name[34] = "";
	memset(long_name, 'a', 32);
	assert_true(is_near("acb", "abc"));
	assert_false(is_near("a", "bcd"));
	assert_true(is_near("kitten", "sitting"));
	assert_false(is_near("kitten", "sittings"));
	assert_true(is_near("num", "number"));
	assert_true(is_near(long_name, long_name));
	long_name[32] = 'a';
	assert_false(is_near(long_name, long_name));
}

#define TEST(name) cmocka_unit_test_teardown(name, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_tables_are_sound),
		TEST(a_value_is_the_next_word_or_behind_an_equals_sign),
		TEST(letters_may_stand_together_and_options_anywhere),
		TEST(two_dashes_end_the_options),
		TEST(what_cannot_be_meant_is_refused_with_the_way_out),
		TEST(a_mention_without_a_command_line_is_checked_as_one),
		TEST(without_a_verb_the_nameless_one_is_meant),
		TEST(a_verb_is_the_first_word),
		TEST(the_number_of_arguments_is_checked),
		TEST(help_and_version_may_stand_anywhere_and_win),
		TEST(an_option_of_another_verb_is_refused),
		TEST(initial_values_are_what_nobody_changed),
		TEST(of_a_repeated_option_the_last_counts_and_a_list_has_all),
		TEST(a_list_on_the_line_replaces_what_was_there),
		TEST(a_variable_counts_where_the_option_is_not_given),
		TEST(a_variable_with_a_newline_has_one_value_a_line),
		TEST(numbers_have_two_ends),
		TEST(times_have_a_unit_unless_they_are_nothing),
		TEST(sizes_may_have_a_suffix),
		TEST(choices_are_listed),
		TEST(a_text_is_not_empty),
		TEST(distance_counts_mistakes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
