/*
 * Figures for people. Each writes into ret_text and returns it. Pure functions.
 */
#ifndef BATON_CLIENT_TERMINAL_HUMAN_H
#define BATON_CLIENT_TERMINAL_HUMAN_H

#include <stdint.h>

#define HUMAN_TEXT_SIZE 64

/* "912 B", "1.4 MiB", "23 GiB". */
const char *human_size(uint64_t bytes, char ret_text[HUMAN_TEXT_SIZE]);
/* "58,012" */
const char *human_count(uint64_t count, char ret_text[HUMAN_TEXT_SIZE]);
/* "1 file", "58,012 files". noun: of one thing, at most 32 bytes; the plural adds an s,
 * or has ies in place of a y at the end. */
const char *human_things(uint64_t count, const char *noun,
			 char ret_text[HUMAN_TEXT_SIZE]);
/* "0.93 s", "42.1 s", "3 min 20 s", "2 h 5 min", "3 d 4 h" */
const char *human_seconds(uint64_t elapsed_ms, char ret_text[HUMAN_TEXT_SIZE]);

#endif
