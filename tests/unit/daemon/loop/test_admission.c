/* Unit tests: who may begin a connection over TLS (rule A3). */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/loop/admission.h"
#include "proto/base/error.h"

#define MANY 60000u

static uint32_t number;

static uint32_t chosen(void)
{
	return number;
}

static struct sockaddr_storage address_of(const char *text)
{
	struct sockaddr_storage from = {0};
	struct sockaddr_in v4 = {.sin_family = AF_INET};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
	if (inet_pton(AF_INET, text, &v4.sin_addr) == 1) {
		memcpy(&from, &v4, sizeof(v4));
	} else {
		claim(inet_pton(AF_INET6, text, &v6.sin6_addr) == 1);
		memcpy(&from, &v6, sizeof(v6));
	}
	return from;
}

static bool take(struct admission *admission, const char *text,
		 struct admitted *ret_admitted)
{
	struct sockaddr_storage from = address_of(text);
	return admission_take(admission, &from, ret_admitted);
}

/* Whether a new one is let in where so many strangers are, and this is the chance. */
static bool lets_in(uint32_t strangers, uint32_t chance)
{
	struct admission admission;
	struct admitted admitted;
	admission_init(&admission, MANY);
	admission.strangers = strangers;
	admission.chance = chosen;
	number = chance;
	bool taken = take(&admission, "192.0.2.1", &admitted);
	assert_int_equal(admission.dropped, !taken);
	assert_int_equal(admission.strangers, strangers + taken);
	return taken;
}

static void below_the_mark_nobody_is_dropped(void **state)
{
	(void)state;
	assert_true(lets_in(0, 0));
	assert_true(lets_in(STRANGERS_MARK - 1, 0));
	assert_false(lets_in(STRANGERS_MARK, 0));
	assert_true(lets_in(STRANGERS_MARK, UINT32_MAX));
}

static void at_the_most_everybody_is_dropped(void **state)
{
	(void)state;
	assert_true(lets_in(STRANGERS_MAX - 2, UINT32_MAX));
	assert_false(lets_in(STRANGERS_MAX - 1, UINT32_MAX));
	assert_false(lets_in(STRANGERS_MAX, UINT32_MAX));
	assert_false(lets_in(UINT32_MAX - 1, UINT32_MAX));
}

static void between_them_more_are_dropped_the_more_there_are(void **state)
{
	(void)state;
	uint32_t middle = (STRANGERS_MARK + STRANGERS_MAX) / 2;
	assert_false(lets_in(middle, UINT32_MAX / 3));
	assert_true(lets_in(middle, UINT32_MAX / 3 * 2));
	assert_true(lets_in(STRANGERS_MARK + 10, UINT32_MAX / 10));
	assert_false(lets_in(STRANGERS_MAX - 10, UINT32_MAX / 10 * 9));
}

static void one_address_has_so_many(void **state)
{
	(void)state;
	struct admission admission;
	admission_init(&admission, 2);
	struct admitted first, second, third;
	assert_true(take(&admission, "192.0.2.1", &first));
	assert_true(take(&admission, "192.0.2.1", &second));
	assert_false(take(&admission, "192.0.2.1", &third));
	assert_int_equal(admission.dropped, 1);
	/* Who has shown who it is still has its share. */
	admission_know(&admission, &first);
	assert_int_equal(admission.strangers, 1);
	assert_false(take(&admission, "192.0.2.1", &third));
	admission_leave(&admission, &first);
	assert_int_equal(admission.strangers, 1);
	assert_true(take(&admission, "192.0.2.1", &third));
	admission_leave(&admission, &second);
	admission_leave(&admission, &third);
	assert_int_equal(admission.strangers, 0);
	for (size_t i = 0; i < ADMISSION_PLACES; i++)
		assert_int_equal(admission.places[i], 0);
}

/* So no few of them reach the marks that drop others. */
static void one_address_has_so_many_strangers(void **state)
{
	(void)state;
	struct admission admission;
	static struct admitted admitted[STRANGERS_OF_ADDRESS_MAX];
	struct admitted more, other;
	admission_init(&admission, MANY);
	admission.seed = 1;
	for (size_t i = 0; i < STRANGERS_OF_ADDRESS_MAX; i++)
		assert_true(take(&admission, "192.0.2.1", &admitted[i]));
	assert_false(take(&admission, "192.0.2.1", &more));
	assert_true(take(&admission, "192.0.2.2", &other));
	admission_know(&admission, &admitted[0]);
	assert_true(take(&admission, "192.0.2.1", &more));
	admission_leave(&admission, &more);
	admission_leave(&admission, &other);
	for (size_t i = 0; i < STRANGERS_OF_ADDRESS_MAX; i++)
		admission_leave(&admission, &admitted[i]);
	for (size_t i = 0; i < ADMISSION_PLACES; i++)
		assert_int_equal(admission.places[i] + admission.strangers_of[i], 0);
}

/* Whether the second address finds the first one's share taken. */
static bool share(const char *one, const char *other)
{
	struct admission admission;
	struct admitted first, second;
	admission_init(&admission, 1);
	admission.seed = 1; /* with which those that should not do not share a place */
	assert_true(take(&admission, one, &first));
	return !take(&admission, other, &second);
}

static void an_address_is_one_however_it_is_written(void **state)
{
	(void)state;
	assert_true(share("192.0.2.1", "::ffff:192.0.2.1"));
	assert_false(share("192.0.2.1", "192.0.2.2"));
	assert_true(share("2001:db8:1:2::1", "2001:db8:1:2:ffff::2"));
	assert_false(share("2001:db8:1:2::1", "2001:db8:1:3::1"));
}

static void what_was_never_taken_can_leave(void **state)
{
	(void)state;
	struct admission admission;
	struct admitted nothing = {0};
	admission_init(&admission, 1);
	admission_know(&admission, &nothing);
	admission_leave(&admission, &nothing);
	assert_int_equal(admission.strangers, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(below_the_mark_nobody_is_dropped),
		cmocka_unit_test(at_the_most_everybody_is_dropped),
		cmocka_unit_test(between_them_more_are_dropped_the_more_there_are),
		cmocka_unit_test(one_address_has_so_many),
		cmocka_unit_test(one_address_has_so_many_strangers),
		cmocka_unit_test(an_address_is_one_however_it_is_written),
		cmocka_unit_test(what_was_never_taken_can_leave),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
