#include "proto/transport/transport_tls.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/transport/tls_bio.h"
#include "proto/transport/transport_calls.h"

/* What goes into one record. */
#define STAGED_LEN SSL3_RT_MAX_PLAIN_LENGTH
/* How often a peer may change its keys: one is good for 388 GB (RFC 8446 §5.5), and each
 * change costs this side more than the 26 bytes that it costs the peer. */
#define KEY_UPDATES_MAX 64u

struct tls {
	pthread_mutex_t mutex; /* guards all below */
	SSL *ssl;              /* owned */
	struct tls_bio bio;
	/* Taken and not yet encrypted, or encrypted and not yet with the kernel: then it
	 * is sealed, and OpenSSL wants just these bytes again. */
	uint8_t *staged; /* owned; of STAGED_LEN bytes; NULL: nothing is under way */
	size_t staged_len;
	bool sealed;
	unsigned key_updates; /* of the peer */
	enum tls_failure failure;
	char words[128];
};

/* ---- what failed ---- */

static const struct {
	int reason;
	enum tls_failure failure;
} reasons[] = {
	{SSL_R_HTTP_REQUEST, TLS_HTTP},
	{SSL_R_HTTPS_PROXY_REQUEST, TLS_HTTP},
	{SSL_R_WRONG_VERSION_NUMBER, TLS_NOT_TLS},
	{SSL_R_PACKET_LENGTH_TOO_LONG, TLS_NOT_TLS},
	{SSL_R_UNEXPECTED_MESSAGE, TLS_NOT_TLS},
	{SSL_R_UNSUPPORTED_PROTOCOL, TLS_OLD},
	{SSL_R_VERSION_TOO_LOW, TLS_OLD},
	{SSL_R_TLSV1_ALERT_PROTOCOL_VERSION, TLS_OLD},
	{SSL_R_NO_APPLICATION_PROTOCOL, TLS_NO_ALPN},
	{SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL, TLS_NO_ALPN},
	{SSL_R_CALLBACK_FAILED, TLS_NO_ALPN},
	{SSL_R_CERTIFICATE_VERIFY_FAILED, TLS_UNTRUSTED},
	{SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE, TLS_NO_CLIENT},
	{SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED, TLS_NO_CLIENT},
	{SSL_R_TLSV1_ALERT_UNKNOWN_CA, TLS_BAD_CLIENT},
	{SSL_R_SSLV3_ALERT_BAD_CERTIFICATE, TLS_BAD_CLIENT},
	{SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED, TLS_BAD_CLIENT},
	{SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED, TLS_BAD_CLIENT},
	{SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN, TLS_BAD_CLIENT},
	{SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE, TLS_BAD_CLIENT},
};

static enum tls_failure failure_of(const struct tls *tls, int ssl_error)
{
	if (tls->bio.too_long)
		return TLS_TOO_LONG;
	unsigned long packed = ERR_peek_error();
	if (ssl_error != SSL_ERROR_SSL || packed == 0)
		return TLS_LOST;
	for (size_t i = 0; i < sizeof(reasons) / sizeof(*reasons); i++) {
		if (ERR_GET_REASON(packed) == reasons[i].reason)
			return reasons[i].failure;
	}
	return TLS_BROKEN;
}

/* After a call that failed for good: sets errno. */
static void note_failure(struct tls *tls, int ssl_error)
{
	enum tls_failure failure = failure_of(tls, ssl_error);
	const char *words = ERR_reason_error_string(ERR_peek_error());
	if (tls->failure == TLS_NO_FAILURE && failure != TLS_LOST && words)
		(void)stpncpy(tls->words, words, sizeof(tls->words) - 1);
	if (tls->failure == TLS_NO_FAILURE)
		tls->failure = failure;
	if (failure != TLS_LOST)
		errno = EPROTO;
	else if (errno == 0 || errno == EAGAIN)
		errno = ECONNRESET;
}

/* After a call that returned no success: 0: the stream has ended; -1 and errno. */
static int outcome(struct tls *tls, int returned)
{
	int ssl_error = SSL_get_error(tls->ssl, returned);
	if (ssl_error == SSL_ERROR_ZERO_RETURN)
		return 0;
	if (ssl_error == SSL_ERROR_WANT_READ || ssl_error == SSL_ERROR_WANT_WRITE)
		errno = EAGAIN;
	else
		note_failure(tls, ssl_error);
	return -1;
}

/* OpenSSL keeps its errors for each thread, and what another connection left there would
 * be taken for this one's. */
static void begin_locked(struct tls *tls)
{
	pthread_mutex_lock(&tls->mutex);
	ERR_clear_error();
	errno = 0;
}

/* ---- receiving ---- */

/* A peer that does little but change its keys is up to no good. */
static int refuse_key_updates(struct tls *tls)
{
	if (tls->failure == TLS_NO_FAILURE)
		(void)stpcpy(tls->words, "too many changes of keys");
	tls->failure = TLS_BROKEN;
	errno = EPROTO;
	return -1;
}

/* Called for each message of TLS itself. */
static void on_message(int is_sent, int version, int type, const void *message,
		       size_t len, SSL *ssl, void *context)
{
	struct tls *tls = context;
	(void)version;
	(void)ssl;
	if (!is_sent && type == SSL3_RT_HANDSHAKE && len > 0 &&
	    *(const uint8_t *)message == SSL3_MT_KEY_UPDATE)
		tls->key_updates++;
}

/* Fills a piece as far as input has come. */
static ssize_t read_piece_locked(struct tls *tls, const struct iovec *piece, bool peek)
{
	size_t done = 0, got = 0;
	int returned = 1;
	while (done < piece->iov_len && returned == 1 && !(peek && done > 0)) {
		uint8_t *at = (uint8_t *)piece->iov_base + done;
		size_t room = piece->iov_len - done;
		returned = peek ? SSL_peek_ex(tls->ssl, at, room, &got)
				: SSL_read_ex(tls->ssl, at, room, &got);
		done += returned == 1 ? got : 0;
	}
	if (tls->key_updates > KEY_UPDATES_MAX)
		return refuse_key_updates(tls);
	return done > 0 ? (ssize_t)done : outcome(tls, returned);
}

static ssize_t tls_receive(const struct transport *transport, struct iovec *pieces,
			   size_t count, bool peek)
{
	struct tls *tls = transport->tls;
	ssize_t total = 0, got = 0;
	begin_locked(tls);
	for (size_t i = 0; i < count; i++) {
		got = read_piece_locked(tls, &pieces[i], peek);
		total += got > 0 ? got : 0;
		if (got < (ssize_t)pieces[i].iov_len)
			break;
	}
	pthread_mutex_unlock(&tls->mutex);
	return total > 0 ? total : got;
}

static bool tls_pending(const struct transport *transport)
{
	struct tls *tls = transport->tls;
	pthread_mutex_lock(&tls->mutex);
	bool pending = SSL_pending(tls->ssl) > 0;
	pthread_mutex_unlock(&tls->mutex);
	return pending;
}

/* ---- sending ---- */

/* 0: the kernel has it; -1 and errno. */
static int write_staged_locked(struct tls *tls)
{
	size_t done;
	if (tls->staged_len == 0)
		return 0;
	int returned = SSL_write_ex(tls->ssl, tls->staged, tls->staged_len, &done);
	tls->sealed = returned != 1;
	if (returned == 1)
		tls->staged_len = 0;
	else if (outcome(tls, returned) == 0)
		errno = EPIPE;
	return returned == 1 ? 0 : -1;
}

/* Room for at least a byte: how many; 0: none, and errno. */
static size_t room_locked(struct tls *tls)
{
	if (!tls->staged)
		tls->staged = must_alloc(STAGED_LEN);
	bool full = tls->sealed || tls->staged_len == STAGED_LEN;
	if (full && write_staged_locked(tls) < 0)
		return 0;
	return STAGED_LEN - tls->staged_len;
}

static void stage_locked(struct tls *tls, const void *data, size_t len)
{
	memcpy(tls->staged + tls->staged_len, data, len);
	tls->staged_len += len;
}

/* Takes a whole record without staging it first: it is copied only where the kernel has
 * no room for it now. 0: the connection has failed, and errno. */
static size_t take_record_locked(struct tls *tls, const void *data)
{
	size_t done = 0;
	int returned = SSL_write_ex(tls->ssl, data, STAGED_LEN, &done);
	if (returned == 1)
		return done;
	if (outcome(tls, returned) == 0)
		errno = EPIPE;
	if (errno != EAGAIN)
		return 0;
	stage_locked(tls, data, STAGED_LEN);
	tls->sealed = true;
	return STAGED_LEN;
}

/* How many bytes of the piece were taken. */
static size_t take_piece_locked(struct tls *tls, const struct iovec *piece)
{
	size_t done = 0, room = 0, taken = 1;
	while (done < piece->iov_len && taken > 0 && (room = room_locked(tls)) > 0) {
		const uint8_t *at = (const uint8_t *)piece->iov_base + done;
		size_t left = piece->iov_len - done;
		if (left >= STAGED_LEN && room == STAGED_LEN) {
			taken = take_record_locked(tls, at);
		} else {
			taken = left < room ? left : room;
			stage_locked(tls, at, taken);
		}
		done += taken;
	}
	return done;
}

static ssize_t tls_send(const struct transport *transport, struct iovec *pieces,
			size_t count, bool more)
{
	struct tls *tls = transport->tls;
	size_t total = 0;
	begin_locked(tls);
	bool whole = true;
	for (size_t i = 0; whole && i < count; i++) {
		size_t done = take_piece_locked(tls, &pieces[i]);
		total += done;
		whole = done == pieces[i].iov_len;
	}
	/* Whether this works shows at the next call. */
	if (whole && !more)
		(void)write_staged_locked(tls);
	int error_number = errno;
	pthread_mutex_unlock(&tls->mutex);
	errno = error_number;
	return total > 0 ? (ssize_t)total : -1;
}

static ssize_t tls_send_file(const struct transport *transport, int file_fd,
			     off_t *offset, size_t len)
{
	struct tls *tls = transport->tls;
	begin_locked(tls);
	ssize_t got = -1;
	size_t room = room_locked(tls);
	if (room > 0)
		got = pread(file_fd, tls->staged + tls->staged_len,
			    len < room ? len : room, *offset);
	if (got > 0) {
		tls->staged_len += (size_t)got;
		*offset += got;
	}
	int error_number = errno;
	pthread_mutex_unlock(&tls->mutex);
	errno = error_number;
	return got;
}

static int tls_flush(const struct transport *transport)
{
	struct tls *tls = transport->tls;
	begin_locked(tls);
	int result = write_staged_locked(tls);
	if (result == 0)
		free(take_ptr(&tls->staged));
	int error_number = errno;
	pthread_mutex_unlock(&tls->mutex);
	errno = error_number;
	return result;
}

/* ---- the end ---- */

static void tls_end(const struct transport *transport)
{
	struct tls *tls = transport->tls;
	begin_locked(tls);
	(void)write_staged_locked(tls);
	if (SSL_is_init_finished(tls->ssl))
		(void)SSL_shutdown(tls->ssl);
	ERR_clear_error();
	pthread_mutex_unlock(&tls->mutex);
	(void)shutdown(transport->fd, SHUT_WR);
}

static void tls_free(struct tls *tls)
{
	SSL_free(tls->ssl);
	free(tls->staged);
	pthread_mutex_destroy(&tls->mutex);
	free(tls);
}

static const struct transport_calls tls_calls = {
	.receive = tls_receive,
	.pending = tls_pending,
	.send = tls_send,
	.send_file = tls_send_file,
	.flush = tls_flush,
	.end = tls_end,
	.free = tls_free,
};

/* ---- its beginning ---- */

static bool attach_bio(struct tls *tls, SSL_CTX *context)
{
	BIO *bio = tls_bio_new(&tls->bio);
	tls->ssl = bio ? SSL_new(context) : NULL;
	if (!tls->ssl) {
		BIO_free(bio);
		return false;
	}
	SSL_set_bio(tls->ssl, bio, bio);
	SSL_set_msg_callback(tls->ssl, on_message);
	SSL_set_msg_callback_arg(tls->ssl, tls);
	return true;
}

int transport_of_tls(SSL_CTX *context, int fd, size_t len_max,
		     struct transport *ret_transport, struct error *error)
{
	struct transport transport = transport_of_socket(fd);
	struct tls *tls = must_calloc(1, sizeof(*tls));
	tls->bio = (struct tls_bio){.fd = fd, .len_max = len_max};
	claim(pthread_mutex_init(&tls->mutex, NULL) == 0);
	if (!attach_bio(tls, context)) {
		tls_free(tls);
		transport_close(&transport);
		ERR_clear_error();
		return error_set(error, ERR_NO_MEMORY,
				 "there is no memory for another TLS connection");
	}
	transport.calls = &tls_calls;
	transport.tls = tls;
	*ret_transport = transport;
	return 0;
}

int transport_tls_shake(const struct transport *transport, short *ret_events)
{
	struct tls *tls = transport->tls;
	begin_locked(tls);
	int returned = SSL_do_handshake(tls->ssl);
	int result = 0;
	if (returned == 1) {
		tls->bio.len_max = 0;
	} else {
		*ret_events = SSL_want_write(tls->ssl) ? POLLOUT : POLLIN;
		result = -1;
		if (outcome(tls, returned) == 0)
			note_failure(tls, SSL_ERROR_SYSCALL);
	}
	int error_number = errno;
	pthread_mutex_unlock(&tls->mutex);
	errno = error_number;
	return result;
}

enum tls_failure transport_tls_failure(const struct transport *transport)
{
	return transport->tls ? transport->tls->failure : TLS_NO_FAILURE;
}

const char *transport_tls_words(const struct transport *transport)
{
	return transport->tls->words;
}

const uint8_t *transport_tls_first(const struct transport *transport)
{
	return transport->tls->bio.first;
}

SSL *transport_tls_ssl(const struct transport *transport)
{
	return transport->tls->ssl;
}

void transport_tls_give_up(struct transport *transport)
{
	tls_free(transport->tls);
	*transport = transport_of_socket(transport->fd);
}

/* ---- contexts ---- */

/* A key that has a passphrase is of no use: nobody is there to be asked for it. */
static int no_passphrase(char *buffer, int size, int writing, void *context)
{
	(void)buffer;
	(void)size;
	(void)writing;
	(void)context;
	return -1;
}

int tls_context_new(bool is_server, SSL_CTX **ret_context, struct error *error)
{
	/* A static program must not load what a configuration names, which is of another
	 * OpenSSL than it has inside. */
	if (BATON_STATIC)
		(void)OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
	SSL_CTX *context =
		SSL_CTX_new(is_server ? TLS_server_method() : TLS_client_method());
	if (!context || SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) != 1 ||
	    SSL_CTX_set_num_tickets(context, 0) != 1) {
		SSL_CTX_free(context);
		ERR_clear_error();
		return error_set(error, ERR_NO_MEMORY, "TLS cannot be set up");
	}
	SSL_CTX_set_default_passwd_cb(context, no_passphrase);
	(void)SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	(void)SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION |
						   SSL_OP_IGNORE_UNEXPECTED_EOF);
	(void)SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE |
						SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
						SSL_MODE_RELEASE_BUFFERS);
	/* Each record that is no data ends a call, so that a peer that sends many such
	 * cannot keep a thread in one. */
	(void)SSL_CTX_clear_mode(context, SSL_MODE_AUTO_RETRY);
	*ret_context = context;
	return 0;
}
