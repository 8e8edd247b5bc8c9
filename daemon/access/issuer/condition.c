#include "daemon/access/issuer/condition.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/access/grant/namespace_pattern.h"
#include "daemon/access/token/claims.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/base/text.h"

#define BLANKS " \t"

static char *trimmed(const char *text, size_t len)
{
	while (len > 0 && strchr(BLANKS, text[0])) {
		text++;
		len--;
	}
	while (len > 0 && strchr(BLANKS, text[len - 1]))
		len--;
	return must_memdup(text, len);
}

static int read_one(struct condition_list *list, const char *origin, const char *text,
		    size_t len, struct error *error)
{
	const char *equals = memchr(text, '=', len);
	size_t claim_len = equals ? (size_t)(equals - text) : 0;
	char *claim_name AUTO_FREE = trimmed(text, claim_len);
	char *pattern AUTO_FREE = equals ? trimmed(equals + 1, len - claim_len - 1)
					 : NULL;
	struct error why = {0};
	if (!equals || !*claim_name || !*pattern)
		return error_set(error, ERR_USAGE,
				 "%s: expected `claim=value`, separated by commas",
				 origin);
	if (list->count == CONDITIONS_MAX)
		return error_set(error, ERR_USAGE, "%s: at most %u conditions", origin,
				 CONDITIONS_MAX);
	if (namespace_pattern_check(pattern, &why))
		return error_set(error, ERR_USAGE, "%s: %s", origin, why.text);
	list->items = must_realloc(list->items, (list->count + 1) * sizeof(*list->items));
	list->items[list->count++] = (struct condition){
		.claim = take_ptr(&claim_name),
		.pattern = take_ptr(&pattern),
	};
	return 0;
}

int condition_list_read(struct condition_list *list, const char *origin, const char *text,
			struct error *error)
{
	int err = 0;
	while (err == 0 && *text) {
		size_t len = strcspn(text, ",");
		err = read_one(list, origin, text, len, error);
		text += len;
		text += *text == ',';
	}
	return err;
}

void condition_list_fini(struct condition_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		free(list->items[i].claim);
		free(list->items[i].pattern);
	}
	free(list->items);
	*list = (struct condition_list){0};
}

static bool is_met(const struct condition *condition, const json_t *claims)
{
	struct claim_text text;
	return claims_text(claims, condition->claim, &text) &&
	       namespace_pattern_covers(condition->pattern, text_of(text.at));
}

const struct condition *condition_list_unmet(const struct condition_list *list,
					     const json_t *claims)
{
	for (size_t i = 0; i < list->count; i++)
		if (!is_met(&list->items[i], claims))
			return &list->items[i];
	return NULL;
}

bool condition_list_has_any_met(const struct condition_list *list, const json_t *claims)
{
	struct claim_text ignored;
	for (size_t i = 0; i < list->count; i++)
		if (!claims_text(claims, list->items[i].claim, &ignored) ||
		    is_met(&list->items[i], claims))
			return true;
	return false;
}

bool condition_list_pins(const struct condition_list *list, const char *claim)
{
	for (size_t i = 0; i < list->count; i++)
		if (strcmp(list->items[i].claim, claim) == 0 &&
		    !strchr(list->items[i].pattern, '*'))
			return true;
	return false;
}

bool condition_is_narrow(const struct condition *condition)
{
	const char *pattern = condition->pattern;
	return strcspn(pattern, "*") >= strcspn(pattern, "/");
}
