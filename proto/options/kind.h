/*
 * Kinds of options that any program may use, and what kinds of its own are made of.
 */
#ifndef BATON_PROTO_OPTIONS_KIND_H
#define BATON_PROTO_OPTIONS_KIND_H

#include "proto/options/option.h"
#include "proto/options/string_list.h"

extern const struct option_kind option_flag;   /* bool: true */
extern const struct option_kind option_text;   /* char *: any bytes, not empty */
extern const struct option_kind option_number; /* uint64_t: 1 to 1000000 */
extern const struct option_kind
	option_duration; /* uint64_t, in ms: "500ms", "15d", "0" */
/* uint64_t, in ms: a time that is more than nothing, or "never": LIFETIME_NEVER_MS */
extern const struct option_kind option_lifetime;
extern const struct option_kind option_size;   /* uint64_t, bytes: "16K", "2G", "0" */
extern const struct option_kind option_choice; /* an enum in the order of the choices */
extern const struct option_kind option_choice_word; /* char *: the choice itself */
extern const struct option_kind option_choice_bool; /* bool: it is the second choice */
extern const struct option_kind option_verb;        /* --help, --version: keeps nothing */

/* Where the value is kept. */
void *option_place(void *target, const struct option_use *use);
/* Replaces an owned text by a copy of value; NULL stays NULL. */
void option_keep(char **text, const char *value);
/* Adds the value to a list of at most `most`. ERR_USAGE. */
int option_add(struct string_list *list, size_t most, const struct option_use *use,
	       struct error *error);
/* For `fini`: of a kind that keeps an owned text, of one that keeps a list. */
void option_text_fini(void *place);
void option_list_fini(void *place);

/* "--job=VALUE: WHY"; returns ERR_USAGE. */
int option_refuse(const struct option_use *use, const char *why, struct error *error);
int option_refuse_empty(const struct option_use *use, struct error *error);

#endif
