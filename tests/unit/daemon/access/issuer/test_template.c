/* Texts that claims fill. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/access/issuer/template.h"
#include "proto/base/cleanup.h"

static const struct template_word words[] = {{"host", "gitlab.com"}, {NULL, NULL}};

static void free_json(json_t **json)
{
	json_decref(*json);
}

static int fill(const char *template, const char *claims_text,
		struct claim_text *ret_text)
{
	struct error error = {0};
	json_t *claims AUTO(free_json) = json_loads(claims_text, 0, NULL);
	assert_int_equal(template_check("o", template, &error), 0);
	return template_fill(template, words, claims, ret_text, &error);
}

static void blanks_are_filled(void **state)
{
	(void)state;
	static const struct {
		const char *template, *claims, *text;
	} cases[] = {
		{"acme/web", "{}", "acme/web"},
		{"{a}", "{\"a\": \"x\"}", "x"},
		{"{a}/{b}-{a}", "{\"a\": \"x\", \"b\": 7}", "x/7-x"},
		{"{host}/{a}", "{\"a\": \"x\"}", "gitlab.com/x"},
		{"{host}", "{\"host\": \"evil\"}", "gitlab.com"},
		{"{a}", "{\"a\": \"{b}\", \"b\": \"x\"}", "{b}"},
		{"{o.c/id}", "{\"o.c/id\": \"p\"}", "p"},
		{"{a}", "{}", NULL},
		{"{a}", "{\"a\": \"\"}", NULL},
		{"{a}", "{\"a\": [1]}", NULL},
		{"{a}", "{\"a\": \"x\\u001by\"}", NULL},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct claim_text text;
		int err = fill(cases[i].template, cases[i].claims, &text);
		assert_int_equal(err, cases[i].text ? 0 : ERR_DENIED);
		if (cases[i].text)
			assert_string_equal(text.at, cases[i].text);
	}
}

static void the_whole_has_a_bound(void **state)
{
	(void)state;
	char claims[400], text[300];
	struct claim_text filled;
	memset(text, 'a', sizeof(text));
	text[NAME_LEN_MAX - 2] = '\0';
	(void)snprintf(claims, sizeof(claims), "{\"a\": \"%s\"}", text);
	assert_int_equal(fill("x/{a}", claims, &filled), 0);
	assert_int_equal(strlen(filled.at), NAME_LEN_MAX);
	assert_int_equal(fill("x/y{a}", claims, &filled), ERR_DENIED);
	assert_int_equal(fill("{a}{a}{a}", claims, &filled), ERR_DENIED);
}

static void braces_have_names_between_them(void **state)
{
	(void)state;
	static const char *const bad[] = {"{",  "}",      "{}",   "{a",
					  "a}", "{a{b}}", "{a}}", "{{a}"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct error error = {0};
		assert_int_equal(template_check("c.conf:7", bad[i], &error), ERR_USAGE);
		assert_memory_equal(error.text, "c.conf:7: ", 10);
	}
	assert_true(template_has_blanks("a/{b}"));
	assert_false(template_has_blanks("a/*"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blanks_are_filled),
		cmocka_unit_test(the_whole_has_a_bound),
		cmocka_unit_test(braces_have_names_between_them),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
