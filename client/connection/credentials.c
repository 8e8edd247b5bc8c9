#include "client/connection/credentials.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/bounds.h"

#define BLANKS " \t\r\n"
#define DIGITS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."

/* Room for blanks around it. */
#define FILE_LEN_MAX (TOKEN_LEN_MAX + 4096u)

void credentials_fini(struct credentials *credentials)
{
	if (credentials->token)
		explicit_bzero(credentials->token, credentials->len);
	free(credentials->token);
	*credentials = (struct credentials){0};
}

struct text credentials_mark(const struct credentials *credentials)
{
	if (credentials->len < CREDENTIALS_MARK_LEN)
		return text_of(NULL);
	return (struct text){
		.at = credentials->token + credentials->len - CREDENTIALS_MARK_LEN,
		.len = CREDENTIALS_MARK_LEN,
	};
}

/* text: may have blanks around the token. origin: for sentences. */
static int take(const char *origin, const char *text, struct credentials *ret_credentials,
		struct error *error)
{
	text += strspn(text, BLANKS);
	size_t len = strcspn(text, BLANKS);
	if (len == 0)
		return error_set(error, ERR_USAGE, "%s: it holds no token", origin);
	if (len > TOKEN_LEN_MAX)
		return error_set(error, ERR_USAGE, "%s: a token has at most %u bytes",
				 origin, TOKEN_LEN_MAX);
	if (strspn(text, DIGITS) != len || text[len + strspn(text + len, BLANKS)])
		return error_set(error, ERR_USAGE,
				 "%s: what it holds is not one token (a JWT: letters, "
				 "digits, `-`, `_` and two dots)",
				 origin);
	ret_credentials->token = must_memdup(text, len);
	ret_credentials->len = len;
	return 0;
}

static int read_file(const char *file, char *text, struct error *error)
{
	int fd AUTO_FD = open(file, O_RDONLY | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return error_set_errno(error, ERR_LOCAL, errno, "token file `%s`", file);
	size_t len = 0;
	ssize_t got = 1;
	while (got > 0 && len < FILE_LEN_MAX) {
		got = read(fd, text + len, FILE_LEN_MAX - len);
		if (got < 0 && errno == EINTR)
			got = 1;
		else if (got < 0)
			return error_set_errno(error, ERR_LOCAL, errno, "token file `%s`",
					       file);
		else
			len += (size_t)got;
	}
	text[len] = '\0';
	if (strlen(text) != len)
		return error_set(error, ERR_USAGE, "token file `%s`: has a NUL in it",
				 file);
	return 0;
}

static int take_file(const char *file, struct credentials *ret_credentials,
		     struct error *error)
{
	char text[FILE_LEN_MAX + 1];
	char *origin AUTO_FREE = NULL;
	claim(asprintf(&origin, "token file `%s`", file) > 0);
	int err = read_file(file, text, error);
	if (err == 0)
		err = take(origin, text, ret_credentials, error);
	explicit_bzero(text, sizeof(text));
	return err;
}

int credentials_find(const char *file, struct credentials *ret_credentials,
		     struct error *error)
{
	static const char *const variables[] = {"BATON_TOKEN", "CIRCLE_OIDC_TOKEN_V2"};
	*ret_credentials = (struct credentials){0};
	if (file)
		return take_file(file, ret_credentials, error);
	for (size_t i = 0; i < sizeof(variables) / sizeof(*variables); i++) {
		const char *value = getenv(variables[i]);
		if (value && *value)
			return take(variables[i], value, ret_credentials, error);
	}
	return 0;
}
