/*
 * A pin: which public key a server has (PROTOCOL.md §1). SHA-256 of the
 * certificate's SubjectPublicKeyInfo, as RFC 7469 takes it, in base64url without padding
 * (RFC 4648 §5). Pure.
 */
#ifndef BATON_PROTO_TRANSPORT_PIN_H
#define BATON_PROTO_TRANSPORT_PIN_H

#include <openssl/types.h>
#include <stdbool.h>

#define PIN_LEN 43u
#define PIN_TEXT_SIZE (PIN_LEN + 1u)

/* Whether a text can be a pin at all. */
bool pin_is_one(const char *text);

/* Of the certificate's key; false where it has none that OpenSSL knows. */
bool pin_of(const X509 *certificate, char ret_pin[PIN_TEXT_SIZE]);

#endif
