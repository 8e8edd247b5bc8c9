/*
 * --prefix, in which {job} and {shard} stand for the identity's (rule T1).
 */
#ifndef BATON_CLIENT_OPTIONS_OPTION_PREFIX_H
#define BATON_CLIENT_OPTIONS_OPTION_PREFIX_H

#include "client/options/options.h"

/* Replaces options->prefix, if there is one, by the stored path that it means; names
 * become safe components. NULL if that is the root ("./"). ERR_USAGE: the job or shard is
 * not known, or it is not a stored path. */
int option_prefix_fill(struct options *options, struct error *error);

#endif
