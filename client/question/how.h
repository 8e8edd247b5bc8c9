/*
 * What the options say, as the structs that other folders take. Those folders do not know
 * the options; only the commands and the library do.
 */
#ifndef BATON_CLIENT_QUESTION_HOW_H
#define BATON_CLIENT_QUESTION_HOW_H

#include "client/connection/connection.h"
#include "client/options/options.h"
#include "client/select/select.h"

/* What these return borrows from the options. */

static inline struct connection_how how_to_connect(const struct options *options)
{
	return (struct connection_how){
		.server = options->server.value,
		.security = {.ca = options->ca,
			     .certificate = options->certificate,
			     .key = options->key},
		.token_file = options->token_file,
		.timeout_ms = options->timeout_ms,
		.timeout_given = options->timeout_given,
		.is_quiet = options->quiet,
	};
}

static inline struct selection_how how_to_select(const struct options *options)
{
	return (struct selection_how){
		.root = options->root,
		.paths = &options->arguments,
		.paths_from = options->paths_from,
		.is_literal = options->literal,
		.follows = options->follow,
		.excludes = &options->exclude,
		.excludes_vcs = options->exclude_vcs,
	};
}

#endif
