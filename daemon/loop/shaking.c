#include "daemon/loop/shaking.h"

#include <errno.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include "proto/link/header.h"
#include "proto/message/message.h"
#include "proto/transport/transport_tls.h"

static void shake(uv_work_t *work)
{
	struct shaking *shaking = work->data;
	shaking->result = transport_tls_shake(shaking->transport, &shaking->events);
	shaking->error_number = errno;
}

static void on_worked(uv_work_t *work, int status)
{
	struct shaking *shaking = work->data;
	(void)status;
	shaking->running = false;
	shaking->on_step(shaking);
}

void shaking_step(uv_loop_t *loop, struct shaking *shaking)
{
	shaking->running = true;
	shaking->work.data = shaking;
	claim(uv_queue_work(loop, &shaking->work, shake, on_worked) == 0);
}

bool shaking_met_http(const struct transport *transport)
{
	return transport_tls_failure(transport) == TLS_HTTP;
}

bool shaking_met_baton(const struct transport *transport)
{
	struct header header = header_decode(transport_tls_first(transport));
	return transport_tls_failure(transport) != TLS_HTTP && header.is_a_message &&
	       header.type == MSG_HELLO && header.len <= HELLO_LEN_MAX;
}

int shaking_explain(const struct transport *transport, struct error *error)
{
	switch (transport_tls_failure(transport)) {
	case TLS_HTTP:
		return error_set(error, ERR_PROTOCOL, "an HTTP client, in clear");
	case TLS_NOT_TLS:
		return error_set(error, ERR_PROTOCOL,
				 "this is neither TLS nor a Baton client");
	case TLS_OLD:
		return error_set(
			error, ERR_VERSION,
			"the peer knows TLS 1.2 or older, and batond TLS 1.3 alone");
	case TLS_NO_ALPN:
		return error_set(error, ERR_PROTOCOL,
				 "the peer speaks TLS, but does not ask for " TLS_ALPN
				 "; this does not look like a Baton client");
	case TLS_NO_CLIENT:
		return error_set(error, ERR_DENIED,
				 "the client shows no certificate, and client-ca demands "
				 "one");
	case TLS_UNTRUSTED:
		return error_set(error, ERR_DENIED,
				 "the client's certificate is refused: %s",
				 X509_verify_cert_error_string(SSL_get_verify_result(
					 transport_tls_ssl(transport))));
	case TLS_BAD_CLIENT:
		return error_set(error, ERR_DENIED,
				 "the client does not accept this daemon's certificate; "
				 "its URL may have the pin of another key");
	case TLS_TOO_LONG:
		return error_set(error, ERR_PROTOCOL,
				 "the TLS handshake has more than %u bytes",
				 HANDSHAKE_LEN_MAX);
	case TLS_LOST:
		return error_set(error, ERR_LOST,
				 "the connection ended in the TLS handshake");
	default:
		return error_set(error, ERR_PROTOCOL, "the TLS handshake failed: %s",
				 transport_tls_words(transport));
	}
}
