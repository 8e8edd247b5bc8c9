/*
 * Names that the product makes itself, of a CI system's variables or of another name, and
 * that may so become longer than a name can be. Pure functions; results are owned by the
 * caller.
 */
#ifndef BATON_PROTO_MESSAGE_SHORT_NAME_H
#define BATON_PROTO_MESSAGE_SHORT_NAME_H

#include <stddef.h>

/* Bytes of "~" and the hash behind a beginning. */
#define SHORT_NAME_END_LEN 33u

/*
 * The name itself, if it has at most len_max bytes (more than SHORT_NAME_END_LEN). Else
 * as many whole characters of its beginning as fit, "~", and the first 32 hexadecimal
 * digits of the SHA-256 of the whole name: the same on every machine, and another for
 * every name.
 */
char *short_name_of(const char *name, size_t len_max);

/* The component for a folder of this name (path_component_of), shortened so where it is
 * longer than COMPONENT_LEN_MAX. */
char *short_component_of(const char *name);

#endif
