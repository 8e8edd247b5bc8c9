/* Rule A4: the daemon's own keys. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/access/token/claims.h"
#include "daemon/access/token/keyring.h"
#include "proto/base/cleanup.h"

#define NOW 1800000000

static const char *id_of(const json_t *key)
{
	return json_string_value(json_object_get(key, "kid"));
}

static void the_newest_signs_and_the_others_verify_until_their_time(void **state)
{
	(void)state;
	struct keyring keyring AUTO(keyring_fini) = {0};
	struct error error = {0};
	assert_null(keyring_signer(&keyring));
	assert_int_equal(keyring_rotate(&keyring, 0, &error), 0);
	char first[ACCESS_ID_LEN + 1];
	strcpy(first, id_of(keyring_signer(&keyring)));
	assert_non_null(json_object_get(keyring_signer(&keyring), "d"));
	assert_int_equal(keyring_rotate(&keyring, NOW, &error), 0);
	assert_string_not_equal(id_of(keyring_signer(&keyring)), first);
	const json_t *old = keyring_find(&keyring, first, NOW + CLOCK_TOLERANCE_S);
	assert_non_null(old);
	assert_null(json_object_get(old, "d"));
	assert_null(keyring_find(&keyring, first, NOW + CLOCK_TOLERANCE_S + 1));
	assert_null(keyring_find(&keyring, "0123456789abcdef", NOW));
	assert_non_null(keyring_find(&keyring, id_of(keyring_signer(&keyring)), NOW));
}

static void it_has_a_bound(void **state)
{
	(void)state;
	struct keyring keyring AUTO(keyring_fini) = {0};
	struct error error = {0};
	for (unsigned i = 0; i < KEYRING_MAX; i++)
		assert_int_equal(keyring_rotate(&keyring, NOW, &error), 0);
	assert_int_equal(keyring_rotate(&keyring, NOW, &error), ERR_LIMIT);
	assert_int_equal(json_array_size(json_object_get(keyring.root, "keys")),
			 KEYRING_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_newest_signs_and_the_others_verify_until_their_time),
		cmocka_unit_test(it_has_a_bound),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
