/*
 * Who this job is: the values of an identity, and where each may come from. Sources in
 * their order: the option, its BATON_ variable, then what the CI system sets (ci.h).
 */
#ifndef BATON_CLIENT_OPTIONS_IDENTITY_H
#define BATON_CLIENT_OPTIONS_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>

#include "client/ci/ci.h"
#include "client/options/options.h"

struct option;

struct identity_value {
	const char *name;   /* in `whereami` */
	const char *flag;   /* of the option that gives it */
	size_t at;          /* its struct setting in struct options */
	const char *absent; /* what happens if it is not found */
	/* If the CI system should have set it and did not, only a persist is refused; for
	 * other values every command is. */
	bool for_persist;
};

extern const struct identity_value identity_values[]; /* ends with a NULL name */

const struct setting *identity_setting(const struct identity_value *value,
				       const struct options *options);
const struct option *identity_option(const struct identity_value *value);

/* A sentence: why the system's environment does not give the value, and what does. Owned
 * by the caller. */
char *identity_advice(const struct identity_value *value, const struct ci_system *system,
		      const char *problem);

#endif
