#include "daemon/access/issuer/template.h"

#include <stdio.h>
#include <string.h>

int template_check(const char *origin, const char *template, struct error *error)
{
	for (const char *at = template; *at;) {
		at += strcspn(at, "{}");
		if (!*at)
			break;
		size_t len = strcspn(at + 1, "{}");
		if (*at != '{' || len == 0 || len > NAME_LEN_MAX || at[1 + len] != '}')
			return error_set(error, ERR_USAGE,
					 "%s: `%s`: expected `{claim}`, with a name in "
					 "the braces",
					 origin, template);
		at += len + 2;
	}
	return 0;
}

bool template_has_blanks(const char *template)
{
	return strchr(template, '{') != NULL;
}

/* A filling under way. */
struct filling_text {
	struct claim_text text;
	size_t len;
	bool is_too_long;
};

static void put(struct filling_text *filling, const char *at, size_t len)
{
	if (len >= sizeof(filling->text.at) - filling->len) {
		filling->is_too_long = true;
		return;
	}
	memcpy(filling->text.at + filling->len, at, len);
	filling->len += len;
	filling->text.at[filling->len] = '\0';
}

static const char *word_named(const struct template_word *words, const char *name)
{
	for (; words->name; words++)
		if (strcmp(words->name, name) == 0)
			return words->value;
	return NULL;
}

static int fill_blank(struct filling_text *filling, const char *name, size_t len,
		      const struct template_word *words, const json_t *claims,
		      struct error *error)
{
	char copy[NAME_LEN_MAX + 1];
	struct claim_text text;
	(void)snprintf(copy, sizeof(copy), "%.*s", (int)len, name);
	const char *word = word_named(words, copy);
	if (!word && !(claims && claims_text(claims, copy, &text)))
		return error_set(error, ERR_DENIED,
				 "the token is refused: it does not claim a `%s`", copy);
	put(filling, word ? word : text.at, strlen(word ? word : text.at));
	return 0;
}

int template_fill(const char *template, const struct template_word *words,
		  const json_t *claims, struct claim_text *ret_text, struct error *error)
{
	struct filling_text filling = {0};
	int err = 0;
	for (const char *at = template; err == 0 && *at;) {
		size_t len = strcspn(at, "{");
		put(&filling, at, len);
		at += len;
		if (!*at)
			break;
		len = strcspn(at + 1, "}");
		err = fill_blank(&filling, at + 1, len, words, claims, error);
		at += len + 2;
	}
	if (err == 0 && filling.is_too_long)
		err = error_set(error, ERR_DENIED,
				"the token is refused: what it claims makes a name of "
				"more than %u bytes",
				NAME_LEN_MAX);
	if (err == 0)
		*ret_text = filling.text;
	return err;
}
