/* Conditions on claims: how they are read, met, and what narrows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/access/issuer/condition.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"

static void free_json(json_t **json)
{
	json_decref(*json);
}

static void all_of_a_list_have_to_be_met(void **state)
{
	(void)state;
	static const struct {
		const char *conditions, *claims, *unmet;
	} cases[] = {
		{"", "{}", NULL},
		{"a=1", "{\"a\": \"1\"}", NULL},
		{"a=1", "{\"a\": 1}", NULL},
		{"a=true", "{\"a\": true}", NULL},
		{"a=1", "{}", "a"},
		{"a=1", "{\"a\": \"11\"}", "a"},
		{"a=1", "{\"a\": null}", "a"},
		{"a=1", "{\"a\": [\"1\"]}", "a"},
		{" a = x/* , b=y", "{\"a\": \"x/z\", \"b\": \"y\"}", NULL},
		{"a=x/*,b=y", "{\"a\": \"x/z/q\", \"b\": \"y\"}", "a"},
		{"a=x/*,b=y", "{\"a\": \"x/z\", \"b\": \"Y\"}", "b"},
		{"o.c/id=p", "{\"o.c/id\": \"p\"}", NULL},
		{"sub=repo:a/b:ref:x=y", "{\"sub\": \"repo:a/b:ref:x=y\"}", NULL},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct condition_list list AUTO(condition_list_fini) = {0};
		struct error error = {0};
		json_t *claims AUTO(free_json) = json_loads(cases[i].claims, 0, NULL);
		assert_int_equal(
			condition_list_read(&list, "o", cases[i].conditions, &error), 0);
		const struct condition *unmet = condition_list_unmet(&list, claims);
		assert_int_equal(unmet != NULL, cases[i].unmet != NULL);
		if (unmet)
			assert_string_equal(unmet->claim, cases[i].unmet);
	}
}

static void one_that_cannot_be_ruled_out_keeps_out(void **state)
{
	(void)state;
	char longest[512], longer[512];
	(void)snprintf(longest, sizeof(longest), "{\"a\": \"%0255d\"}", 0);
	(void)snprintf(longer, sizeof(longer), "{\"a\": \"%0256d\"}", 0);
	const struct {
		const char *conditions, *claims;
		bool kept_out;
	} cases[] = {
		{"", "{}", false},
		{"a=x:*", "{\"a\": \"x:y\"}", true},
		{"a=x:*", "{\"a\": \"y\"}", false},
		{"a=1,b=1", "{\"a\": 2, \"b\": true}", false},
		{"a=1,b=1", "{\"a\": 2, \"b\": 1}", true},
		{"a=1,b=1", "{\"a\": 2}", true},
		{"a=x:*", "{}", true},
		{"a=x:*", "{\"a\": null}", true},
		{"a=x:*", "{\"a\": \"\"}", true},
		{"a=x:*", "{\"a\": [\"y\"]}", true},
		{"a=x:*", "{\"a\": {\"y\": 1}}", true},
		{"a=x:*", "{\"a\": 1.5}", true},
		{"a=x:*", "{\"a\": \"x:\\u0085y\"}", true},
		{"a=x:*", "{\"a\": \"x:\\u007fy\"}", true},
		{"a=x:*", longest, false},
		{"a=x:*", longer, true},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct condition_list list AUTO(condition_list_fini) = {0};
		struct error error = {0};
		json_t *claims AUTO(free_json) = json_loads(cases[i].claims, 0, NULL);
		assert_non_null(claims);
		assert_int_equal(
			condition_list_read(&list, "o", cases[i].conditions, &error), 0);
		if (condition_list_has_any_met(&list, claims) != cases[i].kept_out)
			fail_msg("%s: %s", cases[i].conditions, cases[i].claims);
	}
}

static void what_is_no_condition_is_refused_with_its_origin(void **state)
{
	(void)state;
	static const char *const bad[] = {"a",   "=",        "a=",    "=b",
					  " = ", "a=b,,c=d", "a=b,c", "a=**/b"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct condition_list list AUTO(condition_list_fini) = {0};
		struct error error = {0};
		assert_int_equal(condition_list_read(&list, "c.conf:7", bad[i], &error),
				 ERR_USAGE);
		assert_memory_equal(error.text, "c.conf:7: ", 10);
	}
}

static void a_list_has_a_bound(void **state)
{
	(void)state;
	struct condition_list list AUTO(condition_list_fini) = {0};
	struct error error = {0};
	for (unsigned i = 0; i < CONDITIONS_MAX; i++)
		assert_int_equal(condition_list_read(&list, "o", "a=b", &error), 0);
	assert_int_equal(condition_list_read(&list, "o", "a=b", &error), ERR_USAGE);
}

static void only_what_begins_with_something_certain_narrows(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		bool narrow;
	} cases[] = {
		{"a=acme", true},    {"a=acme/*", true}, {"a=acme/**", true},
		{"a=acme/w*", true}, {"a=*", false},     {"a=**", false},
		{"a=acme*", false},  {"a=*/web", false}, {"a=a*/web", false},
		{"a=*acme", false},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct condition_list list AUTO(condition_list_fini) = {0};
		struct error error = {0};
		assert_int_equal(condition_list_read(&list, "o", cases[i].text, &error),
				 0);
		if (condition_is_narrow(&list.items[0]) != cases[i].narrow)
			fail_msg("%s", cases[i].text);
	}
}

static void a_claim_is_pinned_where_nothing_of_it_is_left_open(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		bool pinned;
	} cases[] = {
		{"", false},          {"a=h/acme/web", true},
		{"a=**", false},      {"a=h/acme/*", false},
		{"a=h/**", false},    {"a=h/acme/**", false},
		{"a=h/*/web", false}, {"a=*/acme/web", false},
		{"b=x", false},       {"b=x,a=h/acme/w*,a=h/acme/web", true},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct condition_list list AUTO(condition_list_fini) = {0};
		struct error error = {0};
		assert_int_equal(condition_list_read(&list, "o", cases[i].text, &error),
				 0);
		if (condition_list_pins(&list, "a") != cases[i].pinned)
			fail_msg("%s", cases[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_of_a_list_have_to_be_met),
		cmocka_unit_test(one_that_cannot_be_ruled_out_keeps_out),
		cmocka_unit_test(what_is_no_condition_is_refused_with_its_origin),
		cmocka_unit_test(a_list_has_a_bound),
		cmocka_unit_test(only_what_begins_with_something_certain_narrows),
		cmocka_unit_test(a_claim_is_pinned_where_nothing_of_it_is_left_open),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
