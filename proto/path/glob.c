#include "proto/path/glob.h"

#include <stdint.h>
#include <string.h>

#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/bounds.h"
#include "proto/path/glob_alternative.h"
#include "proto/path/glob_syntax.h"

struct glob {
	struct glob_alternative *alternatives; /* owned */
	size_t count;
	size_t cost; /* see GLOB_SET_COST_MAX */
	bool basename;
};

/* ---- compiling ------------------------------------------------------------------- */

static bool any_alternative_is_root(const struct glob *glob)
{
	for (size_t i = 0; i < glob->count; i++) {
		if (glob->alternatives[i].count == 1)
			return true;
	}
	return false;
}

static bool has_inner_slash(const char *pattern, size_t len)
{
	while (len > 0 && pattern[len - 1] == '/')
		len--;
	return len > 0 && memchr(pattern, '/', len);
}

static void glob_cleanup(struct glob **glob)
{
	glob_free(*glob);
}

/* Compiles the texts that pattern, as given, was expanded to. */
static int compile(const struct glob_texts *texts, const char *pattern, size_t len,
		   struct glob **ret_glob, struct error *error)
{
	struct glob *glob AUTO(glob_cleanup) = must_calloc(1, sizeof(*glob));
	glob->alternatives = must_calloc(texts->count, sizeof(*glob->alternatives));
	for (; glob->count < texts->count; glob->count++) {
		const struct glob_text *text = &texts->at[glob->count];
		const char *fault = glob_alternative_init(
			&glob->alternatives[glob->count], text->text, text->len);
		if (fault) {
			glob->count++;
			return glob_syntax_refuse(error, ERR_USAGE, pattern, len, fault);
		}
		glob->cost += text->len + GLOB_ALTERNATIVE_COST;
	}
	glob->basename = !has_inner_slash(pattern, len) && !any_alternative_is_root(glob);
	*ret_glob = take_ptr(&glob);
	return 0;
}

int glob_new(const char *pattern, size_t len, struct glob **ret_glob, struct error *error)
{
	int err = glob_syntax_check(pattern, len, error);
	if (err < 0)
		return err;
	struct glob_texts texts AUTO(glob_texts_fini) = {0};
	err = glob_syntax_expand(pattern, len, &texts, error);
	if (err < 0)
		return err;
	return compile(&texts, pattern, len, ret_glob, error);
}

void glob_free(struct glob *glob)
{
	if (!glob)
		return;
	for (size_t i = 0; i < glob->count; i++)
		glob_alternative_fini(&glob->alternatives[i]);
	free(glob->alternatives);
	free(glob);
}

/* ---- paths as patterns ---------------------------------------------------------------
 */

static const char special[] = "*?[{\\";

size_t glob_plain_len(const char *pattern)
{
	return strcspn(pattern, special);
}

char *glob_escape(const char *path)
{
	char *pattern = must_alloc(2 * strlen(path) + 1);
	char *end = pattern;
	for (const char *at = path; *at; at++) {
		if (strchr(special, *at))
			*end++ = '\\';
		*end++ = *at;
	}
	*end = '\0';
	return pattern;
}

/* ---- matching -------------------------------------------------------------------- */

static bool any_alternative_matches(const struct glob *glob, bool anywhere,
				    const struct glob_subject *subject)
{
	for (size_t i = 0; i < glob->count; i++) {
		if (glob_alternative_matches(&glob->alternatives[i], anywhere, subject))
			return true;
	}
	return false;
}

bool glob_matches(const struct glob *glob, const char *path, size_t len, bool is_dir)
{
	struct glob_subject subject = {.path = path, .len = len, .is_dir = is_dir};
	return any_alternative_matches(glob, false, &subject);
}

bool glob_may_match_below(const struct glob *glob, const char *dir, size_t dir_len)
{
	for (size_t i = 0; i < glob->count; i++) {
		if (glob_alternative_may_match_below(&glob->alternatives[i], dir,
						     dir_len))
			return true;
	}
	return false;
}

/* ---- sets ------------------------------------------------------------------------ */

int glob_set_add(struct glob_set *set, const char *pattern, size_t len,
		 struct error *error)
{
	struct glob *glob AUTO(glob_cleanup) = NULL;
	int err = glob_new(pattern, len, &glob, error);
	if (err < 0)
		return err;
	size_t cost = glob->cost;
	for (size_t i = 0; i < set->count; i++)
		cost += set->globs[i]->cost;
	if (set->count == PATTERNS_MAX || cost > GLOB_SET_COST_MAX)
		return glob_syntax_refuse(error, ERR_LIMIT, pattern, len,
					  "one pattern more than a filter can have; "
					  "use wider patterns or fewer braces");
	set->globs = must_realloc(set->globs, (set->count + 1) * sizeof(*set->globs));
	set->globs[set->count++] = take_ptr(&glob);
	return 0;
}

static bool set_matches(const struct glob_set *set, const struct glob_subject *subject)
{
	for (size_t i = 0; i < set->count; i++) {
		bool anywhere = set->basename_anywhere && set->globs[i]->basename;
		if (any_alternative_matches(set->globs[i], anywhere, subject))
			return true;
	}
	return false;
}

bool glob_set_matches_itself(const struct glob_set *set, const char *path, size_t len,
			     bool is_dir)
{
	struct glob_subject subject = {.path = path, .len = len, .is_dir = is_dir};
	return set_matches(set, &subject);
}

void glob_set_fini(struct glob_set *set)
{
	for (size_t i = 0; i < set->count; i++)
		glob_free(set->globs[i]);
	free(set->globs);
	set->globs = NULL;
	set->count = 0;
}

/* ---- filters --------------------------------------------------------------------- */

static bool covers(const struct glob_set *set, const char *path, size_t len, bool is_dir)
{
	struct glob_subject subject = {
		.path = path, .len = len, .is_dir = is_dir, .or_above = true};
	return set_matches(set, &subject);
}

static bool is_excluded(const struct glob_filter *filter, const char *path, size_t len,
			bool is_dir)
{
	return covers(&filter->exclude, path, len, is_dir);
}

bool glob_filter_takes(const struct glob_filter *filter, const char *path, size_t len,
		       bool is_dir)
{
	bool wanted = filter->only.count == 0 || covers(&filter->only, path, len, is_dir);
	return wanted && !is_excluded(filter, path, len, is_dir);
}

bool glob_filter_enters(const struct glob_filter *filter, const char *dir, size_t len)
{
	if (is_excluded(filter, dir, len, true))
		return false;
	for (size_t i = 0; i < filter->only.count; i++)
		if (glob_may_match_below(filter->only.globs[i], dir, len))
			return true;
	return false;
}

void glob_filter_fini(struct glob_filter *filter)
{
	glob_set_fini(&filter->only);
	glob_set_fini(&filter->exclude);
}
