/*
 * The command line of `batond token`.
 */
#ifndef BATON_DAEMON_TOKEN_OPTIONS_H
#define BATON_DAEMON_TOKEN_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/access/grant/grant.h"
#include "daemon/access/grant/tier.h"
#include "proto/base/error.h"
#include "proto/options/option.h"
#include "proto/options/string_list.h"

/* Places in the table of verbs. */
enum token_verb {
	TOKEN_CREATE,
	TOKEN_LIST,
	TOKEN_REVOKE,
	TOKEN_ROTATE,
	TOKEN_HELP,
};

struct token_options {
	enum token_verb verb;
	struct string_list arguments; /* of the verb */
	char *config;                 /* owned; NULL: not given */
	char *data;                   /* likewise */
	char *subject;                /* likewise */
	struct grant grant;           /* create's */
	enum tier tier;
	uint64_t expires_ms; /* from now */
	bool json;
};

/* Its verbs and options; what they say is kept in struct token_options. */
extern const struct program batond_token;

/* argv[0] is "token". ERR_USAGE names the word that is wrong. */
int token_options_read(struct token_options *options, int argc, char *const *argv,
		       struct error *error);
void token_options_fini(struct token_options *options);

#endif
