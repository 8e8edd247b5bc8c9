/*
 * Configuration files: keys, sections, and what daemon/access reads in sections of users
 * and groups; conditions, templates, patterns and verbs in all of them. (Issuers fetch
 * keys, and are read in claims.c.)
 */
#include "daemon/service/config.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "daemon/access/grant/grant_lines.h"
#include "daemon/access/grant/namespace_pattern.h"
#include "daemon/access/issuer/condition.h"
#include "daemon/access/issuer/fetch.h"
#include "daemon/access/issuer/template.h"
#include "daemon/service/config_file.h"
#include "proto/base/cleanup.h"
#include "proto/options/apply.h"
#include "tests/fuzz/fuzz.h"

static void read_value(const struct config_line *line)
{
	struct condition_list conditions AUTO(condition_list_fini) = {0};
	struct error error = {0};
	uint32_t verbs;
	(void)condition_list_read(&conditions, line->origin, line->value, &error);
	for (size_t i = 0; i < conditions.count; i++)
		(void)condition_is_narrow(&conditions.items[i]);
	if (template_check(line->origin, line->value, &error) == 0) {
		static const struct template_word words[] = {{"host", "example.org"},
							     {NULL, NULL}};
		struct claim_text text;
		(void)template_fill(line->value, words, NULL, &text, &error);
	}
	if (verbs_parse(line->value, &verbs, &error) == 0)
		claim(verbs && (verbs & ~(uint32_t)VERBS_ALL) == 0 && *verbs_text(verbs));
	(void)fetch_check_url(line->origin, line->value, &error);
}

static void read_section(const struct config_section *section)
{
	struct grant grant AUTO(grant_fini) = {0};
	struct error error = {0};
	enum tier tier = TIER_TRUSTED;
	for (size_t i = 0; i < section->line_count; i++)
		read_value(&section->lines[i]);
	if (grant_lines_read(section, &grant, &tier, &error) < 0)
		return;
	struct buffer text AUTO(buffer_fini) = {0};
	grant_describe(&grant, &text);
	for (size_t i = 0; i < grant.namespaces.count; i++)
		(void)namespace_pattern_covers(grant.namespaces.items[i],
					       text_of("acme/web/a"));
}

static int read_file(const uint8_t *data, size_t len, struct config *config,
		     struct error *error)
{
	static int fd = -1;
	char path[64];
	if (fd < 0)
		fd = memfd_create("config", MFD_CLOEXEC);
	claim(fd >= 0 && ftruncate(fd, 0) == 0);
	claim(len == 0 || pwrite(fd, data, len, 0) == (ssize_t)len);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return config_file_read(config, path, error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct config config = {0};
	struct error error = {0};
	option_apply_initial(&batond, &config);
	int err = read_file(data, len, &config, &error);
	claim(err == 0 || err == ERR_USAGE || err == ERR_LOCAL);
	for (size_t i = 0; i < config.sections.count; i++)
		read_section(&config.sections.items[i]);
	config_fini(&config);
	return 0;
}
