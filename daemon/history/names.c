#include "daemon/history/names.h"

#include <string.h>

#include "proto/message/label.h"

static const char *significant(const char *digits)
{
	while (digits[0] == '0' && digits[1])
		digits++;
	return digits;
}

/* By value, at any length: leading zeros aside, the longer number is the larger one. */
static int digits_compare(const char *a, const char *b)
{
	a = significant(a);
	b = significant(b);
	size_t a_len = strlen(a), b_len = strlen(b);
	if (a_len != b_len)
		return a_len < b_len ? -1 : 1;
	return strcmp(a, b);
}

int id_compare(const char *a, uint64_t a_heard, const char *b, uint64_t b_heard,
	       bool numeric)
{
	if (strcmp(a, b) == 0)
		return 0;
	int order = numeric ? digits_compare(a, b) : 0;
	return order ? order : (a_heard > b_heard) - (a_heard < b_heard);
}

/* Reads digits up to `end`; false where there are none, or too many for 64 bits. */
static bool number_until(const char **text, char end, uint64_t *ret_number)
{
	uint64_t number = 0;
	const char *at = *text;
	for (; *at >= '0' && *at <= '9'; at++)
		if (__builtin_mul_overflow(number, 10, &number) ||
		    __builtin_add_overflow(number, (uint64_t)(*at - '0'), &number))
			return false;
	if (at == *text || *at != end)
		return false;
	*text = at + 1;
	*ret_number = number;
	return true;
}

bool shard_numbers(const char *shard, uint64_t *ret_index, uint64_t *ret_total)
{
	uint64_t index, total;
	if (!number_until(&shard, '/', &index) || !number_until(&shard, '\0', &total))
		return false;
	if (index == 0 || index > total)
		return false;
	*ret_index = index;
	*ret_total = total;
	return true;
}

void execution_label(const struct history_execution *execution, char *ret_text,
		     size_t room)
{
	const struct label label = {
		.job = text_of(execution->job),
		.shard = text_of(execution->shard),
		.run = text_of(execution->run),
		.attempt = text_of(execution->attempt),
	};
	(void)label_text(&label, ret_text, room);
}
