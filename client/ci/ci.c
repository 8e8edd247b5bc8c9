#include "client/ci/ci.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "client/ci/nesting.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"

#define SYSTEMS_MAX 16u

void ci_finding_fini(struct ci_finding *finding)
{
	free(finding->value);
	free(finding->origin);
	free(finding->problem);
	*finding = (struct ci_finding){0};
}

const char *ci_variable(const char *name)
{
	const char *value = getenv(name);
	return value && *value ? value : NULL;
}

/* ---- forms ------------------------------------------------------------------------- */

/* One {VARIABLE}, {VARIABLE+1} or {VARIABLE:DEFAULT} of a form. */
struct blank {
	char *name;     /* owned */
	char *value;    /* owned; NULL: not set */
	bool plus_one;  /* the number behind the value is meant */
	bool defaulted; /* not set, and the form says what that means */
};

static void blank_fini(struct blank *blank)
{
	free(blank->name);
	free(blank->value);
}

/* Reads what lies between the braces at `at`; gives what follows them. */
static const char *read_blank(const char *at, struct blank *ret_blank)
{
	const char *end = at + strcspn(at, "}");
	size_t name_len = strcspn(at, "}+:");
	const char *behind = at + name_len;
	ret_blank->plus_one = *behind == '+';
	ret_blank->name = must_memdup(at, name_len);
	const char *value = ci_variable(ret_blank->name);
	ret_blank->defaulted = !value && *behind == ':';
	if (ret_blank->defaulted)
		ret_blank->value = must_memdup(behind + 1, (size_t)(end - behind) - 1);
	else if (value)
		ret_blank->value = must_strdup(value);
	return end + 1;
}

/* A form being filled. */
struct filling {
	struct buffer value, origin, missing;
	unsigned found, lacking;
	bool nothing;  /* the last variable says that there is nothing to say */
	char *problem; /* owned */
};

static void filling_fini(struct filling *filling)
{
	buffer_fini(&filling->value);
	buffer_fini(&filling->origin);
	buffer_fini(&filling->missing);
	free(filling->problem);
}

static void put_text(struct buffer *buffer, const char *text)
{
	buffer_put(buffer, text, strlen(text));
}

static void put_listed(struct buffer *list, const char *separator, const char *name)
{
	if (list->len > 0)
		put_text(list, separator);
	put_text(list, name);
}

static char *taken_text(const struct buffer *buffer)
{
	return must_memdup(buffer->len > 0 ? (const void *)buffer->at : "", buffer->len);
}

/* Nine digits are plenty for a count. */
static bool is_count(const char *text)
{
	size_t len = strlen(text);
	return len > 0 && len < 10 && strspn(text, "0123456789") == len;
}

static void put_next_number(struct filling *filling, const struct blank *blank)
{
	char number[24];
	if (is_count(blank->value)) {
		(void)snprintf(number, sizeof(number), "%ld",
			       strtol(blank->value, NULL, 10) + 1);
		put_text(&filling->value, number);
	} else if (!filling->problem &&
		   asprintf(&filling->problem, "%s=%.40s is not a number", blank->name,
			    blank->value) < 0) {
		filling->problem = must_strdup("not a number");
	}
}

static void fill_blank(struct filling *filling, const struct ci_row *row,
		       const struct blank *blank)
{
	filling->nothing = row->nothing && blank->value &&
			   strcmp(blank->value, row->nothing) == 0;
	if (!blank->value) {
		put_listed(&filling->missing, " and ", blank->name);
		filling->lacking++;
		return;
	}
	filling->found++;
	put_listed(&filling->origin, " + ", blank->name);
	if (blank->defaulted)
		put_text(&filling->origin, " (not set)");
	if (blank->plus_one)
		put_next_number(filling, blank);
	else
		put_text(&filling->value, blank->value);
}

static void fill(struct filling *filling, const struct ci_row *row)
{
	const char *at = row->form;
	while (*at) {
		size_t len = strcspn(at, "{");
		buffer_put(&filling->value, at, len);
		at += len;
		if (*at == '\0')
			break;
		struct blank blank AUTO(blank_fini) = {0};
		at = read_blank(at + 1, &blank);
		fill_blank(filling, row, &blank);
	}
}

/* "GITHUB_RUN_ID is not set" */
static char *what_is_missing(const struct filling *filling)
{
	struct buffer text AUTO(buffer_fini) = {0};
	buffer_put(&text, filling->missing.at, filling->missing.len);
	put_text(&text, filling->lacking > 1 ? " are not set" : " is not set");
	return taken_text(&text);
}

static void find_by_form(const struct ci_row *row, struct ci_finding *ret_finding)
{
	struct filling filling AUTO(filling_fini) = {0};
	fill(&filling, row);
	bool untouched = row->optional && filling.found == 0;
	if (filling.nothing || untouched)
		return;
	if (filling.lacking > 0) {
		ret_finding->problem = what_is_missing(&filling);
		return;
	}
	ret_finding->problem = take_ptr(&filling.problem);
	if (ret_finding->problem)
		return;
	ret_finding->value = taken_text(&filling.value);
	ret_finding->origin = taken_text(&filling.origin);
}

/* ---- a system ---------------------------------------------------------------------- */

/* Whether the first of the conditions, "NAME=VALUE", holds. */
static bool condition_holds(const char *conditions)
{
	size_t name_len = strcspn(conditions, "=");
	char *name AUTO_FREE = must_memdup(conditions, name_len);
	const char *wanted = conditions + name_len + 1;
	size_t wanted_len = strcspn(wanted, " ");
	const char *value = ci_variable(name);
	if (!value)
		return wanted_len == 0;
	return strlen(value) == wanted_len && memcmp(value, wanted, wanted_len) == 0;
}

static bool row_counts(const struct ci_row *row)
{
	const char *at = row->only_if;
	while (at && *at) {
		if (!condition_holds(at))
			return false;
		at += strcspn(at, " ");
		at += strspn(at, " ");
	}
	return true;
}

static void find_by_row(const struct ci_row *row, struct ci_finding *ret_finding)
{
	if (row->problem)
		ret_finding->problem = must_strdup(row->problem);
	else if (row->make)
		row->make(ret_finding);
	else
		find_by_form(row, ret_finding);
}

void ci_find(const struct ci_system *system, const char *flag,
	     struct ci_finding *ret_finding)
{
	*ret_finding = (struct ci_finding){0};
	const struct ci_row *row = system ? system->rows : NULL;
	for (; row && row->flag; row++) {
		if (strcmp(row->flag, flag) != 0 || row->hint || !row_counts(row))
			continue;
		find_by_row(row, ret_finding);
		if (ret_finding->value || ret_finding->problem)
			return;
	}
}

const char *ci_hint(const struct ci_system *system, const char *flag)
{
	const struct ci_row *row = system ? system->rows : NULL;
	for (; row && row->flag; row++) {
		if (row->hint && strcmp(row->flag, flag) == 0)
			return row->hint;
	}
	return NULL;
}

static bool is_marked(const struct ci_system *system)
{
	const char *value = ci_variable(system->marker);
	if (!value || (system->also && !ci_variable(system->also)))
		return false;
	if (system->marker_value)
		return strcmp(value, system->marker_value) == 0;
	return strcasecmp(value, "false") != 0 && strcmp(value, "0") != 0;
}

/* ---- which one --------------------------------------------------------------------- */

static void add_note(struct string_list *notes, const struct buffer *text)
{
	char *note AUTO_FREE = taken_text(text);
	string_list_add(notes, note);
}

static void note_several(const struct ci_system *const *found, size_t count,
			 const struct ci_system *chosen, bool certain,
			 struct string_list *notes)
{
	struct buffer text AUTO(buffer_fini) = {0};
	put_text(&text, "more than one CI system at once: ");
	for (size_t i = 0; i < count; i++) {
		put_text(&text, i == 0 ? "" : i + 1 == count ? " and " : ", ");
		put_text(&text, found[i]->name);
		put_text(&text, " (");
		put_text(&text, found[i]->marker);
		put_text(&text, ")");
	}
	put_text(&text, "; ");
	put_text(&text, chosen->name);
	put_text(&text,
		 certain ? " is used, the innermost: the processes around this one "
			   "do not have its variables yet"
			 : " is used as the innermost, which nothing proves; if it "
			   "is not, set the BATON_ variables");
	add_note(notes, &text);
}

/* Whether the system's workflow could be told if only its marker were set. */
static bool is_unmarked(const struct ci_system *system)
{
	struct ci_finding workflow AUTO(ci_finding_fini) = {0};
	if (!system->also && !ci_variable(system->marker))
		ci_find(system, "--workflow", &workflow);
	return workflow.value != NULL;
}

/* Systems that nothing marks, though their variables are there; and a CI that is none. */
static void note_unmarked(const struct ci_system *systems, struct string_list *notes)
{
	size_t before = notes->count;
	for (const struct ci_system *system = systems; system->name; system++) {
		struct buffer text AUTO(buffer_fini) = {0};
		if (!is_unmarked(system))
			continue;
		put_text(&text, "there are variables of ");
		put_text(&text, system->name);
		put_text(&text, ", but ");
		put_text(&text, system->marker);
		put_text(&text, " is not set; they are not used");
		add_note(notes, &text);
	}
	if (notes->count == before && ci_variable("CI"))
		string_list_add(notes, "CI is set, but not by a CI system that this "
				       "version knows; set the BATON_ variables");
}

const struct ci_system *ci_detect(const struct ci_system *systems,
				  struct string_list *notes)
{
	const struct ci_system *found[SYSTEMS_MAX];
	size_t count = 0;
	for (const struct ci_system *system = systems; system->name; system++) {
		if (count < SYSTEMS_MAX && is_marked(system))
			found[count++] = system;
	}
	if (count == 0 && notes)
		note_unmarked(systems, notes);
	if (count < 2)
		return count == 0 ? NULL : found[0];
	bool certain = false;
	const struct ci_system *innermost = ci_nesting_innermost(found, count, &certain);
	if (notes)
		note_several(found, count, innermost, certain, notes);
	return innermost;
}
