/*
 * Namespace patterns: which namespaces a grant covers. A pattern is the name of a
 * namespace, in which
 *
 *	*	stands for any run of bytes but '/', also an empty one
 *	**	alone, or as the last of several components, for one or more components
 *
 * and every other byte for itself; nothing escapes a `*`, and no other sign means
 *anything. `acme/web` is that namespace alone, `acme/` followed by `*` each one directly
 *below acme, by `**` each below it at any depth (not acme itself), and `**` alone is
 *every namespace.
 *
 * This is less than the dialect of paths (glob.h): who reads a grant has to see at once
 *how far it goes. Pure; any thread.
 */
#ifndef BATON_DAEMON_ACCESS_GRANT_NAMESPACE_PATTERN_H
#define BATON_DAEMON_ACCESS_GRANT_NAMESPACE_PATTERN_H

#include <stdbool.h>

#include "proto/base/error.h"
#include "proto/base/text.h"

/* ERR_USAGE with a sentence that shows the pattern: empty, longer than NAME_LEN_MAX
 * bytes, not clean UTF-8, a `**` elsewhere. */
int namespace_pattern_check(const char *pattern, struct error *error);

/* Whether a pattern that was checked covers this namespace. Takes at most
 * pattern × name steps. */
bool namespace_pattern_covers(const char *pattern, struct text name);

/* Whether no component is `.` or `..`: names and patterns are compared as they stand, and
 * what looks as if it led elsewhere is not to be made of what a token claims. */
bool namespace_pattern_is_straight(const char *pattern);

/* Whether it is `**`. */
bool namespace_pattern_is_all(const char *pattern);

#endif
