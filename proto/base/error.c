#include "proto/base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/cleanup.h"
#include "proto/base/text.h"

struct code_meaning {
	const char *name;
	const char *text;
	int exit_status;
};

/* By wire number; 0 and gaps are empty. */
static const struct code_meaning meanings[] = {
#define ERR_MEANING(constant, name_, number, exit_status_, text_)                        \
	[number] = {.name = (name_), .text = (text_), .exit_status = (exit_status_)},
	ERR_LIST(ERR_MEANING)
#undef ERR_MEANING
};

#define MEANING_COUNT (sizeof(meanings) / sizeof(*meanings))

/* NULL for 0 and for a code that is not in the list. */
static const struct code_meaning *meaning_of(int code)
{
	if (code >= 0 || code <= -(int)MEANING_COUNT)
		return NULL;
	const struct code_meaning *meaning = &meanings[-code];
	return meaning->name ? meaning : NULL;
}

/* sentence may be NULL: there was no memory to write it. */
static int keep(struct error *error, int code, const char *sentence)
{
	/* The beginning names the thing and the end says why. */
	text_shorten(sentence ? sentence : error_text(code), error->text,
		     sizeof(error->text));
	error->code = code;
	error->advice = 0;
	return code;
}

int error_advise(struct error *error, uint32_t advice)
{
	error->advice |= advice;
	return error->code;
}

int error_set(struct error *error, int code, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	char *sentence AUTO_FREE = NULL;
	if (vasprintf(&sentence, format, arguments) < 0)
		sentence = NULL;
	va_end(arguments);
	return keep(error, code, sentence);
}

static int code_for_errno(int code, int error_number)
{
	if (error_number == ENOSPC || error_number == EDQUOT)
		return ERR_NO_ROOM;
	bool lacking = error_number == ENOMEM || error_number == EMFILE ||
		       error_number == ENFILE;
	return lacking ? ERR_NO_MEMORY : code;
}

int error_set_errno(struct error *error, int code, int error_number, const char *format,
		    ...)
{
	char reason_room[128];
	const char *reason = strerror_r(error_number, reason_room, sizeof(reason_room));
	va_list arguments;
	va_start(arguments, format);
	char *what AUTO_FREE = NULL;
	if (vasprintf(&what, format, arguments) < 0)
		what = NULL;
	va_end(arguments);
	char *sentence AUTO_FREE = NULL;
	if (what && asprintf(&sentence, "%s: %s", what, reason) < 0)
		sentence = NULL;
	return keep(error, code_for_errno(code, error_number), sentence);
}

void error_say_busy(struct error *error)
{
	if (error->code != ERR_NO_MEMORY)
		return;
	struct error told = *error;
	(void)error_set(error, ERR_BUSY,
			"the daemon lacks what this request needs (%s); try again in a "
			"second",
			told.text);
}

void error_print(const char *program, const struct error *error)
{
	char clean[ERROR_TEXT_SIZE];
	(void)text_clean(text_of(error->text), clean, sizeof(clean));
	(void)fprintf(stderr, "%s: %s\n", program, clean);
}

const char *error_name(int code)
{
	const struct code_meaning *meaning = meaning_of(code);
	return meaning ? meaning->name : "unknown";
}

const char *error_text(int code)
{
	const struct code_meaning *meaning = meaning_of(code);
	return meaning ? meaning->text : "an unknown error";
}

/* Foreign codes are beyond all that the list will ever have, in the order of their exit
 * statuses. */
#define FOREIGN_CODES (-1000)
#define FOREIGN_EXIT_MIN 2
#define FOREIGN_EXIT_MAX 9
#define FOREIGN_EXIT_UNTOLD 7

static bool is_foreign(int code)
{
	return code <= FOREIGN_CODES - FOREIGN_EXIT_MIN &&
	       code >= FOREIGN_CODES - FOREIGN_EXIT_MAX;
}

int error_exit_status(int code)
{
	if (code == 0)
		return 0;
	if (is_foreign(code))
		return FOREIGN_CODES - code;
	const struct code_meaning *meaning = meaning_of(code);
	return meaning ? meaning->exit_status : 1;
}

uint32_t error_to_wire(int code)
{
	return (uint32_t) - (meaning_of(code) ? code : ERR_INTERNAL);
}

int error_from_wire(uint64_t number, uint64_t exit_status)
{
	if (number < MEANING_COUNT && meanings[number].name)
		return -(int)number;
	bool told = exit_status >= FOREIGN_EXIT_MIN && exit_status <= FOREIGN_EXIT_MAX;
	return FOREIGN_CODES - (told ? (int)exit_status : FOREIGN_EXIT_UNTOLD);
}

void claim_failed(const char *what, const char *file, int line)
{
	(void)fprintf(stderr, "%s:%d: this should be true: %s\n", file, line, what);
	abort();
}
