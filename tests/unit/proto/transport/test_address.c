/* URLs, connecting, listening; everything stays on this machine. */
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/base/cleanup.h"
#include "proto/transport/address.h"

static struct error error;

#define assert_says(what) assert_non_null(strstr(error.text, what))

/* A directory of its own for each test. */
static int enter(void **state)
{
	char *directory = strdup("/tmp/baton-address-XXXXXX");
	*state = directory;
	return directory && mkdtemp(directory) ? 0 : -1;
}

static int leave(void **state)
{
	char path[128];
	static const char *const names[] = {"/s", "/d/s", "/d"};
	for (size_t i = 0; i < 3; i++) {
		(void)snprintf(path, sizeof(path), "%s%s", (char *)*state, names[i]);
		(void)remove(path);
	}
	int ret = rmdir(*state);
	free(*state);
	return ret;
}

static struct address unix_address(void **state, const char *name)
{
	char url[128];
	struct address address;
	(void)snprintf(url, sizeof(url), "unix:%s/%s", (char *)*state, name);
	assert_int_equal(address_parse(url, &address, &error), 0);
	return address;
}

static struct address parsed(const char *url)
{
	struct address address;
	assert_int_equal(address_parse(url, &address, &error), 0);
	return address;
}

static void urls_are_taken_apart(void **state)
{
	(void)state;
	static const struct {
		const char *url, *host, *port;
	} cases[] = {
		{"tcp://localhost:7000", "localhost", "7000"},
		{"tcp://127.0.0.1:0", "127.0.0.1", "0"},
		{"tcp://[::1]:65535", "::1", "65535"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct address address AUTO(address_fini) = parsed(cases[i].url);
		assert_int_equal(address.kind, ADDRESS_TCP);
		assert_string_equal(address.url, cases[i].url);
		assert_string_equal(address.host, cases[i].host);
		assert_string_equal(address.port, cases[i].port);
	}
	struct address address AUTO(address_fini) = parsed("unix:/run/a.sock");
	assert_int_equal(address.kind, ADDRESS_UNIX);
	assert_string_equal(address.path, "/run/a.sock");
}

static void what_is_no_url_is_refused(void **state)
{
	(void)state;
	static const char *const urls[] = {
		"",
		"unix:",
		"unix:relative",
		"ftp://a:1",
		"tcp://",
		"tcp://host",
		"tcp://host:",
		"tcp://:1",
		"tcp://host:x",
		"tcp://host:-1",
		"tcp://host:65536",
		"tcp://host:000001",
		"tcp://[::1]",
		"tcp://[::1",
		"tcp://[]:1",
		"tcp://::1:70",
		"tcp://[::1]70",
		"/run/a.sock",
	};
	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		struct address address = {.port = NULL};
		assert_int_equal(address_parse(urls[i], &address, &error), ERR_USAGE);
		assert_null(address.url);
	}
}

#define PIN "kZ3x0-_QvCqAmJt8s6hW1yN4bR7eF2uLdGpXoTiEaVM"

/* A1: one form, with a usual port, and a pin behind #. */
static void tls_has_a_usual_port_and_may_have_a_pin(void **state)
{
	(void)state;
	static const struct {
		const char *url, *shown, *host, *port, *pin;
	} cases[] = {
		{"tls://store", "tls://store", "store", "7433", NULL},
		{"tls://store:1", "tls://store:1", "store", "1", NULL},
		{"tls://store#" PIN, "tls://store", "store", "7433", PIN},
		{"tls://[::1]", "tls://[::1]", "::1", "7433", NULL},
		{"tls://[::1]:65535#" PIN, "tls://[::1]:65535", "::1", "65535", PIN},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct address address AUTO(address_fini) = {.port = NULL};
		assert_int_equal(address_parse(cases[i].url, &address, &error), 0);
		assert_int_equal(address.kind, ADDRESS_TLS);
		assert_string_equal(address.url, cases[i].shown);
		assert_string_equal(address.host, cases[i].host);
		assert_string_equal(address.port, cases[i].port);
		if (cases[i].pin)
			assert_string_equal(address.pin, cases[i].pin);
		else
			assert_null(address.pin);
	}
}

static void what_is_no_tls_url_is_refused(void **state)
{
	(void)state;
	static const char *const urls[] = {
		"tls://",
		"tls://#" PIN,
		"tls://[::1",
		"tls://[]",
		"tls://host:",
		"tls://host:x",
		"tls://host:65536",
		"tls://host#",
		"tls://host#ab",
		"tls://host#" PIN "A",
		"tls://host#" PIN "#",
		/* 43 characters, one of them of base64, not of base64url */
		"tls://host#/Z3x0-_QvCqAmJt8s6hW1yN4bR7eF2uLdGpXoTiEaVM",
	};
	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		struct address address = {.port = NULL};
		assert_int_equal(address_parse(urls[i], &address, &error), ERR_USAGE);
		assert_null(address.url);
	}
}

static void a_path_too_long_for_a_socket_names_both_lengths(void **state)
{
	(void)state;
	char url[200] = "unix:/";
	memset(url + 6, 'p', 106);
	struct address longest AUTO(address_fini) = parsed(url);
	assert_int_equal(strlen(longest.path), 107);
	url[6 + 106] = 'p';
	struct address too_long;
	assert_int_equal(address_parse(url, &too_long, &error), ERR_USAGE);
	assert_says("has 108 bytes");
	assert_says("at most 107");
}

static void a_unix_socket_is_private_and_answers(void **state)
{
	struct address address AUTO(address_fini) = unix_address(state, "s");
	int listening AUTO_FD = -1;
	assert_int_equal(address_listen(&address, NULL, &listening, &error), 0);
	struct stat stat_of;
	assert_int_equal(stat(address.path, &stat_of), 0);
	assert_int_equal(stat_of.st_mode & 07777, 0600);
	assert_true(fcntl(listening, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(listening, F_GETFD) & FD_CLOEXEC);
	int fd AUTO_FD = -1;
	assert_int_equal(address_connect(&address, 1000, -1, &fd, &error), 0);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	int accepted AUTO_FD = accept(listening, NULL, NULL);
	assert_true(accepted >= 0);
	address_unlisten(&address);
	assert_int_equal(stat(address.path, &stat_of), -1);
}

static void the_umask_is_as_before(void **state)
{
	struct address address AUTO(address_fini) = unix_address(state, "s");
	int listening AUTO_FD = -1;
	mode_t before = umask(0027);
	assert_int_equal(address_listen(&address, NULL, &listening, &error), 0);
	assert_int_equal(umask(before), 0027);
}

static void a_missing_directory_is_made_private(void **state)
{
	struct address address AUTO(address_fini) = unix_address(state, "d/s");
	int listening AUTO_FD = -1;
	assert_int_equal(address_listen(&address, NULL, &listening, &error), 0);
	struct stat stat_of;
	*strrchr(address.path, '/') = '\0';
	assert_int_equal(stat(address.path, &stat_of), 0);
	assert_int_equal(stat_of.st_mode & 07777, 0700);
}

static void a_directory_whose_parent_is_missing_is_not_made(void **state)
{
	struct address address AUTO(address_fini) = unix_address(state, "x/y/s");
	int listening = -1;
	assert_int_equal(address_listen(&address, NULL, &listening, &error), ERR_LOCAL);
	assert_says("x/y: the directory of the socket cannot be made");
	assert_int_equal(listening, -1);
}

static void a_directory_that_others_can_write_to_is_refused(void **state)
{
	static const mode_t modes[] = {0770, 0707, 01777};
	struct address address AUTO(address_fini) = unix_address(state, "s");
	for (size_t i = 0; i < 3; i++) {
		int listening AUTO_FD = -1;
		assert_int_equal(chmod(*state, modes[i]), 0);
		assert_int_equal(address_listen(&address, NULL, &listening, &error),
				 ERR_DENIED);
		assert_says("others can write");
	}
	assert_int_equal(chmod(*state, 0755), 0);
	int listening AUTO_FD = -1;
	assert_int_equal(address_listen(&address, NULL, &listening, &error), 0);
}

static void a_live_socket_is_left_alone(void **state)
{
	struct address address AUTO(address_fini) = unix_address(state, "s");
	int first AUTO_FD = -1;
	int second AUTO_FD = -1;
	assert_int_equal(address_listen(&address, NULL, &first, &error), 0);
	assert_int_equal(address_listen(&address, NULL, &second, &error), ERR_BUSY);
	assert_says("another daemon listens at unix:");
	int fd AUTO_FD = -1;
	assert_int_equal(address_connect(&address, 1000, -1, &fd, &error), 0);
}

static void a_stale_socket_is_replaced(void **state)
{
	struct address address AUTO(address_fini) = unix_address(state, "s");
	int first AUTO_FD = -1;
	int second AUTO_FD = -1;
	assert_int_equal(address_listen(&address, NULL, &first, &error), 0);
	(void)close(take_fd(&first));
	int fd AUTO_FD = -1;
	assert_int_equal(address_connect(&address, 1000, -1, &fd, &error),
			 ERR_UNREACHABLE);
	assert_int_equal(address_listen(&address, NULL, &second, &error), 0);
	assert_int_equal(address_connect(&address, 1000, -1, &fd, &error), 0);
}

static void a_file_in_the_way_is_left_alone(void **state)
{
	struct address address AUTO(address_fini) = unix_address(state, "s");
	int file AUTO_FD = open(address.path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(file >= 0);
	int listening AUTO_FD = -1;
	assert_int_equal(address_listen(&address, NULL, &listening, &error), ERR_LOCAL);
	assert_says("not a socket");
	assert_int_equal(access(address.path, F_OK), 0);
}

static void a_missing_socket_is_unreachable(void **state)
{
	struct address address AUTO(address_fini) = unix_address(state, "s");
	int fd = -1;
	assert_int_equal(address_connect(&address, 1000, -1, &fd, &error),
			 ERR_UNREACHABLE);
	assert_says("No such file");
	assert_int_equal(fd, -1);
}

/* A socket whose queue is full after a few connections; they end with the process. */
static int listen_with_full_queue(const struct address *address)
{
	int listening = -1;
	assert_int_equal(address_listen(address, NULL, &listening, &error), 0);
	assert_int_equal(listen(listening, 0), 0);
	int ret = 0;
	while (ret == 0) {
		int fd = -1;
		ret = address_connect(address, 0, -1, &fd, &error);
	}
	assert_int_equal(ret, ERR_TIMEOUT);
	return listening;
}

static void a_full_queue_is_tried_again_until_the_timeout(void **state)
{
	struct address address AUTO(address_fini) = unix_address(state, "s");
	int listening AUTO_FD = listen_with_full_queue(&address);
	int fd AUTO_FD = -1;
	assert_int_equal(address_connect(&address, 20, -1, &fd, &error), ERR_TIMEOUT);
	assert_says("did not answer in time");
	int place AUTO_FD = accept(listening, NULL, NULL);
	assert_true(place >= 0);
	assert_int_equal(address_connect(&address, 1000, -1, &fd, &error), 0);
}

static void the_wake_up_interrupts_connecting(void **state)
{
	struct address address AUTO(address_fini) = unix_address(state, "s");
	int listening AUTO_FD = listen_with_full_queue(&address);
	assert_true(listening >= 0);
	int wake_fd AUTO_FD = eventfd(1, EFD_CLOEXEC);
	int fd AUTO_FD = -1;
	assert_int_equal(address_connect(&address, -1, wake_fd, &fd, &error),
			 ERR_INTERRUPTED);
}

static bool has_option(int fd, int level, int name)
{
	int value = 0;
	socklen_t len = sizeof(value);
	assert_int_equal(getsockopt(fd, level, name, &value, &len), 0);
	return value != 0;
}

/* The address that a listening socket on port 0 got. */
static struct address address_of(int listening)
{
	struct sockaddr_in at = {0};
	socklen_t len = sizeof(at);
	assert_int_equal(getsockname(listening, (struct sockaddr *)&at, &len), 0);
	char url[64];
	(void)snprintf(url, sizeof(url), "tcp://127.0.0.1:%u", ntohs(at.sin_port));
	return parsed(url);
}

static void tcp_listens_and_connects_without_delay(void **state)
{
	(void)state;
	struct address any AUTO(address_fini) = parsed("tcp://127.0.0.1:0");
	int listening AUTO_FD = -1;
	assert_int_equal(address_listen(&any, NULL, &listening, &error), 0);
	assert_true(has_option(listening, SOL_SOCKET, SO_REUSEADDR));
	struct address address AUTO(address_fini) = address_of(listening);
	int fd AUTO_FD = -1;
	assert_int_equal(address_connect(&address, 1000, -1, &fd, &error), 0);
	assert_true(has_option(fd, IPPROTO_TCP, TCP_NODELAY));
	int accepted AUTO_FD = accept(listening, NULL, NULL);
	assert_true(accepted >= 0);
	assert_true(has_option(accepted, IPPROTO_TCP, TCP_NODELAY));
	int second AUTO_FD = -1;
	assert_int_equal(address_listen(&address, NULL, &second, &error), ERR_BUSY);
	assert_says("another daemon listens at tcp://");
}

static void a_closed_port_is_unreachable(void **state)
{
	(void)state;
	struct address any AUTO(address_fini) = parsed("tcp://127.0.0.1:0");
	int listening AUTO_FD = -1;
	assert_int_equal(address_listen(&any, NULL, &listening, &error), 0);
	struct address address AUTO(address_fini) = address_of(listening);
	(void)close(take_fd(&listening));
	int fd AUTO_FD = -1;
	assert_int_equal(address_connect(&address, 1000, -1, &fd, &error),
			 ERR_UNREACHABLE);
	assert_says("refused");
}

static void loopback_is_told_from_the_rest(void **state)
{
	(void)state;
	static const struct {
		const char *url;
		bool loopback;
	} cases[] = {
		{"unix:/run/a", true},
		{"tcp://127.0.0.1:1", true},
		{"tcp://127.255.0.9:1", true},
		{"tcp://[::1]:1", true},
		{"tcp://[::ffff:127.0.0.1]:1", true},
		{"tcp://0.0.0.0:1", false},
		{"tcp://[::]:1", false},
		{"tcp://192.0.2.1:1", false},
		{"tcp://[::ffff:192.0.2.1]:1", false},
		{"tcp://[2001:db8::1]:1", false},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct address address AUTO(address_fini) = parsed(cases[i].url);
		bool loopback = !cases[i].loopback;
		assert_int_equal(address_is_loopback(&address, &loopback, &error), 0);
		assert_int_equal(loopback, cases[i].loopback);
	}
}

#define in_a_directory(test) cmocka_unit_test_setup_teardown(test, enter, leave)

static void a_users_socket_lies_in_his_runtime_directory(void **state)
{
	char own[128], expected[160];
	(void)snprintf(own, sizeof(own), "%s/%u", (char *)*state, (unsigned)geteuid());
	(void)setenv("XDG_RUNTIME_DIR", "/somewhere", 1);
	char *named AUTO_FREE = address_of_user(*state);
	assert_string_equal(named, "unix:/somewhere/batond/batond.sock");
	(void)setenv("XDG_RUNTIME_DIR", "relative", 1);
	assert_null(address_of_user(*state));
	(void)unsetenv("XDG_RUNTIME_DIR");
	assert_null(address_of_user(*state));
	assert_int_equal(mkdir(own, 0700), 0);
	char *usual AUTO_FREE = address_of_user(*state);
	(void)snprintf(expected, sizeof(expected), "unix:%s/batond/batond.sock", own);
	assert_string_equal(usual, expected);
	assert_int_equal(rmdir(own), 0);
}

static void without_a_runtime_directory_the_sentence_says_what_to_pass(void **state)
{
	int fd;
	struct address address = unix_address(state, "no/such/s");
	assert_int_equal(address_listen(&address, NULL, &fd, &error), ERR_LOCAL);
	assert_says("--listen unix:DIR/batond.sock");
	assert_says("BATON_SERVER=unix:DIR/batond.sock");
	address_fini(&address);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(urls_are_taken_apart),
		cmocka_unit_test(what_is_no_url_is_refused),
		cmocka_unit_test(tls_has_a_usual_port_and_may_have_a_pin),
		cmocka_unit_test(what_is_no_tls_url_is_refused),
		cmocka_unit_test(a_path_too_long_for_a_socket_names_both_lengths),
		in_a_directory(a_unix_socket_is_private_and_answers),
		in_a_directory(the_umask_is_as_before),
		in_a_directory(a_missing_directory_is_made_private),
		in_a_directory(a_directory_whose_parent_is_missing_is_not_made),
		in_a_directory(a_users_socket_lies_in_his_runtime_directory),
		in_a_directory(
			without_a_runtime_directory_the_sentence_says_what_to_pass),
		in_a_directory(a_directory_that_others_can_write_to_is_refused),
		in_a_directory(a_live_socket_is_left_alone),
		in_a_directory(a_stale_socket_is_replaced),
		in_a_directory(a_file_in_the_way_is_left_alone),
		in_a_directory(a_missing_socket_is_unreachable),
		in_a_directory(a_full_queue_is_tried_again_until_the_timeout),
		in_a_directory(the_wake_up_interrupts_connecting),
		cmocka_unit_test(tcp_listens_and_connects_without_delay),
		cmocka_unit_test(a_closed_port_is_unreachable),
		cmocka_unit_test(loopback_is_told_from_the_rest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
