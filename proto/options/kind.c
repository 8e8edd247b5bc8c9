#include "proto/options/kind.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/bounds.h"

#define NUMBER_MAX 1000000u
#define DURATION_MAX 1000000000u /* in whichever unit */
#define SIZE_NUMBER_MAX 1000000u /* with its suffix below an exbibyte and a bit */

void *option_place(void *target, const struct option_use *use)
{
	return (char *)target + use->option->at;
}

void option_keep(char **text, const char *value)
{
	free(*text);
	*text = value ? must_strdup(value) : NULL;
}

int option_add(struct string_list *list, size_t most, const struct option_use *use,
	       struct error *error)
{
	if (list->count >= most)
		return error_set(error, ERR_USAGE,
				 "%s: given more than %zu times, which is the most",
				 use->origin, most);
	string_list_add(list, use->value);
	return 0;
}

void option_text_fini(void *place)
{
	char **text = place;
	free(take_ptr(text));
}

void option_list_fini(void *place)
{
	string_list_fini(place);
}

int option_refuse(const struct option_use *use, const char *why, struct error *error)
{
	return error_set(error, ERR_USAGE, "%s=%s: %s", use->origin, use->value, why);
}

int option_refuse_empty(const struct option_use *use, struct error *error)
{
	return error_set(error, ERR_USAGE,
			 "%s: it is empty; give a value or leave it out", use->origin);
}

/* ---- switches and texts ------------------------------------------------------------ */

static int set_flag(void *target, const struct option_use *use, struct error *error)
{
	(void)error;
	*(bool *)option_place(target, use) = true;
	return 0;
}

static int set_text(void *target, const struct option_use *use, struct error *error)
{
	if (use->value[0] == '\0')
		return option_refuse_empty(use, error);
	option_keep(option_place(target, use), use->value);
	return 0;
}

/* A command line that has it never comes so far (option_verb_take()). */
static int set_verb(void *target, const struct option_use *use, struct error *error)
{
	(void)target;
	return error_set(error, ERR_USAGE, "%s: only a command line takes it",
			 use->origin);
}

const struct option_kind option_flag = {set_flag, NULL, false};
const struct option_kind option_text = {set_text, option_text_fini, false};
const struct option_kind option_verb = {set_verb, NULL, false};

/* ---- numbers ----------------------------------------------------------------------- */

/* Digits up to *ret_end; false: none, or beyond `most`. */
static bool read_number(const char *text, uint64_t most, uint64_t *ret_number,
			const char **ret_end)
{
	char *end;
	errno = 0;
	*ret_number = strtoull(text, &end, 10);
	*ret_end = end;
	return isdigit((unsigned char)*text) && !errno && *ret_number <= most;
}

static int set_number(void *target, const struct option_use *use, struct error *error)
{
	const char *end;
	uint64_t number;
	if (!read_number(use->value, NUMBER_MAX, &number, &end) || *end || number == 0)
		return option_refuse(use, "not a number from 1 to 1000000", error);
	*(uint64_t *)option_place(target, use) = number;
	return 0;
}

/* Milliseconds in a unit of time; 0: there is no such unit. */
static uint64_t unit_ms(const char *suffix)
{
	static const struct {
		const char *suffix;
		uint64_t ms;
	} units[] = {
		{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000},
	};
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
		if (strcmp(suffix, units[i].suffix) == 0)
			return units[i].ms;
	}
	return 0;
}

static int set_duration(void *target, const struct option_use *use, struct error *error)
{
	const char *end;
	uint64_t number;
	bool is_number = read_number(use->value, DURATION_MAX, &number, &end);
	bool needs_no_unit = number == 0 && !*end;
	if (!is_number || (!needs_no_unit && unit_ms(end) == 0))
		return option_refuse(use, "not a time such as 500ms, 30s or 15d", error);
	*(uint64_t *)option_place(target, use) = number * unit_ms(end);
	return 0;
}

static int set_lifetime(void *target, const struct option_use *use, struct error *error)
{
	uint64_t *place = option_place(target, use);
	const char *end;
	uint64_t number;
	if (strcmp(use->value, "never") == 0) {
		*place = LIFETIME_NEVER_MS;
		return 0;
	}
	bool is_number = read_number(use->value, DURATION_MAX, &number, &end);
	if (!is_number || number == 0 || unit_ms(end) == 0)
		return option_refuse(use, "not a time such as 6h or 15d, nor never",
				     error);
	*place = number * unit_ms(end);
	return 0;
}

/* How many bits of a number of bytes stand for a suffix; -1: there is no such suffix. */
static int suffix_bits(const char *suffix)
{
	static const char letters[] = "KMGT";
	if (!*suffix)
		return 0;
	const char *letter = strchr(letters, suffix[0]);
	return letter && !suffix[1] ? 10 * (int)(letter - letters + 1) : -1;
}

static int set_size(void *target, const struct option_use *use, struct error *error)
{
	const char *end;
	uint64_t number;
	bool is_number = read_number(use->value, SIZE_NUMBER_MAX, &number, &end);
	if (!is_number || suffix_bits(end) < 0)
		return option_refuse(use, "not a size such as 16K, 500M or 20G", error);
	*(uint64_t *)option_place(target, use) = number << suffix_bits(end);
	return 0;
}

const struct option_kind option_size = {set_size, NULL, false};
const struct option_kind option_number = {set_number, NULL, false};
const struct option_kind option_duration = {set_duration, NULL, false};
const struct option_kind option_lifetime = {set_lifetime, NULL, false};

/* ---- choices ----------------------------------------------------------------------- */

/* Which of "error|warn|ok" the value is; -1: none. */
static int choice_of(const struct option_use *use)
{
	size_t len = strlen(use->value);
	int index = 0;
	for (const char *at = use->option->argument;; at++, index++) {
		size_t choice_len = strcspn(at, "|");
		if (choice_len == len && memcmp(at, use->value, len) == 0)
			return index;
		at += choice_len;
		if (*at == '\0')
			return -1;
	}
}

/* "choose error, warn or ok" */
static int refuse_choice(const struct option_use *use, struct error *error)
{
	struct buffer why AUTO(buffer_fini) = {0};
	buffer_put(&why, "choose ", strlen("choose "));
	const char *last = strrchr(use->option->argument, '|');
	for (const char *at = use->option->argument; *at; at++) {
		if (*at != '|')
			buffer_put_u8(&why, (uint8_t)*at);
		else
			buffer_put(&why, at == last ? " or " : ", ", at == last ? 4 : 2);
	}
	buffer_put_u8(&why, '\0');
	return option_refuse(use, (const char *)why.at, error);
}

static int set_choice(void *target, const struct option_use *use, struct error *error)
{
	int index = choice_of(use);
	if (index < 0)
		return refuse_choice(use, error);
	_Static_assert(sizeof(enum err) == sizeof(int), "an enum is kept as int");
	memcpy(option_place(target, use), &index, sizeof(index));
	return 0;
}

static int set_choice_word(void *target, const struct option_use *use,
			   struct error *error)
{
	if (choice_of(use) < 0)
		return refuse_choice(use, error);
	option_keep(option_place(target, use), use->value);
	return 0;
}

static int set_choice_bool(void *target, const struct option_use *use,
			   struct error *error)
{
	int index = choice_of(use);
	if (index < 0)
		return refuse_choice(use, error);
	*(bool *)option_place(target, use) = index == 1;
	return 0;
}

const struct option_kind option_choice = {set_choice, NULL, false};
const struct option_kind option_choice_word = {set_choice_word, option_text_fini, false};
const struct option_kind option_choice_bool = {set_choice_bool, NULL, false};
