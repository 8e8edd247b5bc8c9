/*
 * What is known of the identity tokens of CI systems: who signs them, where the keys are,
 * which claims say what. Constant data.
 */
#ifndef BATON_DAEMON_ACCESS_ISSUER_PRESET_H
#define BATON_DAEMON_ACCESS_ISSUER_PRESET_H

/* The texts are as in the configuration, of which each may replace one; NULL: none. */
struct preset {
	const char *name;
	const char *url;       /* the issuer; {audience} is that of the configuration */
	const char *namespace; /* {host} is that of the issuer */
	const char *workflow;
	/* Conditions, of which any makes a job untrusted, also where its claim cannot be
	 * read: about claims that every job's token has. */
	const char *untrusted;
	/* Jobs are trusted only where `require` says all of what this claim has to be. */
	const char *trusted_by;
	/* Claims of which one has to be required, so that not everybody with an account
	 * may come; ends with NULL. */
	const char *const *narrowing;
	/* What `sub` begins with where it narrows; NULL: nobody chooses what it is. */
	const char *subject;
};

/* NULL: there is none of that name. */
const struct preset *preset_named(const char *name);

#endif
