/*
 * Unit tests: messages over TLS, both ends in this process, on a socket pair with little
 * room, so that whoever sends has to wait in the middle of records.
 */
#include <errno.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <setjmp.h>
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

#include "daemon/access/token/certificate.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/link/header.h"
#include "proto/link/link.h"
#include "proto/transport/transport_tls.h"

#define ROOM 8192
#define LARGE_LEN (2u << 20)
#define ROUNDS 8

struct ends {
	char data[64]; /* a data directory, for the certificate */
	struct certificate certificate;
	SSL_CTX *client_context;
	struct link client, server;
	int wake; /* of the client; owned */
};

static struct error error;

static void shake_both(struct transport *one, struct transport *other)
{
	short events;
	int left = -1, right = -1;
	while (left < 0 || right < 0) {
		if (left < 0)
			left = transport_tls_shake(one, &events);
		assert_true(left == 0 || errno == EAGAIN);
		if (right < 0)
			right = transport_tls_shake(other, &events);
		assert_true(right == 0 || errno == EAGAIN);
	}
}

static void less_room(int fd)
{
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &(int){ROOM}, sizeof(int)),
			 0);
}

static int ends_init(void **state)
{
	struct ends *ends = must_calloc(1, sizeof(*ends));
	(void)stpcpy(ends->data, "/tmp/test_transport_tls.XXXXXX");
	struct certificate_files files = {.data = ends->data};
	int fds[2];
	if (!mkdtemp(ends->data) ||
	    certificate_load(&files, &ends->certificate, &error) ||
	    tls_context_new(false, &ends->client_context, &error) ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds))
		return -1;
	(void)SSL_CTX_set_alpn_protos(ends->client_context,
				      (const uint8_t *)"\x07" TLS_ALPN, 8);
	struct transport client, server;
	if (transport_of_tls(ends->client_context, fds[0], 0, &client, &error) ||
	    transport_of_tls(ends->certificate.context, fds[1], HANDSHAKE_LEN_MAX,
			     &server, &error))
		return -1;
	SSL_set_connect_state(transport_tls_ssl(&client));
	SSL_set_accept_state(transport_tls_ssl(&server));
	shake_both(&client, &server);
	ends->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	link_init(&ends->client, client, ends->wake, "the daemon");
	link_init(&ends->server, server, -1, "the client");
	link_greeted(&ends->client);
	link_greeted(&ends->server);
	ends->client.silence_ms = ends->server.silence_ms = 60000;
	less_room(fds[0]);
	less_room(fds[1]);
	*state = ends;
	return 0;
}

static int ends_fini(void **state)
{
	struct ends *ends = *state;
	link_fini(&ends->client);
	link_fini(&ends->server);
	certificate_fini(&ends->certificate);
	SSL_CTX_free(ends->client_context);
	(void)close(ends->wake);
	char *command AUTO_FREE = NULL;
	claim(asprintf(&command, "rm -r %s", ends->data) > 0);
	int removed = system(command); /* NOLINT: a folder of this test's own */
	free(ends);
	return removed;
}

static uint8_t *pattern(size_t len, unsigned seed)
{
	uint8_t *bytes = must_alloc(len);
	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)(i * 31 + i / 251 + seed);
	return bytes;
}

static void send_large(struct link *link, unsigned seed)
{
	uint8_t *bytes AUTO_FREE = pattern(LARGE_LEN, seed);
	struct iovec pieces[] = {{bytes, 1},
				 {bytes + 1, 16384},
				 {bytes + 16385, 0},
				 {bytes + 16385, LARGE_LEN - 16385}};
	claim(link_send(link, MSG_UNITS, pieces, 4, &error) == 0);
}

static void expect_large(struct link *link, unsigned seed)
{
	uint8_t *bytes AUTO_FREE = pattern(LARGE_LEN, seed);
	struct link_message message = {0};
	struct error why = {0};
	int err = link_expect(link, MSG_UNITS, &message, &why);
	claim(err == 0 && message.len == LARGE_LEN);
	claim(memcmp(message.payload, bytes, LARGE_LEN) == 0);
	free(message.payload);
}

static void *send_rounds(void *context)
{
	for (unsigned i = 0; i < ROUNDS; i++)
		send_large(context, i);
	return NULL;
}

static void *receive_rounds(void *context)
{
	for (unsigned i = 0; i < ROUNDS; i++)
		expect_large(context, i);
	return NULL;
}

static pthread_t begin(void *(*run)(void *context), void *context)
{
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, run, context), 0);
	return thread;
}

/* A sender and a receiver at each end, at the same time. */
static void messages_go_both_ways_at_once(void **state)
{
	struct ends *ends = *state;
	pthread_t threads[] = {
		begin(send_rounds, &ends->client),
		begin(receive_rounds, &ends->client),
		begin(send_rounds, &ends->server),
		begin(receive_rounds, &ends->server),
	};
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
}

static void keys_may_change_between_messages(void **state)
{
	struct ends *ends = *state;
	for (unsigned i = 0; i < 3; i++) {
		SSL *ssl = transport_tls_ssl(&ends->client.transport);
		assert_int_equal(SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED), 1);
		pthread_t sender = begin(send_rounds, &ends->client);
		receive_rounds(&ends->server);
		assert_int_equal(pthread_join(sender, NULL), 0);
		sender = begin(send_rounds, &ends->server);
		receive_rounds(&ends->client);
		assert_int_equal(pthread_join(sender, NULL), 0);
	}
}

/* Says something after changing its keys; whether it arrives. */
static int change_and_speak(struct ends *ends)
{
	SSL *ssl = transport_tls_ssl(&ends->client.transport);
	assert_int_equal(SSL_key_update(ssl, SSL_KEY_UPDATE_NOT_REQUESTED), 1);
	static char question[] = "question";
	struct iovec piece = {question, 8};
	assert_int_equal(link_send(&ends->client, MSG_ASK, &piece, 1, &error), 0);
	struct link_message message = {0};
	int err = link_receive(&ends->server, &message, 0, &error);
	free(message.payload);
	return err;
}

static void keys_may_change_so_often(void **state)
{
	struct ends *ends = *state;
	for (unsigned i = 0; i < 64; i++)
		assert_int_equal(change_and_speak(ends), 0);
	assert_int_equal(change_and_speak(ends), ERR_LOST);
	assert_string_equal(transport_tls_words(&ends->server.transport),
			    "too many changes of keys");
}

/* New keys that are asked for have their answer with what is sent next: receiving never
 * waits for room to send, which would have to be waited for in another way. */
static void receiving_needs_no_room_to_answer(void **state)
{
	struct ends *ends = *state;
	static char question[] = "question";
	uint8_t junk[1] = {0};
	while (send(ends->server.transport.fd, junk, sizeof(junk), MSG_DONTWAIT) > 0)
		;
	SSL *ssl = transport_tls_ssl(&ends->client.transport);
	assert_int_equal(SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED), 1);
	struct iovec piece = {question, 8};
	assert_int_equal(link_send(&ends->client, MSG_ASK, &piece, 1, &error), 0);
	struct link_message message = {0};
	assert_int_equal(link_receive(&ends->server, &message, 0, &error), 0);
	assert_memory_equal(message.payload, question, 8);
	free(message.payload);
}

/* What a record has taken goes out whole, whoever speaks next. */
static void what_waits_for_room_is_not_lost(void **state)
{
	struct ends *ends = *state;
	for (int i = 0; i < 5000; i++)
		link_keepalive(&ends->client);
	pthread_t sender = begin(send_rounds, &ends->client);
	receive_rounds(&ends->server);
	assert_int_equal(pthread_join(sender, NULL), 0);
}

/* Several messages in one record: poll() knows of the first alone. */
static void input_that_has_left_the_socket_is_there(void **state)
{
	struct ends *ends = *state;
	static char question[] = "question";
	struct header_bytes header = header_encode(MSG_ASK, 8);
	struct iovec pieces[200];
	for (size_t i = 0; i < 200; i += 2) {
		pieces[i] = (struct iovec){&header, sizeof(header)};
		pieces[i + 1] = (struct iovec){question, 8};
	}
	assert_int_equal(transport_send(&ends->client.transport, pieces, 200, false),
			 1600);
	assert_int_equal(transport_flush(&ends->client.transport), 0);
	for (int i = 0; i < 100; i++) {
		struct link_message message = {0};
		assert_int_equal(link_wait(&ends->server, 60000, &error), 1);
		assert_int_equal(link_receive(&ends->server, &message, 0, &error), 0);
		assert_int_equal(message.type, MSG_ASK);
		assert_memory_equal(message.payload, "question", 8);
		free(message.payload);
	}
	assert_int_equal(link_wait(&ends->server, 0, &error), 0);
}

static void an_error_is_seen_before_it_is_taken(void **state)
{
	struct ends *ends = *state;
	struct msg_error refusal = {.code = 16, .message = text_of("busy")};
	assert_false(link_has_error(&ends->client));
	assert_int_equal(link_send_control(&ends->server, MSG_ERROR, &refusal, &error),
			 0);
	while (!link_has_error(&ends->client))
		assert_int_equal(link_wait(&ends->client, 60000, &error), 1);
	struct link_message message = {0};
	assert_int_equal(link_receive(&ends->client, &message, 0, &error), ERR_BUSY);
}

struct file_sender {
	struct link *link;
	int fd;
	size_t len;
	int result;
	struct error error;
};

static void *send_from_file(void *context)
{
	struct file_sender *sender = context;
	sender->result = link_send_file(sender->link, MSG_UNITS, sender->fd, 0,
					sender->len, &sender->error);
	return NULL;
}

static int file_of_large(void)
{
	uint8_t *bytes AUTO_FREE = pattern(LARGE_LEN, 7);
	int fd = memfd_create("file", MFD_CLOEXEC);
	assert_int_equal(pwrite(fd, bytes, LARGE_LEN, 0), LARGE_LEN);
	return fd;
}

static void a_file_is_sent_as_it_lies_there(void **state)
{
	struct ends *ends = *state;
	int fd AUTO_FD = file_of_large();
	struct file_sender sender = {&ends->server, fd, LARGE_LEN, -1, {0}};
	pthread_t thread = begin(send_from_file, &sender);
	expect_large(&ends->client, 7);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(sender.result, 0);
}

static void *read_to_the_end(void *context)
{
	struct link *link = context;
	struct link_message message = {0};
	struct error why = {0};
	claim(link_receive(link, &message, 0, &why) == ERR_LOST);
	return NULL;
}

static void a_file_that_ends_early_is_damage(void **state)
{
	struct ends *ends = *state;
	int fd AUTO_FD = file_of_large();
	assert_int_equal(ftruncate(fd, 100000), 0);
	pthread_t reader = begin(read_to_the_end, &ends->client);
	assert_int_equal(
		link_send_file(&ends->server, MSG_UNITS, fd, 0, LARGE_LEN, &error),
		ERR_DAMAGED);
	transport_cut(&ends->server.transport);
	assert_int_equal(pthread_join(reader, NULL), 0);
}

/* Stopped where the socket is full: the direction is torn, and nothing else follows. */
static void an_interrupted_message_tears_its_direction(void **state)
{
	struct ends *ends = *state;
	uint8_t *bytes AUTO_FREE = pattern(LARGE_LEN, 0);
	struct iovec piece = {bytes, LARGE_LEN};
	ends->client.silence_ms = 1;
	assert_int_equal(link_send(&ends->client, MSG_UNITS, &piece, 1, &error),
			 ERR_TIMEOUT);
	ends->client.silence_ms = 60000;
	assert_int_equal(link_send(&ends->client, MSG_UNITS, &piece, 1, &error),
			 ERR_LOST);
}

static void an_end_without_a_word_is_an_end(void **state)
{
	struct ends *ends = *state;
	transport_cut(&ends->client.transport);
	struct link_message message = {0};
	assert_int_equal(link_receive(&ends->server, &message, 0, &error), ERR_LOST);
	assert_non_null(strstr(error.text, "closed the connection"));
}

static void after_the_end_the_other_way_still_works(void **state)
{
	struct ends *ends = *state;
	transport_end(&ends->client.transport);
	struct link_message message = {0};
	assert_int_equal(link_receive(&ends->server, &message, 0, &error), ERR_LOST);
	pthread_t sender = begin(send_rounds, &ends->server);
	receive_rounds(&ends->client);
	assert_int_equal(pthread_join(sender, NULL), 0);
}

static void a_flipped_bit_is_no_message(void **state)
{
	struct ends *ends = *state;
	int fd = ends->client.transport.fd;
	uint8_t record[] = {0x17, 3,  3,  0,  32, 1,  2,  3,  4,  5,  6,  7,  8,
			    9,    10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
			    22,   23, 24, 25, 26, 27, 28, 29, 30, 31, 32};
	assert_int_equal(write(fd, record, sizeof(record)), sizeof(record));
	struct link_message message = {0};
	assert_int_equal(link_receive(&ends->server, &message, 0, &error), ERR_LOST);
	assert_int_equal(transport_tls_failure(&ends->server.transport), TLS_BROKEN);
	assert_string_not_equal(transport_tls_words(&ends->server.transport), "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, ends_init, ends_fini)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(messages_go_both_ways_at_once),
		TEST(keys_may_change_between_messages),
		TEST(keys_may_change_so_often),
		TEST(receiving_needs_no_room_to_answer),
		TEST(what_waits_for_room_is_not_lost),
		TEST(input_that_has_left_the_socket_is_there),
		TEST(an_error_is_seen_before_it_is_taken),
		TEST(a_file_is_sent_as_it_lies_there),
		TEST(a_file_that_ends_early_is_damage),
		TEST(an_interrupted_message_tears_its_direction),
		TEST(an_end_without_a_word_is_an_end),
		TEST(after_the_end_the_other_way_still_works),
		TEST(a_flipped_bit_is_no_message),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
