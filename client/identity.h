/*
 * Who this job is: the values of an identity, and where each may come from. Sources in
 * their order: the option, its BATON_ variable, then what CI systems set, one row each.
 */
#ifndef BATON_CLIENT_IDENTITY_H
#define BATON_CLIENT_IDENTITY_H

#include <stddef.h>

#include "client/options.h"

struct identity_value {
	const char *name;   /* in `whereami` */
	const char *flag;   /* of the option that gives it */
	size_t at;          /* its struct setting in struct options */
	const char *absent; /* what it means that it was not found */
};

extern const struct identity_value identity_values[]; /* ends with a NULL name */

const struct setting *identity_setting(const struct identity_value *value,
				       const struct options *options);

/* A row for each value that a CI system's environment has. */
struct identity_source {
	const char *flag;   /* "--workflow" */
	const char *form;   /* "{REPOSITORY}/{RUN_ID}": each {VARIABLE} by its value */
	const char *origin; /* for whereami: "RUN_ID of SYSTEM" */
};

extern const struct identity_source identity_sources[]; /* ends with a NULL flag */

/* What the first row for this flag gives whose variables are all set and not empty: owned
 * by the caller, with the row's origin; NULL where there is none. */
char *identity_find(const struct identity_source *sources, const char *flag,
		    const char **ret_origin);

#endif
