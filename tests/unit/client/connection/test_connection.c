/*
 * Unit tests: reaching and greeting a daemon that a thread plays, on a socket in a
 * directory of its own.
 */
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/commands/command.h"
#include "client/connection/connection.h"
#include "client/connection/retry.h"
#include "client/question/how.h"
#include "client/terminal/interrupts.h"
#include "client/terminal/report.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/base/clock.h"
#include "proto/transport/address.h"

#define PATIENCE_MS 10000
#define PLAYS_MAX 4

/* What the daemon does to one connection after the other. */
typedef void play(struct link *link);

struct stage {
	char directory[64];
	char *url; /* owned */
	struct address address;
	int listener; /* owned */
	pthread_t thread;
	play *plays[PLAYS_MAX + 1]; /* ends with NULL */
	struct options options;
	struct connection connection;
	struct error error;
};

static int stage_init(void **state)
{
	struct stage *stage = must_calloc(1, sizeof(*stage));
	(void)snprintf(stage->directory, sizeof(stage->directory),
		       "/tmp/test_connection.XXXXXX");
	if (!mkdtemp(stage->directory) ||
	    asprintf(&stage->url, "unix:%s/sock", stage->directory) < 0)
		return -1;
	stage->listener = -1;
	stage->options.server.value = must_strdup(stage->url);
	stage->options.timeout_ms = PATIENCE_MS;
	stage->options.quiet = true;
	*state = stage;
	return address_parse(stage->url, &stage->address, &stage->error);
}

static int stage_fini(void **state)
{
	struct stage *stage = *state;
	connection_close(&stage->connection);
	if (stage->listener >= 0) {
		/* Plays that a failed test left over are not waited for. */
		(void)shutdown(stage->listener, SHUT_RDWR);
		(void)pthread_join(stage->thread, NULL);
		(void)close(stage->listener);
	}
	address_unlisten(&stage->address);
	address_fini(&stage->address);
	(void)rmdir(stage->directory);
	options_fini(&stage->options);
	free(stage->url);
	free(stage);
	return 0;
}

static void *run_plays(void *argument)
{
	struct stage *stage = argument;
	for (size_t i = 0; stage->plays[i]; i++) {
		int fd = accept4(stage->listener, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0)
			break;
		struct link link;
		link_init(&link, transport_of_socket(fd), -1, "the client");
		link.silence_ms = PATIENCE_MS;
		stage->plays[i](&link);
		link_fini(&link);
	}
	return NULL;
}

static void listen_and(struct stage *stage, play *const *plays)
{
	for (size_t i = 0; plays[i]; i++)
		stage->plays[i] = plays[i];
	assert_int_equal(
		address_listen(&stage->address, NULL, &stage->listener, &stage->error),
		0);
	int flags = fcntl(stage->listener, F_GETFL);
	assert_int_equal(fcntl(stage->listener, F_SETFL, flags & ~O_NONBLOCK), 0);
	assert_int_equal(pthread_create(&stage->thread, NULL, run_plays, stage), 0);
}

static int open_connection(struct stage *stage, uint64_t deadline_ms)
{
	struct connection_how how = how_to_connect(&stage->options);
	return connection_open(&how, deadline_ms, NULL, &stage->connection,
			       &stage->error);
}

static void assert_sentence(const struct stage *stage, const char *part)
{
	if (!strstr(stage->error.text, part))
		fail_msg("\"%s\" does not hold \"%s\"", stage->error.text, part);
}

/* ---- what a daemon may do ---- */

/* Reads the HELLO, and checks it. */
static void hear_hello(struct link *link)
{
	struct error error = {0};
	struct link_message message = {0};
	claim(link_expect(link, MSG_HELLO, &message, &error) == 0);
	struct message_memory memory AUTO(message_memory_fini) = {0};
	struct msg_hello hello;
	claim(message_decode(&memory, MSG_HELLO, message.payload, message.len, &hello,
			     &error) == 0);
	claim(hello.versions.count == 1 && hello.versions.items[0] == PROTOCOL_VERSION);
	claim(text_equal(hello.software, text_of("baton " BATON_VERSION)));
	claim(hello.hashes.count == 2 && hello.codecs.count == 1);
	free(message.payload);
}

static struct text hashes[] = {{"sha256", 6}, {"other", 5}, {"xxh3-128", 8}};
static struct text codecs[] = {{"zstd", 4}};

static struct msg_welcome welcome(void)
{
	return (struct msg_welcome){
		.version = PROTOCOL_VERSION,
		.software = text_of("batond 0"),
		.hashes = {hashes, 3},
		.codecs = {codecs, 1},
		.ask_window = 100,
		.keepalive_ms = 5000,
	};
}

static void say_welcome(struct link *link, const struct msg_welcome *message)
{
	struct error error = {0};
	hear_hello(link);
	claim(link_send_control(link, MSG_WELCOME, message, &error) == 0);
}

static void say_error(struct link *link, int code, const char *sentence,
		      uint64_t retry_ms)
{
	struct msg_error message = {
		.code = error_to_wire(code),
		.message = text_of(sentence),
		.retry_ms = retry_ms,
	};
	struct error error = {0};
	hear_hello(link);
	claim(link_send_control(link, MSG_ERROR, &message, &error) == 0);
}

static void greet(struct link *link)
{
	struct msg_welcome message = welcome();
	say_welcome(link, &message);
}

static void greet_without_sha256(struct link *link)
{
	struct msg_welcome message = welcome();
	message.hashes = (struct text_list){hashes + 1, 2};
	say_welcome(link, &message);
}

static void greet_in_version_7(struct link *link)
{
	struct msg_welcome message = welcome();
	message.version = 7;
	say_welcome(link, &message);
}

static void greet_without_window(struct link *link)
{
	struct msg_welcome message = welcome();
	message.ask_window = 0;
	say_welcome(link, &message);
}

static void greet_with_a_vast_window(struct link *link)
{
	struct msg_welcome message = welcome();
	message.ask_window = UINT64_MAX;
	message.keepalive_ms = UINT64_MAX;
	say_welcome(link, &message);
}

static void be_busy(struct link *link)
{
	say_error(link, ERR_BUSY, "all places are taken", 1);
}

static void refuse_version(struct link *link)
{
	say_error(link, ERR_VERSION, "this daemon speaks versions 2 and 3", 0);
}

static void hang_up(struct link *link)
{
	hear_hello(link);
}

static void answer_in_http(struct link *link)
{
	static const char answer[] = "HTTP/1.1 400 Bad Request\r\n\r\n";
	hear_hello(link);
	claim(write(link->transport.fd, answer, sizeof(answer) - 1) ==
	      sizeof(answer) - 1);
}

/* Until the client goes: shuts both directions down from this side's view. */
static void say_nothing(struct link *link)
{
	struct error error = {0};
	hear_hello(link);
	(void)link_wait(link, PATIENCE_MS, &error);
}

static void tell_status(struct link *link)
{
	struct error error = {0};
	struct link_message message = {0};
	greet(link);
	claim(link_expect(link, MSG_STATUS, &message, &error) == 0);
	free(message.payload);
	struct msg_status_reply reply = {
		.software = text_of("batond 0"), .layers = 3, .data = text_of("/data")};
	claim(link_send_control(link, MSG_STATUS_REPLY, &reply, &error) == 0);
}

/* Two parts of one layer each. */
static void tell_log(struct link *link)
{
	struct error error = {0};
	struct link_message message = {0};
	greet(link);
	claim(link_expect(link, MSG_LOG, &message, &error) == 0);
	free(message.payload);
	struct text first = {"1111111111111111", 16};
	struct msg_layer layer = {
		.layer = first, .job = text_of("build"), .files = 2, .created_ms = 1500};
	struct msg_log_reply reply = {
		.layers = {&layer, 1}, .parent = text_of("W0"), .more = true};
	claim(link_send_control(link, MSG_LOG_REPLY, &reply, &error) == 0);
	layer.layer.at = "2222222222222222";
	layer.after = (struct text_list){&first, 1};
	layer.state = text_of("replaced");
	layer.reason = text_of("by a later attempt");
	reply = (struct msg_log_reply){.layers = {&layer, 1}};
	claim(link_send_control(link, MSG_LOG_REPLY, &reply, &error) == 0);
}

/* ---- reaching ---- */

static void a_greeted_connection_is_ready(void **state)
{
	struct stage *stage = *state;
	listen_and(stage, (play *const[]){greet, NULL});
	assert_int_equal(open_connection(stage, 0), 0);
	assert_int_equal(stage->connection.ask_window, 100);
	assert_true(stage->connection.is_local);
	assert_string_equal(stage->connection.server, stage->url);
	assert_true(stage->connection.link.bulk_max > 0);
}

static void a_daemon_that_is_not_there_is_named_with_the_way_out(void **state)
{
	struct stage *stage = *state;
	assert_int_equal(open_connection(stage, 0), ERR_UNREACHABLE);
	assert_sentence(stage, stage->url);
	assert_sentence(stage, "nobody listens there; start one with `batond`, or name "
			       "one with --server");
	assert_null(stage->connection.link.transport.calls);
}

static void without_server_the_usual_places_are_tried(void **state)
{
	struct stage *stage = *state;
	free(take_ptr(&stage->options.server.value));
	(void)setenv("XDG_RUNTIME_DIR", stage->directory, 1);
	char *directory AUTO_FREE = NULL;
	assert_true(asprintf(&directory, "%s/batond", stage->directory) > 0);
	assert_int_equal(mkdir(directory, 0700), 0);
	address_fini(&stage->address);
	char *url AUTO_FREE = NULL;
	assert_true(asprintf(&url, "unix:%s/batond.sock", directory) > 0);
	assert_int_equal(address_parse(url, &stage->address, &stage->error), 0);
	listen_and(stage, (play *const[]){greet, NULL});
	assert_int_equal(open_connection(stage, 0), 0);
	assert_string_equal(stage->connection.server, url);
	address_unlisten(&stage->address);
	assert_int_equal(rmdir(directory), 0);
	(void)unsetenv("XDG_RUNTIME_DIR");
}

static void a_busy_daemon_is_asked_again_until_the_deadline(void **state)
{
	struct stage *stage = *state;
	listen_and(stage, (play *const[]){be_busy, hang_up, be_busy, greet, NULL});
	assert_int_equal(open_connection(stage, clock_now_ms() + PATIENCE_MS), 0);
}

/* Somebody is there, so the timeout counts; where nobody listens there is one try. */
static void a_busy_daemon_is_asked_again_without_a_deadline_too(void **state)
{
	struct stage *stage = *state;
	listen_and(stage, (play *const[]){be_busy, greet, NULL});
	assert_int_equal(open_connection(stage, 0), 0);
}

static void a_silent_daemon_is_a_timeout(void **state)
{
	struct stage *stage = *state;
	stage->options.timeout_ms = 20;
	stage->options.timeout_given = true;
	listen_and(stage, (play *const[]){say_nothing, NULL});
	assert_int_equal(open_connection(stage, 0), ERR_TIMEOUT);
	assert_sentence(stage, stage->url);
}

static void only_what_may_pass_is_tried_again(void **state)
{
	(void)state;
	assert_true(retry_may_help(ERR_LOST) && retry_may_help(ERR_BUSY));
	assert_true(retry_may_help(ERR_SHUTDOWN) && retry_may_help(ERR_TIMEOUT));
	assert_true(retry_may_help(ERR_UNREACHABLE));
	assert_false(retry_may_help(ERR_CONFLICT) || retry_may_help(0));
	assert_false(retry_may_help(ERR_SUPERSEDED) || retry_may_help(ERR_INTERRUPTED));
}

/* ---- greeting ---- */

static void a_version_refused_names_both_sides(void **state)
{
	struct stage *stage = *state;
	listen_and(stage, (play *const[]){refuse_version, NULL});
	assert_int_equal(open_connection(stage, clock_now_ms() + PATIENCE_MS),
			 ERR_VERSION);
	assert_sentence(stage, "this daemon speaks versions 2 and 3");
	assert_sentence(stage, "baton " BATON_VERSION ", which speaks version 1");
}

static void a_version_that_was_not_offered_is_refused(void **state)
{
	struct stage *stage = *state;
	listen_and(stage, (play *const[]){greet_in_version_7, NULL});
	assert_int_equal(open_connection(stage, 0), ERR_VERSION);
	assert_sentence(stage, "chose protocol version 7");
}

static void a_daemon_without_our_hashes_is_refused(void **state)
{
	struct stage *stage = *state;
	listen_and(stage, (play *const[]){greet_without_sha256, NULL});
	assert_int_equal(open_connection(stage, 0), ERR_VERSION);
	assert_sentence(stage, "does not offer sha256");
}

static void a_window_of_nothing_is_refused(void **state)
{
	struct stage *stage = *state;
	listen_and(stage, (play *const[]){greet_without_window, NULL});
	assert_int_equal(open_connection(stage, 0), ERR_PROTOCOL);
}

static void a_vast_window_and_keepalive_are_bounded(void **state)
{
	struct stage *stage = *state;
	listen_and(stage, (play *const[]){greet_with_a_vast_window, NULL});
	assert_int_equal(open_connection(stage, 0), 0);
	assert_int_equal(stage->connection.ask_window, ASK_WINDOW_UNITS);
	assert_true(stage->connection.link.silence_ms >= stage->options.timeout_ms);
	assert_true(stage->connection.link.silence_ms <= 3600 * 1000);
}

static void something_else_that_listens_is_a_protocol_error(void **state)
{
	struct stage *stage = *state;
	listen_and(stage, (play *const[]){answer_in_http, NULL});
	assert_int_equal(open_connection(stage, clock_now_ms() + PATIENCE_MS),
			 ERR_PROTOCOL);
	assert_sentence(stage, stage->url);
}

/* ---- verbs of one question ---- */

/* The JSON that a verb has written so far; owned by the caller. */
static char *json_of(struct stage *stage,
		     int (*run)(const struct options *, struct report *, struct error *))
{
	struct report *report = report_new(true, true);
	assert_int_equal(run(&stage->options, report, &stage->error), 0);
	const struct buffer *out = report_json(report)->out;
	char *text = must_memdup(out->at, out->len);
	report_free(report);
	return text;
}

static void status_shows_what_the_daemon_says(void **state)
{
	struct stage *stage = *state;
	listen_and(stage, (play *const[]){tell_status, NULL});
	char *text AUTO_FREE = json_of(stage, status_run);
	assert_non_null(strstr(text, "\"software\":\"batond 0\",\"data\":\"/data\""));
	assert_non_null(strstr(text, "\"layers\":3"));
}

static void log_joins_the_parts_of_an_answer(void **state)
{
	struct stage *stage = *state;
	stage->options.workflow.value = must_strdup("W1");
	listen_and(stage, (play *const[]){tell_log, NULL});
	char *text AUTO_FREE = json_of(stage, log_run);
	const char *const parts[] = {
		"\"workflow\":\"W1\",\"parent\":\"W0\",\"layers\":[{",
		"\"layer\":\"1111111111111111\",\"digest\":null",
		"\"created_ms\":1500,\"created\":\"1970-01-01T00:00:01.500Z\"",
		"},{\"layer\":\"2222222222222222\"",
		("\"state\":\"replaced\",\"reason\":\"by a later attempt\","
		 "\"after\":[\"1111111111111111\"]}]"),
	};
	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
		if (!strstr(text, parts[i]))
			fail_msg("%s is not in %s", parts[i], text);
	}
}

/* ---- interrupts ---- */

/* The last test: what came stays pending. */
static void a_signal_ends_every_wait(void **state)
{
	struct stage *stage = *state;
	interrupts_init(600000, 600000);
	assert_false(interrupts_pending());
	assert_int_equal(raise(SIGTERM), 0);
	assert_true(interrupts_pending());
	assert_int_equal(open_connection(stage, clock_now_ms() + PATIENCE_MS),
			 ERR_INTERRUPTED);
	assert_int_equal(retry_wait(PATIENCE_MS, &stage->error), ERR_INTERRUPTED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, stage_init, stage_fini)

int main(void)
{
	(void)signal(SIGPIPE, SIG_IGN);
	(void)unsetenv("XDG_RUNTIME_DIR");
	const struct CMUnitTest tests[] = {
		TEST(a_greeted_connection_is_ready),
		TEST(a_daemon_that_is_not_there_is_named_with_the_way_out),
		TEST(without_server_the_usual_places_are_tried),
		TEST(a_busy_daemon_is_asked_again_until_the_deadline),
		TEST(a_busy_daemon_is_asked_again_without_a_deadline_too),
		TEST(a_silent_daemon_is_a_timeout),
		TEST(only_what_may_pass_is_tried_again),
		TEST(a_version_refused_names_both_sides),
		TEST(a_version_that_was_not_offered_is_refused),
		TEST(a_daemon_without_our_hashes_is_refused),
		TEST(a_window_of_nothing_is_refused),
		TEST(a_vast_window_and_keepalive_are_bounded),
		TEST(something_else_that_listens_is_a_protocol_error),
		TEST(status_shows_what_the_daemon_says),
		TEST(log_joins_the_parts_of_an_answer),
		TEST(a_signal_ends_every_wait),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
