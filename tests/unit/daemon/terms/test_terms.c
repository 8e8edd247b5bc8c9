/* The terms of a namespace, as the configuration says them (L1, L3). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/terms/terms.h"
#include "proto/base/cleanup.h"
#include "proto/bounds.h"

#define DAY_MS ((uint64_t)86400000)

/* Adds sections that are written as in the file, a line each, ended by a NULL. */
static void add_lines(struct config *config, const char *const *lines)
{
	struct error error;
	for (; *lines; lines++) {
		char line[128];
		(void)snprintf(line, sizeof(line), "%s", *lines);
		char *equals = strchr(line, '=');
		if (equals)
			*equals = '\0';
		int err = equals ? config_section_add(&config->sections, "c:2", line,
						      equals + 1, &error)
				 : config_section_begin(&config->sections, "c:1", line,
							&error);
		assert_int_equal(err, 0);
	}
}

static void close_book(struct terms_book **book)
{
	terms_book_free(*book);
}

static struct terms_book *read_book(const char *const *lines)
{
	struct config config = {.retention_ms = 15 * DAY_MS};
	struct terms_book *book;
	struct error error;
	add_lines(&config, lines);
	assert_int_equal(terms_book_new(&config, &book, &error), 0);
	config_sections_fini(&config.sections);
	return book;
}

static struct terms ask(struct terms_book *book, const char *namespace, enum tier tier)
{
	return terms_of(book, text_of(namespace), tier);
}

static void l1_without_a_section_the_retention_is_the_configurations(void **state)
{
	(void)state;
	static const char *const none[] = {NULL};
	struct terms_book *book AUTO(close_book) = read_book(none);
	struct terms terms = ask(book, "acme/web", TIER_TRUSTED);
	assert_int_equal(terms.retention_ms, 15 * DAY_MS);
	assert_int_equal(terms.ttl_max_ms, LIFETIME_NEVER_MS);
	assert_int_equal(terms.quota, 0);
	assert_int_equal(terms.layers, 0);
	assert_int_equal(terms_shortest_retention(book), 15 * DAY_MS);
}

static void l1_each_key_is_that_of_the_first_section_that_has_it(void **state)
{
	(void)state;
	static const char *const lines[] = {
		"[namespace acme/web]", "retention=30d",   "quota=1G",
		"[namespace acme/*]",   "retention=2d",    "layers=100",
		"[namespace **]",       "ttl-max=never",   "quota=2K",
		"[namespace default]",  "retention=500ms", NULL,
	};
	struct terms_book *book AUTO(close_book) = read_book(lines);
	struct terms web = ask(book, "acme/web", TIER_TRUSTED);
	assert_int_equal(web.retention_ms, 30 * DAY_MS);
	assert_int_equal(web.quota, 1u << 30);
	assert_int_equal(web.layers, 100);
	struct terms app = ask(book, "acme/app", TIER_UNTRUSTED);
	assert_int_equal(app.retention_ms, 2 * DAY_MS);
	assert_int_equal(app.quota, 2048);
	assert_int_equal(app.ttl_max_ms, LIFETIME_NEVER_MS);
	assert_int_equal(ask(book, "", TIER_TRUSTED).retention_ms, 500);
	assert_int_equal(ask(book, "acme", TIER_TRUSTED).retention_ms, 15 * DAY_MS);
	assert_int_equal(terms_shortest_retention(book), 500);
}

static void l3_a_section_may_be_about_one_tier_alone(void **state)
{
	(void)state;
	static const char *const lines[] = {
		"[namespace acme/*]", "tier=untrusted", "quota=1M", "ttl-max=1h",
		"[namespace acme/*]", "quota=1G",       NULL,
	};
	struct terms_book *book AUTO(close_book) = read_book(lines);
	assert_int_equal(ask(book, "acme/web", TIER_UNTRUSTED).quota, 1u << 20);
	assert_int_equal(ask(book, "acme/web", TIER_UNTRUSTED).ttl_max_ms, 3600000);
	assert_int_equal(ask(book, "acme/web", TIER_TRUSTED).quota, 1u << 30);
	assert_int_equal(ask(book, "acme/web", TIER_TRUSTED).ttl_max_ms,
			 LIFETIME_NEVER_MS);
}

static void l1_an_untrusted_job_prolongs_no_life_unless_a_section_says_so(void **state)
{
	(void)state;
	static const char *const lines[] = {
		"[namespace a]",
		"retention=3d",
		"[namespace b]",
		"ttl-max=9d",
		"[namespace c]",
		"retention=0",
		NULL,
	};
	struct terms_book *book AUTO(close_book) = read_book(lines);
	assert_int_equal(ask(book, "a", TIER_UNTRUSTED).ttl_max_ms, 3 * DAY_MS);
	assert_int_equal(ask(book, "b", TIER_UNTRUSTED).ttl_max_ms, 9 * DAY_MS);
	assert_int_equal(ask(book, "c", TIER_UNTRUSTED).ttl_max_ms, LIFETIME_NEVER_MS);
	assert_int_equal(ask(book, "d", TIER_UNTRUSTED).ttl_max_ms, 15 * DAY_MS);
}

static void l1_a_book_takes_over_what_another_says(void **state)
{
	(void)state;
	static const char *const lines[] = {"[namespace a]", "retention=1d", NULL};
	static const char *const none[] = {NULL};
	struct terms_book *book AUTO(close_book) = read_book(none);
	struct terms_book *other AUTO(close_book) = read_book(lines);
	terms_book_take(book, other);
	assert_int_equal(ask(book, "a", TIER_TRUSTED).retention_ms, DAY_MS);
	assert_int_equal(ask(other, "a", TIER_TRUSTED).retention_ms, 15 * DAY_MS);
}

static void what_is_wrong_is_refused_with_its_line(void **state)
{
	(void)state;
	static const struct {
		const char *head, *line, *sentence;
	} cases[] = {
		{"[namespace a**b]", "quota=1", "c:1: [namespace a**b]: "},
		{"[namespace a]", "quota=much", "c:2: quota=much: not a size"},
		{"[namespace a]", "retention=5 weeks",
		 "c:2: retention=5 weeks: not a time"},
		{"[namespace a]", "ttl-max=0", "c:2: ttl-max=0: not a time"},
		{"[namespace a]", "layers=0", "c:2: layers=0: not a number"},
		{"[namespace a]", "tier=none", "c:2: tier: `none`"},
		{"[namespace a]", "quotas=1", "did you mean `quota`?"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct config config = {0};
		struct terms_book *book;
		struct error error;
		const char *const lines[] = {cases[i].head, cases[i].line, NULL};
		add_lines(&config, lines);
		assert_int_equal(terms_book_new(&config, &book, &error), ERR_USAGE);
		if (!strstr(error.text, cases[i].sentence))
			fail_msg("%s", error.text);
		config_sections_fini(&config.sections);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			l1_without_a_section_the_retention_is_the_configurations),
		cmocka_unit_test(l1_each_key_is_that_of_the_first_section_that_has_it),
		cmocka_unit_test(l3_a_section_may_be_about_one_tier_alone),
		cmocka_unit_test(
			l1_an_untrusted_job_prolongs_no_life_unless_a_section_says_so),
		cmocka_unit_test(l1_a_book_takes_over_what_another_says),
		cmocka_unit_test(what_is_wrong_is_refused_with_its_line),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
