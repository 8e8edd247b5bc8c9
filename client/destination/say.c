/* Sentences that several steps say. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "client/destination/internal.h"
#include "proto/base/cleanup.h"

int destination_refuse_type(struct destination *dest, uint32_t entry, struct error *error)
{
	bool is_directory = dest->places.table->entries[entry].type == ROW_DIRECTORY;
	return places_error(&dest->places, entry, 0,
			    is_directory
				    ? "is there and no directory, where one belongs, and "
				      "--keep-existing keeps it; move it away"
				    : "is a directory, where a file belongs, and "
				      "--keep-existing keeps it; move it away",
			    error);
}

/* *ret_sentence is owned. */
__attribute__((format(printf, 2, 0))) static void
print(char **ret_sentence, const char *format, va_list values)
{
	int len = vasprintf(ret_sentence, format, values);
	claim(len >= 0);
}

void destination_warn(const struct destination *dest, const char *format, ...)
{
	char *sentence AUTO_FREE = NULL;
	va_list values;
	va_start(values, format);
	print(&sentence, format, values);
	va_end(values);
	if (dest->options.report)
		report_warning(dest->options.report, "%s", sentence);
}

void destination_note(const struct destination *dest, const char *format, ...)
{
	char *sentence AUTO_FREE = NULL;
	va_list values;
	va_start(values, format);
	print(&sentence, format, values);
	va_end(values);
	if (dest->options.report)
		report_note(dest->options.report, "%s", sentence);
}
