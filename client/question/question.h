/*
 * What attach, ls, cat and diff ask the daemon, made from the options.
 */
#ifndef BATON_CLIENT_QUESTION_QUESTION_H
#define BATON_CLIENT_QUESTION_QUESTION_H

#include "client/options/options.h"
#include "proto/base/error.h"
#include "proto/message/message.h"
#include "proto/path/glob.h"

struct question {
	struct msg_attach message; /* borrows from the options and from what follows */
	struct text *needs;        /* owned */
	struct text *from, *only, *exclude, *prefer; /* owned */
	struct string_list escaped; /* owned; of --literal: patterns of what is in only */
};

/* purpose: "attach" or "look". ERR_USAGE: no workflow.
 * question_fini() also after a failure. */
int question_make(const struct options *options, const char *purpose,
		  struct question *ret_request, struct error *error);
void question_fini(struct question *request);
/* Asks for these instead of --only: patterns or, with --literal, paths as they are
 * written. Borrowed. */
void question_take_only(struct question *request, const struct options *options,
			const struct string_list *paths);

/* Compiles --only and --exclude. glob_filter_fini() also after a failure. */
int question_filter(const struct options *options, struct glob_filter *ret_filter,
		    struct error *error);

#endif
