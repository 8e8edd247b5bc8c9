#include "daemon/access/token/self_signed.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "proto/base/cleanup.h"

/* A certificate's common name (RFC 5280, ub-common-name). */
#define NAME_MAX_LEN 64u

#define FOREVER "99991231235959Z"
/* So that a client whose clock is late a little does not take it for one of the future.
 */
#define BACKDATED_SECONDS (-24L * 60 * 60)

static void free_bio(BIO **bio)
{
	BIO_free(*bio);
}

static void free_key(EVP_PKEY **key)
{
	EVP_PKEY_free(*key);
}

static void free_certificate(X509 **certificate)
{
	X509_free(*certificate);
}

static int failed(struct error *error)
{
	const char *words = ERR_reason_error_string(ERR_peek_error());
	(void)error_set(error, ERR_INTERNAL, "a certificate cannot be made: %s",
			words ? words : "no reason is known");
	ERR_clear_error();
	return error->code;
}

/* This machine's name as far as it fits. */
static void name_machine(char ret_name[NAME_MAX_LEN + 1])
{
	if (gethostname(ret_name, NAME_MAX_LEN + 1) != 0 || !*ret_name)
		(void)stpcpy(ret_name, "localhost");
	ret_name[NAME_MAX_LEN] = '\0';
}

/* Positive, and with more than the 64 bits of chance that RFC 5280 lets pass. */
static bool set_serial(X509 *certificate)
{
	BIGNUM *serial = BN_new();
	bool set = serial &&
		   BN_rand(serial, 127, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) == 1 &&
		   BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(certificate));
	BN_free(serial);
	return set;
}

static bool set_name(X509 *certificate, const char *name)
{
	X509_NAME *subject = X509_get_subject_name(certificate);
	return X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
					  (const unsigned char *)name, -1, -1, 0) == 1 &&
	       X509_set_issuer_name(certificate, subject) == 1;
}

static bool add_extension(X509 *certificate, int kind, const char *value)
{
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, kind, value);
	bool added = extension && X509_add_ext(certificate, extension, -1) == 1;
	X509_EXTENSION_free(extension);
	return added;
}

/* The name goes into the extension's own syntax, in which a comma would end it. */
static bool add_names(X509 *certificate, const char *name)
{
	char names[NAME_MAX_LEN + 32];
	bool plain = !strpbrk(name, ",:\\\"\n");
	(void)snprintf(names, sizeof(names), "DNS:%s,DNS:localhost",
		       plain ? name : "localhost");
	return add_extension(certificate, NID_subject_alt_name, names);
}

static bool fill(X509 *certificate, EVP_PKEY *key, const char *name)
{
	return X509_set_version(certificate, X509_VERSION_3) == 1 &&
	       set_serial(certificate) && set_name(certificate, name) &&
	       X509_gmtime_adj(X509_getm_notBefore(certificate), BACKDATED_SECONDS) &&
	       ASN1_TIME_set_string(X509_getm_notAfter(certificate), FOREVER) == 1 &&
	       X509_set_pubkey(certificate, key) == 1 && add_names(certificate, name) &&
	       add_extension(certificate, NID_basic_constraints, "critical,CA:FALSE") &&
	       X509_sign(certificate, key, EVP_sha256()) > 0;
}

static void take_text(BIO *bio, struct buffer *ret_text)
{
	char *at = NULL;
	long len = BIO_get_mem_data(bio, &at);
	buffer_put(ret_text, at, (size_t)len);
}

int self_signed_make(struct buffer *ret_certificate, struct buffer *ret_key,
		     struct error *error)
{
	char name[NAME_MAX_LEN + 1];
	name_machine(name);
	ERR_clear_error();
	EVP_PKEY *key AUTO(free_key) = EVP_EC_gen("P-256");
	X509 *certificate AUTO(free_certificate) = X509_new();
	BIO *certificate_text AUTO(free_bio) = BIO_new(BIO_s_mem());
	BIO *key_text AUTO(free_bio) = BIO_new(BIO_s_secmem());
	if (!key || !certificate || !certificate_text || !key_text)
		return failed(error);
	if (!fill(certificate, key, name) ||
	    PEM_write_bio_X509(certificate_text, certificate) != 1 ||
	    PEM_write_bio_PKCS8PrivateKey(key_text, key, NULL, NULL, 0, NULL, NULL) != 1)
		return failed(error);
	take_text(certificate_text, ret_certificate);
	take_text(key_text, ret_key);
	return 0;
}
