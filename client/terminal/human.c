#include "client/terminal/human.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define SECOND_MS UINT64_C(1000)
#define MINUTE_MS (60 * SECOND_MS)
#define HOUR_MS (60 * MINUTE_MS)
#define DAY_MS (24 * HOUR_MS)

const char *human_size(uint64_t bytes, char ret_text[HUMAN_TEXT_SIZE])
{
	static const char *const units[] = {"B",   "KiB", "MiB", "GiB",
					    "TiB", "PiB", "EiB"};
	double amount = (double)bytes;
	size_t unit = 0;
	/* What would be printed as 1024 goes to the next unit. */
	for (; amount >= 1023.5; unit++)
		amount /= 1024;
	int decimals = unit > 0 && amount < 9.95 ? 1 : 0;
	(void)snprintf(ret_text, HUMAN_TEXT_SIZE, "%.*f %s", decimals, amount,
		       units[unit]);
	return ret_text;
}

const char *human_count(uint64_t count, char ret_text[HUMAN_TEXT_SIZE])
{
	char digits[HUMAN_TEXT_SIZE];
	int len = snprintf(digits, sizeof(digits), "%" PRIu64, count);
	char *to = ret_text;
	for (int i = 0; i < len; i++) {
		if (i > 0 && (len - i) % 3 == 0)
			*to++ = ',';
		*to++ = digits[i];
	}
	*to = '\0';
	return ret_text;
}

const char *human_things(uint64_t count, const char *noun, char ret_text[HUMAN_TEXT_SIZE])
{
	char number[HUMAN_TEXT_SIZE];
	(void)human_count(count, number);
	int len = (int)strlen(noun);
	bool many = count != 1;
	bool ends_in_y = many && len > 0 && noun[len - 1] == 'y';
	(void)snprintf(ret_text, HUMAN_TEXT_SIZE, "%.27s %.*s%s", number,
		       ends_in_y ? len - 1 : len, noun,
		       ends_in_y ? "ies"
		       : many    ? "s"
				 : "");
	return ret_text;
}

const char *human_seconds(uint64_t elapsed_ms, char ret_text[HUMAN_TEXT_SIZE])
{
	static const struct {
		uint64_t unit_ms, part_ms;
		const char *unit, *part;
	} scales[] = {
		{DAY_MS, HOUR_MS, "d", "h"},
		{HOUR_MS, MINUTE_MS, "h", "min"},
		{MINUTE_MS, SECOND_MS, "min", "s"},
	};
	for (size_t i = 0; i < sizeof(scales) / sizeof(*scales); i++) {
		if (elapsed_ms < scales[i].unit_ms)
			continue;
		(void)snprintf(ret_text, HUMAN_TEXT_SIZE, "%" PRIu64 " %s %" PRIu64 " %s",
			       elapsed_ms / scales[i].unit_ms, scales[i].unit,
			       elapsed_ms % scales[i].unit_ms / scales[i].part_ms,
			       scales[i].part);
		return ret_text;
	}
	(void)snprintf(ret_text, HUMAN_TEXT_SIZE, "%.*f s", elapsed_ms < 10000 ? 2 : 1,
		       (double)elapsed_ms / SECOND_MS);
	return ret_text;
}
