/*
 * A grant: which verbs in which namespaces, and, where given, in which workflow and as
 * which job. Pure; any thread.
 *
 * Nothing is granted by what a name looks like: a grant made from what a token claims is
 * `exact`, so that a `*` in a claim is a `*` in the namespace's name.
 */
#ifndef BATON_DAEMON_ACCESS_GRANT_GRANT_H
#define BATON_DAEMON_ACCESS_GRANT_GRANT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/bytes.h"
#include "proto/base/error.h"
#include "proto/options/string_list.h"

/* Sets of verbs are bits. */
enum access_verb {
	VERB_READ = 1,  /* attach, ls, log, cat, diff */
	VERB_WRITE = 2, /* persist */
	VERB_ADMIN = 4, /* what concerns a namespace as a whole, or the daemon */
};
#define VERBS_ALL (VERB_READ | VERB_WRITE | VERB_ADMIN)

#define GRANT_NAMESPACES_MAX 64u

struct grant {
	struct string_list namespaces; /* owned; patterns (namespace_pattern.h) */
	bool exact;                    /* they are names */
	uint32_t verbs;
	char *workflow; /* owned; NULL: any */
	char *job;      /* owned; NULL: any */
};

void grant_fini(struct grant *grant);
struct grant grant_copy(const struct grant *grant);

/* Checks the pattern and adds it: ERR_USAGE, also for more than GRANT_NAMESPACES_MAX. */
int grant_add_namespace(struct grant *grant, const char *pattern, struct error *error);

/* "read,write" in any order, with blanks; ERR_USAGE names the word that is no verb. */
int verbs_parse(const char *text, uint32_t *ret_verbs, struct error *error);
/* The same text, in the order of the enum; static. */
const char *verbs_text(uint32_t verbs);

/* Appends "acme/web, acme/app: read,write, workflow 17, job build", without a NUL. */
void grant_describe(const struct grant *grant, struct buffer *out);

#endif
