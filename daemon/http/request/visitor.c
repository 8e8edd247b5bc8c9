#include "daemon/http/request/visitor.h"

#include <openssl/evp.h>
#include <string.h>
#include <strings.h>

#include "proto/base/cleanup.h"
#include "proto/bounds.h"

void visitor_fini(struct visitor *visitor)
{
	principal_free(take_ptr(&visitor->principal));
	buffer_wipe(&visitor->token);
}

/* ---- the token of a request ------------------------------------------------------ */

/* What stands behind "SCHEME " in a header; empty where it begins otherwise. */
static struct text behind(struct text header, const char *scheme)
{
	size_t len = strlen(scheme);
	if (header.len <= len || strncasecmp(header.at, scheme, len) != 0 ||
	    header.at[len] != ' ')
		return text_of(NULL);
	while (len < header.len && header.at[len] == ' ')
		len++;
	return (struct text){header.at + len, header.len - len};
}

static int bad_header(struct error *error)
{
	return error_set(error, ERR_USAGE,
			 "Authorization: is neither `Bearer TOKEN`, `token TOKEN` nor "
			 "`Basic` with the token as user or password");
}

/* "user:password", of which the password counts, or the user where that is empty. */
static struct text choose_part(const char *pair, size_t len)
{
	const char *colon = memchr(pair, ':', len);
	size_t user_len = colon ? (size_t)(colon - pair) : len;
	size_t rest = len - user_len;
	return rest > 1 ? (struct text){colon + 1, rest - 1}
			: (struct text){pair, user_len};
}

static int take_basic(struct text encoded, struct buffer *ret_token, struct error *error)
{
	if (encoded.len > 2 * TOKEN_LEN_MAX || encoded.len % 4 != 0)
		return bad_header(error);
	struct buffer pair AUTO(buffer_wipe) = {0};
	buffer_reserve(&pair, encoded.len);
	/* Counts the padding as bytes. */
	int len = EVP_DecodeBlock(pair.at, (const unsigned char *)encoded.at,
				  (int)encoded.len);
	if (len < 0)
		return bad_header(error);
	for (size_t at = encoded.len; at > 0 && encoded.at[at - 1] == '='; at--)
		len--;
	struct text part = choose_part((const char *)pair.at, len > 0 ? (size_t)len : 0);
	buffer_put(ret_token, part.at, part.len);
	return 0;
}

static int take_authorization(struct text header, struct buffer *ret_token,
			      struct error *error)
{
	struct text basic = behind(header, "Basic");
	if (basic.len)
		return take_basic(basic, ret_token, error);
	struct text token = behind(header, "Bearer");
	if (!token.len)
		token = behind(header, "token");
	if (!token.len)
		return bad_header(error);
	buffer_put(ret_token, token.at, token.len);
	return 0;
}

/* Empty where the request has none. */
static int find_token(const struct visitor_headers *headers, struct buffer *ret_token,
		      struct error *error)
{
	struct text plain = headers->circle_token.len ? headers->circle_token
						      : headers->private_token;
	if (headers->authorization.len)
		return take_authorization(headers->authorization, ret_token, error);
	buffer_put(ret_token, plain.at, plain.len);
	return 0;
}

/* ---- who that is ----------------------------------------------------------------- */

static bool is_same(const struct buffer *a, const struct buffer *b)
{
	return a->len == b->len && (a->len == 0 || memcmp(a->at, b->at, a->len) == 0);
}

static int prove(struct visitor *visitor, struct access *access,
		 const struct buffer *token, struct error *error)
{
	principal_free(take_ptr(&visitor->principal));
	buffer_wipe(&visitor->token);
	const struct proof proof = {
		.token = {(const char *)token->at, token->len},
		.way = visitor->way,
		.fd = visitor->fd,
	};
	int err = access_prove(access, &proof, &visitor->principal, error);
	if (err == 0)
		buffer_put(&visitor->token, token->at, token->len);
	return err;
}

int visitor_show(struct visitor *visitor, struct access *access,
		 const struct visitor_headers *headers, struct error *error)
{
	struct buffer token AUTO(buffer_wipe) = {0};
	int err = find_token(headers, &token, error);
	if (err)
		return err;
	if (token.len > TOKEN_LEN_MAX)
		return error_set(error, ERR_DENIED, "the token is longer than %u bytes",
				 TOKEN_LEN_MAX);
	struct error ignored = {0};
	bool is_known = visitor->principal && is_same(&visitor->token, &token);
	/* ERR_BUSY: the rules were read again since, so that it has to show itself anew.
	 */
	if (is_known && access_still(access, visitor->principal, &ignored) == 0)
		return 0;
	return prove(visitor, access, &token, error);
}
