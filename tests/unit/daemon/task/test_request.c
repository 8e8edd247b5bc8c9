/* Requests: which messages begin one, and whose turn they take. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "daemon/task/request.h"
#include "proto/base/bytes.h"

static int decode(uint16_t type, const void *message, struct request **ret_request)
{
	struct buffer payload = {0};
	struct error error = {0};
	message_encode(&payload, type, message);
	return request_decode(type, payload.at, (uint32_t)payload.len, ret_request,
			      &error);
}

static void a_request_takes_the_turn_of_its_namespace(void **state)
{
	(void)state;
	struct msg_log log = {
		.identity = {.namespace = text_of("team"), .workflow = text_of("w")}};
	struct msg_empty status = {0};
	struct request *named = NULL;
	struct request *unnamed = NULL;
	struct request *nobodys = NULL;
	assert_int_equal(decode(MSG_LOG, &log, &named), 0);
	log.identity.namespace = text_of(NULL);
	assert_int_equal(decode(MSG_LOG, &log, &unnamed), 0);
	assert_int_equal(decode(MSG_STATUS, &status, &nobodys), 0);
	assert_true(text_is(request_namespace(named), "team"));
	assert_true(text_is(request_namespace(unnamed), "default"));
	assert_true(text_is(request_namespace(nobodys), "default"));
	request_free(named);
	request_free(unnamed);
	request_free(nobodys);
}

static void only_four_messages_begin_a_request(void **state)
{
	(void)state;
	struct msg_empty nothing = {0};
	struct request *request = NULL;
	assert_int_equal(decode(MSG_RECORDED, &nothing, &request), ERR_PROTOCOL);
	assert_int_equal(decode(MSG_WANT_ROWS, &nothing, &request), ERR_PROTOCOL);
	assert_null(request);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_takes_the_turn_of_its_namespace),
		cmocka_unit_test(only_four_messages_begin_a_request),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
