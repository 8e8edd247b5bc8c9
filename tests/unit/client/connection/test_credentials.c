/* Rule A6: where a token is taken from, and what is no token. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/connection/credentials.h"
#include "proto/base/cleanup.h"
#include "proto/bounds.h"

static const char *const variables[] = {"BATON_TOKEN", "CIRCLE_OIDC_TOKEN_V2"};

static int clear(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(variables) / sizeof(*variables); i++)
		(void)unsetenv(variables[i]);
	return 0;
}

static void write_file(char path[64], const char *text, size_t len)
{
	strcpy(path, "/tmp/baton-token-XXXXXX");
	int fd AUTO_FD = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, len), len);
}

static void expect(const char *file, const char *token)
{
	struct credentials found AUTO(credentials_fini) = {0};
	struct error error = {0};
	assert_int_equal(credentials_find(file, &found, &error), 0);
	if (token)
		assert_string_equal(found.token, token);
	else
		assert_null(found.token);
}

static void the_file_comes_first_then_the_variables_in_their_order(void **state)
{
	(void)state;
	char path[64];
	write_file(path, "of.the.file\n", 12);
	expect(NULL, NULL);
	(void)setenv("CIRCLE_OIDC_TOKEN_V2", "of.circle.ci", 1);
	expect(NULL, "of.circle.ci");
	(void)setenv("BATON_TOKEN", "", 1);
	expect(NULL, "of.circle.ci");
	(void)setenv("BATON_TOKEN", "of.the.variable", 1);
	expect(NULL, "of.the.variable");
	expect(path, "of.the.file");
	(void)unlink(path);
}

static void blanks_around_it_are_dropped(void **state)
{
	(void)state;
	static const char *const texts[] = {"a.b.c", "a.b.c\n", "a.b.c\r\n",
					    " \ta.b.c\n\n"};
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		char path[64];
		write_file(path, texts[i], strlen(texts[i]));
		expect(path, "a.b.c");
		(void)unlink(path);
	}
}

static void refuse(const char *text, size_t len, const char *says)
{
	char path[64];
	write_file(path, text, len);
	struct credentials found = {0};
	struct error error = {0};
	assert_int_equal(credentials_find(path, &found, &error), ERR_USAGE);
	assert_non_null(strstr(error.text, path));
	assert_non_null(strstr(error.text, says));
	assert_null(strstr(error.text, "hush"));
	assert_null(found.token);
	(void)unlink(path);
}

static void what_is_no_token_is_refused_and_not_shown(void **state)
{
	(void)state;
	refuse("", 0, "holds no token");
	refuse(" \n", 2, "holds no token");
	refuse("hush hush", 9, "not one token");
	refuse("hush\nhush", 9, "not one token");
	refuse("hush\0hush", 9, "NUL");
	refuse("hush+/==", 8, "not one token");
	refuse("hush\x1b[31m", 9, "not one token");
	refuse("{\"hush\": 1}", 11, "not one token");
	struct credentials found = {0};
	struct error error = {0};
	assert_int_equal(credentials_find("/there/is/none", &found, &error), ERR_LOCAL);
	assert_int_equal(credentials_find("/", &found, &error), ERR_LOCAL);
	(void)setenv("BATON_TOKEN", "hush hush", 1);
	assert_int_equal(credentials_find(NULL, &found, &error), ERR_USAGE);
	assert_non_null(strstr(error.text, "BATON_TOKEN"));
	assert_null(strstr(error.text, "hush"));
}

static void its_length_has_a_bound(void **state)
{
	(void)state;
	static char text[TOKEN_LEN_MAX + 8192];
	memset(text, 'a', sizeof(text));
	text[TOKEN_LEN_MAX] = '\n';
	char path[64];
	write_file(path, text, TOKEN_LEN_MAX + 1);
	struct credentials found AUTO(credentials_fini) = {0};
	struct error error = {0};
	assert_int_equal(credentials_find(path, &found, &error), 0);
	assert_int_equal(found.len, TOKEN_LEN_MAX);
	(void)unlink(path);
	text[TOKEN_LEN_MAX] = 'a';
	refuse(text, TOKEN_LEN_MAX + 1, "at most 16384 bytes");
	refuse(text, sizeof(text), "at most 16384 bytes");
}

static void its_mark_is_its_end(void **state)
{
	(void)state;
	char text[CREDENTIALS_MARK_LEN + 2] = "";
	memset(text, 'm', CREDENTIALS_MARK_LEN);
	struct credentials some = {.token = text + 1, .len = CREDENTIALS_MARK_LEN - 1};
	assert_int_equal(credentials_mark(&some).len, 0);
	memmove(text + 1, text, CREDENTIALS_MARK_LEN);
	text[0] = 'x';
	some = (struct credentials){.token = text, .len = CREDENTIALS_MARK_LEN + 1};
	assert_int_equal(credentials_mark(&some).len, CREDENTIALS_MARK_LEN);
	assert_ptr_equal(credentials_mark(&some).at, text + 1);
	assert_int_equal(credentials_mark(&(struct credentials){0}).len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(
			the_file_comes_first_then_the_variables_in_their_order, clear),
		cmocka_unit_test_setup(blanks_around_it_are_dropped, clear),
		cmocka_unit_test_setup(what_is_no_token_is_refused_and_not_shown, clear),
		cmocka_unit_test_setup(its_length_has_a_bound, clear),
		cmocka_unit_test_setup(its_mark_is_its_end, clear),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
