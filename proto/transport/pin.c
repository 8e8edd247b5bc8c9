#include "proto/transport/pin.h"

#include <openssl/evp.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
#include <string.h>

static const char digits[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

bool pin_is_one(const char *text)
{
	return strlen(text) == PIN_LEN && strspn(text, digits) == PIN_LEN;
}

static void encode(const uint8_t digest[SHA256_DIGEST_LENGTH],
		   char ret_pin[PIN_TEXT_SIZE])
{
	for (size_t i = 0; i < PIN_LEN; i++) {
		size_t bit = 6 * i;
		unsigned two = (unsigned)digest[bit / 8] << 8;
		if (bit / 8 + 1 < SHA256_DIGEST_LENGTH)
			two |= digest[bit / 8 + 1];
		ret_pin[i] = digits[two >> (10 - bit % 8) & 63];
	}
	ret_pin[PIN_LEN] = '\0';
}

bool pin_of(const X509 *certificate, char ret_pin[PIN_TEXT_SIZE])
{
	uint8_t *der = NULL;
	int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
	uint8_t digest[SHA256_DIGEST_LENGTH];
	bool known = len > 0 &&
		     EVP_Digest(der, (size_t)len, digest, NULL, EVP_sha256(), NULL) == 1;
	OPENSSL_free(der);
	if (known)
		encode(digest, ret_pin);
	return known;
}
