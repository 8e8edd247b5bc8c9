/* Rule A5: keys of a file; those of a server are in tests/scenario/access/test_a_issuers.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <unistd.h>

#include "daemon/access/issuer/issuer_keys.h"
#include "proto/base/cleanup.h"

static int open_file(const char *text, struct issuer_keys **ret_keys, struct error *error)
{
	char path[] = "/tmp/baton-keys-XXXXXX";
	int fd AUTO_FD = mkstemp(path);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	const struct issuer_keys_source source = {
		.data = "/", .name = "x", .url = "https://x", .keys = path};
	int err = issuer_keys_new(&source, ret_keys, error);
	(void)unlink(path);
	return err;
}

static void free_keys(struct issuer_keys **keys)
{
	issuer_keys_free(*keys);
}

static int find(struct issuer_keys *keys, const char *id)
{
	json_t *key = NULL;
	struct error error = {0};
	int err = issuer_keys_find(keys, id, &key, &error);
	json_decref(key);
	return err;
}

static void keys_are_found_by_their_id(void **state)
{
	(void)state;
	struct issuer_keys *keys AUTO(free_keys) = NULL;
	struct error error = {0};
	assert_int_equal(open_file("{\"keys\": [{\"kid\": \"a\"}, {\"kid\": 7}, 8, "
				   "{\"kid\": \"b\"}]}",
				   &keys, &error),
			 0);
	assert_int_equal(find(keys, "a"), 0);
	assert_int_equal(find(keys, "b"), 0);
	assert_int_equal(find(keys, "c"), ERR_DENIED);
	assert_int_equal(find(keys, "7"), ERR_DENIED);
	assert_int_equal(find(keys, ""), ERR_DENIED);
}

static void the_only_key_needs_no_id(void **state)
{
	(void)state;
	struct issuer_keys *keys AUTO(free_keys) = NULL;
	struct error error = {0};
	assert_int_equal(open_file("{\"keys\": [{\"kid\": \"a\"}]}", &keys, &error), 0);
	assert_int_equal(find(keys, ""), 0);
	assert_int_equal(find(keys, "b"), ERR_DENIED);
}

static void what_is_no_set_is_refused(void **state)
{
	(void)state;
	static const char *const bad[] = {"",
					  "[]",
					  "{}",
					  "{\"keys\": {}}",
					  "{\"keys\": []",
					  "{\"keys\": [], \"keys\": []}"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct issuer_keys *keys = NULL;
		struct error error = {0};
		assert_int_equal(open_file(bad[i], &keys, &error), ERR_LOCAL);
		assert_null(keys);
	}
}

static void a_set_has_a_bound(void **state)
{
	(void)state;
	char text[4096] = "{\"keys\": [{}";
	struct error error = {0};
	for (int i = 1; i < 256; i++)
		strcat(text, ",{}");
	struct issuer_keys *keys AUTO(free_keys) = NULL;
	size_t len = strlen(text);
	strcat(text, "]}");
	assert_int_equal(open_file(text, &keys, &error), 0);
	struct issuer_keys *more = NULL;
	strcpy(text + len, ",{}]}");
	assert_int_equal(open_file(text, &more, &error), ERR_LOCAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_are_found_by_their_id),
		cmocka_unit_test(the_only_key_needs_no_id),
		cmocka_unit_test(what_is_no_set_is_refused),
		cmocka_unit_test(a_set_has_a_bound),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
