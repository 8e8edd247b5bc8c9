/*
 * What somebody may have meant: the known option or command nearest to a misspelt one.
 */
#ifndef BATON_CLIENT_OPTIONS_SUGGEST_H
#define BATON_CLIENT_OPTIONS_SUGGEST_H

#include <stddef.h>

/* "if-empty" for "if-emtpy"; NULL where nothing is near. */
const char *suggest_option(const char *name, size_t len);
/* "persist" for "persits". */
const char *suggest_command(const char *name);

#endif
