/* Labels: what both programs call the maker of a layer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/message/label.h"

static void a_label_names_what_differs_from_the_usual(void **state)
{
	(void)state;
	static const struct {
		const char *job, *shard, *run, *attempt, *label;
	} rows[] = {
		{"build", "", "1", "1", "build"},
		{"build", "", "", "", "build"},
		{"t", "3/10", "1", "1", "t 3/10"},
		{"t", "x", "2", "3", "t x (run 2, attempt 3)"},
		{"t", "", "2", "1", "t (run 2)"},
		{"t", "", "2", "", "t (run 2)"},
		{"t", "", "1", "0", "t (attempt 0)"},
		{"t", NULL, NULL, "2", "t (attempt 2)"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const struct label label = {text_of(rows[i].job), text_of(rows[i].shard),
					    text_of(rows[i].run),
					    text_of(rows[i].attempt)};
		char text[64];
		assert_string_equal(label_text(&label, text, sizeof(text)),
				    rows[i].label);
	}
}

static void a_label_that_is_cut_ends_on_a_whole_character(void **state)
{
	(void)state;
	const struct label label = {.job = text_of("ab\xc3\xa4\xe2\x82\xac")};
	static const char *const cut[] = {
		"",           "",           "a",
		"ab",         "ab",         "ab\xc3\xa4",
		"ab\xc3\xa4", "ab\xc3\xa4", "ab\xc3\xa4\xe2\x82\xac"};
	for (size_t room = 1; room < 9; room++) {
		char text[16];
		assert_string_equal(label_text(&label, text, room), cut[room]);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_label_names_what_differs_from_the_usual),
		cmocka_unit_test(a_label_that_is_cut_ends_on_a_whole_character),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
