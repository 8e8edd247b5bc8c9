/*
 * Fetching a small JSON document over HTTPS, or over HTTP from this machine, by libcurl.
 * Waits: for threads of its caller's own.
 */
#ifndef BATON_DAEMON_ACCESS_ISSUER_FETCH_H
#define BATON_DAEMON_ACCESS_ISSUER_FETCH_H

#include <jansson.h>
#include <stdatomic.h>

#include "proto/base/error.h"

#define FETCH_LEN_MAX (256u * 1024u)
#define FETCH_TIMEOUT_S 10L

/* ERR_USAGE, a sentence that begins with origin: not https://, nor http:// to this
 * machine, or with a user or password in it. */
int fetch_check_url(const char *origin, const char *url, struct error *error);

/* Ends early when *stop becomes true. Redirections are not followed. A proxy of
 * the environment (https_proxy) is used, but not for this machine. ERR_UNREACHABLE with
 * the reason. */
int fetch_json(const char *url, const atomic_bool *stop, json_t **ret_json,
	       struct error *error);

#endif
