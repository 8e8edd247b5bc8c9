/*
 * The help of a program, printed from its tables on standard output. The man pages and
 * the completions of shells are made of it (proto/manual/help_text.py).
 */
#ifndef BATON_PROTO_OPTIONS_HELP_H
#define BATON_PROTO_OPTIONS_HELP_H

#include "proto/options/option.h"

/* verb: NULL: of the whole program. ERR_USAGE: there is no such verb. */
int option_help(const struct program *program, const char *verb, struct error *error);

#endif
