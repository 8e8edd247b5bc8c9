/* Grants: verbs, and how a grant is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/access/grant/grant.h"
#include "proto/base/cleanup.h"

static void verbs_are_read_and_told(void **state)
{
	(void)state;
	static const struct {
		const char *text, *told;
	} cases[] = {
		{"read", "read"},
		{"write", "write"},
		{"admin", "admin"},
		{"write,read", "read,write"},
		{"read, write , admin", "read,write,admin"},
		{"read,read", "read"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		uint32_t verbs = 0;
		struct error error = {0};
		assert_int_equal(verbs_parse(cases[i].text, &verbs, &error), 0);
		assert_string_equal(verbs_text(verbs), cases[i].told);
	}
}

static void other_words_are_no_verbs(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"", "rea", "reads", "READ", "read,,write", "read,", ",read", "all", "*"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		uint32_t verbs = 7;
		struct error error = {0};
		assert_int_equal(verbs_parse(bad[i], &verbs, &error), ERR_USAGE);
		assert_int_equal(verbs, 7);
		assert_non_null(strstr(error.text, "read, write and admin"));
	}
}

static void a_grant_tells_all_that_it_says(void **state)
{
	(void)state;
	struct grant grant AUTO(grant_fini) = {.verbs = VERB_READ | VERB_WRITE};
	struct buffer told AUTO(buffer_fini) = {0};
	struct error error = {0};
	assert_int_equal(grant_add_namespace(&grant, "acme/web", &error), 0);
	assert_int_equal(grant_add_namespace(&grant, "docs/**", &error), 0);
	grant.workflow = must_strdup("17");
	grant.job = must_strdup("build");
	grant_describe(&grant, &told);
	buffer_put_u8(&told, 0);
	assert_string_equal((const char *)told.at,
			    "acme/web, docs/**: read,write, workflow 17, job build");
}

static void its_patterns_have_a_bound(void **state)
{
	(void)state;
	struct grant grant AUTO(grant_fini) = {0};
	struct error error = {0};
	for (unsigned i = 0; i < GRANT_NAMESPACES_MAX; i++)
		assert_int_equal(grant_add_namespace(&grant, "a", &error), 0);
	assert_int_equal(grant_add_namespace(&grant, "a", &error), ERR_USAGE);
	assert_int_equal(grant.namespaces.count, GRANT_NAMESPACES_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verbs_are_read_and_told),
		cmocka_unit_test(other_words_are_no_verbs),
		cmocka_unit_test(a_grant_tells_all_that_it_says),
		cmocka_unit_test(its_patterns_have_a_bound),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
