/*
 * Standard error, shared by sentences and the progress line: a sentence first erases the
 * line, which is drawn again at its next turn. Any thread.
 */
#ifndef BATON_CLIENT_TERMINAL_TERMINAL_H
#define BATON_CLIENT_TERMINAL_TERMINAL_H

#include <stdbool.h>
#include <stdio.h>

/* Writes "baton: PREFIX SENTENCE\n" in one piece; what is not clean text (message.h) in
 * the sentence becomes '?'. prefix: "warning: " or "". */
void terminal_say(const char *prefix, const char *sentence);

/* Draws `line`, already cut to the terminal's width, in place of the last one; NULL
 * erases it. */
void terminal_draw(const char *line);

/* Columns of the terminal behind standard error; 80 where it does not say. */
unsigned terminal_width(void);

/* Colours, sparingly: each is empty unless the stream is a terminal that wants them
 * (NO_COLOR, TERM=dumb). */
struct terminal_colours {
	const char *bold, *dim, *warn, *plain;
};
struct terminal_colours terminal_colours_of(FILE *stream);

#endif
