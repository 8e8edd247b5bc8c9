/* Rule A4: the list of tokens. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/access/token/claims.h"
#include "daemon/access/token/ledger.h"
#include "proto/base/cleanup.h"

#define NOW 1800000000

static int add(struct ledger *ledger, const char *id, int64_t expires_s,
	       struct error *error)
{
	const struct ledger_entry entry = {
		.id = id, .subject = "s", .expires_s = expires_s};
	return ledger_add(ledger, &entry, NOW, error);
}

static void tokens_are_found_and_revoked(void **state)
{
	(void)state;
	struct ledger ledger AUTO(ledger_fini) = {0};
	struct ledger_entry found;
	struct error error = {0};
	assert_false(ledger_find(&ledger, "a", &found));
	assert_int_equal(ledger_last_expiry(&ledger), 0);
	assert_int_equal(add(&ledger, "a", NOW + 10, &error), 0);
	assert_int_equal(add(&ledger, "b", NOW + 20, &error), 0);
	assert_true(ledger_find(&ledger, "b", &found));
	assert_int_equal(found.expires_s, NOW + 20);
	assert_false(found.revoked);
	assert_int_equal(ledger_last_expiry(&ledger), NOW + 20);
	assert_int_equal(ledger_revoke(&ledger, "b", &error), 0);
	assert_int_equal(ledger_revoke(&ledger, "b", &error), 0);
	assert_true(ledger_find(&ledger, "b", &found) && found.revoked);
	assert_int_equal(ledger_last_expiry(&ledger), NOW + 10);
	assert_int_equal(ledger_revoke(&ledger, "c", &error), ERR_NOT_FOUND);
}

/* A clock that was ahead once would take all tokens away. */
static void what_has_expired_stays_while_there_is_room(void **state)
{
	(void)state;
	struct ledger ledger AUTO(ledger_fini) = {0};
	struct ledger_entry found;
	struct error error = {0};
	assert_int_equal(add(&ledger, "old", NOW - CLOCK_TOLERANCE_S, &error), 0);
	assert_int_equal(add(&ledger, "older", NOW - CLOCK_TOLERANCE_S - 1, &error), 0);
	assert_int_equal(add(&ledger, "new", NOW + 1, &error), 0);
	assert_true(ledger_find(&ledger, "old", &found));
	assert_true(ledger_find(&ledger, "older", &found));
}

static void it_has_a_bound(void **state)
{
	(void)state;
	struct ledger ledger AUTO(ledger_fini) = {0};
	struct error error = {0};
	for (unsigned i = 0; i < LEDGER_MAX; i++)
		assert_int_equal(add(&ledger, "a", i == 0 ? NOW : NOW + 1000, &error), 0);
	assert_int_equal(add(&ledger, "b", NOW + 1000, &error), ERR_LIMIT);
	const struct ledger_entry later = {
		.id = "b", .subject = "s", .expires_s = NOW + 1000};
	assert_int_equal(ledger_add(&ledger, &later, NOW + CLOCK_TOLERANCE_S + 1, &error),
			 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tokens_are_found_and_revoked),
		cmocka_unit_test(what_has_expired_stays_while_there_is_room),
		cmocka_unit_test(it_has_a_bound),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
