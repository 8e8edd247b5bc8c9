/*
 * What somebody may have meant: the known name nearest to a misspelt one.
 */
#ifndef BATON_CLIENT_SUGGEST_H
#define BATON_CLIENT_SUGGEST_H

#include <stddef.h>

/* Letters to insert, drop, change or swap with their neighbour to make one of the other
 * (optimal string alignment); names of up to SUGGEST_LEN_MAX bytes, else SIZE_MAX. */
#define SUGGEST_LEN_MAX 32u
size_t suggest_distance(const char *a, size_t a_len, const char *b, size_t b_len);

/* "--if-empty" for "if-emtpy"; NULL where nothing is near. */
const char *suggest_option(const char *name, size_t len);
/* "persist" for "persits". */
const char *suggest_command(const char *name);

#endif
