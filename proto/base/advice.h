/*
 * What would help against an error or a warning, as a fact: the code that finds the error
 * names it, and the front end (a command line, a page) says in its own words what to do
 * there. On the wire advice goes by name (PROTOCOL.md §3). Pure functions.
 */
#ifndef BATON_PROTO_BASE_ADVICE_H
#define BATON_PROTO_BASE_ADVICE_H

#include <stddef.h>
#include <stdint.h>

#include "proto/base/text.h"

/* X(CONSTANT, "name"), in the order in which they are said. */
#define ADVICE_LIST(X)                                                                   \
	X(NAME_WORKFLOW, "name-workflow")     /* the workflow has to be named */         \
	X(NAME_JOB, "name-job")               /* the job has to be named */              \
	X(NAME_SHARD, "name-shard")           /* legs of a matrix are shards */          \
	X(RETRY_CONTRADICTS, "retry-differs") /* not the parent that was given first */  \
	X(RETRY_LATE, "retry-late")           /* the first contact gave no parent */     \
	X(RETRY_NONE, "retry-none")           /* begin without a parent */               \
	X(RETRY_OF, "retry-of")               /* name the parent, if there is one */     \
	X(ONE_NEED_EACH, "one-need-each")     /* a comma separates no needs */           \
	X(ONE_FROM_EACH, "one-from-each")     /* the same of `from` */                   \
	X(ONE_PREFER_EACH, "one-prefer-each") /* the same of `prefer` */                 \
	X(STALE_TOO, "stale-too")             /* or take the stale layer */              \
	X(STALE_BACK, "stale-back")           /* the layers left out can be had */       \
	X(UNTRUSTED_TOO, "untrusted-too")     /* the untrusted layers can be had */      \
	X(FILTERS, "filters")                 /* it was the filters */                   \
	X(NARROW, "narrow")                   /* ask for less */                         \
	X(CHOOSE_JOB, "choose-job")           /* say which job's content to take */      \
	X(CHOOSE_SHARD, "choose-shard")       /* say which shard's content to take */    \
	X(CHOOSE_LATER, "choose-later")       /* an attach will have to choose */        \
	X(LOG_ALL, "log-all")                 /* the history has it */                   \
	X(GIVE_TOKEN, "give-token")           /* a token is wanted */                    \
	X(ALLOW_EMPTY, "allow-empty")         /* nothing can be allowed */               \
	X(NAME_NAMESPACE, "name-namespace")   /* the namespace has to be named */

enum advice_position {
#define ADVICE_POSITION(constant, name) ADVICE_AT_##constant,
	ADVICE_LIST(ADVICE_POSITION)
#undef ADVICE_POSITION
		ADVICE_COUNT,
};

/* Sets of advice are bits. */
enum advice {
#define ADVICE_BIT(constant, name) ADVICE_##constant = 1 << ADVICE_AT_##constant,
	ADVICE_LIST(ADVICE_BIT)
#undef ADVICE_BIT
};

/* The name of the one at this position, below ADVICE_COUNT. */
const char *advice_name(unsigned position);

/* The names of a set, in their order; static texts. Returns how many. */
size_t advice_names(uint32_t advice, struct text ret_names[ADVICE_COUNT]);

/* The bit of a name of len bytes; 0 for one that is not known here. */
uint32_t advice_named(const char *name, size_t len);

#endif
