/*
 * What a file is, for the client that shows it: by its name, else by its first bytes.
 * Pure.
 */
#ifndef BATON_DAEMON_HTTP_SYNTAX_MEDIA_TYPE_H
#define BATON_DAEMON_HTTP_SYNTAX_MEDIA_TYPE_H

#include <stddef.h>

#include "proto/base/text.h"

/* A literal, as Content-Type has it. name: the path or its last component. beginning: the
 * first bytes of the file, as many as are at hand: UTF-8 without control characters other
 * than white space is text. */
const char *media_type_of(struct text name, const void *beginning, size_t len);

#endif
