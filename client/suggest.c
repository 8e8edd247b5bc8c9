#include "client/suggest.h"

#include <stdint.h>
#include <string.h>

#include "client/command.h"
#include "client/option_table.h"

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

size_t suggest_distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	if (a_len > SUGGEST_LEN_MAX || b_len > SUGGEST_LEN_MAX)
		return SIZE_MAX;
	size_t rows[SUGGEST_LEN_MAX + 1][SUGGEST_LEN_MAX + 1];
	for (size_t j = 0; j <= b_len; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= a_len; i++) {
		rows[i][0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			size_t change = rows[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
			size_t insert = least(rows[i - 1][j], rows[i][j - 1]) + 1;
			rows[i][j] = least(change, insert);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1])
				rows[i][j] = least(rows[i][j], rows[i - 2][j - 2] + 1);
		}
	}
	return rows[a_len][b_len];
}

/* The nearest so far, and how near. */
struct nearest {
	const char *name;
	size_t distance;
};

/* A name that begins like this one is as near as one mistake. */
static void consider(struct nearest *nearest, const char *name, const char *known,
		     const char *spelt, size_t len)
{
	size_t known_len = strlen(known);
	size_t distance = suggest_distance(spelt, len, known, known_len);
	if (len >= 3 && len < known_len && memcmp(spelt, known, len) == 0)
		distance = 1;
	if (distance < nearest->distance)
		*nearest = (struct nearest){name, distance};
}

/* At most one mistake in three letters, and never more than three. */
static struct nearest nothing_near(size_t len)
{
	return (struct nearest){NULL, least(len / 3 + 1, 3) + 1};
}

const char *suggest_option(const char *name, size_t len)
{
	struct nearest nearest = nothing_near(len);
	for (const struct option *option = option_table; option->flag; option++)
		consider(&nearest, option->flag, option->flag + 2, name, len);
	return nearest.name;
}

const char *suggest_command(const char *name)
{
	size_t len = strlen(name);
	struct nearest nearest = nothing_near(len);
	for (const struct command *command = commands; command->name; command++)
		consider(&nearest, command->name, command->name, name, len);
	return nearest.name;
}
