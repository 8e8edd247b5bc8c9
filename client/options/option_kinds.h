/*
 * Kinds of options that only baton has; proto/options/kind.h has the others.
 */
#ifndef BATON_CLIENT_OPTIONS_OPTION_KINDS_H
#define BATON_CLIENT_OPTIONS_OPTION_KINDS_H

#include "proto/options/kind.h"

extern const struct option_kind option_name;     /* char *: a name (PROTOCOL.md §1) */
extern const struct option_kind option_names;    /* struct string_list of names */
extern const struct option_kind option_patterns; /* struct string_list of globs */
extern const struct option_kind option_setting;  /* struct setting: a name, its origin */
extern const struct option_kind option_server;   /* struct setting: a URL */
extern const struct option_kind option_needs;    /* names; an empty one: there are none */
extern const struct option_kind option_retry_of; /* struct setting, or retry_none */
extern const struct option_kind option_timeout;  /* seconds, kept as milliseconds */
extern const struct option_kind option_layer;    /* char *: an id, or how it begins */
extern const struct option_kind option_digest;   /* struct expected: "sha256:…" */

#endif
