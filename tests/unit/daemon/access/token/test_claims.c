/* Rule A5: times to the second on both sides of the tolerance; claims as texts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/access/token/claims.h"
#include "proto/base/cleanup.h"

#define NOW 1800000000

static void free_json(json_t **json)
{
	json_decref(*json);
}

static int check(const char *text, int64_t *ret_expires_s, struct error *error)
{
	json_t *claims AUTO(free_json) = json_loads(text, 0, NULL);
	assert_non_null(claims);
	return claims_check_time(claims, NOW, ret_expires_s, error);
}

static void times_have_a_minute_of_tolerance(void **state)
{
	(void)state;
	static const struct {
		const char *claims;
		bool valid;
	} cases[] = {
		{"{\"exp\": 1800000001}", true},
		{"{\"exp\": 1800000000}", true},
		{"{\"exp\": 1799999941}", true},  /* 59 s ago */
		{"{\"exp\": 1799999940}", false}, /* 60 s ago */
		{"{\"exp\": 1799999941.9}", true},
		{"{\"exp\": 1799999940.9}", false},
		{"{\"exp\": 1900000000, \"nbf\": 1800000060}", true},
		{"{\"exp\": 1900000000, \"nbf\": 1800000061}", false},
		{"{\"exp\": 1900000000, \"nbf\": 1799999999}", true},
		{"{\"exp\": 1900000000, \"nbf\": \"1\"}", false},
		{"{\"exp\": 1900000000, \"nbf\": null}", false},
		{"{\"exp\": 1900000000, \"nbf\": -1}", false},
		{"{\"exp\": 1e300}", true},
		{"{\"exp\": 9223372036854775807}", true},
		{"{\"exp\": -1}", false},
		{"{\"exp\": \"1900000000\"}", false},
		{"{\"exp\": true}", false},
		{"{\"exp\": null}", false},
		{"{\"exp\": [1900000000]}", false},
		{"{}", false},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct error error = {0};
		int64_t expires_s = 0;
		int err = check(cases[i].claims, &expires_s, &error);
		if (err != (cases[i].valid ? 0 : ERR_DENIED))
			fail_msg("%s: %s", cases[i].claims, error.text);
		assert_true(!cases[i].valid || expires_s > NOW);
	}
}

static void the_sentences_say_both_clocks(void **state)
{
	(void)state;
	struct error error = {0};
	int64_t expires_s;
	assert_int_equal(check("{\"exp\": 1799990000}", &expires_s, &error), ERR_DENIED);
	assert_string_equal(
		error.text,
		"the token expired at 2027-01-15 05:13:20 UTC, and by the "
		"daemon's clock it is 2027-01-15 08:00:00 UTC; get a new one, "
		"or set the clock that is wrong");
	assert_int_equal(
		check("{\"exp\": 1900000000, \"nbf\": 1800003600}", &expires_s, &error),
		ERR_DENIED);
	assert_string_equal(error.text,
			    "the token is valid from 2027-01-15 09:00:00 UTC on, and by "
			    "the daemon's clock it is 2027-01-15 08:00:00 UTC; set the "
			    "clock that is wrong");
}

static void claims_are_texts_or_nothing(void **state)
{
	(void)state;
	json_t *claims AUTO(free_json) = json_loads(
		"{\"text\": \"acme/web\", \"number\": 17, \"yes\": true, \"no\": false,"
		" \"empty\": \"\", \"null\": null, \"list\": [\"a\"], \"real\": 1.5,"
		" \"control\": \"a\\u001b[31m\", \"oidc.x.com/id\": \"p\"}",
		0, NULL);
	static const struct {
		const char *name, *text;
	} cases[] = {
		{"text", "acme/web"}, {"number", "17"},       {"yes", "true"},
		{"no", "false"},      {"oidc.x.com/id", "p"}, {"empty", NULL},
		{"null", NULL},       {"list", NULL},         {"real", NULL},
		{"control", NULL},    {"missing", NULL},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct claim_text text;
		assert_int_equal(claims_text(claims, cases[i].name, &text),
				 cases[i].text != NULL);
		if (cases[i].text)
			assert_string_equal(text.at, cases[i].text);
	}
}

static void a_text_has_a_bound(void **state)
{
	(void)state;
	char long_text[NAME_LEN_MAX + 2] = "";
	struct claim_text text;
	memset(long_text, 'a', NAME_LEN_MAX);
	json_t *fits AUTO(free_json) = json_pack("{s:s}", "x", long_text);
	assert_true(claims_text(fits, "x", &text));
	long_text[NAME_LEN_MAX] = 'a';
	json_t *beyond AUTO(free_json) = json_pack("{s:s}", "x", long_text);
	assert_false(claims_text(beyond, "x", &text));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(times_have_a_minute_of_tolerance),
		cmocka_unit_test(the_sentences_say_both_clocks),
		cmocka_unit_test(claims_are_texts_or_nothing),
		cmocka_unit_test(a_text_has_a_bound),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
