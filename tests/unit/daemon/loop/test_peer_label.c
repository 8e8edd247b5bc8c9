/* By which way a peer came (rules A1, A9): whoever is gone is not taken for another. */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/access/peer_user.h"
#include "daemon/loop/peer_label.h"
#include "proto/base/error.h"

static int number_of(int fd)
{
	struct sockaddr_in name = {0};
	socklen_t len = sizeof(name);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&name, &len), 0);
	return name.sin_port;
}

/* A connection over loopback; returns the accepted end. */
static int accepted_tcp(int *ret_other)
{
	struct sockaddr_in name = {.sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&name, sizeof(name)), 0);
	assert_int_equal(listen(listener, 1), 0);
	name.sin_port = (in_port_t)number_of(listener);
	*ret_other = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(*ret_other, (struct sockaddr *)&name, sizeof(name)), 0);
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(fd >= 0);
	close(listener);
	return fd;
}

/* Resets the connection, and waits until this end has heard of it. */
static void reset(int fd, int other)
{
	struct linger at_once = {.l_onoff = 1};
	char byte;
	(void)setsockopt(other, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(other);
	assert_int_equal(recv(fd, &byte, 1, 0), -1);
}

static void a_reset_connection_stays_what_it_was(void **state)
{
	(void)state;
	int other, fd = accepted_tcp(&other);
	char label[PEER_LABEL_SIZE];
	struct transport transport = transport_of_socket(dup(fd));
	assert_int_equal(peer_way(&transport), PROOF_LOOPBACK);
	peer_label(&transport, label);
	assert_memory_equal(label, "tcp 127.0.0.1:", 14);
	transport_close(&transport);
	reset(fd, other);
	transport = transport_of_socket(fd);
	assert_int_equal(peer_way(&transport), PROOF_LOOPBACK);
	peer_label(&transport, label);
	assert_string_equal(label, "tcp gone");
	transport_close(&transport);
}

static void a_unix_socket_is_one_when_its_peer_has_gone_too(void **state)
{
	(void)state;
	int ends[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	struct transport transport = transport_of_socket(ends[0]);
	assert_int_equal(peer_way(&transport), PROOF_UNIX);
	close(ends[1]);
	assert_int_equal(peer_way(&transport), PROOF_UNIX);
	transport_close(&transport);
}

static void what_is_no_socket_lets_nobody_in_without_a_token(void **state)
{
	(void)state;
	struct transport transport = {.fd = -1};
	assert_int_equal(peer_way(&transport), PROOF_TLS);
}

/* The kernel gives credentials of any socket. */
static void no_user_stands_for_a_token_but_on_a_unix_socket(void **state)
{
	(void)state;
	static const struct user_rules none;
	struct error error = {0};
	struct principal *principal = NULL;
	int other, fd = accepted_tcp(&other), ends[2];
	assert_int_equal(peer_user_principal(&none, fd, &principal, &error), ERR_DENIED);
	reset(fd, other);
	assert_int_equal(peer_user_principal(&none, fd, &principal, &error), ERR_DENIED);
	close(fd);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	assert_int_equal(peer_user_principal(&none, ends[0], &principal, &error), 0);
	principal_free(principal);
	close(ends[0]);
	close(ends[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reset_connection_stays_what_it_was),
		cmocka_unit_test(a_unix_socket_is_one_when_its_peer_has_gone_too),
		cmocka_unit_test(what_is_no_socket_lets_nobody_in_without_a_token),
		cmocka_unit_test(no_user_stands_for_a_token_but_on_a_unix_socket),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
