/* Messages over a socket pair: both ways, in pieces, too long, too late, cut off. */
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/base/advice.h"
#include "proto/base/cleanup.h"
#include "proto/link/link.h"
#include "tests/harness/message_examples.h"

/* A link, and the other end as a plain descriptor. */
struct pair {
	struct link link;
	int far;  /* owned */
	int wake; /* owned */
	struct error error;
};

static void pair_init(struct pair *pair)
{
	int ends[2];
	*pair = (struct pair){0};
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	pair->far = ends[1];
	pair->wake = eventfd(0, EFD_CLOEXEC);
	link_init(&pair->link, transport_of_socket(ends[0]), pair->wake, "the peer");
	link_greeted(&pair->link);
	pair->link.silence_ms = 10000;
}

static void close_far(struct pair *pair)
{
	cleanup_fd_(&pair->far);
	pair->far = -1;
}

static void pair_fini(struct pair *pair)
{
	link_fini(&pair->link);
	close_far(pair);
	(void)close(pair->wake);
}

static void wake(struct pair *pair)
{
	uint64_t one = 1;
	assert_int_equal(write(pair->wake, &one, sizeof(one)), sizeof(one));
}

static void far_write(struct pair *pair, const void *data, size_t len)
{
	assert_int_equal(send(pair->far, data, len, MSG_NOSIGNAL), len);
}

/* A message as it stands on the wire. */
static void put_message(struct buffer *out, uint16_t type, uint8_t flags,
			const void *payload, size_t len)
{
	buffer_put_u32(out, (uint32_t)len);
	buffer_put_u16(out, type);
	buffer_put_u8(out, flags);
	buffer_put_u8(out, 0);
	buffer_put(out, payload, len);
}

static void far_send(struct pair *pair, uint16_t type, uint8_t flags, const void *payload,
		     size_t len)
{
	struct buffer wire AUTO(buffer_fini) = {0};
	put_message(&wire, type, flags, payload, len);
	far_write(pair, wire.at, wire.len);
}

static void assert_far_reads(struct pair *pair, const void *expected, size_t len)
{
	uint8_t *got AUTO_FREE = malloc(len);
	assert_int_equal(recv(pair->far, got, len, MSG_WAITALL), len);
	assert_memory_equal(got, expected, len);
}

static int receive(struct pair *pair, uint16_t *ret_type, size_t *ret_len)
{
	struct link_message message = {0};
	int ret = link_receive(&pair->link, &message, 0, &pair->error);
	*ret_type = message.type;
	*ret_len = message.len;
	free(message.payload);
	return ret;
}

static int receive_any(struct pair *pair)
{
	uint16_t type;
	size_t len;
	return receive(pair, &type, &len);
}

#define assert_says(pair, what) assert_non_null(strstr((pair)->error.text, what))

static void a_sent_message_has_header_and_pieces(void **state)
{
	(void)state;
	struct pair pair AUTO(pair_fini);
	pair_init(&pair);
	char first[] = "abc", second[] = "", third[] = "de";
	struct iovec pieces[] = {{first, 3}, {second, 0}, {third, 2}};
	assert_int_equal(link_send(&pair.link, MSG_ASK, pieces, 3, &pair.error), 0);
	assert_far_reads(&pair, "\x05\0\0\0\x12\0\x01\0abcde", 13);
	assert_int_equal(link_send(&pair.link, MSG_ASK, NULL, 0, &pair.error), 0);
	assert_far_reads(&pair, "\0\0\0\0\x12\0\x01\0", 8);
	assert_true(pair.link.sent_bytes == 21);
}

static void keepalive_alone_is_not_critical(void **state)
{
	(void)state;
	struct pair pair AUTO(pair_fini);
	pair_init(&pair);
	struct msg_empty nothing = {0};
	assert_int_equal(
		link_send_control(&pair.link, MSG_KEEPALIVE, &nothing, &pair.error), 0);
	assert_far_reads(&pair, "\x01\0\0\0\x04\0\0\0\x80", 9);
	assert_int_equal(link_send_control(&pair.link, MSG_STATUS, &nothing, &pair.error),
			 0);
	assert_far_reads(&pair, "\x01\0\0\0\x32\0\x01\0\x80", 9);
}

static void every_control_message_crosses_a_link(void **state)
{
	(void)state;
	struct pair pair AUTO(pair_fini);
	pair_init(&pair);
	struct link other AUTO(link_fini) = {0};
	link_init(&other, transport_of_socket(take_fd(&pair.far)), -1, "the other");
	link_greeted(&other);
	for (size_t i = 0; i < MESSAGE_EXAMPLES; i++) {
		uint16_t type = message_examples[i].type;
		if (type == MSG_KEEPALIVE || type == MSG_ERROR)
			continue;
		assert_int_equal(link_send_control(&other, type, message_examples[i].full,
						   &pair.error),
				 0);
		struct link_message message;
		assert_int_equal(link_expect(&pair.link, type, &message, &pair.error), 0);
		struct buffer expected AUTO(buffer_fini) = {0};
		message_encode(&expected, type, message_examples[i].full);
		assert_int_equal(message.len, expected.len);
		assert_memory_equal(message.payload, expected.at, expected.len);
		free(message.payload);
	}
}

/* What arrives in the tests of splitting: bulk, skipped, KEEPALIVE, control, bulk. */
static void put_stream(struct buffer *out)
{
	put_message(out, MSG_ASK, 1, "first", 5);
	put_message(out, 900, 0, "from the future", 15);
	put_message(out, MSG_KEEPALIVE, 0, "\x80", 1);
	put_message(out, MSG_STATUS, 1, "\x80", 1);
	put_message(out, MSG_STORED, 1, "", 0);
	put_message(out, MSG_WANT, 1, "last", 4);
}

/* Reads what there is; a link that finds nothing more times out and can go on later. */
static size_t receive_stream(struct pair *pair, size_t next)
{
	static const struct {
		uint16_t type;
		size_t len;
	} expected[] = {{MSG_ASK, 5}, {MSG_STATUS, 1}, {MSG_STORED, 0}, {MSG_WANT, 4}};
	while (next < 4) {
		if (pair->link.early_len == 0 &&
		    link_wait(&pair->link, 0, &pair->error) == 0)
			break;
		uint16_t type;
		size_t len;
		assert_int_equal(receive(pair, &type, &len), 0);
		assert_int_equal(type, expected[next].type);
		assert_int_equal(len, expected[next].len);
		next++;
	}
	return next;
}

struct late_writer {
	int fd;
	const uint8_t *at;
	size_t len;
};

static void *write_late(void *argument)
{
	struct late_writer *writer = argument;
	(void)!send(writer->fd, writer->at, writer->len, MSG_NOSIGNAL);
	return NULL;
}

static void messages_arrive_whole_at_every_split(void **state)
{
	(void)state;
	struct buffer wire AUTO(buffer_fini) = {0};
	put_stream(&wire);
	for (size_t split = 1; split < wire.len; split++) {
		struct pair pair AUTO(pair_fini);
		pair_init(&pair);
		far_write(&pair, wire.at, split);
		struct late_writer rest = {pair.far, wire.at + split, wire.len - split};
		pthread_t thread;
		assert_int_equal(pthread_create(&thread, NULL, write_late, &rest), 0);
		size_t next = 0;
		while (next < 4)
			next = receive_stream(&pair, next);
		assert_int_equal(pthread_join(thread, NULL), 0);
		assert_true(pair.link.received_bytes == wire.len);
	}
}

static void *write_byte_by_byte(void *argument)
{
	struct late_writer *writer = argument;
	for (size_t i = 0; i < writer->len; i++)
		(void)!send(writer->fd, writer->at + i, 1, MSG_NOSIGNAL);
	return NULL;
}

static void messages_arrive_whole_byte_by_byte(void **state)
{
	(void)state;
	struct buffer wire AUTO(buffer_fini) = {0};
	put_stream(&wire);
	struct pair pair AUTO(pair_fini);
	pair_init(&pair);
	struct late_writer all = {pair.far, wire.at, wire.len};
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, write_byte_by_byte, &all), 0);
	size_t next = 0;
	while (next < 4)
		next = receive_stream(&pair, next);
	assert_int_equal(pthread_join(thread, NULL), 0);
}

static void a_header_read_ahead_counts_as_input(void **state)
{
	(void)state;
	struct pair pair AUTO(pair_fini);
	pair_init(&pair);
	struct buffer wire AUTO(buffer_fini) = {0};
	put_message(&wire, MSG_ASK, 1, "x", 1);
	put_message(&wire, MSG_STORED, 1, "", 0);
	far_write(&pair, wire.at, wire.len);
	assert_int_equal(receive_any(&pair), 0);
	assert_int_equal(pair.link.early_len, 8);
	assert_int_equal(link_wait(&pair.link, 0, &pair.error), 1);
	assert_int_equal(receive_any(&pair), 0);
	assert_int_equal(link_wait(&pair.link, 0, &pair.error), 0);
}

static void nothing_is_read_ahead_behind_a_control_message(void **state)
{
	(void)state;
	struct pair pair AUTO(pair_fini);
	pair_init(&pair);
	far_send(&pair, MSG_STATUS, 1, "\x80", 1);
	far_send(&pair, MSG_STATUS, 1, "\x80", 1);
	assert_int_equal(receive_any(&pair), 0);
	assert_int_equal(pair.link.early_len, 0);
}

static void a_payload_lands_in_the_callers_buffer_if_it_fits(void **state)
{
	(void)state;
	struct pair pair AUTO(pair_fini);
	pair_init(&pair);
	uint8_t mine[5];
	struct link_message message = {.payload = mine};
	far_send(&pair, MSG_ASK, 1, "12345", 5);
	assert_int_equal(link_receive(&pair.link, &message, sizeof(mine), &pair.error),
			 0);
	assert_ptr_equal(message.payload, mine);
	assert_memory_equal(mine, "12345", 5);
	far_send(&pair, MSG_ASK, 1, "123456", 6);
	assert_int_equal(link_receive(&pair.link, &message, sizeof(mine), &pair.error),
			 0);
	assert_ptr_not_equal(message.payload, mine);
	assert_memory_equal(message.payload, "123456", 6);
	free(message.payload);
}

static void limits_are_checked_before_memory_is_reserved(void **state)
{
	(void)state;
	static const struct {
		uint16_t type;
		uint32_t len;
		bool greeted;
		const char *says;
	} cases[] = {
		{MSG_HELLO, HELLO_LEN_MAX + 1, false, "at most 20480"},
		{MSG_ASK, 1, false, "before the greeting"},
		{MSG_PERSIST, CONTROL_LEN_MAX + 1, true, "at most 262144"},
		{MSG_UNITS, BULK_LEN_MAX + 1, true, "at most 3145728"},
		{MSG_UNITS, UINT32_MAX, true, "at most 3145728"},
		{900, BULK_LEN_MAX + 1, true, "type 900 (unknown)"},
		{900, HELLO_LEN_MAX + 1, false, "at most 20480"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct pair pair AUTO(pair_fini);
		pair_init(&pair);
		if (!cases[i].greeted) {
			pair.link.control_max = HELLO_LEN_MAX;
			pair.link.bulk_max = 0;
		}
		struct buffer header AUTO(buffer_fini) = {0};
		buffer_put_u32(&header, cases[i].len);
		buffer_put_u16(&header, cases[i].type);
		buffer_put_u16(&header, 0);
		far_write(&pair, header.at, header.len);
		assert_int_equal(receive_any(&pair), ERR_PROTOCOL);
		assert_says(&pair, cases[i].says);
		assert_int_equal(receive_any(&pair), ERR_LOST);
	}
}

static void what_is_no_message_is_refused_and_can_be_looked_at(void **state)
{
	(void)state;
	struct pair pair AUTO(pair_fini);
	pair_init(&pair);
	far_write(&pair, "GET / HTTP/1.1\r\n\r\n", 18);
	assert_int_equal(receive_any(&pair), ERR_PROTOCOL);
	assert_says(&pair, "not a message");
	assert_memory_equal(pair.link.early, "GET / HT", 8);
}

static void unknown_critical_types_are_refused_by_number(void **state)
{
	(void)state;
	struct pair pair AUTO(pair_fini);
	pair_init(&pair);
	far_send(&pair, 900, MSG_FLAG_CRITICAL, "x", 1);
	assert_int_equal(receive_any(&pair), ERR_PROTOCOL);
	assert_says(&pair, "type 900");
}

static void messages_too_long_to_be_accepted_are_not_sent(void **state)
{
	(void)state;
	struct pair pair AUTO(pair_fini);
	pair_init(&pair);
	void *zeros AUTO_FREE = calloc(1, CONTROL_LEN_MAX + 1);
	struct iovec piece = {zeros, CONTROL_LEN_MAX + 1};
	assert_int_equal(link_send(&pair.link, MSG_ATTACH, &piece, 1, &pair.error),
			 ERR_LIMIT);
	assert_says(&pair, "ATTACH");
	assert_true(pair.link.sent_bytes == 0);
}

static void an_error_is_turned_into_code_and_clean_sentence(void **state)
{
	(void)state;
	struct pair pair AUTO(pair_fini);
	pair_init(&pair);
	static const char payload[] = "\x83\xa4"
				      "code\x10\xa7message\xa5"
				      "a\x1b[b\xff"
				      "\xa8retry_ms\xcd\x05\xdc";
	far_send(&pair, MSG_ERROR, 1, payload, sizeof(payload) - 1);
	assert_int_equal(receive_any(&pair), ERR_BUSY);
	assert_string_equal(pair.error.text, "a?[b?");
	struct message_memory memory AUTO(message_memory_fini) = {0};
	struct msg_error last;
	assert_true(link_last_error(&pair.link, &memory, &last));
	assert_true(last.retry_ms == 1500);
	far_send(&pair, MSG_STATUS, 1, "\x80", 1);
	assert_int_equal(receive_any(&pair), 0);
	assert_false(link_last_error(&pair.link, &memory, &last));
}

static void errors_with_foreign_codes_or_no_sentence_still_say_something(void **state)
{
	(void)state;
	struct pair pair AUTO(pair_fini);
	pair_init(&pair);
	far_send(&pair, MSG_ERROR, 1,
		 "\x81\xa4"
		 "code\x0e",
		 7);
	assert_int_equal(receive_any(&pair), ERR_LOST);
	assert_says(&pair, error_text(ERR_LOST));
	static const char wide[] = "\x81\xa4"
				   "code\xcf\x00\x00\x00\x01\x00\x00\x00\x02";
	far_send(&pair, MSG_ERROR, 1, wide, sizeof(wide) - 1);
	assert_int_equal(error_exit_status(receive_any(&pair)), 7);
	assert_says(&pair, error_text(0));
	static const char told[] = "\x83\xa4"
				   "code\x1b\xa4"
				   "exit\x05\xa7message\xa2no";
	far_send(&pair, MSG_ERROR, 1, told, sizeof(told) - 1);
	assert_int_equal(error_exit_status(receive_any(&pair)), 5);
	assert_string_equal(pair.error.text, "no");
	far_send(&pair, MSG_ERROR, 1, "\x80", 1);
	assert_int_equal(receive_any(&pair), ERR_PROTOCOL);
	struct message_memory memory AUTO(message_memory_fini) = {0};
	struct msg_error last;
	assert_false(link_last_error(&pair.link, &memory, &last));
}

static void an_error_brings_what_is_advised_as_far_as_it_is_known(void **state)
{
	(void)state;
	struct pair pair AUTO(pair_fini);
	pair_init(&pair);
	static const char payload[] = "\x83\xa4"
				      "code\x10\xa7message\xa2no\xa6"
				      "advice\x93\xa9stale-too\xa5newer\xacname-wo"
				      "rkflo";
	far_send(&pair, MSG_ERROR, 1, payload, sizeof(payload) - 1);
	assert_int_equal(receive_any(&pair), ERR_BUSY);
	assert_string_equal(pair.error.text, "no");
	assert_int_equal(pair.error.advice, ADVICE_STALE_TOO);
}

static void expecting_another_type_names_both(void **state)
{
	(void)state;
	struct pair pair AUTO(pair_fini);
	pair_init(&pair);
	far_send(&pair, MSG_OFFER, 1, "", 0);
	struct link_message message;
	assert_int_equal(link_expect(&pair.link, MSG_READY, &message, &pair.error),
			 ERR_PROTOCOL);
	assert_string_equal(pair.error.text, "the peer sent OFFER where READY was due");
}

/* Rule A11: what counts is what moves, not that somebody is there. */
static void
a11_the_meter_counts_bytes_but_not_keepalives_and_waits_but_not_work(void **state)
{
	(void)state;
	struct pair pair AUTO(pair_fini);
	struct link_meter meter = {0};
	struct link_message message = {0};
	pair_init(&pair);
	pair.link.meter = &meter;
	pair.link.silence_ms = 20;
	assert_int_equal(link_meter_read(&meter).waited_ms, 0);
	for (size_t i = 0; i < 100; i++)
		far_send(&pair, MSG_KEEPALIVE, 0, "\x80", 1);
	far_send(&pair, 999, 0, "unknown", 7);
	assert_int_equal(link_receive(&pair.link, &message, 0, &pair.error), ERR_TIMEOUT);
	struct link_pace pace = link_meter_read(&meter);
	assert_int_equal(pace.moved, 0);
	assert_true(pace.waited_ms >= 20);
	far_send(&pair, MSG_STORED, 0, "\0\0\0", 4);
	assert_int_equal(link_expect(&pair.link, MSG_STORED, &message, &pair.error), 0);
	free(message.payload);
	message = (struct link_message){0};
	pair.link.worked_bytes += 1000;
	assert_int_equal(link_receive(&pair.link, &message, 0, &pair.error), ERR_TIMEOUT);
	assert_int_equal(link_meter_read(&meter).moved, WIRE_HEADER_LEN + 4 + 1000);
	assert_true(link_meter_read(&meter).waited_ms >= 40);
	/* A wait that goes on is counted, too. */
	link_meter_begin(&meter, 5);
	uint64_t before = link_meter_read(&meter).waited_ms;
	while (link_meter_read(&meter).waited_ms == before)
		;
	link_meter_end(&meter);
	assert_int_equal(link_meter_read(&meter).moved, 5);
	assert_true(link_meter_read(&meter).waited_ms > before);
}

static void a_keepalive_must_be_a_map_too(void **state)
{
	(void)state;
	struct pair pair AUTO(pair_fini);
	pair_init(&pair);
	far_send(&pair, MSG_KEEPALIVE, 0, "\x81\xa2!x\x01", 5);
	assert_int_equal(receive_any(&pair), ERR_PROTOCOL);
	assert_says(&pair, "`!x`");
}

static void the_end_between_messages_and_within_one_differ(void **state)
{
	(void)state;
	struct buffer wire AUTO(buffer_fini) = {0};
	put_message(&wire, MSG_ASK, 1, "0123456789", 10);
	for (size_t len = 0; len < wire.len; len++) {
		struct pair pair AUTO(pair_fini);
		pair_init(&pair);
		if (len > 0)
			far_write(&pair, wire.at, len);
		close_far(&pair);
		assert_int_equal(receive_any(&pair), ERR_LOST);
		assert_string_equal(pair.error.text,
				    len == 0 ? "the peer closed the connection"
					     : "the peer closed the connection in the "
					       "middle of a message");
	}
}

static void sending_to_nobody_is_lost(void **state)
{
	(void)state;
	struct pair pair AUTO(pair_fini);
	pair_init(&pair);
	close_far(&pair);
	char data[] = "x";
	struct iovec piece = {data, 1};
	assert_int_equal(link_send(&pair.link, MSG_ASK, &piece, 1, &pair.error),
			 ERR_LOST);
	assert_string_equal(pair.error.text, "the peer closed the connection");
	assert_int_equal(link_wait(&pair.link, -1, &pair.error), ERR_LOST);
}

static void silence_ends_waiting(void **state)
{
	(void)state;
	struct pair pair AUTO(pair_fini);
	pair_init(&pair);
	pair.link.silence_ms = 5;
	assert_int_equal(receive_any(&pair), ERR_TIMEOUT);
	assert_says(&pair, "0.005 seconds");
	far_send(&pair, MSG_STATUS, 1, "\x80", 1);
	assert_int_equal(receive_any(&pair), 0);
	size_t len = BULK_LEN_MAX;
	void *zeros AUTO_FREE = calloc(1, len);
	struct iovec piece = {zeros, len};
	assert_int_equal(setsockopt(pair.link.transport.fd, SOL_SOCKET, SO_SNDBUF,
				    &(int){4096}, sizeof(int)),
			 0);
	assert_int_equal(link_send(&pair.link, MSG_UNITS, &piece, 1, &pair.error),
			 ERR_TIMEOUT);
	assert_int_equal(link_send(&pair.link, MSG_UNITS, &piece, 1, &pair.error),
			 ERR_LOST);
}

static void a_header_that_came_in_part_survives_a_timeout(void **state)
{
	(void)state;
	struct pair pair AUTO(pair_fini);
	pair_init(&pair);
	pair.link.silence_ms = 5;
	struct buffer wire AUTO(buffer_fini) = {0};
	put_message(&wire, MSG_ASK, 1, "x", 1);
	far_write(&pair, wire.at, 3);
	assert_int_equal(receive_any(&pair), ERR_TIMEOUT);
	far_write(&pair, wire.at + 3, wire.len - 3);
	assert_int_equal(receive_any(&pair), 0);
}

static void a_payload_that_came_in_part_tears_the_link(void **state)
{
	(void)state;
	struct pair pair AUTO(pair_fini);
	pair_init(&pair);
	pair.link.silence_ms = 5;
	struct buffer wire AUTO(buffer_fini) = {0};
	put_message(&wire, MSG_ASK, 1, "xy", 2);
	far_write(&pair, wire.at, wire.len - 1);
	assert_int_equal(receive_any(&pair), ERR_TIMEOUT);
	far_write(&pair, wire.at + wire.len - 1, 1);
	assert_int_equal(receive_any(&pair), ERR_LOST);
}

static void the_wake_up_interrupts_everything(void **state)
{
	(void)state;
	struct pair pair AUTO(pair_fini);
	pair_init(&pair);
	wake(&pair);
	far_send(&pair, MSG_STATUS, 1, "\x80", 1);
	struct msg_empty nothing = {0};
	assert_int_equal(receive_any(&pair), ERR_INTERRUPTED);
	assert_int_equal(link_wait(&pair.link, -1, &pair.error), ERR_INTERRUPTED);
	assert_int_equal(link_send_control(&pair.link, MSG_STATUS, &nothing, &pair.error),
			 ERR_INTERRUPTED);
	assert_true(pair.link.sent_bytes == 0);
	/* It may still say why. */
	pair.link.wake_fd = -1;
	assert_int_equal(
		link_send_control(&pair.link, MSG_ERROR, &full_error, &pair.error), 0);
	assert_int_equal(receive_any(&pair), 0);
}

static void *wake_later(void *pair)
{
	wake(pair);
	return NULL;
}

static void the_wake_up_interrupts_who_already_waits(void **state)
{
	(void)state;
	struct pair pair AUTO(pair_fini);
	pair_init(&pair);
	pair.link.silence_ms = -1;
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, wake_later, &pair), 0);
	assert_int_equal(receive_any(&pair), ERR_INTERRUPTED);
	assert_int_equal(pthread_join(thread, NULL), 0);
}

#define QUESTIONS 200u
#define QUESTION_LEN (64u * 1024u)

/* Writes all its questions before it reads a single answer. */
static void *ask_everything_first(void *argument)
{
	struct link *link = argument;
	struct error error;
	uint8_t *question AUTO_FREE = calloc(1, QUESTION_LEN);
	struct iovec piece = {question, QUESTION_LEN};
	for (uint32_t i = 0; i < QUESTIONS; i++) {
		memcpy(question, &i, sizeof(i));
		if (link_send(link, MSG_ASK, &piece, 1, &error) != 0)
			return NULL;
	}
	for (uint32_t i = 0; i < QUESTIONS; i++) {
		struct link_message answer;
		if (link_expect(link, MSG_OFFER, &answer, &error) != 0)
			return NULL;
		bool right = answer.len == QUESTION_LEN &&
			     memcmp(answer.payload, &i, sizeof(i)) == 0;
		free(answer.payload);
		if (!right)
			return NULL;
	}
	return link;
}

static void queued_answers_never_stop_the_reading(void **state)
{
	(void)state;
	struct pair pair AUTO(pair_fini);
	pair_init(&pair);
	struct link client AUTO(link_fini) = {0};
	link_init(&client, transport_of_socket(take_fd(&pair.far)), -1, "the daemon");
	link_greeted(&client);
	client.silence_ms = 10000;
	(void)setsockopt(pair.link.transport.fd, SOL_SOCKET, SO_SNDBUF, &(int){8192},
			 sizeof(int));
	(void)setsockopt(client.transport.fd, SOL_SOCKET, SO_SNDBUF, &(int){8192},
			 sizeof(int));
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, ask_everything_first, &client), 0);
	for (uint32_t i = 0; i < QUESTIONS; i++) {
		struct link_message question;
		int ret = link_expect(&pair.link, MSG_ASK, &question, &pair.error);
		assert_int_equal(ret, 0);
		link_queue(&pair.link, MSG_OFFER, question.payload, question.len);
		free(question.payload);
	}
	assert_int_equal(link_flush(&pair.link, &pair.error), 0);
	void *finished = NULL;
	assert_int_equal(pthread_join(thread, &finished), 0);
	assert_ptr_equal(finished, &client);
	assert_int_equal(pair.link.queue.len, 0);
}

static void what_is_queued_goes_ahead_of_what_is_sent(void **state)
{
	(void)state;
	struct pair pair AUTO(pair_fini);
	pair_init(&pair);
	link_queue(&pair.link, MSG_OFFER, "1", 1);
	link_queue(&pair.link, MSG_STORED, "2", 1);
	char data[] = "3";
	struct iovec piece = {data, 1};
	assert_int_equal(link_send(&pair.link, MSG_ROWS, &piece, 1, &pair.error), 0);
	assert_far_reads(&pair,
			 "\x01\0\0\0\x13\0\x01\0"
			 "1\x01\0\0\0\x15\0\x01\0"
			 "2\x01\0\0\0\x22\0\x01\0"
			 "3",
			 27);
}

static void a_queue_that_nobody_takes_shows_at_the_flush(void **state)
{
	(void)state;
	struct pair pair AUTO(pair_fini);
	pair_init(&pair);
	far_send(&pair, MSG_STATUS, 1, "\x80", 1);
	close_far(&pair);
	link_queue(&pair.link, MSG_OFFER, "x", 1);
	/* What the peer had sent before it went can still be read. */
	assert_int_equal(receive_any(&pair), 0);
	assert_int_equal(receive_any(&pair), ERR_LOST);
	assert_int_equal(link_flush(&pair.link, &pair.error), ERR_LOST);
}

#define FILE_LEN (1536u * 1024u)

static uint8_t file_byte(size_t at)
{
	return (uint8_t)(at * 7 + at / 251);
}

static int make_file(void)
{
	int fd = memfd_create("frames", MFD_CLOEXEC);
	assert_true(fd >= 0);
	uint8_t *bytes AUTO_FREE = malloc(FILE_LEN);
	for (size_t i = 0; i < FILE_LEN; i++)
		bytes[i] = file_byte(i);
	assert_int_equal(write(fd, bytes, FILE_LEN), FILE_LEN);
	return fd;
}

struct file_sender {
	struct link *link;
	int file_fd;
	uint64_t offset;
	size_t len;
	int ret;
	struct error error;
};

static void *send_the_file(void *argument)
{
	struct file_sender *sender = argument;
	sender->ret = link_send_file(sender->link, MSG_FRAME, sender->file_fd,
				     sender->offset, sender->len, &sender->error);
	return NULL;
}

static void a_file_is_sent_from_its_offset(void **state)
{
	(void)state;
	struct pair pair AUTO(pair_fini);
	pair_init(&pair);
	int file AUTO_FD = make_file();
	struct link other AUTO(link_fini) = {0};
	link_init(&other, transport_of_socket(take_fd(&pair.far)), -1, "the other");
	(void)setsockopt(other.transport.fd, SOL_SOCKET, SO_SNDBUF, &(int){65536},
			 sizeof(int));
	struct file_sender sender = {&other, file, 1001, FILE_LEN - 1001, -1, {0}};
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, send_the_file, &sender), 0);
	struct link_message frame;
	assert_int_equal(link_expect(&pair.link, MSG_FRAME, &frame, &pair.error), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(sender.ret, 0);
	assert_int_equal(frame.len, FILE_LEN - 1001);
	for (size_t i = 0; i < frame.len; i++)
		assert_int_equal(frame.payload[i], file_byte(1001 + i));
	free(frame.payload);
}

static void a_file_that_cannot_be_sent_directly_is_copied(void **state)
{
	(void)state;
	struct pair pair AUTO(pair_fini);
	pair_init(&pair);
	/* sendfile() refuses an output with O_APPEND: EINVAL. */
	int flags = fcntl(pair.link.transport.fd, F_GETFL);
	assert_int_equal(fcntl(pair.link.transport.fd, F_SETFL, flags | O_APPEND), 0);
	int file AUTO_FD = make_file();
	assert_int_equal(
		link_send_file(&pair.link, MSG_FRAME, file, 9, 1000, &pair.error), 0);
	uint8_t got[1008];
	assert_int_equal(recv(pair.far, got, sizeof(got), MSG_WAITALL), sizeof(got));
	assert_memory_equal(got, "\xe8\x03\0\0\x25\0\x01\0", 8);
	for (size_t i = 0; i < 1000; i++)
		assert_int_equal(got[8 + i], file_byte(9 + i));
}

static void a_file_that_is_too_short_is_damaged_and_tears(void **state)
{
	(void)state;
	struct pair pair AUTO(pair_fini);
	pair_init(&pair);
	int file AUTO_FD = make_file();
	assert_int_equal(link_send_file(&pair.link, MSG_FRAME, file, FILE_LEN - 10, 15,
					&pair.error),
			 ERR_DAMAGED);
	assert_says(&pair, "5 bytes before");
	struct msg_empty nothing = {0};
	assert_int_equal(link_send_control(&pair.link, MSG_STATUS, &nothing, &pair.error),
			 ERR_LOST);
}

int main(void)
{
	(void)signal(SIGPIPE, SIG_IGN);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sent_message_has_header_and_pieces),
		cmocka_unit_test(keepalive_alone_is_not_critical),
		cmocka_unit_test(every_control_message_crosses_a_link),
		cmocka_unit_test(messages_arrive_whole_at_every_split),
		cmocka_unit_test(messages_arrive_whole_byte_by_byte),
		cmocka_unit_test(a_header_read_ahead_counts_as_input),
		cmocka_unit_test(nothing_is_read_ahead_behind_a_control_message),
		cmocka_unit_test(a_payload_lands_in_the_callers_buffer_if_it_fits),
		cmocka_unit_test(limits_are_checked_before_memory_is_reserved),
		cmocka_unit_test(what_is_no_message_is_refused_and_can_be_looked_at),
		cmocka_unit_test(unknown_critical_types_are_refused_by_number),
		cmocka_unit_test(messages_too_long_to_be_accepted_are_not_sent),
		cmocka_unit_test(an_error_is_turned_into_code_and_clean_sentence),
		cmocka_unit_test(
			errors_with_foreign_codes_or_no_sentence_still_say_something),
		cmocka_unit_test(an_error_brings_what_is_advised_as_far_as_it_is_known),
		cmocka_unit_test(expecting_another_type_names_both),
		cmocka_unit_test(
			a11_the_meter_counts_bytes_but_not_keepalives_and_waits_but_not_work),
		cmocka_unit_test(a_keepalive_must_be_a_map_too),
		cmocka_unit_test(the_end_between_messages_and_within_one_differ),
		cmocka_unit_test(sending_to_nobody_is_lost),
		cmocka_unit_test(silence_ends_waiting),
		cmocka_unit_test(a_header_that_came_in_part_survives_a_timeout),
		cmocka_unit_test(a_payload_that_came_in_part_tears_the_link),
		cmocka_unit_test(the_wake_up_interrupts_everything),
		cmocka_unit_test(the_wake_up_interrupts_who_already_waits),
		cmocka_unit_test(queued_answers_never_stop_the_reading),
		cmocka_unit_test(what_is_queued_goes_ahead_of_what_is_sent),
		cmocka_unit_test(a_queue_that_nobody_takes_shows_at_the_flush),
		cmocka_unit_test(a_file_is_sent_from_its_offset),
		cmocka_unit_test(a_file_that_cannot_be_sent_directly_is_copied),
		cmocka_unit_test(a_file_that_is_too_short_is_damaged_and_tears),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
