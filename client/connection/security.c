#include "client/connection/security.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "proto/base/cleanup.h"
#include "proto/base/clock.h"
#include "proto/transport/pin.h"
#include "proto/transport/transport_tls.h"

/* What one handshake needs, and where it says why it failed. */
struct handshake {
	const struct address *address;
	const struct security_files *files;
	SSL_CTX *context;              /* owned */
	struct transport transport;    /* owned */
	char found_pin[PIN_TEXT_SIZE]; /* of the daemon's certificate; "": none seen */
	char bound[32]; /* until when, or from when, it is valid, if that was wrong */
	int64_t deadline;
	int wake_fd;
	struct error *error;
};

static void handshake_fini(struct handshake *shake)
{
	transport_close(&shake->transport);
	SSL_CTX_free(shake->context);
}

/* ---- whom to trust ----------------------------------------------------------------- */

/* Where systems keep the authorities that they trust, if not where OpenSSL looks: a
 * static program runs anywhere. */
static const char *const bundles[] = {
	"/etc/ssl/certs/ca-certificates.crt", /* Debian, Ubuntu, Alpine, Arch */
	"/etc/pki/tls/certs/ca-bundle.crt",   /* Fedora, RHEL */
	"/etc/ssl/ca-bundle.pem",             /* SUSE */
	"/etc/ssl/cert.pem",                  /* Alpine, BSDs */
};

static bool is_there(const char *variable, const char *usual)
{
	const char *named = getenv(variable);
	return access(named ? named : usual, R_OK) == 0;
}

/* Reading a bundle takes some milliseconds, a folder one file for each authority that is
 * needed. */
static void trust_system(SSL_CTX *context)
{
	(void)SSL_CTX_set_default_verify_paths(context);
	bool found =
		is_there(X509_get_default_cert_dir_env(), X509_get_default_cert_dir()) ||
		is_there(X509_get_default_cert_file_env(), X509_get_default_cert_file());
	for (size_t i = 0; !found && i < sizeof(bundles) / sizeof(*bundles); i++)
		found = access(bundles[i], R_OK) == 0 &&
			SSL_CTX_load_verify_file(context, bundles[i]) == 1;
	ERR_clear_error();
}

/* OpenSSL's words for what was wrong with a file. */
static int bad_file(const struct handshake *shake, const char *file, const char *what)
{
	unsigned long packed = ERR_peek_error();
	if (ERR_SYSTEM_ERROR(packed))
		return error_set_errno(shake->error, ERR_LOCAL, ERR_GET_REASON(packed),
				       "%s: %s cannot be read", file, what);
	const char *words = ERR_reason_error_string(packed);
	return error_set(shake->error, ERR_LOCAL, "%s: has not %s in PEM: %s", file, what,
			 words ? words : "nothing there");
}

static int trust(const struct handshake *shake)
{
	const char *ca = shake->files->ca;
	X509_VERIFY_PARAM *rules = SSL_CTX_get0_param(shake->context);
	const char *host = shake->address->host;
	if (!ca)
		trust_system(shake->context);
	else if (SSL_CTX_load_verify_file(shake->context, ca) != 1)
		return bad_file(shake, ca, "certificates of authorities");
	/* The file may have the daemon's own certificate instead of an authority's. */
	if (ca)
		(void)X509_VERIFY_PARAM_set_flags(rules, X509_V_FLAG_PARTIAL_CHAIN);
	if (X509_VERIFY_PARAM_set1_ip_asc(rules, host) == 1 ||
	    X509_VERIFY_PARAM_set1_host(rules, host, 0) == 1)
		return 0;
	return error_set(shake->error, ERR_NO_MEMORY,
			 "%s: no memory for whom to expect there", shake->address->url);
}

/* In place of OpenSSL's verification: 1 if the key is the one that the pin names. */
static int verify_pin(X509_STORE_CTX *chain, void *context)
{
	struct handshake *shake = context;
	const X509 *certificate = X509_STORE_CTX_get0_cert(chain);
	if (certificate && pin_of(certificate, shake->found_pin) &&
	    strcmp(shake->found_pin, shake->address->pin) == 0)
		return 1;
	X509_STORE_CTX_set_error(chain, X509_V_ERR_CERT_REJECTED);
	return 0;
}

/* A moment for people. */
static void write_moment(const ASN1_TIME *moment, char ret_text[32])
{
	struct tm when = {0};
	if (!moment || ASN1_TIME_to_tm(moment, &when) != 1 ||
	    strftime(ret_text, 32, "%Y-%m-%d %H:%M UTC", &when) == 0)
		memcpy(ret_text, "?", 2);
}

/* Called for each certificate that OpenSSL verifies: keeps what a sentence will need,
 * since a refused one is gone after the handshake. */
static int note_refused(int accepted, X509_STORE_CTX *chain)
{
	const SSL *ssl =
		X509_STORE_CTX_get_ex_data(chain, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct handshake *shake = SSL_get_app_data(ssl);
	const X509 *certificate = X509_STORE_CTX_get_current_cert(chain);
	bool too_late = X509_STORE_CTX_get_error(chain) == X509_V_ERR_CERT_HAS_EXPIRED;
	if (!accepted && certificate)
		write_moment(too_late ? X509_get0_notAfter(certificate)
				      : X509_get0_notBefore(certificate),
			     shake->bound);
	return accepted;
}

static int present(const struct handshake *shake)
{
	const char *certificate = shake->files->certificate, *key = shake->files->key;
	SSL_CTX *context = shake->context;
	if (!certificate && key)
		return error_set(shake->error, ERR_USAGE,
				 "--key without --certificate: the daemon wants to see a "
				 "certificate");
	if (!certificate)
		return 0;
	if (SSL_CTX_use_certificate_chain_file(context, certificate) != 1)
		return bad_file(shake, certificate, "a certificate");
	if (!key)
		key = certificate;
	if (SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1)
		return bad_file(shake, key, "the key of that certificate");
	return 0;
}

static int set_up(struct handshake *shake)
{
	int err = tls_context_new(false, &shake->context, shake->error);
	if (err < 0)
		return err;
	ERR_clear_error();
	static const uint8_t alpn[] = "\x07" TLS_ALPN;
	claim(SSL_CTX_set_alpn_protos(shake->context, alpn, sizeof(alpn) - 1) == 0);
	SSL_CTX_set_verify(shake->context, SSL_VERIFY_PEER, note_refused);
	if (shake->address->pin)
		SSL_CTX_set_cert_verify_callback(shake->context, verify_pin, shake);
	else
		err = trust(shake);
	return err < 0 ? err : present(shake);
}

/* ---- why there is none ------------------------------------------------------------- */

static int wrong_pin(const struct handshake *shake)
{
	return error_set(shake->error, ERR_DENIED,
			 "%s: the daemon's key has the pin %s, not %s: another daemon "
			 "answers there, or its key was made anew; take the pin from the "
			 "line BATON_SERVER=… that batond says at its start",
			 shake->address->url,
			 *shake->found_pin ? shake->found_pin : "(none)",
			 shake->address->pin);
}

static int wrong_time(const struct handshake *shake, bool too_late)
{
	char now_text[32];
	ASN1_TIME *now = ASN1_TIME_set(NULL, time(NULL));
	write_moment(now, now_text);
	ASN1_TIME_free(now);
	return error_set(
		shake->error, ERR_DENIED,
		"%s: the daemon's certificate %s %s, and this machine's clock says "
		"%s: renew the certificate, set the clock, or put the daemon's "
		"#pin behind its URL",
		shake->address->url, too_late ? "was valid until" : "is valid from",
		shake->bound, now_text);
}

static int wrong_host(const struct handshake *shake)
{
	return error_set(
		shake->error, ERR_DENIED,
		"%s: the daemon's certificate does not name the host %s: use the "
		"name that it was made for, or put the daemon's #pin behind its URL",
		shake->address->url, shake->address->host);
}

static int untrusted(const struct handshake *shake)
{
	long verdict = SSL_get_verify_result(transport_tls_ssl(&shake->transport));
	if (shake->address->pin)
		return wrong_pin(shake);
	switch (verdict) {
	case X509_V_ERR_CERT_HAS_EXPIRED:
		return wrong_time(shake, true);
	case X509_V_ERR_CERT_NOT_YET_VALID:
		return wrong_time(shake, false);
	case X509_V_ERR_HOSTNAME_MISMATCH:
	case X509_V_ERR_IP_ADDRESS_MISMATCH:
		return wrong_host(shake);
	default:
		return error_set(
			shake->error, ERR_DENIED,
			"%s: nobody that is trusted here vouches for the daemon's "
			"certificate (%s): put its #pin behind the URL, as the line "
			"BATON_SERVER=… of batond has it, or name its authority with "
			"--ca",
			shake->address->url, X509_verify_cert_error_string(verdict));
	}
}

static int not_ours(const char *url, struct error *error)
{
	return error_set(
		error, ERR_PROTOCOL,
		"%s: what listens there speaks no TLS: if it is a batond, it "
		"listens with --listen tls://… on another port, or is to be named "
		"tcp:// in its URL",
		url);
}

/* Sentences that need no more than the kind of failure. */
static int explain_failure(const char *url, const struct transport *transport,
			   struct error *error)
{
	switch (transport_tls_failure(transport)) {
	case TLS_NOT_TLS:
	case TLS_HTTP:
		return not_ours(url, error);
	case TLS_OLD:
		return error_set(
			error, ERR_VERSION,
			"%s: what listens there knows TLS 1.2 or older, and baton "
			"TLS 1.3 alone: that is no batond, or something is between",
			url);
	case TLS_NO_ALPN:
		return error_set(
			error, ERR_PROTOCOL,
			"%s: what listens there speaks TLS, but is no batond (it "
			"does not know the protocol " TLS_ALPN ")",
			url);
	case TLS_NO_CLIENT:
		return error_set(
			error, ERR_DENIED,
			"%s: the daemon demands a certificate of its clients: name "
			"yours with --certificate and --key",
			url);
	case TLS_BAD_CLIENT:
		return error_set(
			error, ERR_DENIED,
			"%s: the daemon does not accept this client's certificate "
			"(%s): it takes those of the authority that its client-ca "
			"names",
			url, transport_tls_words(transport));
	case TLS_LOST:
		return error_set(error, ERR_LOST,
				 "%s: the connection was lost in the TLS handshake", url);
	default:
		return error_set(error, ERR_PROTOCOL, "%s: TLS failed: %s", url,
				 transport_tls_words(transport));
	}
}

int security_explain(const char *url, const struct transport *transport,
		     struct error *error)
{
	enum tls_failure failure = transport_tls_failure(transport);
	if (failure != TLS_NO_FAILURE && failure != TLS_LOST)
		return explain_failure(url, transport, error);
	return error->code;
}

/* ---- the handshake ----------------------------------------------------------------- */

static int wait_for(const struct handshake *shake, short events)
{
	struct pollfd polled[] = {
		{.fd = shake->transport.fd, .events = events},
		{.fd = shake->wake_fd, .events = POLLIN},
	};
	int ready;
	do {
		ready = poll(polled, 2, clock_left(shake->deadline));
	} while (ready < 0 && errno == EINTR);
	if (ready > 0 && polled[1].revents)
		return error_set(shake->error, ERR_INTERRUPTED,
				 "interrupted while connecting to %s",
				 shake->address->url);
	if (ready > 0)
		return 0;
	return error_set(shake->error, ERR_TIMEOUT,
			 "%s: the TLS handshake did not end in time: is it a batond that "
			 "listens there?",
			 shake->address->url);
}

static int run(struct handshake *shake)
{
	short events = 0;
	while (transport_tls_shake(&shake->transport, &events) < 0) {
		if (errno != EAGAIN)
			return transport_tls_failure(&shake->transport) == TLS_UNTRUSTED
				       ? untrusted(shake)
				       : explain_failure(shake->address->url,
							 &shake->transport, shake->error);
		int err = wait_for(shake, events);
		if (err < 0)
			return err;
	}
	const uint8_t *alpn = NULL;
	unsigned len = 0;
	SSL_get0_alpn_selected(transport_tls_ssl(&shake->transport), &alpn, &len);
	if (len == strlen(TLS_ALPN) && memcmp(alpn, TLS_ALPN, len) == 0)
		return 0;
	return error_set(
		shake->error, ERR_PROTOCOL,
		"%s: what listens there speaks TLS, but is no batond (it does not "
		"know the protocol " TLS_ALPN ")",
		shake->address->url);
}

int security_begin(const struct address *address, const struct security_files *files,
		   int fd, int timeout_ms, int wake_fd, struct transport *ret_transport,
		   struct error *error)
{
	struct handshake shake AUTO(handshake_fini) = {
		.address = address,
		.files = files,
		.deadline = clock_deadline(timeout_ms),
		.wake_fd = wake_fd,
		.error = error,
	};
	int owned AUTO_FD = fd;
	int err = set_up(&shake);
	if (err == 0)
		err = transport_of_tls(shake.context, take_fd(&owned), 0,
				       &shake.transport, error);
	if (err < 0)
		return err;
	SSL *ssl = transport_tls_ssl(&shake.transport);
	SSL_set_connect_state(ssl);
	(void)SSL_set_app_data(ssl, &shake);
	struct in6_addr number;
	bool is_name = inet_pton(AF_INET, address->host, &number) != 1 &&
		       inet_pton(AF_INET6, address->host, &number) != 1;
	if (is_name)
		(void)SSL_set_tlsext_host_name(ssl, address->host);
	err = run(&shake);
	if (err < 0)
		return err;
	/* Nothing asks for it any more: only a handshake verifies. */
	(void)SSL_set_app_data(ssl, NULL);
	*ret_transport = shake.transport;
	shake.transport = (struct transport){0};
	return 0;
}
