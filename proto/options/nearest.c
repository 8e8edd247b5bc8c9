#include "proto/options/nearest.h"

#include <stdint.h>
#include <string.h>

#define LEN_MAX 32u

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static size_t distance_of(const char *a, size_t a_len, const char *b, size_t b_len)
{
	if (a_len > LEN_MAX || b_len > LEN_MAX)
		return SIZE_MAX;
	size_t rows[LEN_MAX + 1][LEN_MAX + 1];
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

void nearest_init(struct nearest *nearest, const char *spelt, size_t len)
{
	size_t too_far = least(len / 3 + 1, 3) + 1;
	*nearest = (struct nearest){.spelt = spelt, .len = len, .distance = too_far};
}

void nearest_consider(struct nearest *nearest, const char *known)
{
	size_t len = nearest->len, known_len = strlen(known);
	size_t distance = distance_of(nearest->spelt, len, known, known_len);
	if (len >= 3 && len < known_len && memcmp(nearest->spelt, known, len) == 0)
		distance = 1;
	if (distance >= nearest->distance)
		return;
	nearest->name = known;
	nearest->distance = distance;
}
