/*
 * --prefix: {job} and {shard} stand for themselves (rule T1).
 */
#ifndef BATON_CLIENT_OPTIONS_OPTION_PREFIX_H
#define BATON_CLIENT_OPTIONS_OPTION_PREFIX_H

#include "client/options/options.h"

/* Replaces options->prefix, if there is one, by the stored path it means: names as safe
 * components, no trailing '/'; NULL where nothing is left ("./"). ERR_USAGE: a name that
 * is not known, or not a stored path. */
int option_prefix_fill(struct options *options, struct error *error);

#endif
