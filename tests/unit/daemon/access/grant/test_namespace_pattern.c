/* Namespace patterns: what each covers and what it does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/access/grant/namespace_pattern.h"
#include "proto/base/bytes.h"
#include "proto/bounds.h"

static void a_pattern_covers_what_its_signs_say(void **state)
{
	(void)state;
	static const struct {
		const char *pattern, *name;
		bool covers;
	} cases[] = {
		{"acme/web", "acme/web", true},
		{"acme/web", "acme/webs", false},
		{"acme/web", "acme/we", false},
		{"acme/web", "acme", false},
		{"acme/web", "acme/web/x", false},
		{"acme/web", "acme//web", false},
		{"acme/web", "acme/web/", false},
		{"acme/web", "ACME/web", false},
		{"acme/*", "acme/web", true},
		{"acme/*", "acme/", true},
		{"acme/*", "acme", false},
		{"acme/*", "acme/web/x", false},
		{"acme/*", "acmes/web", false},
		{"acme/*", "evil/acme/web", false},
		{"acme/web-*", "acme/web-1", true},
		{"acme/web-*", "acme/web", false},
		{"acme/*-web-*", "acme/a-web-web-1", true},
		{"acme/*-web-*", "acme/a-web", false},
		{"*/web", "acme/web", true},
		{"*/web", "web", false},
		{"*", "default", true},
		{"*", "acme/web", false},
		{"acme/**", "acme/web", true},
		{"acme/**", "acme/web/x/y", true},
		{"acme/**", "acme", false},
		{"acme/**", "acmes/web", false},
		{"**", "default", true},
		{"**", "acme/web", true},
		{"**", "/", true},
		{"a?c", "abc", false},
		{"a?c", "a?c", true},
		{"[ab]", "a", false},
		{"{a,b}", "a", false},
		{"a\\*", "a*", false},
		{"a\\*", "a\\xyz", true},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct error error = {0};
		assert_int_equal(namespace_pattern_check(cases[i].pattern, &error), 0);
		bool covers = namespace_pattern_covers(cases[i].pattern,
						       text_of(cases[i].name));
		if (covers != cases[i].covers)
			fail_msg("`%s` and `%s`", cases[i].pattern, cases[i].name);
	}
}

static void two_stars_stand_at_the_end_alone(void **state)
{
	(void)state;
	static const char *const bad[] = {"",      "**/web", "a/**/b", "a**", "a/b**",
					  "a/***", "***",    "a/**/",  "a\nb"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct error error = {0};
		assert_int_equal(namespace_pattern_check(bad[i], &error), ERR_USAGE);
	}
	assert_true(namespace_pattern_is_all("**"));
	assert_false(namespace_pattern_is_all("*"));
	assert_false(namespace_pattern_is_all("acme/**"));
}

static void its_length_has_a_bound(void **state)
{
	(void)state;
	char text[NAME_LEN_MAX + 2] = "";
	struct error error = {0};
	memset(text, 'a', NAME_LEN_MAX);
	assert_int_equal(namespace_pattern_check(text, &error), 0);
	text[NAME_LEN_MAX] = 'a';
	assert_int_equal(namespace_pattern_check(text, &error), ERR_USAGE);
}

/* 120 stars against 255 bytes that fit up to the last one: a matcher that tries all ways
 * to share them would not end. */
static void many_stars_take_little_time(void **state)
{
	(void)state;
	char pattern[NAME_LEN_MAX + 1] = "", name[NAME_LEN_MAX + 1] = "";
	for (size_t i = 0; i < 240; i += 2)
		memcpy(pattern + i, "*a", 3);
	memcpy(pattern + 240, "b", 2);
	memset(name, 'a', NAME_LEN_MAX);
	assert_false(namespace_pattern_covers(pattern, text_of(name)));
	name[NAME_LEN_MAX - 1] = 'b';
	assert_true(namespace_pattern_covers(pattern, text_of(name)));
}

static void a_name_that_seems_to_lead_elsewhere_is_not_straight(void **state)
{
	(void)state;
	static const char *const straight[] = {"acme/web", "a..b", "...", "a//b", "**"};
	static const char *const bent[] = {".",       "..",    "acme/..",
					   "../acme", "a/./b", "a/../b"};
	for (size_t i = 0; i < sizeof(straight) / sizeof(*straight); i++)
		assert_true(namespace_pattern_is_straight(straight[i]));
	for (size_t i = 0; i < sizeof(bent) / sizeof(*bent); i++)
		assert_false(namespace_pattern_is_straight(bent[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pattern_covers_what_its_signs_say),
		cmocka_unit_test(two_stars_stand_at_the_end_alone),
		cmocka_unit_test(its_length_has_a_bound),
		cmocka_unit_test(a_name_that_seems_to_lead_elsewhere_is_not_straight),
		cmocka_unit_test(many_stars_take_little_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
