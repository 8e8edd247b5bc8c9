/*
 * What a program can be told: a table of its verbs and one of its options. By them the
 * command line, the environment and a configuration file are read, and the help is
 * printed, of which man pages and completions are made. Constant data.
 */
#ifndef BATON_PROTO_OPTIONS_OPTION_H
#define BATON_PROTO_OPTIONS_OPTION_H

#include <stdbool.h>
#include <stddef.h>

#include "proto/base/error.h"

struct option;

/* One mention of an option. */
struct option_use {
	const struct option *option;
	const char *value; /* borrowed; "" for a switch */
	/* Borrowed; where it was found, for sentences: "--job", "BATON_JOB". NULL: it
	 * is the initial value. */
	const char *origin;
};

/* Which values an option takes, and how they are kept; kind.h has the common kinds. */
struct option_kind {
	/* Checks the value and keeps it in `target`, the program's struct, where the
	 * option's `at` says. ERR_USAGE with a sentence that begins with the origin. */
	int (*set)(void *target, const struct option_use *use, struct error *error);
	void (*fini)(void *place); /* frees what was kept; NULL: nothing is to be freed */
	/* Each mention adds one; of other kinds the last mention counts. */
	bool is_list;
};

struct option {
	const char *flag;     /* "--if-empty" */
	char letter;          /* 'n', only for switches; 0: none */
	const char *argument; /* "DIR", or the choices: "error|warn|ok"; NULL: a switch */
	const char *variable; /* "BATON_JOB"; NULL: none */
	unsigned verbs;       /* bit 1 << N for the Nth verb if that takes it */
	const struct option_kind *kind;
	size_t at; /* where the value is kept: offset in the program's struct */
	/* Without its capital and full stop. The help breaks it into lines, and makes
	 * "(default VALUE)" of a "(default)" in it. */
	const char *help;
	const char *initial; /* the value before anything is read; NULL: all zero */
};

/* In `verbs` of an option that every verb takes. */
#define OPTION_OF_ALL (~0u)

struct verb {
	const char *name;      /* "": what the program does if no verb is named */
	const char *arguments; /* "[DIR]" … for the usage line */
	unsigned arguments_min, arguments_max;
	const char *summary; /* one line */
};

/* The options --help and --version stand for the verbs "help" and "version". */
struct program {
	const char *name;             /* "baton" */
	const char *about;            /* a sentence */
	const struct option *options; /* ends with a NULL flag */
	const struct verb *verbs; /* ends with a NULL name; a nameless verb comes first */
	const char *common;       /* heading of the options of every verb */
	const char *dash_advice;  /* for a word like -x that is no option; NULL: none */
	const char *notes;        /* the end of its help, in lines */
};

/* NULL: there is no such option. name: without the dashes, of len bytes. */
const struct option *option_named(const struct program *program, const char *name,
				  size_t len);
const struct option *option_lettered(const struct program *program, char letter);
/* The name that may have been meant, without dashes; NULL where none is near. */
const char *option_nearest(const struct program *program, const char *name, size_t len);

bool option_taken_by(const struct program *program, const struct option *option,
		     const struct verb *verb);
bool option_is_common(const struct option *option); /* every verb takes it */

#endif
