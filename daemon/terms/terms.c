#include "daemon/terms/terms.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/access/grant/grant_lines.h"
#include "daemon/access/grant/namespace_pattern.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/bounds.h"
#include "proto/options/kind.h"

/* One section. */
struct term_rule {
	char *pattern; /* owned */
	bool is_of_one_tier;
	enum tier tier;
	struct terms terms;
	bool has[4]; /* in the order of `keys` */
};

struct term_rules {
	struct term_rule *items; /* owned; in the order of the file */
	size_t count;
	uint64_t retention_ms; /* where no section says one */
};

struct terms_book {
	pthread_mutex_t mutex;
	struct term_rules rules;
};

#define TO(kind_, member) .kind = &option_##kind_, .at = offsetof(struct terms, member)

static const struct option keys[] = {
	{"retention", .argument = "TIME", TO(duration, retention_ms)},
	{"ttl-max", .argument = "TIME|never", TO(lifetime, ttl_max_ms)},
	{"quota", .argument = "BYTES", TO(size, quota)},
	{"layers", .argument = "N", TO(number, layers)},
};
#define KEY_COUNT (sizeof(keys) / sizeof(*keys))
_Static_assert(KEY_COUNT == sizeof(((struct term_rule *)NULL)->has), "one for each");

/* ---- reading ---- */

static void term_rules_fini(struct term_rules *rules)
{
	for (size_t i = 0; i < rules->count; i++)
		free(rules->items[i].pattern);
	free(rules->items);
	*rules = (struct term_rules){0};
}

static int read_keys(const struct config_section *section, struct term_rule *rule,
		     struct error *error)
{
	int err = 0;
	for (size_t i = 0; err == 0 && i < KEY_COUNT; i++) {
		const struct config_line *line =
			config_section_find(section, keys[i].flag);
		if (!line)
			continue;
		const struct option_use use = {&keys[i], line->value, line->origin};
		err = keys[i].kind->set(&rule->terms, &use, error);
		rule->has[i] = true;
	}
	return err;
}

static int read_rule(const struct config_section *section, struct term_rule *rule,
		     struct error *error)
{
	static const char *const names[] = {"retention", "ttl-max", "quota",
					    "layers",    "tier",    NULL};
	struct error why = {0};
	if (namespace_pattern_check(section->name, &why))
		return error_set(error, ERR_USAGE, "%s: %s", section->origin, why.text);
	int err = config_section_check(section, names, error);
	if (err == 0)
		err = grant_lines_tier(section, &rule->tier, error);
	if (err)
		return err;
	rule->is_of_one_tier = config_section_find(section, "tier") != NULL;
	return read_keys(section, rule, error);
}

static int read_rules(const struct config *config, struct term_rules *ret_rules,
		      struct error *error)
{
	struct term_rules rules AUTO(term_rules_fini) = {.retention_ms =
								 config->retention_ms};
	for (size_t i = 0; i < config->sections.count; i++) {
		const struct config_section *section = &config->sections.items[i];
		struct term_rule rule = {0};
		if (strcmp(section->kind, "namespace") != 0)
			continue;
		int err = read_rule(section, &rule, error);
		if (err)
			return err;
		rule.pattern = must_strdup(section->name);
		rules.items = must_realloc(rules.items,
					   (rules.count + 1) * sizeof(*rules.items));
		rules.items[rules.count++] = rule;
	}
	*ret_rules = rules;
	rules = (struct term_rules){0};
	return 0;
}

int terms_book_new(const struct config *config, struct terms_book **ret_book,
		   struct error *error)
{
	struct term_rules rules;
	int err = read_rules(config, &rules, error);
	if (err)
		return err;
	struct terms_book *book = must_calloc(1, sizeof(*book));
	pthread_mutex_init(&book->mutex, NULL);
	book->rules = rules;
	*ret_book = book;
	return 0;
}

void terms_book_take(struct terms_book *book, struct terms_book *other)
{
	HOLD(&book->mutex);
	struct term_rules before = book->rules;
	book->rules = other->rules;
	other->rules = before;
}

void terms_book_free(struct terms_book *book)
{
	if (!book)
		return;
	term_rules_fini(&book->rules);
	pthread_mutex_destroy(&book->mutex);
	free(book);
}

/* ---- asking ---- */

static bool is_about(const struct term_rule *rule, struct text namespace, enum tier tier)
{
	return (!rule->is_of_one_tier || rule->tier == tier) &&
	       namespace_pattern_covers(rule->pattern, namespace);
}

/* Takes what the rule has and no rule before it had. */
static void take(const struct term_rule *rule, struct terms *terms, bool has[KEY_COUNT])
{
	for (size_t i = 0; i < KEY_COUNT; i++) {
		if (!rule->has[i] || has[i])
			continue;
		memcpy((char *)terms + keys[i].at,
		       (const char *)&rule->terms + keys[i].at, sizeof(uint64_t));
		has[i] = true;
	}
}

/* What an untrusted job wants must not hold the disk for longer than it holds it anyway.
 */
static uint64_t ttl_max_without_rule(const struct terms *terms, enum tier tier)
{
	return tier == TIER_UNTRUSTED && terms->retention_ms ? terms->retention_ms
							     : LIFETIME_NEVER_MS;
}

struct terms terms_of(struct terms_book *book, struct text namespace, enum tier tier)
{
	HOLD(&book->mutex);
	struct terms terms = {.retention_ms = book->rules.retention_ms};
	bool has[KEY_COUNT] = {false};
	if (namespace.len == 0)
	namespace = text_of("default");
	for (size_t i = 0; i < book->rules.count; i++)
		if (is_about(&book->rules.items[i], namespace, tier))
			take(&book->rules.items[i], &terms, has);
	if (!terms.ttl_max_ms)
		terms.ttl_max_ms = ttl_max_without_rule(&terms, tier);
	return terms;
}

uint64_t terms_shortest_retention(struct terms_book *book)
{
	HOLD(&book->mutex);
	uint64_t shortest_ms = book->rules.retention_ms;
	for (size_t i = 0; i < book->rules.count; i++) {
		uint64_t retention_ms = book->rules.items[i].terms.retention_ms;
		if (retention_ms && (!shortest_ms || retention_ms < shortest_ms))
			shortest_ms = retention_ms;
	}
	return shortest_ms;
}
