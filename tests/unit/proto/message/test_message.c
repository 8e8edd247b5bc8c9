/* Control messages: out and in again, and everything that is not one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/base/cleanup.h"
#include "proto/bounds.h"
#include "proto/message/table.h"
#include "tests/harness/message_examples.h"
#include "tests/harness/random.h"

#if defined(__SANITIZE_ADDRESS__)
#define UNDER_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define UNDER_ASAN 1
#endif
#endif
#ifndef UNDER_ASAN
#define UNDER_ASAN 0
#endif

static struct error refused;

/* Decodes a copy of exactly that size, so that ASan sees a read beyond it. */
static int decode(uint16_t type, const void *payload, size_t len)
{
	void *copy AUTO_FREE = malloc(len > 0 ? len : 1);
	memcpy(copy, payload, len);
	struct message_memory memory AUTO(message_memory_fini) = {0};
	union any_message message;
	refused = (struct error){0};
	int ret = message_decode(&memory, type, copy, len, &message, &refused);
	if (ret == 0) {
		struct buffer again AUTO(buffer_fini) = {0};
		message_encode(&again, type, &message);
		assert_true(again.len > 0);
	}
	return ret;
}

#define DECODE(type, literal) decode(type, literal, sizeof(literal) - 1)
#define assert_refused(ret, what)                                                        \
	do {                                                                             \
		assert_int_equal(ret, ERR_PROTOCOL);                                     \
		assert_non_null(strstr(refused.text, what));                             \
	} while (0)

static void assert_round_trip(uint16_t type, const void *message)
{
	struct buffer first AUTO(buffer_fini) = {0};
	struct buffer second AUTO(buffer_fini) = {0};
	struct message_memory memory AUTO(message_memory_fini) = {0};
	union any_message decoded;
	struct error error = {0};
	message_encode(&first, type, message);
	int ret = message_decode(&memory, type, first.at, first.len, &decoded, &error);
	assert_string_equal(error.text, "");
	assert_int_equal(ret, 0);
	message_encode(&second, type, &decoded);
	assert_int_equal(first.len, second.len);
	assert_memory_equal(first.at, second.at, first.len);
}

static void every_message_survives_a_round_trip(void **state)
{
	(void)state;
	for (size_t i = 0; i < MESSAGE_EXAMPLES; i++) {
		assert_round_trip(message_examples[i].type, message_examples[i].full);
		assert_round_trip(message_examples[i].type, message_examples[i].minimal);
	}
}

/* The number of keys of the map that a payload begins with. */
static size_t key_count(const struct buffer *payload)
{
	if (payload->at[0] == 0xde)
		return (size_t)payload->at[1] << 8 | payload->at[2];
	return payload->at[0] & 0x0fu;
}

static void the_full_examples_have_every_key(void **state)
{
	(void)state;
	for (size_t i = 0; i < MESSAGE_EXAMPLES; i++) {
		struct buffer payload AUTO(buffer_fini) = {0};
		uint16_t type = message_examples[i].type;
		message_encode(&payload, type, message_examples[i].full);
		assert_int_equal(key_count(&payload), message_table_of(type)->count);
	}
}

static void every_control_type_has_an_example(void **state)
{
	(void)state;
	size_t control = 0;
	for (uint32_t type = 0; type <= UINT16_MAX; type++)
		control += message_type_name((uint16_t)type) &&
			   !message_type_is_bulk((uint16_t)type);
	assert_int_equal(control, MESSAGE_EXAMPLES);
}

static void decoded_values_are_those_encoded(void **state)
{
	(void)state;
	struct buffer payload AUTO(buffer_fini) = {0};
	struct message_memory memory AUTO(message_memory_fini) = {0};
	struct msg_view view;
	struct error error;
	message_encode(&payload, MSG_VIEW, &full_view);
	assert_int_equal(
		message_decode(&memory, MSG_VIEW, payload.at, payload.len, &view, &error),
		0);
	assert_int_equal(view.layers.count, 2);
	assert_true(text_is(view.layers.items[0].layer, "00000000000000a3"));
	assert_true(view.layers.items[0].bytes == 4294967296);
	assert_int_equal(view.layers.items[0].directories, 128);
	assert_true(view.layers.items[0].inherited);
	assert_int_equal(view.layers.items[0].after.count, 2);
	assert_true(text_is(view.layers.items[0].after.items[1], "00000000000000a2"));
	assert_int_equal(view.layers.items[1].bytes, 0);
	assert_int_equal(view.unknown_needs.items[2].len, 0);
	assert_true(view.more);
}

static void a_map_that_is_not_there_is_marked_so(void **state)
{
	(void)state;
	struct message_memory memory AUTO(message_memory_fini) = {0};
	struct msg_ready ready;
	struct error error;
	assert_int_equal(message_decode(&memory, MSG_READY, "\x80", 1, &ready, &error),
			 0);
	assert_false(ready.has_committed);
	struct buffer payload AUTO(buffer_fini) = {0};
	message_encode(&payload, MSG_READY, &full_ready);
	assert_int_equal(message_decode(&memory, MSG_READY, payload.at, payload.len,
					&ready, &error),
			 0);
	assert_true(ready.has_committed);
}

static void numbers_of_every_width_are_read(void **state)
{
	(void)state;
	static const struct {
		const char *bytes;
		size_t len;
		uint64_t value;
	} forms[] = {
		{"\x81\xa5"
		 "files\x05",
		 8, 5},
		{"\x81\xa5"
		 "files\xcc\x05",
		 9, 5},
		{"\x81\xa5"
		 "files\xcd\x01\x00",
		 10, 256},
		{"\x81\xa5"
		 "files\xce\x00\x01\x00\x00",
		 12, 65536},
		{"\x81\xa5"
		 "files\xcf\xff\xff\xff\xff\xff\xff\xff\xff",
		 16, UINT64_MAX},
		{"\x81\xa5"
		 "files\xd0\x05",
		 9, 5},
		{"\x81\xa5"
		 "files\xd3\x00\x00\x00\x00\x00\x00\x01\x00",
		 16, 256},
	};
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		struct message_memory memory AUTO(message_memory_fini) = {0};
		struct msg_rows_end end;
		struct error error;
		assert_int_equal(message_decode(&memory, MSG_ROWS_END, forms[i].bytes,
						forms[i].len, &end, &error),
				 0);
		assert_true(end.files == forms[i].value);
	}
}

static void unknown_keys_are_ignored(void **state)
{
	(void)state;
	assert_int_equal(DECODE(MSG_ROWS_END, "\x81\xa6"
					      "future\x93\x01\x80\xc0"),
			 0);
	assert_int_equal(DECODE(MSG_KEEPALIVE, "\x82\xa1x\x01\xa1x\x02"), 0);
	assert_int_equal(DECODE(MSG_KEEPALIVE, "\x81\xa0\xc3"), 0);
}

static void unknown_critical_keys_are_refused_by_name(void **state)
{
	(void)state;
	assert_refused(DECODE(MSG_KEEPALIVE, "\x81\xa5!tier\xc3"), "`!tier`");
	assert_refused(DECODE(MSG_KEEPALIVE, "\x81\xa4!\n\xff\x01\xc3"), "`!???`");
	assert_refused(DECODE(MSG_COMMITTED, "\x81\xa5layer\x81\xa2!a\xc3"),
		       "`layer.!a`");
}

static void duplicate_keys_are_refused(void **state)
{
	(void)state;
	assert_refused(DECODE(MSG_ROWS_END, "\x82\xa5"
					    "files\x01\xa5"
					    "files\x01"),
		       "ROWS_END: `files` is there twice");
}

static void wrong_types_are_refused(void **state)
{
	(void)state;
	assert_refused(DECODE(MSG_ROWS_END, "\x81\xa5"
					    "files\xa1x"),
		       "is not a uint");
	assert_refused(DECODE(MSG_ROWS_END, "\x81\xa5"
					    "files\xff"),
		       "is not a uint");
	assert_refused(DECODE(MSG_ROWS_END, "\x81\xa5"
					    "files\xc0"),
		       "is not a uint");
	assert_refused(DECODE(MSG_VIEW, "\x81\xa4more\x01"), "is not a bool");
	assert_refused(DECODE(MSG_VIEW, "\x81\xa6layers\x80"), "is not an array");
	assert_refused(DECODE(MSG_VIEW, "\x81\xa6layers\x91\xa1x"), "is not a map");
	assert_refused(DECODE(MSG_COMMIT, "\x81\xa4root\xa1x"), "is not a bin");
	assert_refused(DECODE(MSG_LOG, "\x81\xa8workflow\xc4\x01x"), "is not a str");
	assert_refused(DECODE(MSG_KEEPALIVE, "\x90"), "is not a map");
	assert_refused(DECODE(MSG_KEEPALIVE, "\x81\x01\x02"), "key that is not a str");
	assert_refused(DECODE(MSG_KEEPALIVE, "\x81\xc4\x01x\x02"),
		       "key that is not a str");
}

static void required_keys_are_required(void **state)
{
	(void)state;
	assert_refused(DECODE(MSG_HELLO, "\x80"), "HELLO: `versions` is required");
	assert_refused(DECODE(MSG_LOG, "\x81\xa8workflow\xa0"), "`workflow` is empty");
	assert_refused(DECODE(MSG_PERSIST, "\x81\xa8workflow\xa1w"), "`job` is required");
	assert_refused(DECODE(MSG_COMMITTED, "\x81\xa5layer\x80"),
		       "`layer.layer` is req");
	assert_int_equal(DECODE(MSG_ATTACH, "\x81\xa8workflow\xa1w"), 0);
	assert_int_equal(DECODE(MSG_COMMIT, "\x81\xa4root\xc4\x00"), 0);
}

static void texts_keep_their_limits(void **state)
{
	(void)state;
	char name[NAME_LEN_MAX + 2];
	memset(name, 'n', sizeof(name));
	struct msg_log log = {.identity.workflow = {.at = name, .len = NAME_LEN_MAX}};
	struct buffer payload AUTO(buffer_fini) = {0};
	message_encode(&payload, MSG_LOG, &log);
	assert_int_equal(decode(MSG_LOG, payload.at, payload.len), 0);
	log.identity.workflow.len++;
	buffer_clear(&payload);
	message_encode(&payload, MSG_LOG, &log);
	assert_refused(decode(MSG_LOG, payload.at, payload.len), "is too long");
	assert_refused(DECODE(MSG_ATTACHED, "\x81\xa6"
					    "digest\xc4\x01x"),
		       "wrong length");
	assert_refused(DECODE(MSG_ATTACHED, "\x81\xa6"
					    "digest\xc4\x00"),
		       "wrong length");
}

static void strings_are_utf8_without_control_characters(void **state)
{
	(void)state;
	assert_refused(DECODE(MSG_LOG, "\x81\xa8workflow\xa1\x1f"), "control characters");
	assert_refused(DECODE(MSG_LOG, "\x81\xa8workflow\xa1\x00"), "control characters");
	assert_refused(DECODE(MSG_LOG, "\x81\xa8workflow\xa1\x7f"), "control characters");
	assert_refused(DECODE(MSG_LOG, "\x81\xa8workflow\xa1\xff"), "control characters");
	assert_refused(DECODE(MSG_LOG, "\x81\xa8workflow\xa2\xc2\x9b"), "control char");
	assert_refused(DECODE(MSG_LOG, "\x81\xa8workflow\xa2\xc0\xaf"), "control char");
	assert_refused(DECODE(MSG_LOG, "\x81\xa8workflow\xa3\xed\xa0\x80"), "control");
	assert_int_equal(DECODE(MSG_LOG, "\x81\xa8workflow\xa2\xc2\xa0"), 0);
	assert_int_equal(DECODE(MSG_LOG, "\x81\xa8workflow\xa4\xf0\x9f\x8f\x83"), 0);
}

static void patterns_are_bytes_without_nul_and_bounded_in_number(void **state)
{
	(void)state;
	assert_refused(DECODE(MSG_ATTACH, "\x82\xa8workflow\xa1w\xa4only\x91\xc4\x02"
					  "a\x00"),
		       "`only` has a NUL");
	struct text *jobs AUTO_FREE = calloc(NEEDS_MAX + 1, sizeof(*jobs));
	struct msg_attach attach = {
		.identity.workflow = T("w"),
		.from = {.items = jobs, .count = NEEDS_MAX},
	};
	struct buffer payload AUTO(buffer_fini) = {0};
	message_encode(&payload, MSG_ATTACH, &attach);
	assert_int_equal(decode(MSG_ATTACH, payload.at, payload.len), 0);
	attach.from.count++;
	buffer_clear(&payload);
	message_encode(&payload, MSG_ATTACH, &attach);
	assert_refused(decode(MSG_ATTACH, payload.at, payload.len), "too many entries");
}

static void sentences_are_cleaned_and_cut_when_encoded(void **state)
{
	(void)state;
	char text[ERROR_TEXT_SIZE + 1];
	memset(text, 'x', sizeof(text));
	memcpy(text, "a\nb\xff", 4);
	memcpy(text + ERROR_TEXT_SIZE - 2, "\xc3\xbc", 2);
	struct msg_error sent = {.code = 1, .message = {text, sizeof(text)}};
	struct buffer payload AUTO(buffer_fini) = {0};
	message_encode(&payload, MSG_ERROR, &sent);
	struct message_memory memory AUTO(message_memory_fini) = {0};
	struct msg_error got;
	struct error error;
	assert_int_equal(
		message_decode(&memory, MSG_ERROR, payload.at, payload.len, &got, &error),
		0);
	assert_int_equal(got.message.len, ERROR_TEXT_SIZE - 2);
	assert_memory_equal(got.message.at, "a?b?x", 5);
	assert_true(text_is_clean(got.message));
}

static void an_unclean_error_is_accepted_and_other_sentences_are_not(void **state)
{
	(void)state;
	assert_int_equal(DECODE(MSG_ERROR, "\x82\xa4"
					   "code\x01\xa7message\xa2\xff\n"),
			 0);
	assert_refused(DECODE(MSG_VIEW, "\x81\xa8warnings\x91\xa1\n"), "control char");
}

static void floats_extensions_and_reserved_bytes_are_refused(void **state)
{
	(void)state;
	static const uint8_t firsts[] = {0xc1, 0xc7, 0xc8, 0xc9, 0xca, 0xcb,
					 0xd4, 0xd5, 0xd6, 0xd7, 0xd8};
	for (size_t i = 0; i < sizeof(firsts); i++) {
		uint8_t payload[32] = {0x81, 0xa1, 'x', firsts[i]};
		assert_refused(decode(MSG_KEEPALIVE, payload, sizeof(payload)),
			       "a float, an extension or a reserved byte");
	}
}

static void bytes_behind_the_end_are_refused(void **state)
{
	(void)state;
	assert_refused(DECODE(MSG_KEEPALIVE, "\x80\x80"), "bytes behind its end");
	assert_refused(DECODE(MSG_KEEPALIVE, ""), "in the middle of an object");
}

static void every_truncation_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < MESSAGE_EXAMPLES; i++) {
		struct buffer payload AUTO(buffer_fini) = {0};
		message_encode(&payload, message_examples[i].type,
			       message_examples[i].full);
		for (size_t len = 0; len < payload.len; len++)
			assert_int_equal(
				decode(message_examples[i].type, payload.at, len),
				ERR_PROTOCOL);
	}
}

static void depth_is_bounded(void **state)
{
	(void)state;
	/* A map whose unknown key holds arrays in arrays: 6 containers, then 7. */
	assert_int_equal(DECODE(MSG_KEEPALIVE, "\x81\xa1x\x91\x91\x91\x91\x90"), 0);
	assert_refused(DECODE(MSG_KEEPALIVE, "\x81\xa1x\x91\x91\x91\x91\x91\x90"),
		       "nested too deep");
	size_t len = CONTROL_LEN_MAX;
	uint8_t *bomb AUTO_FREE = malloc(len);
	memset(bomb, 0x91, len);
	assert_refused(decode(MSG_KEEPALIVE, bomb, len), "nested too deep");
	memset(bomb, 0x81, len);
	assert_refused(decode(MSG_KEEPALIVE, bomb, len), "nested too deep");
}

static void nils_by_the_million_are_refused(void **state)
{
	(void)state;
	size_t len = 4u * 1024 * 1024;
	uint8_t *nils AUTO_FREE = malloc(len);
	memset(nils, 0xc0, len);
	memcpy(nils, "\xdd\x00\x3f\xff\xfb", 5);
	assert_refused(decode(MSG_KEEPALIVE, nils, len), "longer than a control message");
	memcpy(nils, "\xdd\x00\x03\xff\xfb", 5);
	assert_refused(decode(MSG_KEEPALIVE, nils, CONTROL_LEN_MAX), "too many objects");
}

static void the_limit_of_objects_is_exact(void **state)
{
	(void)state;
	/* The map, its key, the array and its nils. */
	uint32_t nils = CONTROL_OBJECTS_MAX - 3;
	uint8_t payload[6 + CONTROL_OBJECTS_MAX] = {0x81, 0xa1, 'x', 0xdc};
	memset(payload + 6, 0xc0, CONTROL_OBJECTS_MAX);
	payload[4] = (uint8_t)(nils >> 8);
	payload[5] = (uint8_t)nils;
	assert_int_equal(decode(MSG_KEEPALIVE, payload, 6 + nils), 0);
	payload[4] = (uint8_t)((nils + 1) >> 8);
	payload[5] = (uint8_t)(nils + 1);
	assert_refused(decode(MSG_KEEPALIVE, payload, 6 + nils + 1), "too many objects");
}

/* Runs in a child that may not have 64 MiB more: 0 if all was refused. */
static int declare_much_in_little_memory(void)
{
	static const struct {
		const char *bytes;
		size_t len;
	} bombs[] = {
		{"\xdd\x20\x00\x00\x00", 5},
		{"\xdd\xff\xff\xff\xff", 5},
		{"\xdf\x20\x00\x00\x00", 5},
		{"\xdf\xff\xff\xff\xff", 5},
		{"\xdc\xff\xff", 3},
		{"\xde\xff\xff", 3},
		{"\xdb\xff\xff\xff\xff", 5},
		{"\xc6\xff\xff\xff\xff", 5},
		{"\x81\xa1x\xdd\x20\x00\x00\x00", 8},
		{"\x81\xa6layers\xdd\x20\x00\x00\x00", 13},
		{"\x81\xa1x\xc9\xff\xff\xff\xff\x01", 9},
	};
	struct rlimit limit = {.rlim_cur = 64u << 20, .rlim_max = 64u << 20};
	if (!UNDER_ASAN && setrlimit(RLIMIT_AS, &limit) != 0)
		return 2;
	for (size_t i = 0; i < sizeof(bombs) / sizeof(bombs[0]); i++) {
		struct message_memory memory AUTO(message_memory_fini) = {0};
		struct msg_view view;
		struct error error;
		if (message_decode(&memory, MSG_VIEW, bombs[i].bytes, bombs[i].len, &view,
				   &error) != ERR_PROTOCOL ||
		    memory.zone)
			return 1;
	}
	return 0;
}

static void declared_counts_reserve_nothing(void **state)
{
	(void)state;
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0)
		_exit(declare_much_in_little_memory());
	int status = -1;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void mutate(struct buffer *payload)
{
	uint32_t changes = 1 + random_below(4);
	for (uint32_t i = 0; i < changes && payload->len > 0; i++) {
		uint32_t at = random_below((uint32_t)payload->len);
		switch (random_below(4)) {
		case 0:
			payload->at[at] = (uint8_t)random_below(256);
			break;
		case 1:
			payload->at[at] ^= (uint8_t)(1u << random_below(8));
			break;
		case 2:
			payload->at[at] = (uint8_t)(0xc0 + random_below(32));
			break;
		default:
			payload->len -= random_below(2) ? 0 : 1;
		}
	}
}

static void mutations_are_decoded_or_refused(void **state)
{
	(void)state;
	size_t accepted = 0;
	for (uint32_t i = 0; i < 40000; i++) {
		const struct message_example *example =
			&message_examples[i % MESSAGE_EXAMPLES];
		struct buffer payload AUTO(buffer_fini) = {0};
		message_encode(&payload, example->type, example->full);
		mutate(&payload);
		int ret = decode(example->type, payload.at, payload.len);
		assert_true(ret == 0 || ret == ERR_PROTOCOL);
		assert_true(ret == 0 || strlen(refused.text) > 0);
		accepted += ret == 0;
	}
	assert_true(accepted > 0 && accepted < 40000);
}

static void a_failed_decode_leaves_a_zeroed_struct(void **state)
{
	(void)state;
	struct message_memory memory AUTO(message_memory_fini) = {0};
	struct msg_rows_end end = {.units = 9};
	struct msg_rows_end zero = {0};
	struct error error;
	static const char payload[] = "\x82\xa5"
				      "files\x07\xa5"
				      "bytes\xc0";
	assert_int_equal(message_decode(&memory, MSG_ROWS_END, payload,
					sizeof(payload) - 1, &end, &error),
			 ERR_PROTOCOL);
	assert_memory_equal(&end, &zero, sizeof(end));
}

static void text_clean_cuts_behind_whole_characters(void **state)
{
	(void)state;
	char out[6];
	assert_int_equal(text_clean(text_of("ab\xc3\xbc\xc3\xbc"), out, sizeof(out)), 4);
	assert_string_equal(out, "ab\xc3\xbc");
	assert_int_equal(text_clean(text_of("abcdefgh"), out, sizeof(out)), 5);
	assert_string_equal(out, "abcde");
	assert_int_equal(text_clean(text_of(NULL), out, 1), 0);
	assert_string_equal(out, "");
	assert_int_equal(text_clean(text_of("\xf0\x9f\x8f"), out, sizeof(out)), 3);
	assert_string_equal(out, "???");
}

static void types_have_names_and_kinds(void **state)
{
	(void)state;
	assert_string_equal(message_type_name(MSG_ROWS_END), "ROWS_END");
	assert_null(message_type_name(0));
	assert_null(message_type_name(5));
	assert_null(message_type_name(52));
	assert_null(message_type_name(UINT16_MAX));
	assert_true(message_type_is_bulk(MSG_ROOT));
	assert_false(message_type_is_bulk(MSG_COMMIT));
	assert_false(message_type_is_bulk(5));
}

int main(void)
{
	random_begin(20261104);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_message_survives_a_round_trip),
		cmocka_unit_test(the_full_examples_have_every_key),
		cmocka_unit_test(every_control_type_has_an_example),
		cmocka_unit_test(decoded_values_are_those_encoded),
		cmocka_unit_test(a_map_that_is_not_there_is_marked_so),
		cmocka_unit_test(numbers_of_every_width_are_read),
		cmocka_unit_test(unknown_keys_are_ignored),
		cmocka_unit_test(unknown_critical_keys_are_refused_by_name),
		cmocka_unit_test(duplicate_keys_are_refused),
		cmocka_unit_test(wrong_types_are_refused),
		cmocka_unit_test(required_keys_are_required),
		cmocka_unit_test(texts_keep_their_limits),
		cmocka_unit_test(strings_are_utf8_without_control_characters),
		cmocka_unit_test(patterns_are_bytes_without_nul_and_bounded_in_number),
		cmocka_unit_test(sentences_are_cleaned_and_cut_when_encoded),
		cmocka_unit_test(
			an_unclean_error_is_accepted_and_other_sentences_are_not),
		cmocka_unit_test(floats_extensions_and_reserved_bytes_are_refused),
		cmocka_unit_test(bytes_behind_the_end_are_refused),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(depth_is_bounded),
		cmocka_unit_test(nils_by_the_million_are_refused),
		cmocka_unit_test(the_limit_of_objects_is_exact),
		cmocka_unit_test(declared_counts_reserve_nothing),
		cmocka_unit_test(mutations_are_decoded_or_refused),
		cmocka_unit_test(a_failed_decode_leaves_a_zeroed_struct),
		cmocka_unit_test(text_clean_cuts_behind_whole_characters),
		cmocka_unit_test(types_have_names_and_kinds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
