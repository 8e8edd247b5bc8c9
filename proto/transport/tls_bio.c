#include "proto/transport/tls_bio.h"

#include <errno.h>
#include <openssl/bio.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>

static bool would_block(int error_number)
{
	return error_number == EAGAIN || error_number == EINTR;
}

static int bio_write(BIO *bio, const char *data, int len)
{
	const struct tls_bio *state = BIO_get_data(bio);
	BIO_clear_retry_flags(bio);
	ssize_t sent = send(state->fd, data, (size_t)len, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (sent < 0 && would_block(errno))
		BIO_set_retry_write(bio);
	return (int)sent;
}

/* Remembers how the stream began, and counts while there is a bound. */
static bool note_input(struct tls_bio *state, const char *data, size_t len)
{
	size_t room = TLS_FIRST_LEN - state->first_len;
	size_t kept = len < room ? len : room;
	memcpy(state->first + state->first_len, data, kept);
	state->first_len += kept;
	if (state->len_max == 0)
		return true;
	state->received += len;
	state->too_long = state->received > state->len_max;
	return !state->too_long;
}

static int bio_read(BIO *bio, char *data, int len)
{
	struct tls_bio *state = BIO_get_data(bio);
	BIO_clear_retry_flags(bio);
	ssize_t got = recv(state->fd, data, (size_t)len, MSG_DONTWAIT);
	if (got < 0 && would_block(errno))
		BIO_set_retry_read(bio);
	if (got > 0 && !note_input(state, data, (size_t)got)) {
		errno = EMSGSIZE;
		return -1;
	}
	/* The end of the stream is told from an error by BIO_CTRL_EOF. */
	if (got == 0)
		BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
	return (int)got;
}

static long bio_ctrl(BIO *bio, int command, long number, void *pointer)
{
	(void)number;
	(void)pointer;
	if (command == BIO_CTRL_EOF)
		return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0;
	return command == BIO_CTRL_FLUSH;
}

static BIO_METHOD *method;

static void make_method(void)
{
	method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket");
	if (!method)
		return;
	(void)BIO_meth_set_write(method, bio_write);
	(void)BIO_meth_set_read(method, bio_read);
	(void)BIO_meth_set_ctrl(method, bio_ctrl);
}

BIO *tls_bio_new(struct tls_bio *bio)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	(void)pthread_once(&once, make_method);
	BIO *made = method ? BIO_new(method) : NULL;
	if (!made)
		return NULL;
	BIO_set_data(made, bio);
	BIO_set_init(made, 1);
	return made;
}
