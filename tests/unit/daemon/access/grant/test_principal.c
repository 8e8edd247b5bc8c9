/* Rules A7 and A8: what a principal may do follows from its grants alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/access/access.h"
#include "daemon/access/grant/principal.h"
#include "proto/base/cleanup.h"

static void free_principal(struct principal **principal)
{
	principal_free(*principal);
}

/* acme/web for all jobs of workflow 17; docs for job build alone, of any workflow; and to
 * read, everything below pub. */
static struct principal *example(void)
{
	struct error error = {0};
	struct principal *principal = principal_new("token a (ci)", TIER_TRUSTED);
	struct grant first = {.verbs = VERB_READ | VERB_WRITE,
			      .workflow = must_strdup("17")};
	struct grant second = {.verbs = VERB_WRITE, .job = must_strdup("build")};
	struct grant third = {.verbs = VERB_READ};
	assert_int_equal(grant_add_namespace(&first, "acme/web", &error), 0);
	assert_int_equal(grant_add_namespace(&second, "docs", &error), 0);
	assert_int_equal(grant_add_namespace(&third, "pub/**", &error), 0);
	principal_add(principal, &first);
	principal_add(principal, &second);
	principal_add(principal, &third);
	return principal;
}

static void each_question_has_one_answer(void **state)
{
	(void)state;
	static const struct {
		enum access_verb verb;
		const char *namespace, *workflow, *job;
		bool any_job, allowed;
	} cases[] = {
		{VERB_READ, "acme/web", "17", "", true, true},
		{VERB_WRITE, "acme/web", "17", "anything", false, true},
		{VERB_ADMIN, "acme/web", "17", "", true, false},
		{VERB_READ, "acme/web", "18", "", true, false},
		{VERB_READ, "acme/web", "", "", true, false},
		{VERB_READ, "acme/web", "1", "", true, false},
		{VERB_READ, "acme/web", "170", "", true, false},
		{VERB_READ, "acme/app", "17", "", true, false},
		{VERB_WRITE, "docs", "99", "build", false, true},
		{VERB_WRITE, "docs", "99", "build2", false, false},
		{VERB_WRITE, "docs", "99", "", false, false},
		{VERB_WRITE, "docs", "99", "other", true, true},
		{VERB_READ, "docs", "99", "build", false, false},
		{VERB_READ, "pub/a", "", "", true, true},
		{VERB_WRITE, "pub/a", "17", "build", false, false},
		{VERB_READ, "pub", "", "", true, false},
		{VERB_READ, "", "", "", true, false},
	};
	struct principal *principal AUTO(free_principal) = example();
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct access_question question = {
			.verb = cases[i].verb,
			.namespace = text_of(cases[i].namespace),
			.workflow = text_of(cases[i].workflow),
			.job = text_of(cases[i].job),
			.any_job = cases[i].any_job,
		};
		if (principal_allows(principal, &question) != cases[i].allowed)
			fail_msg("case %zu", i);
	}
}

static void the_sentence_names_principal_verb_and_grants(void **state)
{
	(void)state;
	struct principal *principal AUTO(free_principal) = example();
	const struct access_question question = {
		.verb = VERB_WRITE,
		.namespace = {"acme/\x1b[31m", 10},
	};
	struct error error = {0};
	assert_int_equal(principal_check(principal, &question, &error), ERR_DENIED);
	assert_int_equal(error_exit_status(error.code), 5);
	assert_string_equal(error.text,
			    "token a (ci) may not write this in namespace `acme/?[31m`: "
			    "its grant is `acme/web: read,write, workflow 17; docs: "
			    "write, job build; pub/**: read`");
}

/* What a token claims is a name, not a pattern. */
static void an_exact_grant_has_no_stars(void **state)
{
	(void)state;
	struct principal *principal AUTO(free_principal) =
		principal_new("github: x", TIER_UNTRUSTED);
	struct grant grant = {.verbs = VERBS_ALL, .exact = true};
	string_list_add(&grant.namespaces, "**");
	principal_add(principal, &grant);
	const struct access_question one = {.verb = VERB_READ,
					    .namespace = text_of("acme/web")};
	const struct access_question star = {.verb = VERB_READ,
					     .namespace = text_of("**")};
	assert_false(principal_allows(principal, &one));
	assert_true(principal_allows(principal, &star));
	assert_false(principal_is_admin_of_all(principal));
}

static void only_everything_is_everything(void **state)
{
	(void)state;
	struct principal *all AUTO(free_principal) = principal_new("x", TIER_TRUSTED);
	assert_false(principal_is_admin_of_all(all));
	principal_add_all(all);
	assert_true(principal_is_admin_of_all(all));
	struct principal *some AUTO(free_principal) = example();
	struct grant narrow = {.verbs = VERBS_ALL, .job = must_strdup("build")};
	string_list_add(&narrow.namespaces, "**");
	principal_add(some, &narrow);
	assert_false(principal_is_admin_of_all(some));
}

/* An hour is what access.h gives it. */
static void a_request_that_runs_has_its_time_to_finish(void **state)
{
	(void)state;
	static const struct {
		int64_t expires_s, now_s, grace_s;
		bool is_expired;
	} cases[] = {
		{1000, 999, 0, false},
		{1000, 1000, 0, true},
		{1000, 999 + ACCESS_FINISH_S, ACCESS_FINISH_S, false},
		{1000, 1000 + ACCESS_FINISH_S, ACCESS_FINISH_S, true},
		{0, INT64_MAX, 0, false},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct principal principal = {.expires_s = cases[i].expires_s};
		assert_int_equal(principal_is_expired(&principal, cases[i].now_s,
						      cases[i].grace_s),
				 cases[i].is_expired);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_question_has_one_answer),
		cmocka_unit_test(the_sentence_names_principal_verb_and_grants),
		cmocka_unit_test(an_exact_grant_has_no_stars),
		cmocka_unit_test(only_everything_is_everything),
		cmocka_unit_test(a_request_that_runs_has_its_time_to_finish),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
