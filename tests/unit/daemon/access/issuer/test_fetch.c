/* Rule A5: whence keys may be fetched; the fetching is in
 * tests/scenario/access/test_a_issuers.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/access/issuer/fetch.h"

static void keys_come_over_https_or_from_this_machine(void **state)
{
	(void)state;
	static const char *const good[] = {
		"https://example.org/keys",  "https://example.org",
		"https://example.org:8443/", "https://127.0.0.2/keys",
		"http://localhost/keys",     "http://localhost:80/keys",
		"http://127.0.0.1:8080/k",   "http://[::1]:8080/k",
		"http://LOCALHOST/keys",
	};
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		struct error error = {0};
		if (fetch_check_url("c.conf:7", good[i], &error))
			fail_msg("%s", error.text);
	}
}

static void what_only_looks_like_it_is_refused(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"",
		"keys",
		"localhost/keys",
		"http://",
		"https://",
		"http://example.org/keys",
		"http://127.0.0.2/keys",
		"http://localhost.example.org/keys",
		"http://localhost:80@127.0.0.2:38123/keys",
		"http://localhost:@127.0.0.2/keys",
		"http://127.0.0.1@example.org/keys",
		"http://me@localhost/keys",
		"https://me@example.org/keys",
		"https://me:secret@example.org/keys",
		"http://example.org#@localhost/keys",
		"http://example.org?@localhost/keys",
		"http://localhost:x/keys",
		"https:example.org",
		"ftp://localhost/keys",
		"file:///etc/passwd",
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct error error = {0};
		if (fetch_check_url("c.conf:7", bad[i], &error) != ERR_USAGE)
			fail_msg("%s", bad[i]);
		assert_memory_equal(error.text, "c.conf:7: ", 10);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_come_over_https_or_from_this_machine),
		cmocka_unit_test(what_only_looks_like_it_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
