/* Sections of the configuration file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/service/config_section.h"
#include "proto/base/cleanup.h"

static int begin(struct config_sections *sections, const char *text, struct error *error)
{
	char copy[64];
	strcpy(copy, text);
	return config_section_begin(sections, "c:1", copy, error);
}

static void a_section_has_a_kind_a_name_and_lines(void **state)
{
	(void)state;
	struct config_sections sections AUTO(config_sections_fini) = {0};
	struct error error = {0};
	assert_int_equal(begin(&sections, "[issuer github]", &error), 0);
	assert_int_equal(config_section_add(&sections, "c:2", "url", "x", &error), 0);
	assert_int_equal(begin(&sections, "[ user \t* ]", &error), 0);
	assert_int_equal(sections.count, 2);
	assert_string_equal(sections.items[0].kind, "issuer");
	assert_string_equal(sections.items[0].name, "github");
	assert_string_equal(sections.items[1].kind, "user");
	assert_string_equal(sections.items[1].name, "*");
	const struct config_line *line = config_section_find(&sections.items[0], "url");
	assert_string_equal(line->value, "x");
	assert_string_equal(line->origin, "c:2: url");
	assert_null(config_section_find(&sections.items[1], "url"));
}

static void other_heads_are_refused(void **state)
{
	(void)state;
	static const char *const bad[] = {"[",         "[]",          "[issuer]",
					  "[issuer ]", "[ ]",         "[issuer a b]",
					  "[issuer a", "[issuer a] b"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct config_sections sections AUTO(config_sections_fini) = {0};
		struct error error = {0};
		assert_int_equal(begin(&sections, bad[i], &error), ERR_USAGE);
		assert_int_equal(sections.count, 0);
	}
}

static void keys_are_known_and_stand_once(void **state)
{
	(void)state;
	static const char *const keys[] = {"url", "audience", NULL};
	struct config_sections sections AUTO(config_sections_fini) = {0};
	struct error error = {0};
	assert_int_equal(begin(&sections, "[issuer github]", &error), 0);
	assert_int_equal(config_section_add(&sections, "c:2", "url", "x", &error), 0);
	assert_int_equal(config_section_check(&sections.items[0], keys, &error), 0);
	assert_int_equal(config_section_add(&sections, "c:3", "audence", "", &error), 0);
	assert_int_equal(config_section_check(&sections.items[0], keys, &error),
			 ERR_USAGE);
	assert_non_null(strstr(error.text, "c:3: audence"));
	assert_non_null(strstr(error.text, "did you mean `audience`?"));
	assert_int_equal(begin(&sections, "[issuer b]", &error), 0);
	assert_int_equal(config_section_add(&sections, "c:5", "url", "x", &error), 0);
	assert_int_equal(config_section_add(&sections, "c:6", "url", "y", &error), 0);
	assert_int_equal(config_section_check(&sections.items[1], keys, &error),
			 ERR_USAGE);
	assert_non_null(strstr(error.text, "c:6: url: it stands there twice"));
}

static void sections_and_lines_have_bounds(void **state)
{
	(void)state;
	struct config_sections sections AUTO(config_sections_fini) = {0};
	struct error error = {0};
	for (unsigned i = 0; i < CONFIG_SECTIONS_MAX; i++)
		assert_int_equal(begin(&sections, "[user a]", &error), 0);
	assert_int_equal(begin(&sections, "[user a]", &error), ERR_USAGE);
	for (unsigned i = 0; i < CONFIG_SECTION_LINES_MAX; i++)
		assert_int_equal(config_section_add(&sections, "c:1", "k", "v", &error),
				 0);
	assert_int_equal(config_section_add(&sections, "c:1", "k", "v", &error),
			 ERR_USAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_section_has_a_kind_a_name_and_lines),
		cmocka_unit_test(other_heads_are_refused),
		cmocka_unit_test(keys_are_known_and_stand_once),
		cmocka_unit_test(sections_and_lines_have_bounds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
