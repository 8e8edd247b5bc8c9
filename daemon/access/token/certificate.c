#include "daemon/access/token/certificate.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <string.h>
#include <sys/stat.h>

#include "daemon/access/token/self_signed.h"
#include "daemon/access/token/vault.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/bounds.h"
#include "proto/transport/transport_tls.h"

#define CERTIFICATE_NAME "certificate.pem"
#define KEY_NAME "key.pem"

static void free_context(SSL_CTX **context)
{
	SSL_CTX_free(*context);
}

/* OpenSSL's words for what was wrong with a file. */
static int bad_file(const char *file, const char *what, struct error *error)
{
	unsigned long packed = ERR_peek_error();
	const char *words = ERR_reason_error_string(packed);
	if (ERR_SYSTEM_ERROR(packed))
		(void)error_set_errno(error, ERR_LOCAL, ERR_GET_REASON(packed),
				      "%s: %s cannot be read", file, what);
	else
		(void)error_set(error, ERR_LOCAL, "%s: has not %s in PEM: %s", file, what,
				words ? words : "nothing there");
	ERR_clear_error();
	return error->code;
}

/* ---- of its own -------------------------------------------------------------------- */

static int make(int vault_fd, struct buffer *certificate, struct buffer *key,
		struct error *error)
{
	int err = self_signed_make(certificate, key, error);
	/* The key first: a certificate without its key would be taken for damage. */
	if (err == 0)
		err = vault_replace(vault_fd, KEY_NAME, key->at, key->len, error);
	if (err == 0)
		err = vault_replace(vault_fd, CERTIFICATE_NAME, certificate->at,
				    certificate->len, error);
	return err;
}

static int read_or_make(const char *data, struct buffer *certificate, struct buffer *key,
			struct error *error)
{
	int vault_fd AUTO_FD = -1;
	int lock_fd AUTO_FD = -1;
	struct stat ignored;
	int err = vault_open(data, true, &vault_fd, error);
	if (err == 0)
		err = vault_lock(vault_fd, &lock_fd, error);
	if (err == 0)
		err = vault_read(vault_fd, CERTIFICATE_NAME, certificate, &ignored,
				 error);
	if (err == 0 && certificate->len == 0)
		return make(vault_fd, certificate, key, error);
	if (err == 0)
		err = vault_read(vault_fd, KEY_NAME, key, &ignored, error);
	if (err == 0 && key->len == 0)
		return error_set(
			error, ERR_DAMAGED,
			"%s/access: there is a " CERTIFICATE_NAME " but no " KEY_NAME
			"; put it back, or remove both for new ones: clients then "
			"need the new pin",
			data);
	return err;
}

static bool use_texts(SSL_CTX *context, const struct buffer *certificate_text,
		      const struct buffer *key_text)
{
	BIO *certificate_bio =
		BIO_new_mem_buf(certificate_text->at, (int)certificate_text->len);
	BIO *key_bio = BIO_new_mem_buf(key_text->at, (int)key_text->len);
	X509 *certificate = PEM_read_bio_X509(certificate_bio, NULL, NULL, NULL);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(key_bio, NULL, NULL, NULL);
	bool used = certificate && key &&
		    SSL_CTX_use_certificate(context, certificate) == 1 &&
		    SSL_CTX_use_PrivateKey(context, key) == 1;
	X509_free(certificate);
	EVP_PKEY_free(key);
	BIO_free(certificate_bio);
	BIO_free(key_bio);
	return used;
}

static int use_own(SSL_CTX *context, const char *data, struct error *error)
{
	struct buffer certificate AUTO(buffer_fini) = {0};
	struct buffer key AUTO(buffer_wipe) = {0};
	int err = read_or_make(data, &certificate, &key, error);
	if (err == 0 && !use_texts(context, &certificate, &key))
		err = bad_file("access/" CERTIFICATE_NAME " and access/" KEY_NAME,
			       "a certificate and its key", error);
	return err;
}

/* ---- of the configuration ---------------------------------------------------------- */

static int check_private(const char *file, struct error *error)
{
	struct stat stat_of;
	if (stat(file, &stat_of) < 0)
		return error_set_errno(error, ERR_LOCAL, errno, "%s", file);
	if (stat_of.st_mode & S_IRWXO)
		return error_set(error, ERR_DENIED,
				 "%s: anyone can read or write this key (mode %04o); "
				 "chmod o-rwx, and make a new one if somebody may have",
				 file, stat_of.st_mode & 07777);
	return 0;
}

static int use_files(SSL_CTX *context, const struct certificate_files *files,
		     struct error *error)
{
	const char *key = files->key ? files->key : files->certificate;
	if (SSL_CTX_use_certificate_chain_file(context, files->certificate) != 1)
		return bad_file(files->certificate, "a certificate", error);
	int err = check_private(key, error);
	if (err < 0)
		return err;
	if (SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1)
		return bad_file(key, "the key of that certificate", error);
	return 0;
}

static int demand_certificates(SSL_CTX *context, const char *file, struct error *error)
{
	STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(file);
	if (!names || SSL_CTX_load_verify_file(context, file) != 1) {
		sk_X509_NAME_pop_free(names, X509_NAME_free);
		return bad_file(file, "certificates of authorities", error);
	}
	SSL_CTX_set_client_CA_list(context, names);
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
			   NULL);
	return 0;
}

/* ---- what is asked of a client ----------------------------------------------------- */

static int choose_alpn(SSL *ssl, const uint8_t **ret_name, uint8_t *ret_len,
		       const uint8_t *offered, unsigned offered_len, void *context)
{
	(void)ssl;
	(void)context;
	static const uint8_t ours[] = "\x07" TLS_ALPN;
	uint8_t *chosen = NULL;
	if (SSL_select_next_proto(&chosen, ret_len, ours, sizeof(ours) - 1, offered,
				  offered_len) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*ret_name = chosen;
	return SSL_TLSEXT_ERR_OK;
}

/* Without the extension choose_alpn() is not asked. What speaks no TLS 1.3 is refused for
 * that. */
static int refuse_nameless(SSL *ssl, int *ret_alert, void *context)
{
	(void)context;
	const uint8_t *data;
	size_t len;
	bool is_new = SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_supported_versions,
						&data, &len) == 1;
	bool names = SSL_client_hello_get0_ext(
			     ssl, TLSEXT_TYPE_application_layer_protocol_negotiation,
			     &data, &len) == 1;
	if (names || !is_new)
		return SSL_CLIENT_HELLO_SUCCESS;
	*ret_alert = SSL_AD_NO_APPLICATION_PROTOCOL;
	return SSL_CLIENT_HELLO_ERROR;
}

/* ---- all of it --------------------------------------------------------------------- */

static int set_up(SSL_CTX *context, const struct certificate_files *files,
		  struct error *error)
{
	ERR_clear_error();
	SSL_CTX_set_alpn_select_cb(context, choose_alpn, NULL);
	SSL_CTX_set_client_hello_cb(context, refuse_nameless, NULL);
	SSL_CTX_set_max_cert_list(context, HANDSHAKE_LEN_MAX);
	if (files->key && !files->certificate)
		return error_set(error, ERR_USAGE,
				 "certificate-key without certificate: a key alone is "
				 "nothing that clients could be shown");
	int err = files->certificate ? use_files(context, files, error)
				     : use_own(context, files->data, error);
	if (err == 0 && files->client_ca)
		err = demand_certificates(context, files->client_ca, error);
	return err;
}

int certificate_load(const struct certificate_files *files,
		     struct certificate *ret_certificate, struct error *error)
{
	SSL_CTX *context AUTO(free_context) = NULL;
	int err = tls_context_new(true, &context, error);
	if (err == 0)
		err = set_up(context, files, error);
	if (err < 0)
		return err;
	struct certificate certificate = {0};
	if (!pin_of(SSL_CTX_get0_certificate(context), certificate.pin))
		return error_set(
			error, ERR_LOCAL,
			"%s: the certificate's key is of a kind that is not known",
			files->certificate ? files->certificate : "access");
	certificate.context = take_ptr(&context);
	*ret_certificate = certificate;
	return 0;
}

static void bio_free(BIO **bio)
{
	BIO_free(*bio);
}

/* Appends what was written to a BIO in memory, and a NUL. */
static void take_text(BIO *bio, struct buffer *out)
{
	char *text = NULL;
	long len = BIO_get_mem_data(bio, &text);
	buffer_put(out, text, len > 0 ? (size_t)len : 0);
	buffer_put_u8(out, 0);
	if (len > 0)
		OPENSSL_cleanse(text, (size_t)len);
}

static bool put_chain(SSL_CTX *context, BIO *bio)
{
	STACK_OF(X509) *chain = NULL;
	bool put = PEM_write_bio_X509(bio, SSL_CTX_get0_certificate(context)) == 1 &&
		   SSL_CTX_get0_chain_certs(context, &chain) == 1;
	for (int i = 0; put && i < sk_X509_num(chain); i++)
		put = PEM_write_bio_X509(bio, sk_X509_value(chain, i)) == 1;
	return put;
}

int certificate_pem(const struct certificate *certificate, struct buffer *ret_certificate,
		    struct buffer *ret_key, struct error *error)
{
	BIO *chain AUTO(bio_free) = BIO_new(BIO_s_mem());
	BIO *key AUTO(bio_free) = BIO_new(BIO_s_secmem());
	EVP_PKEY *private = SSL_CTX_get0_privatekey(certificate->context);
	if (!chain || !key || !put_chain(certificate->context, chain) ||
	    PEM_write_bio_PrivateKey(key, private, NULL, NULL, 0, NULL, NULL) != 1)
		return error_set(error, ERR_INTERNAL,
				 "the certificate cannot be written as PEM");
	take_text(chain, ret_certificate);
	take_text(key, ret_key);
	return 0;
}

void certificate_fini(struct certificate *certificate)
{
	SSL_CTX_free(certificate->context);
	*certificate = (struct certificate){0};
}
