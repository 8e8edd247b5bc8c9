/*
 * The token that says who we are (rule A6), and where it was found. It is never taken
 * from an argument, which every user of the machine can read, and nothing shows it.
 */
#ifndef BATON_CLIENT_CONNECTION_CREDENTIALS_H
#define BATON_CLIENT_CONNECTION_CREDENTIALS_H

#include <stdbool.h>

#include "proto/base/error.h"
#include "proto/base/text.h"

struct credentials {
	char *token; /* owned; NULL: there is none */
	size_t len;
};

/*
 * Looks, in this order, into the file (NULL: none is named; BATON_TOKEN_FILE is the
 * option's own variable), BATON_TOKEN, and CIRCLE_OIDC_TOKEN_V2, which CircleCI sets. A
 * variable that is empty is not set. Blanks and newlines around the token are dropped.
 *
 * The file may be readable by others: what a CI system or a container mounts as a secret
 * often is, and only its bearer can change that. ERR_LOCAL: it cannot be read. ERR_USAGE
 * with the source's name: it holds none, or it is longer than TOKEN_LEN_MAX, or has other
 * characters than a JWT. To be freed with credentials_fini(), which wipes it.
 */
int credentials_find(const char *file, struct credentials *ret_credentials,
		     struct error *error);
void credentials_fini(struct credentials *credentials);

/* How much of a token is looked for in what is persisted: its last bytes, of which no two
 * tokens have the same. */
#define CREDENTIALS_MARK_LEN 64u

/* Those bytes, borrowed. Empty: there is no token, or one so short that its bytes could
 * be found by accident. */
struct text credentials_mark(const struct credentials *credentials);

#endif
